"""topics.yaml against the cluster: what is to be done, and what cannot be, as values. No client, no clock.

Listed topics are made exactly as the file says: an override that it does not list is drift and is taken away. Partitions are only
ever added, topics never deleted; existing inputs topics are held to the template.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from processor.kafka.topic_state import ConfigState, Layout, NewTopicState, TopicState
from processor.topics.names import COMPACTED, FIXED, QUEUE, is_inputs_topic
from processor.topics.principals import is_ours
from processor.topics.spec import BROKER_DEFAULT, CLEANUP_POLICY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from processor.kafka.acl_state import Acl
    from processor.topics.spec import Spec, Wanted

# Written by tools that move replicas while they move them: not ours to take away.
PASSING_CONFIGS = frozenset({"leader.replication.throttled.replicas", "follower.replication.throttled.replicas"})
BROKERS_FOR_REPLICAS = 3
NO_AUTHORIZER = "the brokers have no authorizer, so everybody may do everything, and no rule can be made: set authorizer.class.name"


@dataclass(frozen=True, slots=True)
class CreateTopic:
    """A listed topic is not there."""

    topic: str
    new: NewTopicState

    def __str__(self) -> str:
        replication = "the cluster's default" if self.new.replication == BROKER_DEFAULT else str(self.new.replication)
        configs = [f"{name}={value}" for name, value in sorted(self.new.configs.items())]
        return ", ".join([f"create {self.topic}: partitions {self.new.partitions}", f"replication {replication}", *configs])


@dataclass(frozen=True, slots=True)
class AddPartitions:
    """A topic has fewer partitions than listed."""

    topic: str
    before: int
    after: int

    def __str__(self) -> str:
        return f"grow {self.topic}: partitions {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class SetConfig:
    """A config differs from the listed value."""

    topic: str
    config: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"set {self.topic}: {self.config} {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class ResetConfig:
    """An override that is not listed; ``after`` is what the cluster then uses, None where it does not say."""

    topic: str
    config: str
    before: str
    after: str | None

    def __str__(self) -> str:
        return f"reset {self.topic}: {self.config} {self.before} -> {self.after or 'whatever the cluster says'} (not listed in topics.yaml)"


@dataclass(frozen=True, slots=True)
class Refused:
    """A difference that is not settled from here: ``reason`` says why and what to do."""

    topic: str
    what: str
    before: str
    after: str
    reason: str

    def __str__(self) -> str:
        return f"cannot change {self.topic}: {self.what} {self.before} -> {self.after}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Grant:
    """An access rule is not there."""

    acl: Acl

    def __str__(self) -> str:
        return f"grant {self.acl}"


@dataclass(frozen=True, slots=True)
class Revoke:
    """An access rule of one of this system's principals that none of them needs."""

    acl: Acl

    def __str__(self) -> str:
        return f"revoke {self.acl}"


