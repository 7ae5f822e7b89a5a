"""Topics of a cluster: what is there, and the few changes this package makes. Errors say what to do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from processor.errors import FixCluster
from processor.kafka.client import admin_client
from processor.kafka.failure import cluster_error, error_code
from processor.kafka.refusals import ask_for_topics
from processor.kafka.topic_state import ConfigState, Layout, NewTopicState, TopicState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from concurrent.futures import Future

    from confluent_kafka.admin import ClusterMetadata, TopicMetadata

    from processor.settings import Settings

REQUEST_TIMEOUT_S = 15.0
VISIBLE_TIMEOUT_S = 30.0
POLL_S = 0.05
TOPICS_PER_REQUEST = 500  # a describe request of thousands of topics outgrows a broker's patience


class Admin:
    """The topics of one cluster. Every method raises FixCluster for what the cluster refuses or does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._client = admin_client(settings)

    def layout(self) -> Layout:
        """All topics with partitions and replication; configs are left out."""
        metadata = self._metadata()
        return Layout(len(metadata.brokers), {name: _state(topic) for name, topic in metadata.topics.items() if topic.error is None})

    def names(self) -> frozenset[str]:
        """Topics that can be written to: every partition has a leader."""
        return frozenset(name for name, topic in self._metadata().topics.items() if _usable(topic))

    def require(self, names: Collection[str]) -> dict[str, int]:
        """How many partitions each of these topics has.

        Raises:
            FixCluster: some do not exist, and all of them are named; or this client may not see one.
        """
        found = self.layout().topics
        if missing := sorted(set(names) - found.keys()):
            self._refuse_hidden(missing)
            raise FixCluster(f"topics that do not exist: {', '.join(missing)}; create them with `collectors topics apply`")
        return {name: found[name].partitions for name in names}

    def has(self, name: str) -> bool:
        """Whether a topic exists."""
        if name in self.layout().topics:
            return True
        self._refuse_hidden([name])
        return False

    def topics(self, names: Collection[str]) -> dict[str, TopicState]:
        """Those of the named topics that exist, with their configs."""
        layout = self.layout().topics
        existing = sorted(set(names) & layout.keys())
        configs = self._configs(existing)
        return {name: TopicState(layout[name].partitions, layout[name].replication, configs[name]) for name in existing}

    def create(self, topics: Sequence[NewTopicState]) -> tuple[str, ...]:
        """Create topics in one request.

        Returns:
            The names that were made; one that somebody else made first is left as it is and not among them.

        Raises:
            FixCluster: some were refused; all of them are named, the others exist.
        """
        wanted = [NewTopic(topic.name, topic.partitions, topic.replication, config=dict(topic.configs)) for topic in topics]
        futures = self._client.create_topics(wanted, request_timeout=REQUEST_TIMEOUT_S) if wanted else {}
        failures = {name: error for name, future in futures.items() if isinstance(error := future.exception(), KafkaException)}
        refused = {name: error for name, error in failures.items() if error_code(error) != KafkaError.TOPIC_ALREADY_EXISTS}
        if refused:
            raise FixCluster("\n".join(str(cluster_error(f"creating topic {name}", error)) for name, error in refused.items()))
        return tuple(name for name in futures if name not in failures)

    def add_partitions(self, name: str, total: int) -> None:
        """Grow a topic to this many partitions."""
        wanted = self._client.create_partitions([NewPartitions(name, total)], request_timeout=REQUEST_TIMEOUT_S)
        _results(wanted, f"growing topic {name} to {total} partitions")

    def alter_configs(self, name: str, changes: Mapping[str, str | None]) -> None:
        """Set overrides of a topic; None takes one away. Overrides that are not named stay."""
        entries = [
            ConfigEntry(config, value, incremental_operation=AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET)
            for config, value in changes.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        altered = self._client.incremental_alter_configs([resource], request_timeout=REQUEST_TIMEOUT_S)
        _results(altered, f"changing configs of topic {name}")

    def wait_for_topics(self, names: Collection[str], timeout_s: float = VISIBLE_TIMEOUT_S) -> None:
        """Return once all the topics are in the metadata with a leader for every partition.

        Raises:
            FixCluster: they are not within the time.
        """
        deadline = time.monotonic() + timeout_s
        while missing := set(names) - self.names():
            if time.monotonic() > deadline:
                raise FixCluster(f"no leader within {timeout_s:g} s for topics {', '.join(sorted(missing))}: look at the brokers' logs")
            time.sleep(POLL_S)

    def _metadata(self) -> ClusterMetadata:
        try:
            return ask_for_topics(self._client, REQUEST_TIMEOUT_S)
        except KafkaException as error:
            raise cluster_error("asking the cluster for its topics", error, self._client) from error

    def _refuse_hidden(self, names: Collection[str]) -> None:
        """Topics that a client may not see are left out of every list; only asked for one by one it is told so."""
        for name in names:
            found = ask_for_topics(self._client, REQUEST_TIMEOUT_S, name).topics[name]
            if found.error is not None and found.error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise cluster_error(f"looking for topic {name}", KafkaException(found.error))

    def _configs(self, names: list[str]) -> dict[str, dict[str, ConfigState]]:
        found: dict[str, dict[str, ConfigState]] = {}
        for start in range(0, len(names), TOPICS_PER_REQUEST):
            resources = [ConfigResource(ResourceType.TOPIC, name) for name in names[start : start + TOPICS_PER_REQUEST]]
            described = self._client.describe_configs(resources, request_timeout=REQUEST_TIMEOUT_S)
            for resource, future in described.items():
                (entries,) = _results({resource: future}, f"reading the configs of topic {resource.name}")
                found[resource.name] = {entry.name: _config(entry) for entry in entries.values()}
        return found


def _results(futures: Mapping[Any, Future[Any]], doing: str) -> list[Any]:
    try:
        return [future.result() for future in futures.values()]
    except KafkaException as error:
        raise cluster_error(doing, error) from error


def _state(topic: TopicMetadata) -> TopicState:
    replicas = [len(partition.replicas) for partition in topic.partitions.values()]
    return TopicState(len(replicas), min(replicas, default=0))


def _usable(topic: TopicMetadata) -> bool:
    return topic.error is None and bool(topic.partitions) and all(partition.leader >= 0 for partition in topic.partitions.values())


def _config(entry: ConfigEntry) -> ConfigState:
    inherited = [other.value for other in entry.synonyms.values() if _source(other) is not ConfigSource.DYNAMIC_TOPIC_CONFIG]
    overridden = _source(entry) is ConfigSource.DYNAMIC_TOPIC_CONFIG
    return ConfigState(entry.value or "", inherited[0] if inherited else None, overridden)


def _source(entry: ConfigEntry) -> ConfigSource:
    return ConfigSource(entry.source)  # the client declares the enum and hands out its number
