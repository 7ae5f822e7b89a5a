"""Real HTTP servers of a test's own, in its event loop: they answer with whatever bytes the test says, good or hostile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 60


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


if TYPE_CHECKING:
    Handler = Callable[[Asked], Awaitable[bytes]]


def answer(status: int = 200, body: bytes | str | object = b"", **headers: str) -> bytes:
    """An answer on the wire; a body that is neither bytes nor text is written as JSON. Underscores in header names are hyphens."""
    content = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    lines = {"content-length": str(len(content)), "content-type": "application/json"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Words\r\n{head}connection: close\r\n\r\n".encode() + content


def always(content: bytes) -> Handler:
    """A handler that answers everything with the same bytes."""

    async def handle(_: Asked) -> bytes:
        return content

    return handle


def in_turn(*contents: bytes) -> Handler:
    """A handler that answers with one after another, and with the last for ever."""
    left = list(contents)

    async def handle(_: Asked) -> bytes:
        return left.pop(0) if len(left) > 1 else left[0]

    return handle


class Site:
    """A server on a loopback address; everything it is asked is in ``asked``, every connection is counted.

    Args:
        handler: what it answers.
        host: an address of this machine; on Linux all of 127.0.0.0/8.
        certificate: for HTTPS.
    """

    def __init__(self, handler: Handler, host: str = LOOPBACK, certificate: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._host = host
        self._certificate = certificate
        self.asked: list[Asked] = []
        self.connections = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, 0, ssl=self._certificate)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def url(self, path: str = "/", host: str | None = None) -> str:
        """Its URL, under another name where one is given."""
        return f"{'https' if self._certificate else 'http'}://{host or self._host}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                asked = await _read(reader)
                self.asked.append(asked)
                writer.write(await self._handler(asked))
                await writer.drain()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, TimeoutError):
                await writer.wait_closed()


class Background:
    """A site in an event loop of its own thread, for processes to ask.

    Args:
        handler: what it answers.

    Attributes:
        site: the site, to be asked for its URL.
        loop: where its handler runs.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(self, handler: Handler) -> None:
        self.site = Site(handler)
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(START_TIMEOUT_S), "the site did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    async def _serve(self) -> None:
        self.loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with self.site:
            self._started.set()
            await self._ended.wait()


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Asked(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
