"""The predicate index: many chains judged together, at the cost of what they keep.

Every step of a chain is an arc of some column's keys (:mod:`processor.operators.arc`). One step *drives* a chain: the rows that it
keeps are found for all chains at once, as a span of the sorted column, and only they become (chain, row) pairs, on which the steps
after it are checked. The steps before it are only counted, so they must count by themselves: the first step always does, and a
later one is taken as the mask of the whole path up to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from processor.engine.reach import Reach
from processor.operators.arc import Arc, Column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from processor.engine.columns import Columns

EVERYTHING = Arc(Column("all"), 0, 1)
MAX_PAIRS = 2_000_000
"""Pairs that are held at once."""


class Step(NamedTuple):
    """One operator on a path.

    Attributes:
        arc: what it keeps; None: everything.
        mask: for a filter, the mask of the filters of the path up to and with it; None for a sampler.
        slot: where rows that it emptied are counted; negative for a sampler.
    """

    arc: Arc | None
    mask: Arc | None
    slot: int


@dataclass(frozen=True, slots=True)
class Chain:
    """One collector's path.

    Attributes:
        collector: its position.
        steps: those that can drop something.
        share: the product of the samplers' fractions.
        column: numbers a column.
    """

    collector: int
    steps: tuple[Step, ...]
    share: float
    column: Callable[[Column], int]

    def driver(self) -> int:
        """The step whose rows are looked up: the first sampler, or the second if that is narrower, or the last filter."""
        samplers = [i for i, step in enumerate(self.steps) if step.mask is None]
        if not samplers:
            return max(len(self.steps) - 1, 0)
        if samplers[:2] == [0, 1] and _length(self.steps[1]) < _length(self.steps[0]):
            return 1
        return samplers[0]

    def arcs(self) -> list[Arc]:
        """One arc a step; of the steps up to the driver all but the first hold for the whole path before them."""
        driver = self.driver()
        return [(step.mask if 0 < i <= driver and step.mask else step.arc) or EVERYTHING for i, step in enumerate(self.steps)] or [
            EVERYTHING
        ]


@dataclass(frozen=True, slots=True)
class Arcs:
    """One step of many chains.

    Attributes:
        columns: numbers of columns, int64 [chains].
        starts: uint64 [chains].
        lengths: uint64 [chains].
    """

    columns: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    _reach: dict[int, Reach] = field(default_factory=dict)

    def __getitem__(self, chains: np.ndarray | slice) -> Arcs:
        return Arcs(self.columns[chains], self.starts[chains], self.lengths[chains])

    def reach(self, column: int, chains: slice) -> Reach:
        """What a column's arcs reach, which are these; worked out when it is first asked for."""
        if column not in self._reach:
            self._reach[column] = Reach.of(self.starts[chains], self.lengths[chains])
        return self._reach[column]

    def segments(self) -> Iterator[tuple[int, int, int]]:
        """(column, from, to) of each run of chains with the same column."""
        edges = [0, *(np.flatnonzero(np.diff(self.columns)) + 1).tolist(), len(self.columns)]
        for start, end in pairwise(edges):
            if end > start:
                yield int(self.columns[start]), start, end


@dataclass(frozen=True, slots=True)
class Bucket:
    """Chains of one shape, ordered by their driver's column and start.

    Attributes:
        collectors: positions, int64 [chains].
        shares: float64 [chains].
        driver: which step is looked up.
        steps: the arcs of each step.
        distinct: for each step before the driver: its distinct arcs, ordered by column, and the place of each chain's arc among them.
        slots: for each step: int64 [chains], or None for samplers.
    """

    collectors: np.ndarray
    shares: np.ndarray
    driver: int
    steps: tuple[Arcs, ...]
    distinct: tuple[tuple[Arcs, np.ndarray], ...]
    slots: tuple[np.ndarray | None, ...]


class Pairs(NamedTuple):
    """What was kept: positions of chains in their bucket, and rows of the frame."""

    chains: np.ndarray
    rows: np.ndarray

    def only(self, kept: np.ndarray) -> Pairs:
        """The pairs of a mask."""
        return Pairs(self.chains[kept], self.rows[kept])


