"""Kafka in memory, as far as transactions and groups go: what a client of it may hear, on command.

It may only be believed because the suite that runs on it (``tests/kafka/test_transaction_contract.py``) runs on real brokers too.
Nothing is served by time here: a call that a real client would wait in ends at once, and the clock is moved on by its time-out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from processor.kafka.client import Fetch
    from processor.settings import Settings

WHOLE, CUT, MUTE = "whole", "cut", "mute"
Part = tuple[str, int]


def failure(code: int, *, retriable: bool = False, fatal: bool = False, abortable: bool = False) -> KafkaException:
    """An error of the client's transactional calls."""
    return KafkaException(KafkaError(code, None, fatal, retriable, abortable))


@dataclass
class _Entry:
    value: bytes | None
    transaction: _Open


@dataclass
class _Open:
    """One transaction, as its coordinator has it: open until it is ended one way or the other."""

    offsets: dict[tuple[str, str, int], int] = field(default_factory=dict)
    state: str = "open"


@dataclass
class _Coordinated:
    """A transactional id."""

    epoch: int = 0
    open: _Open | None = None


@dataclass
class _Group:
    members: list[FakeConsumer] = field(default_factory=list)
    offsets: dict[Part, int] = field(default_factory=dict)
    generation: int = 0


class FakeKafka:
    """All of it.

    Attributes:
        network: between the clients and the brokers: WHOLE, CUT (nothing arrives), or MUTE (what is asked is done, and not answered).
        refused: topics that take no records: they are missing, or have too few replicas.
        now_s: the time, which only waiting moves.
    """

    def __init__(self, topics: dict[str, int]) -> None:
        self.network = WHOLE
        self.now_s = 0.0
        self.refused: set[str] = set()
        self.logs: dict[Part, list[_Entry]] = {(topic, n): [] for topic, count in topics.items() for n in range(count)}
        self.start: dict[Part, int] = {}
        self.groups: dict[str, _Group] = {}
        self._ids: dict[str, _Coordinated] = {}

    def producer(self, _settings: Settings, transactional_id: str) -> FakeProducer:
        """In the place of ``transactional_producer``."""
        return FakeProducer(self, transactional_id)

    def consumer(self, _settings: Settings, group: str, _protocol: str, _fetch: Fetch) -> FakeConsumer:
        """In the place of ``group_consumer``."""
        return FakeConsumer(self, self.groups.setdefault(group, _Group()))

    def visible(self, topic: str) -> list[bytes | None]:
        """What a read-committed reader sees."""
        return [
            each.value for (name, _), log in self.logs.items() if name == topic for each in log if each.transaction.state == "committed"
        ]

    def put(self, topic: str, partition: int, value: bytes) -> None:
        """A record from elsewhere."""
        self.logs[topic, partition].append(_Entry(value, _Open(state="committed")))

    def time_out(self, transactional_id: str) -> None:
        """A transaction was open for too long: its coordinator aborts it and fences its producer."""
        self.init(transactional_id)

    def init(self, transactional_id: str) -> int:
        """Fence whoever had the id, and abort what they left open; the new epoch."""
        found = self._ids.setdefault(transactional_id, _Coordinated())
        found.epoch += 1
        self._finish(found, "aborted")
        return found.epoch

    def begun(self, transactional_id: str, epoch: int) -> _Open:
        """The open transaction of an id, for something to be added to it."""
        found = self._current(transactional_id, epoch)
        found.open = found.open or _Open()
        return found.open

    def end(self, transactional_id: str, epoch: int, state: str) -> None:
        """Commit or abort what is open."""
        self._finish(self._current(transactional_id, epoch), state)

    def _current(self, transactional_id: str, epoch: int) -> _Coordinated:
        found = self._ids[transactional_id]
        if epoch < found.epoch:
            raise failure(KafkaError._FENCED, fatal=True)
        return found

    def _finish(self, found: _Coordinated, state: str) -> None:
        if found.open is None:
            return
        found.open.state = state
        if state == "committed":
            for (group, topic, partition), offset in found.open.offsets.items():
                self.groups.setdefault(group, _Group()).offsets[topic, partition] = offset
        found.open = None


