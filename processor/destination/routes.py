"""The REST paths of inputs: each with the app in the path, and without, where the key says which app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from processor.destination.database import explain
from processor.destination.media import MEDIA
from processor.destination.query import FILTERS, page_of
from processor.resources import POST_INPUTS_SCOPES
from processor.rest.access import AppRef, admit, keys_of, named_app, secret_of, user_app_id
from processor.rest.answers import HEADERS, answer, answered
from processor.rest.body import Bodies
from processor.rest.json_body import parse_object
from processor.rest.query import Query
from processor.rest.status import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from processor.destination.service import Answer, Inputs
    from processor.rest.keys import KeyBook

    Work = Callable[[AppRef], Answer]

READ = ("Inputs_Get",)
WRITE = POST_INPUTS_SCOPES
DELETE = ("Inputs_Delete",)
LONG, SHORT = "/v2/users/{user_id}/apps/{app_id}/inputs", "/v2/inputs"
# What is stored was posted by others: a browser must neither guess its type nor run anything in it.
MEDIA_HEADERS = {**HEADERS, "content-security-policy": "default-src 'none'; sandbox", "cache-control": "private, no-cache"}


class InputRoutes:
    """The endpoints, and the router that has them.

    Args:
        inputs: what can be done.
        keys: who may.
    """

    def __init__(self, inputs: Inputs, keys: KeyBook) -> None:
        self._inputs = inputs
        self._keys = keys
        self._bodies = Bodies(inputs.limits.bodies)
        self._threads = anyio.CapacityLimiter(inputs.limits.threads)
        self.router = APIRouter()
        for path in (LONG, SHORT):
            self._add(path, "POST", self._post)
            self._add(path, "GET", self._list)
            self._add(path, "DELETE", self._delete)
            self._add(path + "/{input_id}", "GET", self._get)
            self._add(path + "/{input_id}", "DELETE", self._delete_one)
            self._add(path + "/{input_id}/{medium}", "GET", self._medium)

    def _add(self, path: str, method: str, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        async def run(request: Request) -> Response:
            response = await answered(request, lambda: endpoint(request), explain)
            if response.status_code >= Code.FAILURE.http:
                await self._bodies.drain(request)
            return response

        self.router.add_api_route(path, run, methods=[method], name=f"{method} {path}", response_model=None)

    async def _post(self, request: Request) -> Response:
        return await self._with_body(request, WRITE, self._inputs.post)

    async def _delete(self, request: Request) -> Response:
        return await self._with_body(request, DELETE, self._inputs.delete)

    async def _list(self, request: Request) -> Response:
        app = self._admitted(request, READ)
        page = page_of(_query(request), self._inputs.limits.page_size_max)
        return await self._run(lambda: self._inputs.page(app, page, address(request, app)))

    async def _get(self, request: Request) -> Response:
        app = self._admitted(request, READ)
        return await self._run(lambda: self._inputs.get(app, request.path_params["input_id"], address(request, app)))

    async def _delete_one(self, request: Request) -> Response:
        app = self._admitted(request, DELETE)
        return await self._run(lambda: self._inputs.delete_ids(app, [request.path_params["input_id"]]))

    async def _medium(self, request: Request) -> Response:
        app = self._admitted(request, READ)
        input_id, medium = request.path_params["input_id"], request.path_params["medium"]
        if medium not in MEDIA:
            raise Refused(Code.DOES_NOT_EXIST, f"an input has {', '.join(MEDIA)}")
        content_type, content = await run_sync(self._inputs.medium, app, input_id, medium, limiter=self._threads)
        return Response(content, headers=MEDIA_HEADERS, media_type=content_type)

    async def _with_body(self, request: Request, scopes: Sequence[str], work: Callable[[AppRef, dict[str, Any]], Answer]) -> Response:
        """Read the body of somebody who has a key, and work on it if the key opens the app that path, query and body name."""
        authorization = _authorization(request)
        keys_of(secret_of(authorization), self._keys)
        named = named_app(_path(request), _query(request).named_app)
        async with self._bodies.reading(request) as body:

            def parse_and_work() -> Answer:
                given = parse_object(body)
                app = admit(authorization, named_app(named, user_app_id(given)), scopes, self._keys)
                return work(app, given)

            return await self._run(parse_and_work)

    async def _run(self, work: Callable[[], Answer]) -> Response:
        """Work in a thread, one of a few: parsing and the database would hold up everybody else."""
        return answer(*await run_sync(work, limiter=self._threads))

    def _admitted(self, request: Request, scopes: Sequence[str]) -> AppRef:
        named = _query(request).named_app
        return admit(_authorization(request), named_app(_path(request), named), scopes, self._keys)


def address(request: Request, app: AppRef) -> str:
    """Where an app's inputs are, as the client called this destination."""
    return str(request.base_url).rstrip("/") + LONG.format(user_id=app.user_id, app_id=app.app_id)


def _query(request: Request) -> Query:
    return Query(request.query_params.multi_items(), FILTERS)


def _path(request: Request) -> AppRef:
    return AppRef(request.path_params.get("user_id", ""), request.path_params.get("app_id", ""))


def _authorization(request: Request) -> str:
    return request.headers.get("authorization", "")
