"""The destination as an ASGI application."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anyio.to_thread import run_sync
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from processor.destination.database import explain
from processor.destination.gallery import Gallery
from processor.destination.limits import Limits
from processor.destination.routes import InputRoutes
from processor.destination.service import Inputs
from processor.destination.store import InputStore
from processor.rest.answers import answer, answered, not_routed
from processor.rest.status import Code

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from processor.rest.keys import KeyBook

NANOSECONDS_IN_US = 1_000


def _now_us() -> int:
    return time.time_ns() // NANOSECONDS_IN_US


@dataclass(frozen=True, slots=True)
class Options:
    """How a destination is run.

    Attributes:
        gallery_is_open: whether the page at ``/`` asks for no key: only for an address that nobody else reaches.
        limits: of requests.
        now_us: the time, microseconds since 1970 UTC.
    """

    gallery_is_open: bool = False
    limits: Limits = field(default_factory=Limits)
    now_us: Callable[[], int] = _now_us


def create_app(database_url: str, keys: KeyBook, options: Options | None = None) -> FastAPI:
    """The application; the database is opened and brought up to date at once.

    Args:
        database_url: ``sqlite:///file`` or ``postgresql://user:password@host/database``.
        keys: who may.
        options: see there.

    Raises:
        FixUsage: the URL is none, or its driver is not installed.
        FixDatabase: the database cannot be opened.
    """
    chosen = options or Options()
    store = InputStore(database_url)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        store.close()

    app = FastAPI(
        title="collectors destination", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    app.state.store = store
    app.include_router(inputs_router(store, keys, chosen))
    app.include_router(Gallery(store, keys, chosen.gallery_is_open).router)
    app.add_exception_handler(HTTPException, not_routed)
    _add_health(app, store)
    return app


def inputs_router(store: InputStore, keys: KeyBook, options: Options | None = None) -> APIRouter:
    """The paths of inputs alone, for an application of somebody else's, who closes the store."""
    chosen = options or Options()
    return InputRoutes(Inputs(store, chosen.limits, chosen.now_us), keys).router


def _add_health(app: FastAPI, store: InputStore) -> None:
    async def alive(_request: Request) -> Response:
        return answer(Code.SUCCESS)

    async def ready(request: Request) -> Response:
        async def ask() -> Response:
            await run_sync(store.ping)
            return answer(Code.SUCCESS)

        return await answered(request, ask, explain)

    app.add_api_route("/healthz", alive, methods=["GET"], response_model=None)
    app.add_api_route("/readyz", ready, methods=["GET"], response_model=None)
