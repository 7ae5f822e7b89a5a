"""Running the destination: keys from the catalog, a socket, a server that stops cleanly on SIGTERM."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import signal
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from processor.codec.registry import Schemas
from processor.destination.app import Options, create_app
from processor.destination.database import parse_url, shown
from processor.destination.keys import CatalogKeys
from processor.errors import FixMachine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI

    from processor.settings import Settings

log = logging.getLogger("collectors.destination")

BACKLOG = 2048
CONNECTIONS_MAX = 1_000
KEEP_ALIVE_S = 75  # longer than a client pauses between batches
STOP_TIMEOUT_S = 10


def run(settings: Settings, database_url: str, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Be the destination until SIGTERM or SIGINT.

    Args:
        settings: the cluster whose catalog has the keys.
        database_url: see `create_app`.
        host: the address to listen on; on a loopback address the gallery is open.
        port: 0: a free one.
        ready: told the URL when connections are taken.

    Raises:
        FixUsage: the database's URL is none, or no cluster is set.
        FixCluster: the keys cannot be read.
        FixDatabase: the database cannot be opened.
        FixMachine: the address cannot be listened on.
    """
    with listening(host, port) as listener:
        keys = CatalogKeys(settings, Schemas.from_settings(settings))
        app = create_app(database_url, keys, Options(gallery_is_open=is_loopback(host)))
        keys.start()
        url = url_of(host, listener)
        log.info("inputs are stored in %s; the page at %s/ %s", shown(parse_url(database_url)), url, _for_whom(host))
        try:
            ready(url)
            serve(app, listener)
            log.info("stopped cleanly")
        finally:
            keys.stop()


def _for_whom(host: str) -> str:
    return "is open to whoever is on this machine" if is_loopback(host) else "asks for a key, as others reach this address"


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
