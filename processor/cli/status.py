"""``collectors status``: what every collector saw and took, and how far behind the stages are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
import orjson
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from processor.cli.options import json_option, with_settings
from processor.engine.reasons import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from processor.settings import Settings

ACTIVE = "ACTIVE"
PIPE_WIDTH = 240


@click.command(name="status")
@json_option
@with_settings
def command(settings: Settings, as_json: bool) -> None:
    """Show the funnel of every collector, the sink of every app, and the lag."""
    from processor import app  # noqa: PLC0415 - the engine is loaded only by those who need it

    found = app.status(settings)
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    console = wide_console()
    console.print(funnel_table(found["collectors"]))
    for line in sink_lines(found["sink"]):
        console.print(line, markup=False)
    console.print(", ".join(f"{count} behind on {topic}" for topic, count in found["lag"].items()))


def sink_lines(rows: Iterable[dict[str, Any]]) -> list[str]:
    """A line for the sink of every app."""
    return [
        f"sink of {row['app']}: {row['state']}, {row['delivered']} delivered, {row['refused']} refused, {row['lag']} waiting"
        for row in rows
    ]


def wide_console() -> Console:
    """Stdout; where it is no terminal nothing is folded to fit 80 columns."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def funnel_table(rows: Iterable[dict[str, Any]], numbers: tuple[str, ...] = ("seen", "collected", "queued")) -> Table:
    """Rows of the funnel for people; ``numbers`` names the fields to show as columns."""
    table = Table(box=SIMPLE)
    table.add_column("collector", overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right")
    table.add_column("left, and why", overflow="fold")
    for row in rows:
        table.add_row(_name(row), *[str(row[name]) for name in numbers], _reasons(row))
    return table


def _name(row: dict[str, Any]) -> str:
    name = escape(row["collector"])
    return name if row["status"] == ACTIVE else f"{name}\n{row['status']}: {escape(row['status_reason'])}"


def _reasons(row: dict[str, Any]) -> str:
    """A line a reason, and under an empty workflow a line a node."""
    nodes = "".join(f"\n  {escape(node)} {count}" for node, count in row["emptied_by"].items())
    return "\n".join(f"{reason} {count}" + (nodes if reason == Outcome.WORKFLOW_EMPTY else "") for reason, count in row["reasons"].items())
