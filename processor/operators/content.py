"""What an operator looks at: the concepts of many predictions as flat columns.

Rows are positions in whatever set of predictions is being judged; nothing here knows where the concepts came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from processor.operators.measure import Measure

    Keys = NDArray[np.uint64]
    Values = NDArray[np.float32]

NO_KEY = np.uint64(2**64 - 1)
"""The key of a row that has no number; no arc of numbers reaches it."""


MAX_UINT16 = 2**16 - 1


class Vocabulary:
    """Concept ids as small numbers. Grows as new ids are met; a number never changes."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._ids: list[str] = []

    def code(self, concept_id: str) -> int:
        """The number of an id, 0 and up."""
        code = self._codes.setdefault(concept_id, len(self._ids))
        if code == len(self._ids):
            self._ids.append(concept_id)
        return code

    def codes(self, concept_ids: list[str]) -> np.ndarray:
        """The numbers of distinct ids, int64; ten times quicker than one by one."""
        new = [concept_id for concept_id in concept_ids if concept_id not in self._codes]
        self._codes.update(zip(new, range(len(self._ids), len(self._ids) + len(new)), strict=True))
        self._ids += new
        return np.fromiter(map(self._codes.__getitem__, concept_ids), np.int64, len(concept_ids))

    def id_of(self, code: int) -> str:
        """The id of a number."""
        return self._ids[code]


