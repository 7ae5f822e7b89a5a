"""Whatever has room when, whatever ends first and however often a process starts again: each is done once, in its key's order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from processor.codec.records import decode, encode
from processor.codec.registry import Schemas
from processor.stages.room import Room
from processor.stages.second_reading import SecondReading, place_of
from processor.state.progress import Mark, Progress
from processor.state.windows import PartitionWindows, WindowRestoration

SCHEMAS = Schemas.checked_in()
PARTITION = 3
MOST = 4
MOST_BYTES = 9
KEYS = {b"none": (), b"slow": ("a",), b"slow too": ("a",), b"other": ("b",), b"\xff both": ("a", "b")}


@dataclass
class Log:
    """A partition, as the first and the second reading see it."""

    records: list[Any]
    at: int | None = None

    def go_to(self, offset: int) -> None:
        self.at = offset

    def rest(self) -> None:
        self.at = None

    def close(self) -> None:
        self.at = None

    def poll(self, max_records: int) -> list[Any]:
        assert self.at is not None, "nobody said where"
        found = self.read(self.at, max_records)
        if found:
            self.at = found[-1].offset() + 1
        return found

    def read(self, offset: int, max_records: int) -> list[Any]:
        return [record for record in self.records if record.offset() >= offset][:max_records]


@dataclass
class Process:
    """One life of a process: what the stage does with these parts, and nothing else."""

    log: Log
    progress: Progress
    at: int
    room: Room = field(default_factory=lambda: Room(MOST, MOST_BYTES))
    under_way: dict[bytes, deque[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.again = SecondReading(self.log, self.progress)

    def read(self, count: int) -> None:
        for record in self.log.read(self.at, count):
            self.at = record.offset() + 1
            if self.progress.read(*place_of(record)) and (models := self.begin(record)) is not None:
                self.again.pass_over(record, models)

    def begin(self, record: Any) -> tuple[str, ...] | None:
        offset, key = place_of(record)
        if not self.room.has(KEYS[key]) and self.progress.may_wait(offset):
            return KEYS[key]
        self.room.enter(KEYS[key], size_of(offset))
        self.progress.begin(offset, key)
        self.under_way.setdefault(key, deque()).append(record)
        return None

    def end(self, key: bytes) -> int | None:
        """The first under way of a key ends, as in the stage."""
        if not (waiting := self.under_way.get(key)):
            return None
        record = waiting.popleft()
        offset: int = record.offset()
        self.room.leave(KEYS[key], size_of(offset))
        self.progress.finish(offset)
        return offset


def through_the_changelog(mark: Mark) -> Progress:
    restoration = WindowRestoration()
    for block in PartitionWindows(PARTITION).changes(mark):
        fields = block.as_dict()
        assert fields is not None
        restoration.add(decode(SCHEMAS, "queue_state", encode(SCHEMAS, "queue_state", fields)))
    assert restoration.checkpoints == {PARTITION: mark.next_offset}
    return restoration.state(PARTITION)[1]


def size_of(offset: int) -> int:
    """Of 0 to 10 bytes: some fill the room alone."""
    return offset * 7 % 11


def message(offset: int, key: bytes) -> Any:
    return SimpleNamespace(offset=lambda: offset, key=lambda: key)


keys = st.sampled_from(sorted(KEYS))
steps = st.one_of(
    st.tuples(st.just("read"), st.integers(1, 6)),
    st.tuples(st.just("again"), st.none()),
    st.tuples(st.just("end"), keys),
    st.tuples(st.just("commit"), st.none()),
    st.tuples(st.just("restart"), st.booleans()),
)


@given(stream=st.lists(st.tuples(st.integers(1, 3), keys), max_size=40), script=st.lists(steps, max_size=80))
def test_each_candidate_is_done_once_in_the_order_of_its_key(stream: list[tuple[int, bytes]], script: list[tuple[str, Any]]) -> None:
    offsets = [sum(gap for gap, _ in stream[: i + 1]) for i in range(len(stream))]
    log = Log([message(offset, key) for offset, (_, key) in zip(offsets, stream, strict=True)])
    committed, kept = Mark(0, 0), list[tuple[bytes, int]]()
    process, open_ = Process(log, Progress(committed), 0), list[tuple[bytes, int]]()
    finish = [*[("again", None), ("read", 9), *[("end", key) for key in sorted(KEYS)]] * 300, ("commit", None)]
    for step, what in [*script, *finish]:
        if step == "read" and process.room.free:
            process.read(min(what, process.room.free))
        elif step == "again" and process.progress.passed:
            process.again.turn(process.room, process.begin)
        elif step == "end" and (offset := process.end(what)) is not None:
            open_.append((what, offset))
        elif step == "commit" or (step == "restart" and what):
            committed, kept, open_ = process.progress.mark(), kept + open_, []
        if step == "restart":
            assert len(committed.under_way) <= MOST, "few numbers, however many are not done"
            progress = through_the_changelog(committed)
            process, open_ = Process(Log(log.records), progress, committed.next_offset), []
    assert sorted(kept) == sorted((key, offset) for offset, (_, key) in zip(offsets, stream, strict=True)), "each once"
    for key in KEYS:
        done = [offset for each, offset in kept if each == key]
        assert done == sorted(done), "in the order of the queue"
    assert committed == Mark(committed.end, committed.end), "nothing is left, and nothing is remembered of it"


def test_a_slow_model_alone_gets_a_half_and_there_is_always_room_for_others() -> None:
    room = Room(100, 1_000)
    for model, share in (("a", 50), ("b", 25), ("c", 13)):
        while room.has((model,)):
            room.enter((model,), 1)
        assert room._by_model[model] == share
    assert room.has(())
    assert room.has(("d",))
    assert not room.has(("d", "a"))


def test_nothing_is_begun_while_there_are_as_many_bytes_and_one_that_is_larger_than_all_still_is() -> None:
    room = Room(100, 1_000)
    room.enter((), 999)
    assert room.has(())
    room.enter(("a",), 5_000)
    assert not room.free
    assert not room.has(())
    room.leave(("a",), 5_000)
    assert room.free == 99
    room.leave((), 999)
    assert room.taken == 0
