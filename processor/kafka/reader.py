"""Reading topics without a group: every partition, read committed, from the beginning, and following on."""

from __future__ import annotations

import time
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from processor.errors import ClusterAway, FixCluster
from processor.kafka.client import reading_consumer
from processor.kafka.failure import NOT_ALLOWED, ask_while, cluster_error, passes
from processor.kafka.refusals import ask_for_topics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from processor.settings import Settings

METADATA_TIMEOUT_S = 10.0
# Brokers take nine seconds to notice that a leader has died (broker.session.timeout.ms), and a busy one takes longer to begin.
LEADER_TIMEOUT_S = 60.0
CHOOSING_A_LEADER = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - the client's own, for one that has no leader at the moment
}
# Longer than any transaction of ours stays open, and than a leader is chosen.
SILENT_MAX_S = 120.0
NO_TOPIC = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001 - as above
POLL_RECORDS = 5_000
POLL_TIMEOUT_S = 0.5
Headers = tuple[tuple[str, bytes], ...]


class Record(NamedTuple):
    """One Kafka record, copied out of the client. A tuple, because a catalog's load makes a million of them."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @classmethod
    def copies(cls, messages: Sequence[Message]) -> list[Record]:
        """Copy what messages hold, field by field: message by message takes several times as long."""
        columns = (
            map(Message.topic, messages),
            map(Message.partition, messages),
            map(Message.offset, messages),
            [timestamp_ms for _, timestamp_ms in map(Message.timestamp, messages)],
            map(Message.key, messages),
            map(Message.value, messages),
            map(_headers, map(Message.headers, messages)),
        )
        return list(map(cls._make, zip(*columns, strict=True)))


_value = itemgetter(1)


def _headers(found: Any) -> Headers:
    """The client's headers; one without a value has an empty one."""
    if found and all(map(_value, found)):
        return tuple(found)
    return tuple((name, value or b"") for name, value in found or ())


