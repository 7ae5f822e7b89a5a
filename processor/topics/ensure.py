"""The inputs topics of apps: made by whatever writes a collector, and seen in the metadata, before it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.errors import FixCluster, FixUsage
from processor.kafka.admin import Admin
from processor.topics.apply import read_spec
from processor.topics.names import inputs_topic, name_problem, prefixed
from processor.topics.plan import new_topic

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from processor.kafka.topic_state import Layout, NewTopicState
    from processor.settings import Settings
    from processor.topics.spec import Spec

REPLICAS_PER_BROKER_MAX = 10_000  # about twice as many broke one broker


def ensure_inputs_topics(settings: Settings, apps: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Make the inputs topics that are not there yet, and return when all can be written to.

    Args:
        settings: the cluster and the prefix.
        apps: (user id, app id); repeated ones are one.

    Returns:
        The topics that were made, under their full names.

    Raises:
        FixUsage: an id makes a name that Kafka does not take, or there is no topics.yaml.
        FixDocuments: topics.yaml has problems.
        FixCluster: the cluster refuses them, or has no room for them.
    """
    wanted = inputs_topics(read_spec(settings), settings, sorted(set(apps)))
    admin = Admin(settings)
    layout = admin.layout()
    new = [topic for topic in wanted if topic.name not in layout.topics]
    check_room(layout, new)
    made = admin.create(new)
    admin.wait_for_topics([topic.name for topic in wanted])
    return made


def inputs_topics(spec: Spec, settings: Settings, apps: Sequence[tuple[str, str]]) -> list[NewTopicState]:
    """The inputs topics of apps as they should be.

    Raises:
        FixUsage: some names are not legal; all of them are listed.
    """
    topics = [new_topic(prefixed(settings, inputs_topic(user, app)), spec.inputs(user, app)) for user, app in apps]
    problems = [f"inputs topic {topic.name}: {problem}" for topic in topics if (problem := name_problem(topic.name))]
    if problems:
        raise FixUsage("\n".join(problems))
    return topics


def check_room(layout: Layout, new: Sequence[NewTopicState]) -> None:
    """Refuse topics that the cluster would not stand.

    Raises:
        FixCluster: more partition replicas than 10,000 a broker.
    """
    total = layout.replicas + sum(topic.partitions * max(topic.replication, 1) for topic in new)
    most = REPLICAS_PER_BROKER_MAX * layout.brokers
    if new and total > most:
        raise FixCluster(f"{len(new)} more topics make {total} partition replicas, and {layout.brokers} brokers stand {most}: add brokers")
