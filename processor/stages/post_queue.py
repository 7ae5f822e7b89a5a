"""The post-queue stage: candidates in; inputs, counters, state and dead letters out, in one transaction.

Workflows run beside the loop, because models take their time: many candidates are under way at once, and they end in any order. Those
of one collector are settled in the order of the queue, and nothing slow ever happens inside a transaction. The offset that is
committed is that of the first candidate that is not done; which later ones are done is part of the state (`processor.state.progress`).

A model that takes its time holds back its own collectors only, and little is kept in memory: a candidate whose model has no room is
passed over, and read again when there is some (`processor.stages.room`, `processor.stages.second_reading`).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from processor.catalog.records import Kind
from processor.codec.bad import BadRecordError
from processor.engine.collector import NO_SOURCE, Collector, Second
from processor.engine.reasons import Outcome
from processor.errors import RestartProcess
from processor.kafka.writer import Outgoing
from processor.limits.fingerprints import fingerprint
from processor.limits.seen import Fingerprint
from processor.limits.settle import settle
from processor.second.tree import Leaf, resolve
from processor.stages.bad_records import error_headers
from processor.stages.departed import Departed
from processor.stages.garbage import spare_garbage_collector
from processor.stages.large_blocks import return_large_blocks
from processor.stages.room import Room, models_of, united
from processor.stages.second_reading import SecondReading, place_of
from processor.state.counters import Slot
from processor.topics.names import QUEUE, QUEUE_DEAD_LETTERS, existing_inputs_topics, prefixed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence

    from processor.catalog.follower import CatalogFollower
    from processor.codec.candidates import DecodeCandidate
    from processor.kafka.group import Member, Message
    from processor.kafka.topic_watch import TopicWatch
    from processor.kafka.transaction import Transaction
    from processor.limits.memory import Memory
    from processor.metrics import Metrics
    from processor.second.tree import Tree, Verdict
    from processor.settings import Settings
    from processor.stages.asker import Asker
    from processor.stages.bad_records import BadRecordLimit
    from processor.stages.outputs import Outputs
    from processor.stages.restore import Store
    from processor.stages.room import Models
    from processor.stages.second_reading import Reader
    from processor.stages.watchdog import Watchdog
    from processor.state.counters import PartitionCounters
    from processor.state.progress import Progress
    from processor.state.windows import PartitionWindows

STAGE = "post-queue"
US_IN_MS = 1_000
WAIT_S = 0.01  # for candidates while workflows are under way: their ends are looked for as often
NOTHING_TO_RUN: Future[Tree] = Future()
NOTHING_TO_RUN.set_result(Leaf({}))
log = logging.getLogger("collectors.post-queue")


@dataclass(frozen=True)
class PostParts:
    """What the stage is made of; put together in ``app``."""

    settings: Settings
    catalog: CatalogFollower
    topics: TopicWatch
    decode: DecodeCandidate
    run: Callable[[Second, str, Mapping[str, Any]], Coroutine[Any, Any, Tree]]
    asker: Asker
    outputs: Outputs
    counters: Store[PartitionCounters]
    windows: Store[tuple[PartitionWindows, Progress]]
    spent: Callable[[str, int], Outgoing]
    bad: BadRecordLimit
    transaction: Transaction
    join: Callable[[PostQueue], Member]
    read_again: Callable[[int], Reader]
    metrics: Metrics
    watchdog: Watchdog


@dataclass(slots=True)
class Candidate:
    """One candidate under way.

    Attributes:
        message: as it came.
        fields: decoded.
        collector: as the catalog has it now.
        verdict: what its workflow may come to, once that is known.
        print_: what it is compared by.
        models: that it waits for, its predecessors' included.
    """

    message: Message
    fields: Mapping[str, Any]
    collector: Collector
    verdict: Future[Tree]
    print_: Fingerprint
    models: Models = ()

    @property
    def size(self) -> int:
        """Bytes of its record."""
        return len(self.message.value() or b"")

    @property
    def shard(self) -> int:
        """Which of its collector's shards it belongs to."""
        second = self.collector.second
        return second.shard_of(self.fields["prediction"]["id"]) if second else 0

    @property
    def place(self) -> str:
        """What is settled in the order of the queue, and remembered together: a collector, or a shard of one."""
        second = self.collector.second
        return f"{self.collector.key}/{second.shards}/{self.shard}" if second and second.shards > 1 else self.collector.key

    @property
    def at_us(self) -> int:
        """Its time for quotas and windows: when it was predicted, but never later than when it was queued.

        A clock that is ahead must not use up windows that have not begun.
        """
        queued_us = self.message.timestamp()[1] * US_IN_MS
        predicted = self.fields["prediction"]["predicted_at"]
        return queued_us if predicted is None else min(queued_us, int(predicted.timestamp() * 1_000_000))


