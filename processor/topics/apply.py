"""Carry a plan out, and look whether the cluster then is as listed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from processor.errors import FixCluster
from processor.files import find_file
from processor.kafka.admin import Admin
from processor.topics.plan import AddPartitions, CreateTopic, Plan, ResetConfig, SetConfig, plan, relevant
from processor.topics.spec import Spec, load_spec

if TYPE_CHECKING:
    from processor.kafka.topic_state import Layout
    from processor.settings import Settings

VERIFY_TIMEOUT_S = 15.0
POLL_S = 0.1
SPEC_FILE = "topics.yaml"


def read_spec(settings: Settings) -> Spec:
    """topics.yaml, wherever the settings say.

    Raises:
        FixUsage: there is none.
        FixDocuments: it has problems.
    """
    return load_spec(find_file(SPEC_FILE, settings.config_folder), settings.topic_prefix)


def plan_topics(settings: Settings) -> Plan:
    """What is to be done on the cluster of the settings."""
    return _plan(Admin(settings), read_spec(settings), settings.topic_prefix)


def apply_topics(settings: Settings) -> Plan:
    """Make the cluster as listed, as far as that goes.

    Returns:
        The plan that was carried out; what it refused is still open.

    Raises:
        FixCluster: the cluster refused a step, or does not show the changes it said it made.
    """
    spec = read_spec(settings)
    admin = Admin(settings)
    todo = _plan(admin, spec, settings.topic_prefix)
    carry_out(admin, todo)
    _verify(admin, spec, settings.topic_prefix)
    return todo


def carry_out(admin: Admin, todo: Plan) -> None:
    """Take the steps: all new topics at once, then each topic's partitions and configs."""
    new = [step.new for step in todo.steps if isinstance(step, CreateTopic)]
    admin.create(new)
    for step in todo.steps:
        if isinstance(step, AddPartitions):
            admin.add_partitions(step.topic, step.after)
    for topic, changes in config_changes(todo).items():
        admin.alter_configs(topic, changes)
    admin.wait_for_topics([topic.name for topic in new])


def config_changes(todo: Plan) -> dict[str, dict[str, str | None]]:
    """Config changes by topic; None takes an override away."""
    changes: dict[str, dict[str, str | None]] = {}
    for step in todo.steps:
        if isinstance(step, SetConfig):
            changes.setdefault(step.topic, {})[step.config] = step.after
        elif isinstance(step, ResetConfig):
            changes.setdefault(step.topic, {})[step.config] = None
    return changes


def _plan(admin: Admin, spec: Spec, prefix: str) -> Plan:
    return plan(spec, _cluster(admin, spec, prefix), prefix)


def _cluster(admin: Admin, spec: Spec, prefix: str) -> Layout:
    layout = admin.layout()
    described = admin.topics(relevant(spec, layout.topics, prefix))
    return replace(layout, topics={**layout.topics, **described})


def _verify(admin: Admin, spec: Spec, prefix: str) -> None:
    """Brokers learn of a change one after another: ask until they show it."""
    deadline = time.monotonic() + VERIFY_TIMEOUT_S
    while steps := _plan(admin, spec, prefix).steps:
        if time.monotonic() > deadline:
            listed = "\n".join(str(step) for step in steps)
            raise FixCluster(
                f"{VERIFY_TIMEOUT_S:g} s after the changes the cluster still differs:\n{listed}\nis something else changing these topics?"
            )
        time.sleep(POLL_S)
