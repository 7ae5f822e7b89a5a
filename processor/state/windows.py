"""State of the second stage, one source partition: what is remembered of each collector, and how far its candidates are done.

Models answer when they answer, so candidates of one partition end out of order. The offset that is committed is that of the first
one that is not done; which later ones are done already is part of the state, so that a restart does none of them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from processor.limits.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class WindowBlock:
    """One record of the changelog, before it is encoded; ``data`` None: what it held is no more.

    The checkpoint has no collector: ``next_offset`` and the ``done`` offsets beyond it.
    """

    partition: int
    collector: str = ""
    part: str = ""
    segment: int = 0
    data: bytes | None = b""
    next_offset: int = -1
    done: tuple[int, ...] = ()

    @property
    def key(self) -> bytes:
        """Key on the compacted topic; the newest record of each key is the state."""
        return f"{self.partition}/{self.collector}/{self.part}/{self.segment}".encode()

    def as_dict(self) -> dict[str, Any] | None:
        """Fields as in the Avro schema ``queue_state``; None: it is no more."""
        if self.data is None:
            return None
        return {
            "partition": self.partition, "collector": self.collector, "part": self.part, "segment": self.segment,
            "data": self.data, "next_offset": self.next_offset, "done": list(self.done),
        }  # fmt: skip


class Progress:
    """Which offsets of a partition are done. Control records leave gaps between offsets, so only those that were taken count.

    Args:
        next_offset: where reading begins.
        done: later ones that were done before this process came.
    """

    def __init__(self, next_offset: int, done: tuple[int, ...] = ()) -> None:
        self._end = next_offset
        self._outstanding: dict[int, None] = {}
        self._done = set(done)

    @property
    def next_offset(self) -> int:
        """The first one that is not done, or the one after the last."""
        return next(iter(self._outstanding), self._end)

    @property
    def outstanding(self) -> int:
        """How many were taken and are not done."""
        return len(self._outstanding)

    @property
    def done(self) -> tuple[int, ...]:
        """Done ones beyond the first that is not, ascending."""
        first = self.next_offset
        self._done = {offset for offset in self._done if offset > first}
        return tuple(sorted(self._done))

    def take(self, offset: int) -> bool:
        """Note that an offset came, in ascending order; False: it was done before and needs nothing."""
        self._end = max(self._end, offset + 1)
        if offset in self._done:
            return False
        self._outstanding[offset] = None
        return True

    def finish(self, offset: int) -> None:
        """An offset is done."""
        del self._outstanding[offset]
        if self._outstanding:
            self._done.add(offset)


class PartitionWindows:
    """All memories of one source partition."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self._memories: dict[str, Memory] = {}
        self._changed: set[str] = set()
        self._gone: list[WindowBlock] = []

    @property
    def collectors(self) -> list[str]:
        """Of whom something is remembered."""
        return list(self._memories)

    @property
    def nbytes(self) -> int:
        """Memory that the windows take."""
        return sum(memory.nbytes for memory in list(self._memories.values()))

    def memory(self, collector: str, made: str = "") -> Memory:
        """What is remembered of a collector; it counts as changed.

        Args:
            collector: whose, or of which shard.
            made: when it was created; a memory of one that was created before is of another collector, which had the same id.
        """
        held = self._memories.get(collector)
        # An earlier time is no reason: a catalog that is behind may still have the collector that was there before.
        if held is not None and held.made < made:
            self.forget(collector)
            held = None
        if held is None:
            held = self._memories[collector] = Memory(made)
        self._changed.add(collector)
        return held

    def keep(self, collector: str, parts: Collection[str]) -> None:
        """Of a collector's samplers, forget those that are not among these parts."""
        held = self._memories.get(collector)
        if held is not None and held.keep(parts):
            self._changed.add(collector)

    def forget(self, collector: str) -> None:
        """Forget a collector, in the changelog too."""
        memory = self._memories.pop(collector)
        self._changed.discard(collector)
        self._gone += [WindowBlock(self.partition, collector, *piece) for piece in memory.pieces()]

    def changes(self, next_offset: int, done: tuple[int, ...]) -> Iterator[WindowBlock]:
        """Records for this transaction: what changed, and the checkpoint."""
        yield from self._gone
        self._gone.clear()
        for collector in sorted(self._changed):
            yield from (WindowBlock(self.partition, collector, *piece) for piece in self._memories[collector].changes())
        self._changed.clear()
        yield WindowBlock(self.partition, next_offset=next_offset, done=done)

    def restore(self, record: Mapping[str, Any]) -> None:
        """Take one decoded record; later ones replace earlier ones of the same key.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: it is none of ours.
        """
        memory = self._memories.setdefault(record["collector"], Memory())
        memory.restore(record["part"], record["segment"], record["data"])


class WindowRestoration:
    """Puts the records of a changelog together again, in log order, whatever partitions they belong to.

    Attributes:
        checkpoints: partition → the first offset that is not done.
    """

    def __init__(self) -> None:
        self.checkpoints: dict[int, int] = {}
        self._done: dict[int, tuple[int, ...]] = {}
        self._windows: dict[int, PartitionWindows] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """Take one decoded record.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: it is none of ours.
        """
        partition = record["partition"]
        if record["collector"]:
            self._windows.setdefault(partition, PartitionWindows(partition)).restore(record)
        else:
            self.checkpoints[partition] = record["next_offset"]
            self._done[partition] = tuple(record["done"])

    def state(self, partition: int) -> tuple[PartitionWindows, Progress]:
        """What is remembered of one partition, and how far it is done."""
        progress = Progress(self.checkpoints.get(partition, 0), self._done.get(partition, ()))
        return self._windows.get(partition, PartitionWindows(partition)), progress
