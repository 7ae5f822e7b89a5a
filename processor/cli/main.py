"""The command line: one module a command, loaded when it is called."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING

import click

from processor.errors import EXIT_FAILED, CollectorsError, FixUsage

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG_LEVEL = "COLLECTORS_LOG_LEVEL"
# Libraries that tell of every request and every plugin; DEBUG shows that too.
CHATTY = ("alembic", "httpx", "httpx2")
SERVICES = (["destination"], ["run"], ["serve"])
COMMANDS = {
    "apply": "apply",
    "connect": "connect",
    "consume": "consume",
    "dead-letters": "dead_letters",
    "delete": "delete",
    "demo": "demo",
    "destination": "destination",
    "get": "get",
    "kafka": "kafka",
    "keys": "keys",
    "produce": "produce",
    "run": "run",
    "serve": "serve",
    "status": "status",
    "topics": "topics",
}


class LazyGroup(click.Group):
    """A command group that imports a command's module when the command is named: start-up stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All commands, by name."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the module of one command; every module calls its command ``command``."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(f"processor.cli.{module}").command
        return command


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="collectors")
def cli() -> None:
    """Capture the predictions worth training on."""


def default_log_level(words: Sequence[str]) -> str:
    """A service tells what it does; any other command prints its result, and logs only what is wrong."""
    return "INFO" if words[:1] in SERVICES else "WARNING"


def log_level(wanted: str, words: Sequence[str]) -> str:
    """The level that is wanted, in any case of letters, else the command's own.

    Raises:
        FixUsage: there is no such level.
    """
    level = wanted.upper() or default_log_level(words)
    if level not in (levels := logging.getLevelNamesMapping()):
        raise FixUsage(f"{LOG_LEVEL}={wanted}: one of {', '.join(levels)} is wanted")
    return level


def main() -> None:
    """Run the command line; errors made for people go to stderr without a traceback, and set the exit status."""
    try:
        level = log_level(os.environ.get(LOG_LEVEL, ""), sys.argv[1:])
        logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
        if level == "INFO":
            for name in CHATTY:
                logging.getLogger(name).setLevel(logging.WARNING)
        cli(prog_name="collectors")
    except CollectorsError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(EXIT_FAILED)
