"""``collectors serve``: the REST API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from processor.cli.destination import database_url
from processor.cli.options import with_settings
from processor.errors import FixUsage
from processor.metrics import Metrics

if TYPE_CHECKING:
    from processor.settings import Settings

PORT = 8000
LOOPBACK = "127.0.0.1"


@click.command(name="serve")
@click.option("--host", default=LOOPBACK, show_default=True, help="The address to listen on.")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65535), help="0: a free one, which is printed.")
@click.option("--database", metavar="URL", default="", help="Of the destination that is mounted, as for `collectors destination`.")
@with_settings
def command(settings: Settings, host: str, port: int, database: str) -> None:
    """Be the REST API until SIGTERM: prints the address when it answers.

    Its calls are described at /docs and /openapi.json; /healthz, /readyz and /metrics are for who runs it. Put a proxy that
    speaks TLS before it where others reach it: a key travels in every request.
    """
    try:
        from processor.api import server  # noqa: PLC0415 - the web server is loaded only by those who run it
    except ModuleNotFoundError as error:
        raise FixUsage(f"{error.name} is not installed: install `collectors[destination]`") from None
    server.run(settings, database or database_url(settings), (host, port), Metrics().registry, ready=click.echo)
