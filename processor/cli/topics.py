"""``collectors topics plan|apply``: topics.yaml against the cluster."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
import orjson

from processor.cli.options import json_option, with_settings
from processor.errors import EXIT_CHANGES, FixCluster
from processor.topics.apply import Cluster
from processor.topics.plan import AddPartitions, CreateTopic, Grant, Plan, ResetConfig, Revoke, SetConfig, Step

if TYPE_CHECKING:
    from collections.abc import Collection

    from processor.kafka.acl_state import Acl
    from processor.settings import Settings

ACTIONS = {
    CreateTopic: "create",
    AddPartitions: "add_partitions",
    SetConfig: "set_config",
    ResetConfig: "reset_config",
    Grant: "grant",
    Revoke: "revoke",
}
acls_option = click.option("--acls", is_flag=True, help="The access rules of this system's principals too: the least that each needs.")


@click.group("topics")
def command() -> None:
    """Compare topics.yaml with the cluster, or make the cluster equal to it."""


@command.command("plan")
@click.option("--exit-code", is_flag=True, help="Exit 3 when the cluster differs from topics.yaml.")
@acls_option
@json_option
@with_settings
def plan_command(settings: Settings, *, exit_code: bool, acls: bool, as_json: bool) -> None:
    """Show what `apply` would do, and what it could not."""
    cluster = Cluster(settings, acls=acls)
    found = cluster.plan()
    click.echo(as_bytes(found, cluster.wanted_acls() if acls else None) if as_json else as_text(found))
    if exit_code and not found.settled:
        sys.exit(EXIT_CHANGES)


@command.command("apply")
@acls_option
@json_option
@with_settings
def apply_command(settings: Settings, *, acls: bool, as_json: bool) -> None:
    """Make the cluster equal to topics.yaml: create, add partitions, correct configs; never shrink, never delete."""
    cluster = Cluster(settings, acls=acls)
    done = cluster.apply()
    click.echo(as_bytes(done, cluster.wanted_acls() if acls else None) if as_json else as_text(done))
    if done.refused:
        raise FixCluster(f"{len(done.refused)} differences are left that apply cannot settle; each is listed with what to do")


def as_text(plan: Plan) -> str:
    """A plan for people, a line each."""
    lines = [str(each) for each in (*plan.steps, *plan.refused)]
    lines += [f"ignored: {topic} is not listed in topics.yaml" for topic in plan.ignored]
    lines += [f"note: {note}" for note in plan.notes]
    return "\n".join([*lines, "nothing to do"] if plan.settled else lines)


def as_bytes(plan: Plan, acls: Collection[Acl] | None = None) -> bytes:
    """A plan for programs; with the access rules that there must be, whether they are there or not."""
    found = asdict(plan) | {"steps": [as_object(step) for step in plan.steps], "settled": plan.settled}
    return orjson.dumps(found if acls is None else found | {"acls": [asdict(acl) for acl in sorted(acls)]})


def as_object(step: Step) -> dict[str, Any]:
    """A step with its action's name, flat."""
    if isinstance(step, Grant | Revoke):
        return {"action": ACTIONS[type(step)], **asdict(step.acl)}
    fields = asdict(step)
    new = fields.pop("new", {})
    return {"action": ACTIONS[type(step)], **fields, **{name: value for name, value in new.items() if name != "name"}}
