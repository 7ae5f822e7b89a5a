"""What a group has not read yet, in records: control records of transactions and aborted records take offsets, but are none."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from processor.errors import ClusterAway
from processor.kafka.admin import Admin
from processor.kafka.client import admin_client, reading_consumer
from processor.kafka.committed import committed
from processor.kafka.failure import cluster_error
from processor.kafka.reader import LEADER_TIMEOUT_S, Record, raise_unless_passing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from confluent_kafka import Message
    from confluent_kafka.admin import AdminClient

    from processor.settings import Settings

TIMEOUT_S = 15.0
POLL_RECORDS = 1_000
POLL_TIMEOUT_S = 0.5
SILENT_MAX_S = LEADER_TIMEOUT_S
# Beyond these, offsets are counted: nobody wants to wait for an exact number of a backlog that long.
RECORDS_MAX = 100_000
BYTES_MAX = 200_000_000

Part = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Unread:
    """What of a topic its group has not read yet.

    Attributes:
        records: exact up to 100,000 records or 200 MB over all topics asked for; what lies beyond is counted by offsets, at most that many.
        marked: of these, those that the caller's question is true of.
        notes: what the group left beside the offsets it committed.
    """

    records: int = 0
    marked: int = 0
    notes: tuple[str, ...] = ()


def unread(settings: Settings, groups: Mapping[str, str], mark: Callable[[Record], bool]) -> dict[str, Unread]:
    """Look at everything that lies between what groups have committed and the ends of their topics.

    Args:
        settings: the cluster.
        groups: topic -> the group that reads it.
        mark: a question to ask of each record.

    Raises:
        FixCluster: a topic does not exist, or the brokers do not answer.
    """
    if not groups:
        return {}
    spans, notes = _spans(settings, groups)
    reading = _Reading({part: span for part, span in spans.items() if span[0] < span[1]}, mark)
    if reading.waiting:
        _read(settings, reading)
    left = Counter[str]()
    for part in reading.waiting:
        left[part[0]] += spans[part][1] - reading.position[part]
    return {
        topic: Unread(reading.records[topic] + left[topic], reading.marked[topic] + left[topic], tuple(notes.get(topic, ())))
        for topic in groups
    }


def _spans(settings: Settings, groups: Mapping[str, str]) -> tuple[dict[Part, tuple[int, int]], dict[str, list[str]]]:
    """From where each partition is unread, and where it ends for those who read committed; and the notes of each topic."""
    counts = Admin(settings).require(groups)
    parts = [TopicPartition(topic, number) for topic, partitions in counts.items() for number in range(partitions)]
    admin = admin_client(settings)
    try:
        first = _offsets(admin, parts, OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # the client's own method is not annotated
        end = _offsets(admin, parts, OffsetSpec.latest())  # type: ignore[no-untyped-call]  # as above
    except KafkaException as error:
        raise cluster_error("asking where topics end", error) from None
    starts, notes = dict(first), dict[str, list[str]]()
    for part in _committed(settings, groups, counts):
        starts[part.topic, part.partition] = max(part.offset, first[part.topic, part.partition])
        notes.setdefault(part.topic, []).extend(filter(None, [part.metadata]))
    return {part: (starts[part], end[part]) for part in end}, notes


def _offsets(admin: AdminClient, parts: list[TopicPartition], spec: OffsetSpec) -> dict[Part, int]:
    asked = dict.fromkeys(parts, spec)
    answers = admin.list_offsets(asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=TIMEOUT_S)
    return {(part.topic, part.partition): answer.result().offset for part, answer in answers.items()}


def _committed(settings: Settings, groups: Mapping[str, str], partitions: Mapping[str, int]) -> list[TopicPartition]:
    wanted: dict[str, list[Part]] = {}
    for topic, group in groups.items():
        wanted.setdefault(group, []).extend((topic, number) for number in range(partitions[topic]))
    return [part for parts in committed(settings, wanted).values() for part in parts]


class _Reading:
    """What has been counted so far.

    Args:
        spans: partition -> first offset to look at, and the end.
        mark: asked of each record.
    """

    def __init__(self, spans: Mapping[Part, tuple[int, int]], mark: Callable[[Record], bool]) -> None:
        self.waiting = set(spans)
        self.position = {part: start for part, (start, _) in spans.items()}
        self.records: Counter[str] = Counter()
        self.marked: Counter[str] = Counter()
        self._end = {part: end for part, (_, end) in spans.items()}
        self._mark = mark
        self._bytes = 0

    def take(self, message: Message) -> None:
        """Count a record, or notice a partition's end."""
        part, error = (message.topic() or "", message.partition() or 0), message.error()
        if error is None and (message.offset() or 0) < self._end[part]:
            self.records[part[0]] += 1
            self.marked[part[0]] += self._mark(*Record.copies([message]))
            self._bytes += len(message)
        elif error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
            raise_unless_passing(error, f"reading {part[0] or 'topics'}")
            return
        self.position[part] = (message.offset() or 0) + (error is None)
        if self.position[part] >= self._end[part]:
            self.waiting.discard(part)

    def enough(self) -> bool:
        """Whether to stop here."""
        return not self.waiting or self.records.total() >= RECORDS_MAX or self._bytes >= BYTES_MAX


def _read(settings: Settings, reading: _Reading) -> None:
    consumer = reading_consumer(settings)
    consumer.assign([TopicPartition(topic, number, reading.position[topic, number]) for topic, number in reading.waiting])
    silent_since = time.monotonic()
    try:
        while not reading.enough():
            messages = consumer.consume(POLL_RECORDS, POLL_TIMEOUT_S)
            for message in messages:
                reading.take(message)
            silent_since = time.monotonic() if messages else silent_since
            if time.monotonic() - silent_since > SILENT_MAX_S:
                raise ClusterAway(f"no broker has answered for {SILENT_MAX_S:.0f} s while what is not delivered was counted: try again")
    finally:
        consumer.close()