@dataclass(slots=True)
class Owned:
    """What a process holds of one partition."""

    counters: PartitionCounters
    windows: PartitionWindows
    progress: Progress
    again: SecondReading
    waiting: dict[str, deque[Candidate]] = field(default_factory=dict)
    is_changed: bool = False


class PostQueue:
    """One process of the stage. It owns partitions, and the counters, windows and candidates of each."""

    def __init__(self, parts: PostParts) -> None:
        self._parts = parts
        self._member = parts.join(self)
        self._owned: dict[int, Owned] = {}
        self._existing: frozenset[str] = frozenset()
        self._room = Room(parts.settings.queue_in_flight, parts.settings.queue_in_flight_bytes)
        self._departed = Departed(parts.catalog.catalog.collector, time.monotonic)
        parts.metrics.holds("counters", lambda: [owned.counters for owned in list(self._owned.values())])
        parts.metrics.holds("queue_state", lambda: [owned.windows for owned in list(self._owned.values())])

    def run(self, stopping: Callable[[], bool]) -> None:
        """Process candidates until told to stop; what is done then is committed, what is under way is left to whoever comes."""
        parts = self._parts
        return_large_blocks()
        parts.topics.start()
        parts.catalog.bootstrap()
        spare_garbage_collector()
        parts.asker.start()
        parts.watchdog.start()
        parts.transaction.init()
        self._member.subscribe()
        try:
            while not stopping():
                self._turn()
            self._commit()
            self._member.close()
        finally:
            parts.asker.stop()
            parts.topics.stop()

    def assigned(self, committed: Mapping[int, int | None]) -> None:
        """Partitions came: bring their state back."""
        self._commit()
        counters, windows = self._parts.counters.restore(committed), self._parts.windows.restore(committed)
        for partition in committed:
            memories, progress = windows[partition]
            again = SecondReading(self._parts.read_again(partition), progress)
            self._owned[partition] = Owned(counters[partition], memories, progress, again)
        self._parts.metrics.partitions.set(len(self._owned))
        log.info("assigned partitions %s", sorted(committed))

    def revoked(self, partitions: Sequence[int]) -> None:
        """Partitions go: commit what is done while they are still ours, then forget them and what is under way."""
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
        self._read_again()
        self._read()
        self._settle_all()
        self._forget_departed()
        if parts.transaction.is_open and parts.transaction.due_in_s() <= 0:
            self._commit()

    def _read(self) -> None:
        """Take candidates: what is there, or else the first that comes within a while."""
        self._member.pause(full=not self._room.free)
        first = self._member.poll(1, self._patience_s())
        self._take_all(first)
        if first and self._room.free:
            self._take_all(self._member.poll(min(self._room.free, self._parts.settings.batch_records), 0.0))

    def _patience_s(self) -> float:
        """How long to wait for candidates: hardly, while workflows may end or there is something to read again."""
        due_s = self._parts.transaction.due_in_s()
        is_busy = self._room.taken or any(owned.progress.passed for owned in self._owned.values())
        return min(WAIT_S, due_s) if is_busy else due_s

    def _follow_catalog(self) -> None:
        parts = self._parts
        changed = parts.catalog.poll()
        if changed:
            parts.topics.ask_now()
        if parts.topics.names is not self._existing:
            self._existing = parts.topics.names
            parts.catalog.catalog.set_topics(existing_inputs_topics(parts.settings, self._existing))

    def _read_again(self) -> None:
        """Begin what was passed over and has room now; before anything new, which must not take it away."""
        for partition, owned in self._owned.items():
            if owned.progress.passed:
                owned.again.turn(self._room, partial(self._begin_again, partition, owned))
        self._parts.metrics.passed_over.set(sum(len(owned.progress.passed) for owned in self._owned.values()))

    def _begin_again(self, partition: int, owned: Owned, message: Message) -> Models | None:
        try:
            return self._start(owned, message)
        except BadRecordError as error:
            self._put_aside(owned, message, error)
            self._parts.bad.add(1, [0], f"{self._member.topic}/{partition}")
            return None

    def _take_all(self, batches: Mapping[int, list[Message]]) -> None:
        for partition, messages in batches.items():
            self._take(partition, messages)

    def _take(self, partition: int, messages: list[Message]) -> None:
        """Begin the workflows of one partition's candidates, or pass them over."""
        owned, bad = self._owned[partition], []
        for position, message in enumerate(messages):
            if not owned.progress.read(*place_of(message)):
                continue
            try:
                models = self._start(owned, message)
            except BadRecordError as error:
                self._put_aside(owned, message, error)
                bad.append(position)
            else:
                if models is not None:
                    owned.again.pass_over(message, models)
        self._parts.bad.add(len(messages), bad, f"{self._member.topic}/{partition}")
        self._parts.metrics.consumed.inc(len(messages))

    def _put_aside(self, owned: Owned, message: Message, error: BadRecordError) -> None:
        """Dead-letter what is no candidate."""
        owned.progress.begin(*place_of(message))
        self._begin(owned)
        self._parts.transaction.produce([self._dead_letter(message, error.reason, error.detail)])
        self._parts.metrics.bad.labels(error.reason).inc()
        owned.progress.finish(message.offset() or 0)

    def _start(self, owned: Owned, message: Message) -> Models | None:
        """Begin a candidate's workflow; the models that it has to wait for, where these have no room.

        Raises:
            BadRecordError: it is no candidate.
        """
        fields = self._parts.decode(message.value(), self._wants_output)
        collector = self._parts.catalog.catalog.collector(fields["collector"])
        known = collector or Collector(fields["collector"], NO_SOURCE, inactive_reason="deleted")
        candidate = Candidate(message, fields, known, NOTHING_TO_RUN, Fingerprint())
        before = owned.waiting.get(candidate.place)
        # It ends no sooner than those before it, whatever its own workflow is by now.
        candidate.models = models_of(known.second) if not before else united(models_of(known.second), before[-1].models)
        if not self._room.has(candidate.models) and owned.progress.may_wait(message.offset() or 0):
            return candidate.models
        self._run(candidate)
        self._room.enter(candidate.models, candidate.size)
        owned.progress.begin(*place_of(message))
        owned.waiting.setdefault(candidate.place, deque()).append(candidate)
        return None

    def _wants_output(self, key: str) -> bool:
        """Whether what the model said is asked for: by a workflow's operators, or by whoever reads the inputs."""
        collector = self._parts.catalog.catalog.collector(key)
        return collector is not None and (collector.collect_outputs or (collector.second or Second()).workflow is not None)

    def _run(self, candidate: Candidate) -> None:
        second, prediction = candidate.collector.second or Second(), candidate.fields["prediction"]
        if second.duplicates is not None:
            candidate.print_ = fingerprint(prediction, second.duplicates.by)
        if second.workflow is not None:
            candidate.verdict = self._parts.asker.submit(self._parts.run(second, candidate.collector.key, prediction))

    def _settle_all(self) -> None:
        """Settle every candidate whose workflow has ended and whose predecessors of the same collector are settled."""
        for owned in self._owned.values():
            for key in list(owned.waiting):
                waiting = owned.waiting[key]
                while waiting and waiting[0].verdict.done():
                    self._room.leave(waiting[0].models, waiting[0].size)
                    self._settle(owned, waiting.popleft())
                if not waiting:
                    del owned.waiting[key]

    def _forget_departed(self) -> None:
        """Drop the memories of collectors that are no more, once their last candidates are settled."""
        for place in self._departed.look(lambda: (each for owned in self._owned.values() for each in owned.windows.collectors)):
            for owned in self._owned.values():
                if place in owned.windows.collectors and place not in owned.waiting:
                    self._begin(owned)
                    owned.windows.forget(place)

    def _settle(self, owned: Owned, candidate: Candidate) -> None:
        self._begin(owned)
        outcome, records = self._decide(owned, candidate)
        self._parts.transaction.produce(records)
        self._count(owned, candidate, outcome)
        owned.progress.finish(candidate.message.offset() or 0)

    def _decide(self, owned: Owned, candidate: Candidate) -> tuple[Outcome, list[Outgoing]]:
        """What becomes of a candidate, and the records that say so."""
        if candidate.collector.inactive_reason and candidate.collector.second is None:
            return Outcome.COLLECTOR_INACTIVE, []
        verdict = self._verdict(owned, candidate)
        if verdict.failed:
            return Outcome.MODEL_FAILED, [self._dead_letter(candidate.message, Outcome.MODEL_FAILED, verdict.failed)]
        if verdict.output is None:
            return (Outcome.NOT_SAMPLED if verdict.lost_in_samples else Outcome.POST_QUEUE_EMPTY), []
        record = self._input(candidate, verdict)
        if (size := self._parts.outputs.too_large(record)) is not None:
            return Outcome.INVALID, [self._dead_letter(candidate.message, "too_large", size)]
        second = candidate.collector.second or Second()
        outcome = Outcome(self._limited(owned, candidate, second))
        return outcome, [record] if outcome is Outcome.COLLECTED else []

    def _verdict(self, owned: Owned, candidate: Candidate) -> Verdict:
        """What its workflow comes to now that it is its turn; samplers remember it."""
        workflow = candidate.collector.second.workflow if candidate.collector.second else None
        owned.windows.keep(candidate.place, workflow.streams if workflow else ())
        return resolve(candidate.verdict.result(), lambda part: self._memory(owned, candidate).stream(part))

    def _memory(self, owned: Owned, candidate: Candidate) -> Memory:
        record = self._parts.catalog.catalog.get(Kind.COLLECTOR, candidate.collector.key)
        return owned.windows.memory(candidate.place, record.created_at if record else "")

    def _limited(self, owned: Owned, candidate: Candidate, second: Second) -> str:
        if second.quota is None and second.duplicates is None:
            return Outcome.COLLECTED
        shard, quota = candidate.shard, second.quota
        if quota is not None and second.shards > 1:
            quota = quota.share(shard, second.shards)
        memory = self._memory(owned, candidate)
        duplicates = second.duplicates.cut(self._parts.settings.duplicates_window_max) if second.duplicates else None
        outcome = settle(memory, (quota, duplicates), candidate.print_, candidate.at_us)
        # Of several shards none knows of the others' totals: each stops at its own share, and the collector stays active.
        if quota is not None and quota.total is not None and second.shards == 1 and memory.quota.total >= quota.total:
            # Said for every candidate that still comes, which are few: the first stage stops as soon as it reads it.
            self._parts.transaction.produce([self._parts.spent(candidate.collector.key, quota.total)])
        return outcome

    def _input(self, candidate: Candidate, verdict: Verdict) -> Outgoing:
        prediction = candidate.fields["prediction"]
        probability = candidate.fields["inclusion_probability"] * verdict.probability
        version = self._parts.catalog.catalog.version.encode()
        model = prediction["model"]
        named = {**prediction, "model": f"{model['user_id']}/{model['app_id']}/{model['id']}"}
        return self._parts.outputs.input(candidate.collector, named, probability, version, verdict.output)

    def _count(self, owned: Owned, candidate: Candidate, outcome: Outcome) -> None:
        model = candidate.fields["prediction"]["model"]
        name = f"{model['user_id']}/{model['app_id']}/{model['id']}"
        owned.counters.count(name, Slot(candidate.collector.key, outcome.value), 1)
        owned.counters.count(name, Slot(candidate.collector.key, Outcome.QUEUED.value), -1)
        self._parts.metrics.decisions.labels(outcome.value).inc()

    def _begin(self, owned: Owned) -> None:
        self._parts.transaction.begin()
        owned.is_changed = True

    def _commit(self) -> None:
        """Commit what is done: inputs, counters, windows with their checkpoint, and offsets become visible together."""
        parts = self._parts
        if not parts.transaction.is_open:
            return
        changed = {partition: owned for partition, owned in self._owned.items() if owned.is_changed}
        for owned in changed.values():
            parts.transaction.produce(self._state_records(owned))
            owned.is_changed = False
        parts.transaction.commit(self._member, {partition: owned.progress.mark().next_offset for partition, owned in changed.items()})
        parts.metrics.transactions.inc()
        for partition in self._owned:
            parts.metrics.lag.labels(partition).set(self._member.lag(partition))

    def _state_records(self, owned: Owned) -> Iterator[Outgoing]:
        mark = owned.progress.mark()
        yield from map(self._parts.counters.record, owned.counters.changes(mark.next_offset))
        yield from map(self._parts.windows.record, owned.windows.changes(mark))

    def _dead_letter(self, message: Message, reason: str, detail: str) -> Outgoing:
        """The candidate as it came, and why it could not be processed."""
        source = (prefixed(self._parts.settings, QUEUE), message.partition() or 0, message.offset() or 0)
        headers = (*(message.headers() or ()), *error_headers(source, reason, detail))
        return Outgoing(prefixed(self._parts.settings, QUEUE_DEAD_LETTERS), message.key(), message.value(), headers)

    def _forget(self, partitions: Sequence[int]) -> None:
        for partition in partitions:
            if (owned := self._owned.pop(partition, None)) is not None:
                self._give_up(owned)
            self._parts.metrics.forget(partition)
        self._parts.metrics.partitions.set(len(self._owned))
        log.info("gave up partitions %s", sorted(partitions))

    def _give_up(self, owned: Owned) -> None:
        for waiting in owned.waiting.values():
            for candidate in waiting:
                candidate.verdict.cancel()
                self._room.leave(candidate.models, candidate.size)
        owned.again.close()
