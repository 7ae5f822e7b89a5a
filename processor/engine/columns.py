"""The keys that arcs are about, on one frame: each column is derived, sorted and stacked at most once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from processor.engine.chains import Arcs, Pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.engine.evaluate import Evaluation
    from processor.operators.arc import Column
    from processor.operators.content import Keys

DENSE_CELLS = 250_000
"""Up to this many (arc, row) cells comparing each is quicker than sorting the column."""


class Columns:
    """Columns of one frame by number.

    Attributes:
        size: rows of the frame.
    """

    def __init__(self, evaluation: Evaluation, names: tuple[Column, ...]) -> None:
        self.size = evaluation.frame.size
        self._evaluation = evaluation
        self._names = names
        self._keys: dict[int, Keys] = {}
        self._sorted: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def keys(self, number: int) -> Keys:
        """Uint64 [rows]."""
        if number not in self._keys:
            self._keys[number] = self._derive(self._names[number])
        return self._keys[number]

    def at(self, numbers: np.ndarray, rows: np.ndarray) -> Keys:
        """The key of each (column, row)."""
        if not len(numbers):
            return np.zeros(0, np.uint64)
        used = np.flatnonzero(np.bincount(numbers))
        if len(used) == 1:
            column: Keys = self.keys(int(used[0]))[rows]
            return column
        place = np.zeros(used[-1] + 1, np.int64)
        place[used] = np.arange(len(used))
        keys: Keys = np.stack([self.keys(number) for number in used.tolist()])[place[numbers], rows]
        return keys

    def count(self, number: int, arcs: Arcs) -> np.ndarray:
        """How many rows each of some arcs of one column keeps, int64 [arcs]."""
        if len(arcs.starts) * self.size <= DENSE_CELLS:
            counts: np.ndarray = np.count_nonzero(self._cells(number, arcs), axis=1)
            return counts
        return _spans(self._ordered(number)[1], arcs)[1]

    def pairs(self, arcs: Arcs, limit: int) -> Iterator[Pairs]:
        """All (arc, row) that hold, in portions of about ``limit``; arcs are ordered by column."""
        if len(arcs.starts) * self.size <= DENSE_CELLS:
            yield self._dense_pairs(arcs)
            return
        for number, start, end in arcs.segments():
            order, keys = self._near(number, arcs, slice(start, end))
            starts, counts = _spans(keys, arcs[slice(start, end)])
            portion = np.cumsum(counts) // limit
            for part in np.split(np.arange(end - start), np.flatnonzero(np.diff(portion)) + 1):
                yield _expand(order, starts[part], counts[part], start + part)

    def _derive(self, column: Column) -> Keys:
        frame = self._evaluation.frame
        if column.kind == "hash":
            return frame.draws(column.number)
        if column.measure is not None:
            return frame.output.content.keys(column.measure, frame.vocabulary)
        if column.kind == "mask":
            return self._evaluation.result(column.number).output.present.astype(np.uint64)
        return np.zeros(self.size, np.uint64)

    def _ordered(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        if number not in self._sorted:
            self._sorted[number] = _sorted(self.keys(number))
        return self._sorted[number]

    def _near(self, number: int, arcs: Arcs, chains: slice) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a column that some of its arcs may hold, ordered by their keys, and these."""
        keys = self.keys(number)
        rows = arcs.reach(number, chains).near(keys) if self._names[number].kind == "hash" else None
        if rows is None:
            return self._ordered(number)
        order, ordered = _sorted(keys[rows])
        return rows[order], ordered

    def _cells(self, number: int, arcs: Arcs) -> np.ndarray:
        cells: np.ndarray = (self.keys(number) - arcs.starts[:, None]) < arcs.lengths[:, None]
        return cells

    def _dense_pairs(self, arcs: Arcs) -> Pairs:
        cells = np.concatenate([self._cells(number, arcs[slice(start, end)]) for number, start, end in arcs.segments()])
        chains, rows = np.divmod(np.flatnonzero(cells), self.size)
        return Pairs(chains, rows)


def _spans(keys: Keys, arcs: Arcs) -> tuple[np.ndarray, np.ndarray]:
    """Where each arc begins among sorted keys, and how many of them it has; an arc may run over the end to the beginning."""
    ends = arcs.starts + arcs.lengths
    starts, counts = keys.searchsorted(arcs.starts), keys.searchsorted(ends)
    counts -= starts
    counts[ends < arcs.starts] += len(keys)
    return starts, counts


def _expand(order: np.ndarray, starts: np.ndarray, counts: np.ndarray, chains: np.ndarray) -> Pairs:
    """The (arc, row) pairs of some spans; ``chains`` has the arcs' numbers."""
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    places = np.repeat(starts, counts) + within
    places[places >= len(order)] -= len(order)
    return Pairs(np.repeat(chains, counts), order[places])


def _sorted(keys: Keys) -> tuple[np.ndarray, Keys]:
    """Positions of keys in ascending order, int64, and the keys so.

    Numbers are sorted twice as quickly as positions are, so each key's position is put behind it: small keys, as numbers' are, make room
    for it; a hash gives its last bits away. Two hashes that are equal but for these may come out the wrong way around, which is seen.
    """
    if not len(keys):
        return np.zeros(0, np.int64), keys
    bits = np.uint64((len(keys) - 1).bit_length())
    behind = (np.uint64(1) << bits) - np.uint64(1)
    has_room = int(keys.max()) < 2 ** (64 - int(bits))
    packed = (keys << bits if has_room else keys & ~behind) | np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    order = (packed & behind).astype(np.int64)
    ordered = keys[order]
    if not has_room and (ordered[1:] < ordered[:-1]).any():
        order = np.argsort(keys)
        ordered = keys[order]
    return order, ordered
