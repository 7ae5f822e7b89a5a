"""Membership of a consumer group: which partitions are ours, and the moments when that changes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from processor.errors import RestartProcess
from processor.kafka.client import Fetch, group_consumer
from processor.kafka.reader import METADATA_TIMEOUT_S, is_record

__all__ = ["Member", "Message", "Owner", "Subscription"]

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from processor.settings import Settings


# A poll is held several times over while it is decided: as it came, as columns, as outputs. So of large records fewer are polled.
POLL_BYTES = 8_000_000
# About so many of a poll are asked for their size, at regular distances: all would take a hundredth of the time that a process has.
SIZED = 1_000
# What records are taken for before there were any.
RECORD_BYTES = 8_000.0


class Owner(Protocol):
    """Who keeps the state of the partitions; called inside ``Member.poll``, in its thread."""

    def assigned(self, committed: Mapping[int, int | None]) -> None:
        """Partitions came, with their committed offsets (None: never committed): restore their state."""

    def revoked(self, partitions: Sequence[int]) -> None:
        """Partitions go when this returns: commit what is open, then forget them."""

    def lost(self, partitions: Sequence[int]) -> None:
        """Partitions are gone already: nothing of theirs may be committed any more."""


@dataclass(frozen=True)
class Subscription:
    """What a member reads, and as a member of what.

    Attributes:
        group: the group id, prefix included.
        topic: the topic, prefix included.
        protocol: ``consumer`` (KIP-848) or ``classic``.
        fetch: how much is fetched at once.
        whole_runs: what a full poll has of a partition's run of records is kept for the next poll, if there are other runs before it.
    """

    group: str
    topic: str
    protocol: str
    fetch: Fetch
    whole_runs: bool = False


class Member:
    """One member of a stage's group, reading one topic.

    Args:
        settings: the cluster and the time-outs.
        subscription: of what to what.
        owner: told of every change of assignment.
    """

    def __init__(self, settings: Settings, subscription: Subscription, owner: Owner) -> None:
        self.topic = subscription.topic
        self._group = subscription.group
        self._whole_runs = subscription.whole_runs
        self._held: list[Message] = []
        self._owner = owner
        self._failure: Exception | None = None
        self._consumer: Consumer = group_consumer(settings, subscription.group, subscription.protocol, subscription.fetch)
        self._positions: dict[int, int] = {}
        self._record_bytes = RECORD_BYTES
        self._is_paused = False
        self._is_leaving = False

    def subscribe(self) -> None:
        """Join the group; only after everything a decision needs is loaded."""
        self._consumer.subscribe([self.topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    def poll(self, max_records: int, timeout_s: float) -> dict[int, list[Message]]:
        """Records by partition, each partition's in order and following on what was returned before.

        Where those of the last poll were large, it is fewer than ``max_records``: `POLL_BYTES` together, if these are alike.

        Raises:
            RestartProcess: an assignment's callback failed.
            FixCluster: the topic cannot be read, or a committed offset is no longer there.
        """
        wanted = min(max_records, max(1, int(POLL_BYTES / self._record_bytes)))
        fresh = self._consumer.consume(max(1, wanted - len(self._held)), timeout_s)
        if self._failure is not None:
            raise self._failure
        if any(map(Message.error, fresh)):
            doing = f"reading {self.topic} with group {self._group}"
            fresh = [message for message in fresh if is_record(message, "the committed offset is", doing)]
        messages, self._held = [*self._held, *fresh], []
        if messages:
            sample = messages[:: 1 + len(messages) // SIZED]
            self._record_bytes = max(1.0, sum(map(len, sample)) / len(sample))
        # What went while this was polled is nobody's here. What was kept for this poll is not taken out then: where its partition comes
        # back at once, from the same offset, stale records may stand behind it, and follow on nothing else.
        found = [(partition, run) for partition, run in runs(messages) if partition in self._positions]
        if self._whole_runs and len(messages) >= wanted and len(found) > 1:
            self._held = found.pop()[1]
        batches: dict[int, list[Message]] = {}
        for partition, run in found:
            batches.setdefault(partition, []).extend(run)
        ours = {partition: self._following(partition, batch) for partition, batch in batches.items()}
        return {partition: batch for partition, batch in ours.items() if batch}

    def metadata(self) -> Any:
        """The group's metadata as of now: what fences a member whose generation is over."""
        return self._consumer.consumer_group_metadata()

    def pause(self, *, full: bool) -> None:
        """Read nothing while somebody is full, and go on when they no longer are; membership does not suffer."""
        if full:
            self._consumer.pause(self._consumer.assignment())
        elif self._is_paused:
            self._consumer.resume(self._consumer.assignment())
        self._is_paused = full

    def lag(self, partition: int) -> int:
        """Records of a partition that were not returned yet, as of the client's last fetch; never asks a broker."""
        _, end = self._consumer.get_watermark_offsets(TopicPartition(self.topic, partition), cached=True)
        return max(0, end - self._positions.get(partition, end))

    def close(self) -> None:
        """Leave the group; the owner's ``revoked`` is called first."""
        self._is_leaving = True
        self._consumer.close()
        if self._failure is not None:
            raise self._failure

    def _following(self, partition: int, messages: list[Message]) -> list[Message]:
        """What of a partition's records is ours and not seen yet.

        A rebalance inside ``consume`` can leave records of the assignment before it in the list that is returned.
        """
        position = self._positions.get(partition)
        kept = [] if position is None else following(position, messages)
        if kept:
            self._positions[partition] = (kept[-1].offset() or 0) + 1
        return kept

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # Also when it is none of them: left without an answer the client takes them all and asks for their offsets by itself. A member that
        # leaves meanwhile may crash at what it is told then (librdkafka's issue 4789).
        consumer.incremental_assign(self._taken(consumer, partitions))

    def _taken(self, consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """What we take of partitions that came, each from its committed offset."""
        # Partitions that come while we leave go again at once. The client no longer asks the coordinator about them: it would wait out the
        # whole time-out, and hold up everybody who waits for this member to be gone.
        if self._failure is not None or self._is_leaving:
            return []
        try:
            known = consumer.committed(partitions, timeout=METADATA_TIMEOUT_S * 3)
            committed = {part.partition: part.offset if part.offset >= 0 else None for part in known}
            self._owner.assigned(committed)
        except Exception as error:  # noqa: BLE001 - an exception would be swallowed by the client; poll raises it
            self._fail(error)
            return []
        self._positions |= {partition: offset or 0 for partition, offset in committed.items()}
        return [TopicPartition(self.topic, part, OFFSET_BEGINNING if offset is None else offset) for part, offset in committed.items()]

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._tell(self._owner.revoked, partitions)

    def _on_lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._tell(self._owner.lost, partitions)

    def _tell(self, callback: Any, partitions: list[TopicPartition]) -> None:
        gone = [part.partition for part in partitions]
        try:
            # One that has failed is told nothing more: it would commit, late, what it could not when its partitions went.
            if self._failure is None:
                callback(gone)
        except Exception as error:  # noqa: BLE001 - as in _on_assign
            self._fail(error)
        for partition in gone:
            self._positions.pop(partition, None)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, KafkaException):
            error = RestartProcess(f"{self.topic}: the group changed and its coordinator did not answer: {error.args[0].str()}")
        self._failure = self._failure or error


def runs(messages: list[Message]) -> list[tuple[int, list[Message]]]:
    """Messages cut where the partition changes: (partition, messages), in the order given. A look at each would cost more than all else."""
    partitions = np.fromiter(map(Message.partition, messages), np.int64, len(messages))
    edges = [0, *(np.flatnonzero(np.diff(partitions)) + 1).tolist(), len(messages)]
    return [(int(partitions[start]), messages[start:end]) for start, end in pairwise(edges if messages else ())]


def following(position: int, messages: list[Message]) -> list[Message]:
    """The messages of one partition that stand at a position or later, each after the one before.

    Nearly always that is all of them, which is seen without a look at each: this is done for every record there is.
    """
    offsets = np.fromiter(cast("Iterator[int]", map(Message.offset, messages)), np.int64, len(messages))
    if offsets[0] >= position and (offsets[1:] > offsets[:-1]).all():
        return messages
    kept = []
    for offset, message in zip(offsets.tolist(), messages, strict=True):
        if offset >= position:
            kept.append(message)
            position = offset + 1
    return kept