Step = CreateTopic | AddPartitions | SetConfig | ResetConfig | Grant | Revoke


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order they are to be taken.

    Attributes:
        steps: what `apply` does.
        refused: differences that it cannot or must not settle.
        ignored: topics under a (non-empty) prefix that are not listed: left alone.
        notes: what is as listed and yet worth a look.
    """

    steps: tuple[Step, ...] = ()
    refused: tuple[Refused, ...] = ()
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        """The cluster is as listed."""
        return not self.steps and not self.refused

    def and_also(self, other: Plan) -> Plan:
        """Both, one after the other."""
        return Plan(self.steps + other.steps, self.refused + other.refused, self.ignored + other.ignored, self.notes + other.notes)


def plan(spec: Spec, cluster: Layout, prefix: str = "") -> Plan:
    """Compare.

    Args:
        spec: topics.yaml.
        cluster: every topic of the cluster, with the configs of those that `relevant` names.
        prefix: of the settings.
    """
    found: list[Step | Refused] = []
    for topic, wanted in _wanted_topics(spec, cluster.topics, prefix).items():
        state = cluster.topics.get(topic)
        found.extend(_differences(topic, wanted, state) if state else [_create(topic, wanted)])
    return Plan(
        steps=tuple(each for each in found if not isinstance(each, Refused)),
        refused=tuple(each for each in found if isinstance(each, Refused)),
        ignored=_ignored(spec, cluster, prefix),
        notes=(*_absent(spec, cluster, prefix), *_fragile(spec, cluster, prefix)),
    )


def plan_acls(wanted: Collection[Acl], found: Collection[Acl] | None, prefix: str = "") -> Plan:
    """Compare access rules; rules of principals that are not this system's are left alone.

    Args:
        wanted: the rules that there must be.
        found: all of the cluster's; None: it has no authorizer.
        prefix: of the settings.
    """
    ours = {acl for acl in found or () if is_ours(acl.principal, prefix)}
    grants, revokes = map(Grant, sorted(set(wanted) - ours)), map(Revoke, sorted(ours - set(wanted)))
    return Plan((*grants, *revokes), notes=() if found is not None else (NO_AUTHORIZER,))


def relevant(spec: Spec, existing: Iterable[str], prefix: str = "") -> frozenset[str]:
    """The existing topics whose configs a plan needs."""
    listed = {prefix + name for name in spec.topics}
    return frozenset(topic for topic in existing if topic in listed or _is_inputs(topic, prefix))


def new_topic(topic: str, wanted: Wanted) -> NewTopicState:
    """A wanted topic under its full name."""
    return NewTopicState(topic, wanted.partitions, wanted.replication, wanted.configs)


def _wanted_topics(spec: Spec, existing: Mapping[str, TopicState], prefix: str) -> dict[str, Wanted]:
    listed = {prefix + name: wanted for name, wanted in spec.topics.items()}
    return listed | {topic: spec.template for topic in sorted(existing) if _is_inputs(topic, prefix) and topic not in listed}


def _is_inputs(topic: str, prefix: str) -> bool:
    return topic.startswith(prefix) and is_inputs_topic(topic.removeprefix(prefix))


def _create(topic: str, wanted: Wanted) -> CreateTopic:
    return CreateTopic(topic, new_topic(topic, wanted))


def _differences(topic: str, wanted: Wanted, state: TopicState) -> Iterator[Step | Refused]:
    yield from _partitions(topic, wanted, state)
    if wanted.replication not in {BROKER_DEFAULT, state.replication}:
        reason = "moving replicas is the cluster's work (kafka-reassign-partitions.sh); correct `replication` in topics.yaml or move them"
        yield Refused(topic, "replication", str(state.replication), str(wanted.replication), reason)
    for config, value in sorted(wanted.configs.items()):
        yield from _listed_config(topic, config, state.configs.get(config), value)
    for config, found in sorted(state.configs.items()):
        if _is_drift(found) and config not in wanted.configs and config not in PASSING_CONFIGS:
            yield ResetConfig(topic, config, found.value, found.inherited)


def _partitions(topic: str, wanted: Wanted, state: TopicState) -> Iterator[Step | Refused]:
    before, after = state.partitions, wanted.partitions
    if after == before:
        return
    if after < before:
        reason = f"Kafka takes no partition away; to keep them, list the topic with partitions: {before}"
    else:
        reason = _never_grows(wanted)
    yield Refused(topic, "partitions", str(before), str(after), reason) if reason else AddPartitions(topic, before, after)


def _never_grows(wanted: Wanted) -> str:
    """Why a topic keeps its number of partitions; empty when it may have more."""
    instead = "it never grows; correct `partitions` in topics.yaml, or begin anew under another topic_prefix"
    if wanted.name == QUEUE:
        return f"the post-queue stage keeps a key's state under its partition's number; {instead}"
    if wanted.name in COMPACTED or "compact" in wanted.configs.get(CLEANUP_POLICY, ""):
        return f"it is compacted, and a key sent to another partition would leave its older value behind; {instead}"
    return ""


def _listed_config(topic: str, config: str, found: ConfigState | None, value: str) -> Iterator[Step | Refused]:
    if found is None:
        yield Refused(topic, config, "unknown", value, "the broker knows no such config: correct its name in topics.yaml")
    elif _canonical(found.value) != _canonical(value):
        yield SetConfig(topic, config, found.value, value)


def _is_drift(found: ConfigState) -> bool:
    """An override that makes a difference."""
    return found.overridden and (found.inherited is None or _canonical(found.inherited) != _canonical(found.value))


def _canonical(value: str) -> object:
    """Equal for values that Kafka takes for equal: numbers by value, lists whatever their order."""
    try:
        return Decimal(value)
    except InvalidOperation:
        return tuple(sorted(part.strip() for part in value.split(",")))


def _ignored(spec: Spec, cluster: Layout, prefix: str) -> tuple[str, ...]:
    ours = relevant(spec, cluster.topics, prefix)
    return tuple(sorted(topic for topic in cluster.topics if prefix and topic.startswith(prefix) and topic not in ours))


def _absent(spec: Spec, cluster: Layout, prefix: str) -> Iterator[str]:
    for name in FIXED:
        if name not in spec.topics and prefix + name not in cluster.topics:
            yield f"{prefix + name} is neither listed nor there, and the system needs it"


def _fragile(spec: Spec, cluster: Layout, prefix: str) -> Iterator[str]:
    single = sorted(topic for topic in relevant(spec, cluster.topics, prefix) if cluster.topics[topic].replication == 1)
    if single and cluster.brokers >= BROKERS_FOR_REPLICAS:
        yield f"one replica on {cluster.brokers} brokers, lost with the one that has it: {', '.join(single)}"
