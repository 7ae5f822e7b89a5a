"""Running the destination: keys from the catalog, a socket, a server that stops cleanly on SIGTERM."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from processor.codec.registry import Schemas
from processor.destination.app import Options, create_app
from processor.destination.database import parse_url, shown
from processor.rest.server import is_loopback, listening, serve, url_of
from processor.rest.view import CatalogView

if TYPE_CHECKING:
    from collections.abc import Callable

    from processor.settings import Settings

log = logging.getLogger("collectors.destination")


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
        keys = CatalogView(settings, Schemas.from_settings(settings))
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
