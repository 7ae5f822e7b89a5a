"""State of the second stage, one source partition: what is remembered of each collector, and how far its candidates are done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from processor.limits.quota import QuotaState
from processor.limits.settle import Memory
from processor.state.progress import Mark, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

QUOTA, SEEN = "quota", "seen"


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

    def memory(self, collector: str) -> Memory:
        """What is remembered of a collector; it counts as changed."""
        self._changed.add(collector)
        return self._memories.setdefault(collector, Memory())

    def changes(self, mark: Mark) -> Iterator[WindowBlock]:
        """Records for this transaction: what changed, and the checkpoint."""
        for collector in sorted(self._changed):
            memory = self._memories[collector]
            yield WindowBlock(self.partition, collector, QUOTA, data=orjson.dumps(memory.quota.as_dict()))
            for number, segment in memory.seen.changes():
                yield WindowBlock(self.partition, collector, SEEN, number, segment)
        self._changed.clear()
        yield WindowBlock(self.partition, mark=mark)

    def restore(self, record: Mapping[str, Any]) -> None:
        """Take one decoded record; later ones replace earlier ones of the same key.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: it is none of ours.
        """
        memory = self._memories.setdefault(record["collector"], Memory())
        if record["part"] == QUOTA:
            memory.quota = QuotaState.from_dict(orjson.loads(record["data"]))
        else:
            memory.seen.restore(record["segment"], record["data"])


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
