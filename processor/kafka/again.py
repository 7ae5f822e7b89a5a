"""Reading a part of a partition again, beside the group's member that read it first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import Message, TopicPartition

from processor.kafka.client import rereading_consumer
from processor.kafka.reader import is_record

__all__ = ["Message", "PartitionReader"]

if TYPE_CHECKING:
    from confluent_kafka import Consumer

    from processor.settings import Settings


class PartitionReader:
    """Reads one partition from where it is told, read committed; connects when it is told for the first time.

    Args:
        settings: the cluster.
        topic: prefix included.
        fetch_bytes: in one fetch, as they are stored.
        partition: which.
    """

    def __init__(self, settings: Settings, topic: str, fetch_bytes: int, partition: int) -> None:
        self._settings = settings
        self._topic = topic
        self._fetch_bytes = fetch_bytes
        self._partition = partition
        self._consumer: Consumer | None = None

    def go_to(self, offset: int) -> None:
        """Read on from there."""
        if self._consumer is None:
            self._consumer = rereading_consumer(self._settings, self._fetch_bytes)
        self._consumer.assign([TopicPartition(self._topic, self._partition, offset)])

    def poll(self, max_records: int) -> list[Message]:
        """What is there already; waits for nothing.

        Raises:
            FixCluster: the topic cannot be read, or the records are no longer there.
        """
        messages = self._consumer.consume(max_records, 0) if self._consumer else []
        return [message for message in messages if is_record(message, "records that wait to be read again are")]

    def rest(self) -> None:
        """Read nothing until told where."""
        if self._consumer is not None:
            self._consumer.unassign()

    def close(self) -> None:
        """Give the connections back."""
        if self._consumer is not None:
            self._consumer.close()
