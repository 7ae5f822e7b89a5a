"""``collectors connect plan|apply|status``: one round of what `run sink` does for ever, and what became of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from processor.cli.catalog_io import print_json
from processor.cli.options import json_option, with_settings
from processor.cli.tables import table
from processor.connect.plan import Create, Pause, Plan, Restart, Resume, Step, Update
from processor.errors import FixCluster

if TYPE_CHECKING:
    from processor.connect.status import SinkRow
    from processor.settings import Settings

ACTIONS = {Create: "create", Update: "update", Pause: "pause", Resume: "resume", Restart: "restart"}


@click.group("connect")
def command() -> None:
    """Compare Kafka Connect with the catalog: one sink connector for every app that collects."""


@command.command("plan")
@json_option
@with_settings
def plan_command(settings: Settings, *, as_json: bool) -> None:
    """Show what `apply` would do, and what it could not."""
    from processor import app  # noqa: PLC0415 - the engine is loaded only by those who need it

    found, _ = app.sink_plan(settings, apply=False)
    _show(found, as_json)


@command.command("apply")
@json_option
@with_settings
def apply_command(settings: Settings, *, as_json: bool) -> None:
    """Make the connectors as the catalog wants them, once; never touch one that somebody else made, never delete."""
    from processor import app  # noqa: PLC0415 - as above

    done, failed = app.sink_plan(settings, apply=True)
    _show(done, as_json)
    if failed or done.refused:
        raise FixCluster("\n".join([*failed, *map(str, done.refused)]))


@command.command("status")
@json_option
@with_settings
def status_command(settings: Settings, *, as_json: bool) -> None:
    """Show the sink of every app: state, inputs delivered, refused and waiting, and the last error."""
    from processor import app  # noqa: PLC0415 - as above

    found = app.sink_status(settings)
    if as_json:
        print_json([asdict(row) for row in found])
    else:
        click.echo(sink_table(found) if found else "no app collects, or no Kafka Connect is set (COLLECTORS_CONNECT_URL)")


def sink_table(rows: list[SinkRow]) -> str:
    """Rows for people; what a sink failed of stands below it."""
    titles = ("APP", "STATE", "DELIVERED", "REFUSED", "WAITING")
    head, *lines = table(titles, [(r.app, r.state, str(r.delivered), str(r.refused), str(r.lag)) for r in rows]).splitlines()
    told = [f"{line}\n  {row.error}" if row.error else line for line, row in zip(lines, rows, strict=True)]
    return "\n".join([head, *told])


def _show(plan: Plan, as_json: bool) -> None:
    if as_json:
        print_json(asdict(plan) | {"steps": [as_object(step) for step in plan.steps], "settled": plan.settled})
        return
    lines = [str(each) for each in (*plan.steps, *plan.refused)]
    lines += [f"note: {note}" for note in plan.notes]
    click.echo("\n".join([*lines, "nothing to do"] if plan.settled else lines))


def as_object(step: Step) -> dict[str, Any]:
    """A step with its action's name."""
    return {"action": ACTIONS[type(step)], **asdict(step)}
