"""State of the second stage, one source partition: what is remembered of each collector, and how far its candidates are done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from processor.limits.memory import Memory
from processor.state.progress import Mark, Progress

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class WindowBlock:
    """One record of the changelog, before it is encoded; ``data`` None: what it held is no more.

    The checkpoint has no collector; its mark says how far the partition is done.
    """

    partition: int
    collector: str = ""
    part: str = ""
    segment: int = 0
    data: bytes | None = b""
    mark: Mark | None = None

    @property
    def key(self) -> bytes:
        """Key on the compacted topic; the newest record of each key is the state."""
        return f"{self.partition}/{self.collector}/{self.part}/{self.segment}".encode()

    def as_dict(self) -> dict[str, Any] | None:
        """Fields as in the Avro schema ``queue_state``; None: it is no more."""
        if self.data is None:
            return None
        piece = {"partition": self.partition, "collector": self.collector, "part": self.part, "segment": self.segment, "data": self.data}
        return piece | (_mark_fields(self.mark) if self.mark else {})


def _mark_fields(mark: Mark) -> dict[str, Any]:
    # Keys of records are bytes and those of the map are text: every byte is a letter of its own.
    passed = {key.decode("latin-1"): first for key, first in mark.passed.items()}
    return {"next_offset": mark.next_offset, "end": mark.end, "under_way": list(mark.under_way), "passed": passed}


def _mark(record: Mapping[str, Any]) -> Mark:
    passed = {key.encode("latin-1"): first for key, first in record["passed"].items()}
    return Mark(record["next_offset"], record["end"], tuple(record["under_way"]), passed)


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
    def size(self) -> int:
        """Of how many something is remembered."""
        return len(self._memories)

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

    def changes(self, mark: Mark) -> Iterator[WindowBlock]:
        """Records for this transaction: what changed, and the checkpoint."""
        yield from self._gone
        self._gone.clear()
        for collector in sorted(self._changed):
            yield from (WindowBlock(self.partition, collector, *piece) for piece in self._memories[collector].changes())
        self._changed.clear()
        yield WindowBlock(self.partition, mark=mark)

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
        self._marks: dict[int, Mark] = {}
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
            self._marks[partition] = _mark(record)
            self.checkpoints[partition] = record["next_offset"]

    def state(self, partition: int) -> tuple[PartitionWindows, Progress]:
        """What is remembered of one partition, and how far it is done."""
        progress = Progress(self._marks.get(partition, Mark(0, 0)))
        return self._windows.get(partition, PartitionWindows(partition)), progress
