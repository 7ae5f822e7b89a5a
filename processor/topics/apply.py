"""Carry a plan out, and look whether the cluster then is as listed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from processor.errors import FixCluster
from processor.files import find_file
from processor.kafka.acls import Acls
from processor.kafka.admin import Admin
from processor.topics.plan import AddPartitions, CreateTopic, Grant, Plan, ResetConfig, Revoke, SetConfig, plan, plan_acls, relevant
from processor.topics.principals import wanted_acls
from processor.topics.spec import Spec, load_spec

if TYPE_CHECKING:
    from processor.kafka.acl_state import Acl
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


class Cluster:
    """A cluster and what topics.yaml says of it.

    Args:
        settings: the cluster, the prefix, and where topics.yaml is.
        acls: compare the access rules too.
    """

    def __init__(self, settings: Settings, *, acls: bool = False) -> None:
        self._prefix = settings.topic_prefix
        self._spec = read_spec(settings)
        self._admin = Admin(settings)
        self._acls = Acls(settings) if acls else None

    def plan(self) -> Plan:
        """What is to be done."""
        topics = plan(self._spec, self._layout(), self._prefix)
        if self._acls is None:
            return topics
        return topics.and_also(plan_acls(self.wanted_acls(), self._acls.all(), self._prefix))

    def wanted_acls(self) -> frozenset[Acl]:
        """The access rules that there must be."""
        return wanted_acls(self._prefix, self._spec.readers)

    def apply(self) -> Plan:
        """Do it, as far as that goes.

        Returns:
            The plan that was carried out; what it refused is still open.

        Raises:
            FixCluster: the cluster refused a step, or does not show the changes it said it made.
        """
        todo = self.plan()
        carry_out(self._admin, todo)
        if self._acls is not None:
            # What is needed first: nobody is locked out for a moment.
            self._acls.add([step.acl for step in todo.steps if isinstance(step, Grant)])
            self._acls.remove([step.acl for step in todo.steps if isinstance(step, Revoke)])
        self._verify()
        return todo

    def _layout(self) -> Layout:
        layout = self._admin.layout()
        described = self._admin.topics(relevant(self._spec, layout.topics, self._prefix))
        return replace(layout, topics={**layout.topics, **described})

    def _verify(self) -> None:
        """Brokers learn of a change one after another: ask until they show it."""
        deadline = time.monotonic() + VERIFY_TIMEOUT_S
        while steps := self.plan().steps:
            if time.monotonic() > deadline:
                listed = "\n".join(str(step) for step in steps)
                problem = f"{VERIFY_TIMEOUT_S:g} s after the changes the cluster still differs:\n{listed}"
                raise FixCluster(f"{problem}\nis something else changing it?")
            time.sleep(POLL_S)


def plan_topics(settings: Settings) -> Plan:
    """What is to be done on the cluster of the settings."""
    return Cluster(settings).plan()


def apply_topics(settings: Settings) -> Plan:
    """Make the cluster as listed, as far as that goes; see `Cluster.apply`."""
    return Cluster(settings).apply()


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
