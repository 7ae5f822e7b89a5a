"""The REST API as an ASGI application."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import orjson
from anyio.to_thread import run_sync
from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from processor.api.access import admit
from processor.api.openapi import description
from processor.api.rate import RateLimit
from processor.api.routes import Call
from processor.api.writes import explain
from processor.rest.access import AppRef, keys_of, named_app, secret_of, user_app_id
from processor.rest.answers import answer, answered, not_routed
from processor.rest.body import Bodies, BodyLimits
from processor.rest.json_body import parse_object
from processor.rest.keys import sha256_of
from processor.rest.query import Query
from processor.rest.status import Code, Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from prometheus_client import CollectorRegistry
    from starlette.routing import BaseRoute

    from processor.api.documents import Answer
    from processor.api.routes import Route
    from processor.catalog.records import Key
    from processor.rest.view import CatalogView

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Options:
    """How an API is run.

    Attributes:
        requests_per_second: of one key, in the long run.
        burst: of one key, at once after a rest.
        bodies: limits of requests.
        threads: requests that are worked on at once.
        clock: seconds, monotonic.
    """

    requests_per_second: float = 100.0
    burst: int = 200
    bodies: BodyLimits = field(default_factory=lambda: BodyLimits(16 * MEBIBYTE, 64 * MEBIBYTE))
    threads: int = 8
    clock: Callable[[], float] = time.monotonic


def create_app(
    view: CatalogView, calls: Sequence[Route], mounted: Sequence[BaseRoute], registry: CollectorRegistry, options: Options
) -> FastAPI:
    """The application.

    Args:
        view: the catalog; somebody else starts and stops it.
        calls: what can be called.
        mounted: the destination's own paths, which are asked first.
        registry: what ``/metrics`` tells.
        options: see there.
    """
    app = FastAPI(title="collectors", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.router.routes.extend(mounted)
    endpoints = Endpoints(view, options)
    # One endpoint a path: who asks with a method that is none there is told all that there are.
    for path, by_method in _by_path(calls).items():
        app.add_api_route(path, endpoints.of(by_method), methods=sorted(by_method), name=path, response_model=None)
    app.add_exception_handler(HTTPException, not_routed)
    _add_pages(app, view, calls, registry)
    return app


class Endpoints:
    """Requests to answers.

    Args:
        view: the catalog.
        options: limits.
    """

    def __init__(self, view: CatalogView, options: Options) -> None:
        self._view = view
        self._bodies = Bodies(options.bodies)
        self._threads = anyio.CapacityLimiter(options.threads)
        self._rate = RateLimit(options.requests_per_second, options.burst, options.clock)

    def of(self, routes: Mapping[str, Route]) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of a path, which has a call for each method."""

        async def run(request: Request) -> Response:
            route = routes[request.method]
            response = await answered(request, lambda: self._answer(request, route), explain)
            if route.has_body and response.status_code >= Code.FAILURE.http:
                await self._bodies.drain(request)
            return response

        return run

    async def _answer(self, request: Request, route: Route) -> Response:
        keys = self._authenticated(request)
        query = Query(request.query_params.multi_items(), route.query)
        wanted = named_app(AppRef(request.path_params.get("user_id", ""), request.path_params.get("app_id", "")), query.named_app)
        async with self._body(request, route) as body:

            def work() -> Answer:
                given = parse_object(body) if route.has_body else {}
                app = named_app(wanted, user_app_id(given))
                with self._view.looking() as (catalog, _):
                    caller = admit(catalog, keys, app, route.need)
                return route.work(caller, Call(request.path_params, given, query, keys))

            return answer(*await run_sync(work, limiter=self._threads))

    def _authenticated(self, request: Request) -> Sequence[Key]:
        """All keys that have the secret of a request; each secret has its rate.

        Raises:
            Refused: there is none, or it asks too often.
        """
        secret = secret_of(request.headers.get("authorization", ""))
        keys = keys_of(secret, self._view)
        if not self._rate.admits(sha256_of(secret)):
            raise Refused(Code.THROTTLED, "this key asks too often: wait as long as Retry-After says")
        return keys

    @contextlib.asynccontextmanager
    async def _body(self, request: Request, route: Route) -> AsyncIterator[bytearray]:
        if not route.has_body:
            yield bytearray()
            return
        async with self._bodies.reading(request) as body:
            yield body


def _by_path(calls: Sequence[Route]) -> Mapping[str, Mapping[str, Route]]:
    found: dict[str, dict[str, Route]] = {}
    for call in calls:
        for path in call.paths:
            found.setdefault(path, {})[call.method] = call
    return found


def _add_pages(app: FastAPI, view: CatalogView, calls: Sequence[Route], registry: CollectorRegistry) -> None:
    document = description(calls)

    async def alive(_request: Request) -> Response:
        return answer(Code.SUCCESS)

    async def ready(_request: Request) -> Response:
        return answer(Code.SUCCESS) if view.follows else answer(Code.TRY_AGAIN, "the catalog cannot be followed")

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def openapi(_request: Request) -> Response:
        return answer_json(document)

    async def page(_request: Request) -> Response:
        return get_swagger_ui_html(openapi_url="/openapi.json", title="collectors")

    for path, endpoint in {"/healthz": alive, "/readyz": ready, "/metrics": metrics, "/openapi.json": openapi, "/docs": page}.items():
        app.add_api_route(path, endpoint, methods=["GET"], response_model=None, include_in_schema=False)


def answer_json(value: object) -> Response:
    """JSON that is no answer of the contract's."""
    return Response(orjson.dumps(value), media_type="application/json")
