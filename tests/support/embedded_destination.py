"""The destination as a client meets it, in this process: the real application, a real database, keys that are handed in."""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING, Any

import httpx
from anyio.from_thread import start_blocking_portal
from sqlalchemy import delete

from processor.catalog.records import Key
from processor.destination.app import Options, create_app
from processor.destination.database import writing
from processor.destination.models import InputRow
from processor.rest.keys import HeldKeys, sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyio.from_thread import BlockingPortal
    from fastapi import FastAPI

ALL, POSTS, READS, TOKEN, OTHERS = "all-of-it", "posts-only", "reads-only", "token-of-acme", "of-another-app"
KEYS = (
    Key("acme", "quality", "all", ("PostInputs", "Inputs_Delete"), sha256_of(ALL)),
    Key("acme", "quality", "posts", ("PostInputs",), sha256_of(POSTS)),
    Key("acme", "quality", "reads", ("Inputs_Get",), sha256_of(READS)),
    Key("acme", "", "token", ("PostInputs", "Inputs_Delete"), sha256_of(TOKEN)),
    Key("zoe", "farm", "ingest", ("PostInputs",), sha256_of(OTHERS)),
)
INPUTS = "/v2/users/acme/apps/quality/inputs"
BASE_URL = "http://localhost"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def image(input_id: str, content: bytes = PNG, **data: Any) -> dict[str, Any]:
    """An input with an image and whatever else."""
    return {"id": input_id, "data": {"image": {"base64": base64_of(content)}, **data}}


def collected_by(collector: str) -> dict[str, Any]:
    """Metadata as collected inputs have it."""
    return {"collected": {"collector": collector, "prediction_id": "p-1", "model": "a/b/c", "inclusion_probability": 0.5}}


class Client:
    """Asks an application, synchronously.

    Args:
        app: the application.
        portal: where its event loop runs.
    """

    def __init__(self, app: FastAPI, portal: BlockingPortal) -> None:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url=BASE_URL)
        self._portal = portal
        self.app = app

    def ask(self, method: str, path: str, secret: str | None = ALL, **options: Any) -> httpx.Response:
        """One request; with a secret, in the header where it belongs."""
        headers = {"authorization": f"Key {secret}"} if secret else {}
        headers |= options.pop("headers", {})
        return self._portal.call(lambda: self._client.request(method, path, headers=headers, **options))

    def post(self, *inputs: Any, secret: str | None = ALL, path: str = INPUTS, **fields: Any) -> httpx.Response:
        """Post inputs."""
        return self.ask("POST", path, secret, json={"inputs": list(inputs), **fields})

    def get(self, path: str = INPUTS, secret: str | None = ALL, **query: Any) -> httpx.Response:
        """Read something."""
        return self.ask("GET", path, secret, params=query or None)

    def forget_everything(self) -> None:
        """Delete all inputs of all apps."""
        with writing(self.app.state.store.engine) as connection:
            connection.execute(delete(InputRow))

    def ids(self, **query: Any) -> list[str]:
        """The ids on one page of the list."""
        return [each["id"] for each in self.get(**query).json()["inputs"]]


def code(answer: httpx.Response) -> int:
    """The code on top."""
    found: int = answer.json()["status"]["code"]
    return found


def codes(answer: httpx.Response) -> list[int]:
    """The codes of the items."""
    return [each["status"]["code"] for each in answer.json()["inputs"]]


@contextlib.contextmanager
def destination(database_url: str, options: Options | None = None) -> Iterator[Client]:
    """A destination for as long as the block runs."""
    app = create_app(database_url, HeldKeys(KEYS), options)
    try:
        with start_blocking_portal() as portal:
            yield Client(app, portal)
    finally:
        app.state.store.close()
