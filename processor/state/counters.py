"""Counters of one source partition: what became of every prediction, by collector.

A *slot* is one count: (collector, outcome, node). Slots of a model are only ever appended, so a model's counts are one
integer array, and adding a batch is one vector addition. The changelog holds a model in chunks of CHUNK_SLOTS slots, each as
two records: the names, written when a slot is new, and the counts, written when one changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from processor.engine.reasons import OUTCOMES, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from processor.engine.collector import Watchers
    from processor.engine.decide import ModelDecisions

CHUNK_SLOTS = 4096
COUNT_TYPE = np.dtype("<i8")
NO_SLOT = -1


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
        named = self.names
        names = None if named is None else [{"collector": name, "outcome": outcome, "node": node} for name, outcome, node in named]
        return {
            "stage": self.stage, "partition": self.partition, "model": self.model, "chunk": self.chunk,
            "names": names, "counts": self.counts, "next_offset": self.next_offset,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Tables:
    """Where the engine's counts belong, for one set of collectors.

    Attributes:
        watchers: the collectors.
        rows: int64 [collectors], of ``ModelCounts._outcomes``.
        passed: int64 [collectors], the outcome of what each takes.
        emptied: int64, the slots of ``workflow_empty`` by node, as the engine has them; -1 where there is none yet.
    """

    watchers: Watchers
    rows: np.ndarray
    passed: np.ndarray
    emptied: np.ndarray


@dataclass(slots=True)
class _Sum:
    """Counts of several batches of the same collectors, as ``of`` lays them out."""

    of: ModelDecisions
    counts: np.ndarray
    emptied: np.ndarray


_WORKFLOW_EMPTY = Outcome.WORKFLOW_EMPTY.value
_NAMES = tuple(outcome.value for outcome in OUTCOMES)
_COLUMNS = {name: column for column, name in enumerate(_NAMES)}
_PASSED = {second_stage: OUTCOMES.index(Outcome.QUEUED if second_stage else Outcome.COLLECTED) for second_stage in (False, True)}
# A named tuple's own constructor takes twice as long as to fill it, and with many collectors a first batch makes tens of thousands.
_slot = partial(tuple.__new__, Slot)


@dataclass(slots=True)
class ModelCounts:
    """The counts of one model's collectors.

    Attributes:
        slots: what each count counts.
        counts: int64, by slot; there may be room for more.
        new_from: slots from here on have not been written yet.
        changed: chunks whose counts have not been written yet.
        _rows: of `_outcomes`, by collector.
        _outcomes: int32 [collectors, outcomes], the slot of each count without a node; -1: none.
        _others: all other slots.
    """

    slots: list[Slot] = field(default_factory=list)
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, COUNT_TYPE))
    new_from: int = 0
    changed: set[int] = field(default_factory=set)
    _rows: dict[str, int] = field(default_factory=dict)
    _outcomes: np.ndarray = field(default_factory=lambda: np.full((0, len(OUTCOMES)), NO_SLOT, np.int32))
    _others: dict[Slot, int] = field(default_factory=dict)
    _tables: _Tables | None = None
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
        slots = self._outcomes[tables.rows[collectors], outcomes]
        if (slots < 0).any():
            self._make(tables, collectors[slots < 0], outcomes[slots < 0])
            slots = self._outcomes[tables.rows[collectors], outcomes]
        self._bump(slots, counts.counts[collectors, outcomes])
        self._add_emptied(tables.emptied, decisions, counts.emptied)

    def _make(self, tables: _Tables, collectors: np.ndarray, outcomes: np.ndarray) -> None:
        """Give each (collector, outcome) its slot, and each of the collectors one for what it takes.

        A chunk's names are written again for each new one: what a rare collector takes some day gets its slot with the first count.
        """
        wanted = np.unique(np.concatenate([collectors, collectors]) * len(OUTCOMES) + np.concatenate([outcomes, tables.passed[collectors]]))
        collectors, outcomes = np.divmod(wanted, len(OUTCOMES))
        without = self._outcomes[tables.rows[collectors], outcomes] < 0
        collectors, outcomes = collectors[without], outcomes[without]
        keys = [tables.watchers.collectors[position].key for position in collectors.tolist()]
        named = map(_NAMES.__getitem__, outcomes.tolist())
        self._outcomes[tables.rows[collectors], outcomes] = self._appended([_slot(each) for each in zip(keys, named, repeat(""))])

    def count(self, slot: Slot, amount: int) -> None:
        """Count by hand."""
        self._settle()
        position = self._position(slot)
        self.counts[position] += amount
        self.changed.add(position // CHUNK_SLOTS)

    def merge(self, slots: Iterable[tuple[Slot, int]]) -> None:
        """Take over counts that were restored."""
        for slot, count in slots:
            position = self._position(slot)  # which may make room in new counts
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
        new = counted[table[counted] < 0]
        if len(new):
            slots = list(_emptied_slots(decisions, new))
            missing = [slot for slot in dict.fromkeys(slots) if slot not in self._others]
            self._others.update(zip(missing, self._appended(missing).tolist(), strict=True))
            table[new] = list(map(self._others.__getitem__, slots))
        self._bump(table[counted], emptied[counted])

    def _bump(self, slots: np.ndarray, amounts: np.ndarray) -> None:
        np.add.at(self.counts, slots, amounts)  # a slot may be there twice
        self.changed.update((np.unique(slots // CHUNK_SLOTS)).tolist())

    def _tables_of(self, decisions: ModelDecisions) -> _Tables:
        """Kept for as long as the collectors stay the same."""
        if self._tables is None or self._tables.watchers is not decisions.watchers:
            collectors = decisions.watchers.collectors
            rows = self._rows_of([collector.key for collector in collectors])
            passed = np.array([_PASSED[collector.second_stage] for collector in collectors], np.int64)
            found = (self._others.get(slot, NO_SLOT) for slot in _emptied_slots(decisions, np.arange(len(decisions.emptied.nodes))))
            self._tables = _Tables(decisions.watchers, rows, passed, np.fromiter(found, np.int64, len(decisions.emptied.nodes)))
        return self._tables

    def _rows_of(self, collectors: Sequence[str]) -> np.ndarray:
        """Rows of ``_outcomes``; who has none gets one."""
        known, outcomes = self._rows, self._outcomes
        rows = [known.setdefault(collector, len(known)) for collector in collectors]
        if len(known) > len(outcomes):
            self._outcomes = np.full((max(len(known), 2 * len(outcomes)), len(OUTCOMES)), NO_SLOT, np.int32)
            self._outcomes[: len(outcomes)] = outcomes
        return np.array(rows, np.int64)

    def _position(self, slot: Slot) -> int:
        """Where a slot is; a new one is appended."""
        if slot.node or slot.outcome not in _COLUMNS:
            if slot not in self._others:
                self._others[slot] = int(self._appended([slot])[0])
            return self._others[slot]
        row = self._rows.get(slot.collector)
        place = self._rows_of([slot.collector])[0] if row is None else row, _COLUMNS[slot.outcome]
        if self._outcomes[place] < 0:
            self._outcomes[place] = self._appended([slot])[0]
        return int(self._outcomes[place])

    def _appended(self, slots: Sequence[Slot]) -> np.ndarray:
        """The positions of new slots, int64."""
        first = len(self.slots)
        self.slots += slots
        # Names never stand in the changelog without counts.
        self.changed.update(range(first // CHUNK_SLOTS, (len(self.slots) - 1) // CHUNK_SLOTS + 1) if slots else ())
        if len(self.slots) > (old := len(self.counts)):
            self.counts = np.resize(self.counts, max(64, 2 * len(self.slots)))
            self.counts[old:] = 0
        return np.arange(first, len(self.slots))


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


def _emptied_slots(decisions: ModelDecisions, positions: np.ndarray) -> Iterator[Slot]:
    """What some of a batch's ``emptied`` counts count."""
    emptied, collectors = decisions.emptied, decisions.watchers.collectors
    for position, collector in zip(positions.tolist(), emptied.collectors[positions].tolist(), strict=True):
        yield _slot((collectors[collector].key, _WORKFLOW_EMPTY, emptied.nodes[position]))