class FakeProducer:
    """A transactional producer: the calls that ``Transaction`` makes."""

    def __init__(self, kafka: FakeKafka, transactional_id: str) -> None:
        self._kafka = kafka
        self._id = transactional_id
        self._epoch = -1
        self._queue: list[tuple[Part, bytes | None]] = []
        self._fatal: KafkaException | None = None
        self._done: set[str] = set()

    def init_transactions(self, timeout: float) -> None:
        self._epoch = self._asked(timeout, "init", lambda: self._kafka.init(self._id))

    def begin_transaction(self) -> None:
        if self._fatal is not None:
            raise self._fatal
        self._done.clear()

    def produce(self, topic: str, value: bytes | None, _key: bytes | None, partition: int, **_: Any) -> None:
        if self._fatal is not None:
            # As the real one: what it was is told by calls about transactions only.
            raise failure(KafkaError._FATAL)
        self._queue.append(((topic, max(0, partition)), value))

    def poll(self, _timeout: float) -> int:
        """What was produced is on its way; a fence is noticed."""
        if self._kafka.network == WHOLE:
            self._send()
        return 0

    def flush(self, timeout: float) -> int:
        if self._kafka.network != CUT:
            self._send()
        if self._queue or self._kafka.network != WHOLE:
            self._kafka.now_s += timeout
            return max(1, len(self._queue))
        return 0

    def send_offsets_to_transaction(self, offsets: Sequence[TopicPartition], metadata: Any, timeout: float) -> None:
        def add() -> None:
            open_ = self._kafka.begun(self._id, self._epoch)
            metadata.check()
            open_.offsets |= {(metadata.name, each.topic, each.partition): each.offset for each in offsets}

        self._asked(timeout, "send_offsets", add)

    def commit_transaction(self, timeout: float) -> None:
        self._asked(timeout, "commit", lambda: self._kafka.end(self._id, self._epoch, "committed"))

    def abort_transaction(self, timeout: float) -> None:
        self._queue.clear()
        self._asked(timeout, "abort", lambda: self._kafka.end(self._id, self._epoch, "aborted"))

    def _send(self) -> None:
        left = []
        for part, value in self._queue:
            if part[0] in self._kafka.refused:
                left.append((part, value))
                continue
            try:
                self._kafka.logs[part].append(_Entry(value, self._kafka.begun(self._id, self._epoch)))
            except KafkaException as error:
                self._fatal, left = error, []
                break
        self._queue = left

    def _asked(self, timeout: float, what: str, do: Callable[[], Any]) -> Any:
        """One request, repeated by the client until it is answered: it is done once."""
        if self._fatal is not None:
            raise self._fatal
        answer = None
        if self._kafka.network != CUT and what not in self._done:
            try:
                answer = do()
            except KafkaException as error:
                self._fatal = error if error.args[0].fatal() else None
                raise
            self._done.add(what)
        if self._kafka.network != WHOLE:
            self._kafka.now_s += timeout
            raise failure(KafkaError._TIMED_OUT, retriable=True)
        return answer


@dataclass(frozen=True)
class FakeMetadata:
    """Which member's offsets these are, as of an assignment of its own. Others may have come meanwhile: a fence is of a member."""

    name: str
    member: FakeConsumer
    generation: int

    def check(self) -> None:
        """Raise where the member has another assignment by now, or is none any more."""
        if self.generation != -1 and (self.member.expelled or self.generation != self.member.generation):
            raise failure(KafkaError.ILLEGAL_GENERATION, abortable=True)


