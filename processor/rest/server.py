"""Serving an application: a socket, a server that stops cleanly on SIGTERM."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from processor.errors import FixMachine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

BACKLOG = 2048
CONNECTIONS_MAX = 1_000
KEEP_ALIVE_S = 75  # longer than a client pauses between batches
STOP_TIMEOUT_S = 10


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Answer requests until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )
    _Server(config).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that ends well when it is asked to: uvicorn's own would die of the signal afterwards."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        numbers = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens.

    Raises:
        FixMachine: the address is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise FixMachine(f"cannot listen on {host}, port {port}: {error}: choose another with --host or --port") from None
    with contextlib.closing(listener):
        # Connections take this over. asyncio would see to it only for sockets that say that they speak TCP, which these do not, and an
        # answer of two small pieces would then wait 40 ms for the client to acknowledge the first.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; a name is asked for its address by the system, except for localhost."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def url_of(host: str, listener: socket.socket) -> str:
    """The URL that clients use."""
    port = listener.getsockname()[1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