class Judged(NamedTuple):
    """A bucket on a frame: what each step dropped (int64 [chains] each) and what was kept."""

    lost: list[np.ndarray]
    kept: Pairs


def buckets(chains: Sequence[Chain]) -> tuple[Bucket, ...]:
    """Chains by shape."""
    shapes: dict[tuple[int, tuple[bool, ...]], list[Chain]] = {}
    for chain in chains:
        shapes.setdefault((chain.driver(), tuple(step.slot < 0 for step in chain.steps)), []).append(chain)
    return tuple(_bucket(driver, members) for (driver, _), members in shapes.items())


def judge(bucket: Bucket, columns: Columns) -> Judged:
    """Which rows each chain of a bucket keeps, and how many each of its steps dropped."""
    size = len(bucket.collectors)
    before = [_count(distinct, columns)[place] for distinct, place in bucket.distinct]
    after = np.zeros((len(bucket.steps) - bucket.driver, size), np.int64)
    kept = []
    for pairs in columns.pairs(bucket.steps[bucket.driver], MAX_PAIRS):
        left = _check(pairs, bucket.steps[bucket.driver - 1], columns) if bucket.driver else pairs
        after[0] += np.bincount(left.chains, minlength=size)
        for i, step in enumerate(bucket.steps[bucket.driver + 1 :]):
            left = _check(left, step, columns)
            after[i + 1] += np.bincount(left.chains, minlength=size)
        kept.append(left)
    passed = [np.full(size, columns.size), *before, *after]
    return Judged([earlier - later for earlier, later in pairwise(passed)], _joined(kept))


def _bucket(driver: int, chains: list[Chain]) -> Bucket:
    steps = [_arcs(step, chains) for step in zip(*(chain.arcs() for chain in chains), strict=True)]
    order = np.lexsort((steps[driver].starts, steps[driver].columns))
    ordered = [chains[i] for i in order.tolist()]
    arcs = tuple(step[order] for step in steps)
    count = len(chains[0].steps)
    slots = [None if chains[0].steps[i].slot < 0 else np.array([chain.steps[i].slot for chain in ordered]) for i in range(count)]
    return Bucket(
        np.array([chain.collector for chain in ordered]),
        np.array([chain.share for chain in ordered]),
        driver,
        arcs,
        tuple(_distinct(step) for step in arcs[:driver]),
        tuple(slots) or (None,),
    )


def _arcs(arcs: Iterable[Arc], chains: list[Chain]) -> Arcs:
    columns, starts, lengths = zip(*arcs, strict=True)
    number = chains[0].column
    return Arcs(np.array([number(column) for column in columns]), np.array(starts, np.uint64), np.array(lengths, np.uint64))


def _distinct(arcs: Arcs) -> tuple[Arcs, np.ndarray]:
    stacked = np.stack([arcs.columns.astype(np.uint64), arcs.starts, arcs.lengths])
    distinct, place = np.unique(stacked, axis=1, return_inverse=True)
    return Arcs(distinct[0].astype(np.int64), distinct[1], distinct[2]), place


def _count(arcs: Arcs, columns: Columns) -> np.ndarray:
    return np.concatenate([columns.count(column, arcs[slice(start, end)]) for column, start, end in arcs.segments()])


def _check(pairs: Pairs, step: Arcs, columns: Columns) -> Pairs:
    keys = columns.at(step.columns[pairs.chains], pairs.rows)
    return pairs.only((keys - step.starts[pairs.chains]) < step.lengths[pairs.chains])


def _joined(parts: list[Pairs]) -> Pairs:
    if len(parts) == 1:
        return parts[0]
    empty = [np.zeros(0, np.int64)]
    return Pairs(np.concatenate([part.chains for part in parts] or empty), np.concatenate([part.rows for part in parts] or empty))


def _length(step: Step) -> int:
    return step.arc.length if step.arc else 2**64
