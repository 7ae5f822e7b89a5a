"""``collectors status``: what every collector saw and took, and how far behind the stages are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import orjson
from rich.console import Console
from rich.table import Table

from processor.cli.options import json_option, with_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from processor.settings import Settings


@click.command(name="status")
@json_option
@with_settings
def command(settings: Settings, as_json: bool) -> None:
    """Show the funnel of every collector, and the lag."""
    from processor import app  # noqa: PLC0415 - the engine is loaded only by those who need it

    found = app.status(settings)
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    console = Console()
    console.print(funnel_table(found["collectors"]))
    console.print(", ".join(f"{count} behind on {topic}" for topic, count in found["lag"].items()))


def funnel_table(rows: Iterable[dict[str, Any]], extra: tuple[str, ...] = ()) -> Table:
    """Rows of the funnel for people; ``extra`` names further numeric fields to show."""
    table = Table("collector", "status", *[head for head in ("seen", "collected", "queued", *extra)], "left, and why")
    for row in rows:
        status = row["status"] if not row["status_reason"] else f"{row['status']}: {row['status_reason']}"
        numbers = [str(row[field]) for field in ("seen", "collected", "queued", *extra)]
        table.add_row(row["collector"], status, *numbers, _reasons(row))
    return table


def _reasons(row: dict[str, Any]) -> str:
    nodes = ", ".join(f"{node} {count}" for node, count in row["emptied_by"].items())
    return "\n".join(
        f"{reason} {count}" + (f" ({nodes})" if reason == "workflow_empty" and nodes else "") for reason, count in row["reasons"].items()
    )