class Elements:
    """Concepts of many rows, ordered by row.

    Attributes:
        size: number of rows.
        values: float32 [elements].
    """

    def __init__(
        self,
        size: int,
        values: np.ndarray,
        rows: Callable[[], np.ndarray],
        codes: Callable[[], np.ndarray],
        owners: Callable[[], np.ndarray] | None = None,
    ) -> None:
        self.size = size
        self.values = values
        self._rows, self._codes, self._owners = rows, codes, owners

    @classmethod
    def nothing(cls, size: int) -> Elements:
        """No concepts in any row."""
        empty = np.zeros(0, np.int64)
        return cls(size, np.zeros(0, np.float32), lambda: empty, lambda: empty)

    @classmethod
    def at(
        cls, offsets: np.ndarray, values: np.ndarray, codes: Callable[[], np.ndarray], owners: Callable[[], np.ndarray] | None = None
    ) -> Elements:
        """Row i owns ``offsets[i]:offsets[i + 1]``; offsets are int64 [rows + 1]."""
        size = len(offsets) - 1
        elements = cls(size, values, lambda: np.repeat(np.arange(size), np.diff(offsets)), codes, owners)
        elements.__dict__["offsets"] = offsets
        return elements

    @cached_property
    def rows(self) -> np.ndarray:
        """The row of each element, int64, ascending."""
        return self._rows()

    @cached_property
    def offsets(self) -> np.ndarray:
        """Int64 [rows + 1]; row i owns ``offsets[i]:offsets[i + 1]``."""
        return np.searchsorted(self.rows, np.arange(self.size + 1))

    @cached_property
    def codes(self) -> np.ndarray:
        """Vocabulary number of each concept, int64; an id-less concept has a negative number of its own."""
        return self._codes()

    @cached_property
    def owners(self) -> np.ndarray:
        """Number of the region that each element stands in, int64; 0 for top-level concepts."""
        return self._owners() if self._owners else np.zeros(len(self.values), np.int64)

    @cached_property
    def _by_code(self) -> tuple[np.ndarray, list[int]]:
        """Positions ordered by code, and where in them each code from 0 on begins."""
        end = int(self.codes.max(initial=-1)) + 1
        codes = np.where(self.codes < 0, end, self.codes)
        # Numpy sorts 16-bit numbers by radix, ten times quicker.
        order = np.argsort(codes.astype(np.uint16) if end < MAX_UINT16 else codes, kind="stable")
        starts = np.zeros(end + 1, np.int64)
        np.cumsum(np.bincount(codes, minlength=end + 1)[:end], out=starts[1:])
        return order, starts.tolist()

    def of_code(self, code: int) -> np.ndarray:
        """Positions of the elements of one concept (0 or more), ascending."""
        order, starts = self._by_code
        return order[starts[code] : starts[code + 1]] if code + 1 < len(starts) else order[:0]

    def pick(self, positions: np.ndarray) -> Elements:
        """The elements at some positions (ascending)."""
        return Elements(
            self.size,
            self.values[positions],
            lambda: self.rows[positions],
            lambda: self.codes[positions],
            (lambda: self.owners[positions]) if self._owners else None,
        )

    def take(self, rows: np.ndarray) -> Elements:
        """The elements of some rows, which become rows 0, 1, … of the result."""
        starts = self.offsets[rows]
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(self.offsets[rows + 1] - starts, out=offsets[1:])
        positions = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], np.diff(offsets))
        owners = (lambda: self.owners[positions]) if self._owners else None
        return Elements.at(offsets, self.values[positions], lambda: self.codes[positions], owners)

    def occupied(self) -> np.ndarray:
        """Bool [rows]: has at least one element."""
        occupied = np.zeros(self.size, bool)
        occupied[self.rows] = True
        return occupied

    def extreme(self, choose: np.ufunc, none: float) -> np.ndarray:
        """The largest (smallest) value of each row, float32; ``none`` where there is none."""
        result = np.full(self.size, none, np.float32)
        occupied = self.offsets[1:] > self.offsets[:-1]
        if len(self.values):
            result[occupied] = choose.reduceat(self.values, self.offsets[:-1][occupied])
        return result

    def largest(self) -> np.ndarray:
        """Bool [elements]: has the largest value of its region (of its row, for top-level concepts), alone or with others."""
        order, firsts = self._groups(self.owners, self.rows)
        if not len(firsts):
            return np.zeros(0, bool)
        tops = np.maximum.reduceat(self.values[order], firsts)
        found = np.empty(len(order), bool)
        found[order] = self.values[order] == np.repeat(tops, np.diff(firsts, append=len(order)))
        return found

    def distinct(self) -> Elements:
        """One element for each (row, region, concept), with the largest value, ordered so whatever the order here."""
        order, firsts = self._groups(self.codes, self.owners, self.rows)
        values = np.maximum.reduceat(self.values[order], firsts) if len(firsts) else self.values
        firsts = order[firsts]
        return Elements(self.size, values, lambda: self.rows[firsts], lambda: self.codes[firsts], lambda: self.owners[firsts])

    def objects(self) -> Elements:
        """One element for each region that has any, whose value and code mean nothing."""
        nothing = np.zeros(len(self.values), np.int64)
        return Elements(self.size, nothing.astype(np.float32), lambda: self.rows, lambda: nothing, lambda: self.owners).distinct()

    def _groups(self, *columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions ordered by columns, the last one first, and where in them each group of equal ones begins."""
        order = np.lexsort(columns)
        new = np.ones(len(order), bool)
        new[1:] = np.logical_or.reduce([column[order[1:]] != column[order[:-1]] for column in columns])
        return order, np.flatnonzero(new)


class Content:
    """What the outputs of many rows hold. Everything is derived when it is first looked at.

    Attributes:
        size: number of rows.
    """

    def __init__(
        self,
        size: int,
        concepts: Callable[[], Elements] | None = None,
        regions: Callable[[], Elements] | None = None,
        objects: Callable[[], Elements] | None = None,
        texts: Callable[[], pa.Array] | None = None,
    ) -> None:
        self.size = size
        self._concepts, self._regions, self._objects, self._texts = concepts, regions, objects, texts
        self._keys: dict[Measure, Keys] = {}
        self._taken: tuple[Content, np.ndarray] | None = None

    @cached_property
    def concepts(self) -> Elements:
        """Top-level concepts."""
        return self._concepts() if self._concepts else Elements.nothing(self.size)

    @cached_property
    def regions(self) -> Elements:
        """Concepts inside regions."""
        return self._regions() if self._regions else Elements.nothing(self.size)

    @cached_property
    def objects(self) -> Elements:
        """One element for each region, those without concepts too; regions of a row that have one id are one."""
        return self._objects() if self._objects else self.regions.objects()

    @cached_property
    def texts(self) -> pa.Array:
        """Texts, Arrow strings [rows] without nulls; empty where there is none."""
        return self._texts() if self._texts else pa.repeat(pa.scalar(""), self.size)

    def keys(self, measure: Measure, vocabulary: Vocabulary) -> Keys:
        """The bits of each row's number, uint64; :data:`NO_KEY` where it has none. One measure is taken once."""
        if measure not in self._keys:
            if self._taken:
                parent, rows = self._taken
                self._keys[measure] = parent.keys(measure, vocabulary)[rows]
            else:
                self._keys[measure] = _bits(measure.of(self, vocabulary))
        return self._keys[measure]

    def take(self, rows: np.ndarray) -> Content:
        """The content of some rows, which become rows 0, 1, … of the result."""
        taken = Content(
            len(rows),
            lambda: self.concepts.take(rows),
            lambda: self.regions.take(rows),
            lambda: self.objects.take(rows),
            lambda: self.texts.take(pa.array(rows)),
        )
        taken._taken = (self, rows)
        return taken


@dataclass(frozen=True, slots=True)
class Output:
    """What a node gave.

    Attributes:
        present: bool [rows]; False: the node is empty there, and whatever ``content`` has for the row is to be ignored.
        content: what there is.
    """

    present: np.ndarray
    content: Content


def _bits(values: Values) -> Keys:
    values = values + np.float32(0)  # no negative zero, whose bits are above all others
    keys = values.view(np.uint32).astype(np.uint64)
    keys[~np.isfinite(values)] = NO_KEY
    return keys