class TopicReader:
    """Reads whole topics in log order a partition, without joining a group.

    Args:
        settings: the cluster.
        topics: names, prefix included.
        partitions: only these partitions, the same for every topic; None: all.
        committed: leave out records of aborted and of open transactions.

    Raises:
        FixCluster: a topic does not exist or the brokers do not answer.
    """

    def __init__(
        self, settings: Settings, topics: Sequence[str], partitions: Sequence[int] | None = None, *, committed: bool = True
    ) -> None:
        self._consumer = reading_consumer(settings, committed=committed)
        self._uncommitted = reading_consumer(settings, committed=False)
        self._assignment = [
            TopicPartition(topic, partition, 0)
            for topic in topics
            for partition in (partitions if partitions is not None else self._partitions(topic))
        ]
        self._position = {(part.topic, part.partition): 0 for part in self._assignment}
        self._at_end: set[tuple[str, int]] = set()
        self._consumer.assign(self._assignment)

    def read_to_end(self) -> Iterator[Record]:
        """Yield all records up to the ends that the partitions had when this was called.

        A partition is done when the client reports its end at or past that offset: control records leave gaps, so
        counting records or waiting for a last offset would never finish.

        Raises:
            ClusterAway: nothing has come for long, and there is more.
        """
        waiting, heard_s = dict(self._ends()), time.monotonic()
        while waiting:
            records = self._batch(POLL_RECORDS, POLL_TIMEOUT_S)
            yield from records
            left = {part: end for part, end in waiting.items() if self._position[part] < end or (end > 0 and part not in self._at_end)}
            if records or len(left) < len(waiting):
                heard_s = time.monotonic()
            elif time.monotonic() - heard_s > SILENT_MAX_S:
                raise ClusterAway(self._silence(left))
            waiting = left

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        """Whatever has come since, at most ``max_records``, waiting at most ``timeout_s`` for the first of it."""
        # Asked for many with a time, the client waits for all of it, and whoever waits for one record waits with it.
        first = self._batch(1, timeout_s) if timeout_s else []
        return first + self._batch(max_records - len(first), 0)

    def close(self) -> None:
        """Give the connections back."""
        self._consumer.close()
        self._uncommitted.close()

    def _partitions(self, topic: str) -> list[int]:
        try:
            found = ask_for_topics(self._consumer, METADATA_TIMEOUT_S, topic).topics[topic]
        except KafkaException as error:
            raise cluster_error(f"looking for topic {topic}", error, self._consumer) from None
        if found.error is not None and found.error.code() in NO_TOPIC:
            raise FixCluster(f"topic {topic}: {found.error.str()}; create it with `collectors topics apply`")
        if found.error is not None:
            raise cluster_error(f"looking for topic {topic}", KafkaException(found.error))
        return sorted(found.partitions)

    def _ends(self) -> Iterator[tuple[tuple[str, int], int]]:
        for part in self._assignment:
            # From a read-uncommitted handle: a read-committed one answers with the last stable offset.
            yield (part.topic, part.partition), self._end(part)

    def _end(self, part: TopicPartition) -> int:
        """The high watermark; a partition whose leader is being chosen is asked again."""
        try:
            _, end = ask_while(
                CHOOSING_A_LEADER, LEADER_TIMEOUT_S, lambda: self._uncommitted.get_watermark_offsets(part, timeout=METADATA_TIMEOUT_S)
            )
        except KafkaException as error:
            raise cluster_error(f"asking for the end of {part.topic} partition {part.partition}", error) from None
        return int(end)

    def _silence(self, left: Mapping[tuple[str, int], int]) -> str:
        part, end = min(left.items())
        return (
            f"reading {part[0]} partition {part[1]}: nothing has come for {SILENT_MAX_S:.0f} s after offset {self._position[part]}, and it "
            f"ends at {end}: are the brokers up? If they are, a transaction is open there that nobody ends (docs/operations.md)"
        )

    def _batch(self, max_records: int, timeout_s: float) -> list[Record]:
        messages = self._consumer.consume(max_records, timeout_s)
        told = [message for message in messages if message.error() is not None] if any(map(Message.error, messages)) else []
        records = Record.copies([message for message in messages if message.error() is None] if told else messages)
        ends = {(record.topic, record.partition): record.offset + 1 for record in records}
        self._position |= ends
        self._at_end -= ends.keys()
        for message in told:
            self._hear(message)
        return records

    def _hear(self, message: Message) -> None:
        """What the client tells between records: a partition's end, or an error."""
        error = cast("KafkaError", message.error())
        if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
            raise_unless_passing(error, f"reading {message.topic() or 'topics'}")
            return
        part, end = (message.topic() or "", message.partition() or 0), message.offset() or 0
        if end >= self._position[part]:  # otherwise records came after it
            self._position[part] = end
            self._at_end.add(part)


def is_record(message: Message, what: str, doing: str = "") -> bool:
    """Whether a message is a record; otherwise it tells of an error that passes by itself.

    Args:
        message: as the client gave it.
        what: is missed when the log does not reach back as far as was asked, as in "the committed offset is".
        doing: what was tried, and with which group; empty: its topic is read.

    Raises:
        FixCluster: the topic cannot be read, or records were deleted that nobody had processed.
    """
    error = message.error()
    if error is None:
        return True
    if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - librdkafka's name
        raise FixCluster(
            f"{message.topic()} partition {message.partition()}: {what} no longer in the log ({error.str()}): records were deleted before "
            "they were processed; lengthen the topic's retention, then reset the group's offset to accept the loss"
        )
    if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - as above
        raise_unless_passing(error, doing or f"reading {message.topic()}")
    return False


def raise_unless_passing(error: KafkaError, doing: str) -> None:
    """Let pass what the client retries by itself; raise what somebody must mend."""
    if error.code() in NOT_ALLOWED:
        raise cluster_error(doing, KafkaException(error))
    if error.code() in NO_TOPIC:
        raise FixCluster(f"{doing}: {error.str()}; create the topic with `collectors topics apply`")
    if error.fatal():  # the next client may fare better
        raise (ClusterAway if passes(error.code()) else FixCluster)(f"{doing}: the Kafka client gave up: {error.str()}")