class FakeConsumer:
    """A member of a group: the calls that ``Member`` makes. Assignments change when it is polled."""

    def __init__(self, kafka: FakeKafka, group: _Group) -> None:
        self._kafka = kafka
        self._group = group
        self.owned: set[Part] = set()
        self._positions: dict[Part, int] = {}
        self._topics: Sequence[str] = ()
        self.generation = -1
        self._on_assign: Any = None
        self._on_revoke: Any = None
        self._on_lost: Any = None
        self.expelled = False
        self._answered = False

    def subscribe(self, topics: Sequence[str], *, on_assign: Any, on_revoke: Any, on_lost: Any) -> None:
        self._topics = topics
        self._on_assign, self._on_revoke, self._on_lost = on_assign, on_revoke, on_lost
        self._join()

    def consume(self, count: int, _timeout: float) -> list[Message]:
        if self.expelled:
            self.expelled = False
            self._give(self._on_lost, self.owned)
            self._join()
        self._rebalance()
        missing = [topic for topic in self._topics if (topic, 0) not in self._kafka.logs]
        errors = [Message(topic=topic, error=KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)) for topic in missing]
        return errors + [each for part in sorted(self.owned) for each in self._fetch(part, count)]

    def committed(self, parts: Sequence[TopicPartition], **_: Any) -> list[TopicPartition]:
        if self._kafka.network != WHOLE:
            raise failure(KafkaError._TIMED_OUT)
        return [TopicPartition(p.topic, p.partition, self._group.offsets.get((p.topic, p.partition), -1001)) for p in parts]

    def incremental_assign(self, parts: Sequence[TopicPartition]) -> None:
        self._answered = True
        for part in parts:
            self.owned.add((part.topic, part.partition))
            self._positions[part.topic, part.partition] = 0 if part.offset == OFFSET_BEGINNING else part.offset

    def consumer_group_metadata(self) -> FakeMetadata:
        (name,) = [name for name, group in self._kafka.groups.items() if group is self._group]
        return FakeMetadata(name, self, self.generation)

    def get_watermark_offsets(self, part: TopicPartition, **_: Any) -> tuple[int, int]:
        return 0, len(self._kafka.logs[part.topic, part.partition])

    def close(self) -> None:
        self._give(self._on_revoke, self.owned)
        if self in self._group.members:
            self._group.members.remove(self)
            self._group.generation += 1

    def _join(self) -> None:
        self._group.members.append(self)
        self._group.generation += 1

    def _rebalance(self) -> None:
        """Give up what is another's now, then take what nobody holds any more."""
        parts = sorted(part for part in self._kafka.logs if part[0] in self._topics)
        members = self._group.members
        wanted = {part for index, part in enumerate(parts) if members[index % len(members)] is self}
        self._give(self._on_revoke, self.owned - wanted)
        self.generation = self._group.generation
        held = {part for member in members if member is not self for part in member.owned}
        if new := sorted(wanted - held - self.owned):
            self._answered = False
            self._on_assign(self, [TopicPartition(*part) for part in new])
            if not self._answered:  # the client takes them by itself, where its group has committed
                self.incremental_assign([TopicPartition(*part, max(0, self._group.offsets.get(part, 0))) for part in new])

    def _give(self, callback: Any, parts: set[Part]) -> None:
        if parts:
            callback(self, [TopicPartition(*part) for part in sorted(parts)])
        self.owned -= parts

    def _fetch(self, part: Part, count: int) -> list[Message]:
        log, position = self._kafka.logs[part], self._positions[part]
        if not self._kafka.start.get(part, 0) <= position <= len(log):
            reset = KafkaError(KafkaError._AUTO_OFFSET_RESET, "fetch failed due to requested offset not available on the broker")
            return [Message(topic=part[0], partition=part[1], offset=position, error=reset)]
        got = [Message(*part, offset, None, entry.value) for offset, entry in enumerate(log) if offset >= position][:count]
        self._positions[part] = position + len(got)
        return got
