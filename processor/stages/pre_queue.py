"""The pre-queue stage: predictions in; inputs, candidates, counters and dead letters out, in one transaction.

One turn of the loop: follow the catalog, poll, then for each partition's records decode, decide, turn into records, produce; and
commit when the transaction is old enough. Decisions are made before a transaction begins, so nothing slow ever happens inside one.
A poll gathers for a slice of the commit interval only: what came is decided, and on its way to the broker, while the commit is not due.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from processor.engine.reasons import OUTCOMES
from processor.errors import RestartProcess
from processor.kafka.group import Message
from processor.kafka.writer import Outgoing
from processor.stages.bad_records import error_headers
from processor.stages.garbage import collected_between_turns, spare_garbage_collector
from processor.topics.names import PREDICTIONS, PREDICTIONS_DEAD_LETTERS, existing_inputs_topics, prefixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from processor.catalog.follower import CatalogFollower
    from processor.codec.predictions import Decoded
    from processor.engine.batch import PredictionBatch
    from processor.engine.collector import Watchers
    from processor.engine.decide import ModelDecisions
    from processor.kafka.group import Member
    from processor.kafka.topic_watch import TopicWatch
    from processor.kafka.transaction import Transaction
    from processor.metrics import Metrics
    from processor.settings import Settings
    from processor.stages.bad_records import BadRecordLimit
    from processor.stages.outputs import TooLarge
    from processor.stages.watchdog import Watchdog
    from processor.state.counters import Block, PartitionCounters

STAGE = "pre-queue"
# Gathering until the commit is due left a whole interval's work, and all its requests, for the commit to wait for: at 20,000 predictions a
# second and 100 ms the 99th percentile of an input's age was half as much again. At full speed a poll is full long before this.
SLICE_S = 0.025
log = logging.getLogger("collectors.pre-queue")


@dataclass(frozen=True)
class Parts:
    """What the stage is made of; put together in ``app``."""

    settings: Settings
    catalog: CatalogFollower
    topics: TopicWatch
    decode: Callable[[Sequence[bytes | None]], Decoded]
    decide: Callable[[PredictionBatch, Mapping[str, Watchers]], tuple[ModelDecisions, ...]]
    outputs: Callable[[Decoded, tuple[ModelDecisions, ...], str], tuple[list[Outgoing], list[TooLarge]]]
    restore: Callable[[Mapping[int, int | None]], dict[int, PartitionCounters]]
    counter_record: Callable[[Block], Outgoing]
    bad: BadRecordLimit
    transaction: Transaction
    commit: Callable[[Member, Mapping[int, int]], None]
    join: Callable[[PreQueue], Member]
    metrics: Metrics
    watchdog: Watchdog


class PreQueue:
    """One process of the stage. It owns partitions, and the counters of each."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._member = parts.join(self)
        self._counters: dict[int, PartitionCounters] = {}
        self._positions: dict[int, int] = {}
        self._uncommitted: set[int] = set()
        self._existing: frozenset[str] = frozenset()
        parts.metrics.holds("counters", lambda: list(self._counters.values()))

    def run(self, stopping: Callable[[], bool]) -> None:
        """Process predictions until told to stop; what is open then is committed."""
        parts = self._parts
        parts.topics.start()
        parts.catalog.bootstrap()
        spare_garbage_collector()
        parts.watchdog.start()
        parts.transaction.init()
        self._member.subscribe()
        try:
            with collected_between_turns() as turn_is_over:
                while not stopping():
                    self._turn()
                    turn_is_over()
            self._commit()
            self._member.close()
        finally:
            parts.topics.stop()

    def assigned(self, committed: Mapping[int, int | None]) -> None:
        """Partitions came: bring their counters back. That may take longer than a transaction may stay open."""
        self._commit()
        self._counters |= self._parts.restore(committed)
        self._parts.metrics.partitions.set(len(self._counters))
        log.info("assigned partitions %s", sorted(committed))

    def revoked(self, partitions: Sequence[int]) -> None:
        """Partitions go: commit what is open while they are still ours, then forget them."""
        self._commit()
        self._forget(partitions)

    def lost(self, partitions: Sequence[int]) -> None:
        """Partitions are gone: what is open must never be committed, and this process starts again."""
        self._forget(partitions)
        if self._parts.transaction.is_open:
            self._parts.transaction.abort()
            raise RestartProcess(f"lost partitions {sorted(partitions)} with a transaction open: its work belongs to somebody else now")

    def _turn(self) -> None:
        parts = self._parts
        parts.watchdog.beat()
        self._follow_catalog()
        batches = self._member.poll(parts.settings.batch_records, min(SLICE_S, parts.transaction.due_in_s()))
        for partition, messages in batches.items():
            self._process(partition, messages)
        if parts.transaction.is_open and parts.transaction.due_in_s() <= 0:
            self._commit()

    def _follow_catalog(self) -> None:
        parts = self._parts
        if parts.catalog.poll():
            parts.topics.ask_now()
            self._report_catalog()
        if parts.topics.names is not self._existing:
            self._existing = parts.topics.names
            parts.catalog.catalog.set_topics(existing_inputs_topics(parts.settings, self._existing))
            self._report_catalog()

    def _process(self, partition: int, messages: list[Message]) -> None:
        """One partition's records: everything that can take time or fail comes before the transaction begins."""
        parts = self._parts
        parts.watchdog.beat()  # what was polled is progress, however long many partitions take together
        decoded = parts.decode(list(map(Message.value, messages)))
        decisions = parts.decide(decoded.batch, parts.catalog.catalog.watchers)
        records, too_large = parts.outputs(decoded, decisions, parts.catalog.catalog.version)
        bad = sorted([(b.index, b.reason, b.detail) for b in decoded.bad] + _once_a_row(decoded, too_large))
        last = f"{self._member.topic}/{partition}/{messages[bad[-1][0]].offset()}: {bad[-1][1]}: {bad[-1][2]}" if bad else ""
        parts.bad.add(len(messages), [index for index, _, _ in bad], last)
        letters = [self._dead_letter(messages[index], reason, detail) for index, reason, detail in bad]
        parts.transaction.begin()
        parts.transaction.produce([*records, *letters])
        self._counters[partition].add(decisions)
        self._positions[partition] = (messages[-1].offset() or 0) + 1
        self._uncommitted.add(partition)
        self._measure(messages, records, bad, decisions)

    def _commit(self) -> None:
        """Commit what is open: records, counters with their checkpoint, and offsets become visible together."""
        parts = self._parts
        if not parts.transaction.is_open:
            return
        changed = list(self._counter_records())
        parts.metrics.sent.labels("counters").inc(len(changed))
        parts.transaction.produce(changed)
        parts.commit(self._member, {partition: self._positions[partition] for partition in self._uncommitted})
        self._uncommitted.clear()
        parts.metrics.transactions.inc()
        for partition in self._counters:
            parts.metrics.lag.labels(partition).set(self._member.lag(partition))

    def _counter_records(self) -> Iterator[Outgoing]:
        for partition in sorted(self._uncommitted):
            yield from map(self._parts.counter_record, self._counters[partition].changes(self._positions[partition]))

    def _dead_letter(self, message: Message, reason: str, detail: str) -> Outgoing:
        """The record as it came, and why it could not be processed."""
        source = (prefixed(self._parts.settings, PREDICTIONS), message.partition() or 0, message.offset() or 0)
        headers = (*(message.headers() or ()), *error_headers(source, reason, detail))
        return Outgoing(prefixed(self._parts.settings, PREDICTIONS_DEAD_LETTERS), message.key(), message.value(), headers)

    def _forget(self, partitions: Sequence[int]) -> None:
        for partition in partitions:
            self._counters.pop(partition, None)
            self._positions.pop(partition, None)
            self._uncommitted.discard(partition)
            self._parts.metrics.forget(partition)
        self._parts.metrics.partitions.set(len(self._counters))
        log.info("gave up partitions %s", sorted(partitions))

    def _measure(
        self, messages: list[Message], records: list[Outgoing], bad: list[tuple[int, str, str]], decisions: tuple[ModelDecisions, ...]
    ) -> None:
        metrics = self._parts.metrics
        metrics.consumed.inc(len(messages))
        metrics.sent.labels("outputs").inc(len(records))
        metrics.sent.labels("dead-letters").inc(len(bad))
        for _, reason, _ in bad:
            metrics.bad.labels(reason).inc()
        for decided in decisions:
            for outcome, count in zip(OUTCOMES, np.sum(decided.counts, axis=0).tolist(), strict=True):
                metrics.decisions.labels(outcome.value).inc(count)

    def _report_catalog(self) -> None:
        metrics, follower = self._parts.metrics, self._parts.catalog
        active, inactive = follower.catalog.collectors_by_state()
        metrics.collectors.labels("active").set(active)
        metrics.collectors.labels("inactive").set(inactive)
        metrics.poisoned.set(follower.poisoned)


def _once_a_row(decoded: Decoded, too_large: Sequence[TooLarge]) -> list[tuple[int, str, str]]:
    """A row that is too large for several collectors is one dead letter."""
    first = {refused.row: refused.detail for refused in reversed(too_large)}
    return [(int(decoded.positions[row]), "too_large", detail) for row, detail in first.items()]
