"""``collectors destination``: an app of our own that collected inputs are posted to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from processor.cli.options import with_settings
from processor.errors import FixUsage
from processor.settings import WORK_FOLDER

if TYPE_CHECKING:
    from processor.settings import Settings

PORT = 8100
LOOPBACK = "127.0.0.1"
DATABASE = WORK_FOLDER / "destination.db"


@click.command(name="destination")
@click.option(
    "--host", default=LOOPBACK, show_default=True, help="The address to listen on; elsewhere than here the gallery asks for a key."
)
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65535), help="0: a free one, which is printed.")
@click.option("--database", metavar="URL", default="", help=f"sqlite:///FILE or postgresql://USER@HOST/NAME; by default {DATABASE}.")
@with_settings
def command(settings: Settings, host: str, port: int, database: str) -> None:
    """Store posted inputs until SIGTERM, and show them: prints the address when it answers.

    Who may is in the catalog's keys. A password is better put into COLLECTORS_DESTINATION_DATABASE, as others see a command line.
    """
    try:
        from processor.destination import server  # noqa: PLC0415 - the web server is loaded only by those who run it
    except ModuleNotFoundError as error:
        raise FixUsage(f"{error.name} is not installed: install `collectors[destination]`") from None
    server.run(settings, database or database_url(settings), host, port, ready=click.echo)


def database_url(settings: Settings) -> str:
    """The URL of the settings, else of a file of the working directory."""
    if settings.destination_database is not None:
        return settings.destination_database.get_secret_value()
    return f"sqlite:///{Path.cwd() / DATABASE}"
