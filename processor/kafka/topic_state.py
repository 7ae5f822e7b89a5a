"""What a cluster says of its topics, as plain values: pure code plans with these and never meets a client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ConfigState:
    """One config of one topic.

    Attributes:
        value: in force now.
        inherited: what would be in force without an override on the topic; None where the broker does not say.
        overridden: set on the topic itself.
    """

    value: str
    inherited: str | None = None
    overridden: bool = False


@dataclass(frozen=True, slots=True)
class TopicState:
    """One topic; ``replication`` is that of its least replicated partition, ``configs`` every config the broker knows."""

    partitions: int
    replication: int
    configs: Mapping[str, ConfigState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """All topics' partition counts and replication, without their configs: one cheap request."""

    brokers: int
    topics: Mapping[str, TopicState]

    @property
    def replicas(self) -> int:
        """Partition replicas on the whole cluster."""
        return sum(topic.partitions * topic.replication for topic in self.topics.values())


@dataclass(frozen=True, slots=True)
class NewTopicState:
    """A topic to be made, under its full name; ``replication`` -1 is the cluster's default."""

    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str] = field(default_factory=dict)
