"""Counters of one source partition: what became of every prediction, by collector.

A *slot* is one count: (collector, outcome, node). Slots of a model are only ever appended, so a model's counts are one
integer array, and adding a batch is one vector addition. The changelog holds a model in chunks of CHUNK_SLOTS slots, each as
two records: the names, written when a slot is new, and the counts, written when one changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from processor.engine.reasons import OUTCOMES, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from processor.engine.collector import Watchers
    from processor.engine.decide import ModelDecisions

CHUNK_SLOTS = 4096
COUNT_TYPE = np.dtype("<i8")


class Slot(NamedTuple):
    """What one count counts; ``node`` is set where ``workflow_empty`` is broken down, and empty everywhere else."""

    collector: str
    outcome: str
    node: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """One record of the changelog, before it is encoded. Exactly one of ``names`` and ``counts`` is set.

    ``model`` is empty in the checkpoint, which holds the ``next_offset`` that the counts go up to.
    """

    stage: str
    partition: int
    model: str = ""
    chunk: int = 0
    names: list[Slot] | None = None
    counts: bytes | None = None
    next_offset: int = -1

    @property
    def key(self) -> bytes:
        """Key on the compacted topic; the newest record of each key is the state."""
        part = "checkpoint" if not self.model else f"{self.model}/{self.chunk}/{'names' if self.names is not None else 'counts'}"
        return f"{self.stage}/{self.partition}/{part}".encode()

    def as_dict(self) -> dict[str, Any]:
        """Fields as in the Avro schema ``counters``."""
        names = None if self.names is None else [dict(zip(Slot._fields, slot, strict=True)) for slot in self.names]
        return {
            "stage": self.stage, "partition": self.partition, "model": self.model, "chunk": self.chunk,
            "names": names, "counts": self.counts, "next_offset": self.next_offset,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Tables:
    """Slot positions by what the engine counts, for one set of collectors; -1 where there is no slot yet."""

    watchers: Watchers | None = None
    outcomes: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    emptied: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(slots=True)
class _Sum:
    """Counts of several batches of the same collectors, as ``of`` lays them out."""

    of: ModelDecisions
    counts: np.ndarray
    emptied: np.ndarray


_Count = tuple[str, str]
"""Outcome and node."""
_OF_OUTCOME: tuple[_Count, ...] = tuple((outcome.value, "") for outcome in OUTCOMES)
_NO_SLOTS = [-1] * len(OUTCOMES)
_PASSED = {second_stage: OUTCOMES.index(Outcome.QUEUED if second_stage else Outcome.COLLECTED) for second_stage in (False, True)}


@dataclass(slots=True)
class ModelCounts:
    """The counts of one model's collectors."""

    slots: list[Slot] = field(default_factory=list)
    positions: dict[str, dict[_Count, int]] = field(default_factory=dict)
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, COUNT_TYPE))
    new_from: int = 0
    changed: set[int] = field(default_factory=set)
    _tables: _Tables = field(default_factory=_Tables)
    _sum: _Sum | None = None

    def add(self, decisions: ModelDecisions) -> None:
        """Count one batch. Batches of the same collectors are summed first: finding their slots costs more than a sum."""
        if self._sum is None or self._sum.of.watchers is not decisions.watchers:
            self._settle()
            self._sum = _Sum(decisions, decisions.counts.copy(order="K"), decisions.emptied.counts.copy())
        else:
            self._sum.counts += decisions.counts
            self._sum.emptied += decisions.emptied.counts

    def _settle(self) -> None:
        """Bring the sum to its slots."""
        if self._sum is None:
            return
        decisions, counts, self._sum = self._sum.of, self._sum, None
        tables = self._tables_of(decisions)
        collectors, outcomes = np.nonzero(counts.counts)
        self._make(tables.outcomes, decisions.watchers, collectors, outcomes)
        self._bump(tables.outcomes[collectors, outcomes], counts.counts[collectors, outcomes])
        self._add_emptied(tables.emptied, decisions, counts.emptied)

    def _make(self, table: np.ndarray, watchers: Watchers, collectors: np.ndarray, outcomes: np.ndarray) -> None:
        """Give each (collector, outcome) that has none its slot."""
        without = table[collectors, outcomes] < 0
        pairs = list(zip(collectors[without].tolist(), outcomes[without].tolist(), strict=True))
        for position, outcome in pairs:
            collector = watchers.collectors[position]
            # A chunk's names are written again for each new one: what a rare collector takes some day gets its slot with the first count.
            for each in (_PASSED[collector.second_stage], outcome):
                table[position, each] = self._position(collector.key, _OF_OUTCOME[each])

    def count(self, slot: Slot, amount: int) -> None:
        """Count by hand."""
        self._settle()
        position = self._position(slot.collector, slot[1:])
        self.counts[position] += amount
        self.changed.add(position // CHUNK_SLOTS)

    def merge(self, slots: Iterable[tuple[Slot, int]]) -> None:
        """Take over counts that were restored."""
        for slot, count in slots:
            position = self._position(slot.collector, slot[1:])  # which may make room in new counts
            self.counts[position] += count
        self.new_from = len(self.slots)

    def blocks(self, stage: str, partition: int, model: str) -> Iterator[Block]:
        """Records for everything that changed since the last call."""
        self._settle()
        for chunk in range(self.new_from // CHUNK_SLOTS, -(-len(self.slots) // CHUNK_SLOTS)):
            if self.new_from < len(self.slots):
                yield Block(stage, partition, model, chunk, names=self.slots[chunk * CHUNK_SLOTS : (chunk + 1) * CHUNK_SLOTS])
        for chunk in sorted(self.changed):
            counts = self.counts[chunk * CHUNK_SLOTS : min(len(self.slots), (chunk + 1) * CHUNK_SLOTS)]
            yield Block(stage, partition, model, chunk, counts=counts.tobytes())
        self.new_from = len(self.slots)
        self.changed.clear()

    def _add_emptied(self, table: np.ndarray, decisions: ModelDecisions, emptied: np.ndarray) -> None:
        """Break ``workflow_empty`` down by node."""
        counted = np.flatnonzero(emptied)
        for position in counted[table[counted] < 0].tolist():
            table[position] = self._position(*_emptied_count(decisions, position))
        self._bump(table[counted], emptied[counted])

    def _bump(self, slots: np.ndarray, amounts: np.ndarray) -> None:
        self.counts[slots] += amounts
        self.changed.update((np.unique(slots // CHUNK_SLOTS)).tolist())

    def _tables_of(self, decisions: ModelDecisions) -> _Tables:
        """Positions by what the engine counts, kept for as long as the collectors stay the same."""
        if self._tables.watchers is not decisions.watchers:
            found = map(self.positions.get, [collector.key for collector in decisions.watchers.collectors])
            outcomes = [[counts.get(each, -1) for each in _OF_OUTCOME] if counts else _NO_SLOTS for counts in found]
            emptied = [self._found(*_emptied_count(decisions, i)) for i in range(len(decisions.emptied.nodes))]
            table = np.array(outcomes, np.int64).reshape(-1, len(OUTCOMES))
            self._tables = _Tables(decisions.watchers, table, np.array(emptied, np.int64))
        return self._tables

    def _found(self, collector: str, count: _Count) -> int:
        return self.positions.get(collector, {}).get(count, -1)

    def _position(self, collector: str, count: _Count) -> int:
        """Where a count's slot is; a new one is appended."""
        of_collector = self.positions.setdefault(collector, {})
        position = of_collector.get(count)
        if position is None:
            position = of_collector[count] = len(self.slots)
            self.slots.append(Slot(collector, *count))
            self.changed.add(position // CHUNK_SLOTS)  # names never stand in the changelog without counts
            if position >= len(self.counts):
                self.counts = np.resize(self.counts, max(64, 2 * position))
                self.counts[position:] = 0
        return position


class PartitionCounters:
    """All counters of one (stage, source partition)."""

    def __init__(self, stage: str, partition: int) -> None:
        self.stage = stage
        self.partition = partition
        self.models: dict[str, ModelCounts] = {}

    @property
    def size(self) -> int:
        """How many counts there are."""
        return sum(len(counts.slots) for counts in list(self.models.values()))

    @property
    def nbytes(self) -> int:
        """Memory that the counts take."""
        return sum(counts.counts.nbytes for counts in list(self.models.values()))

    def add(self, decisions: Iterable[ModelDecisions]) -> None:
        """Count one batch."""
        for decided in decisions:
            self.models.setdefault(decided.watchers.model, ModelCounts()).add(decided)

    def count(self, model: str, slot: Slot, amount: int) -> None:
        """Count one decision of the second stage, which also takes back what the first one counted."""
        self.models.setdefault(model, ModelCounts()).count(slot, amount)

    def changes(self, next_offset: int) -> Iterator[Block]:
        """Records for this transaction: every chunk that changed, and the checkpoint."""
        for model, counts in self.models.items():
            yield from counts.blocks(self.stage, self.partition, model)
        yield Block(self.stage, self.partition, next_offset=next_offset)


class Restoration:
    """Puts the records of a changelog together again, in log order, whatever partitions they belong to."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._names: dict[tuple[int, str, int], list[Slot]] = {}
        self._counts: dict[tuple[int, str, int], np.ndarray] = {}
        self.checkpoints: dict[int, int] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """Take one decoded record; later ones replace earlier ones of the same key."""
        if record["stage"] != self._stage:
            return
        key = (record["partition"], record["model"], record["chunk"])
        if not record["model"]:
            self.checkpoints[record["partition"]] = record["next_offset"]
        elif record["names"] is not None:
            self._names[key] = [Slot(**name) for name in record["names"]]
        else:
            self._counts[key] = np.frombuffer(record["counts"], COUNT_TYPE)

    def state(self, partition: int) -> PartitionCounters:
        """The counters of one partition as the changelog has them."""
        restored = PartitionCounters(self._stage, partition)
        for model, slot, count in self.rows(partition):
            restored.models.setdefault(model, ModelCounts()).merge([(slot, count)])
        return restored

    def rows(self, partition: int | None = None) -> Iterator[tuple[str, Slot, int]]:
        """(model, slot, count) of one partition, or of all.

        Raises:
            ValueError: some counts have lost the names of what they count.
        """
        for key in sorted(self._counts):
            if partition is not None and key[0] != partition:
                continue
            if key not in self._names:
                raise ValueError(f"the counts of partition {key[0]}, model {key[1]}, chunk {key[2]} have lost their names")
            for slot, count in zip(self._names[key], self._counts[key].tolist(), strict=False):
                yield key[1], slot, count


def _emptied_count(decisions: ModelDecisions, position: int) -> tuple[str, _Count]:
    """What one of a batch's ``emptied`` counts counts: the collector, and its count."""
    emptied = decisions.emptied
    return decisions.watchers.collectors[emptied.collectors[position]].key, (Outcome.WORKFLOW_EMPTY.value, emptied.nodes[position])
