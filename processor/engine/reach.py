"""Which part of the ring some arcs reach: rows whose keys lie elsewhere are kept by none of them, and need not be sorted.

The ring is cut into `CELLS_AN_ARC` cells for each arc, and a cell that an arc touches is reached: a grid over intervals,
as spatial indexes have it. Small samples of many collectors reach little of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

if TYPE_CHECKING:
    from processor.operators.content import Keys

CELLS_AN_ARC = 32
CELL_BITS_MAX = 16
RING_BITS = 64
WORTH_IT = 0.5
"""Where more of the ring is reached than this, sorting all rows is quicker than leaving some out."""


class Reach(NamedTuple):
    """What arcs of one column reach.

    Attributes:
        shift: how far a key is moved down to give its cell.
        touched: bool [cells]; None where leaving rows out does not pay.
    """

    shift: np.uint64
    touched: np.ndarray | None

    @classmethod
    def of(cls, starts: np.ndarray, lengths: np.ndarray) -> Self:
        """The reach of some arcs, uint64 [arcs] each."""
        bits = min(CELL_BITS_MAX, (CELLS_AN_ARC * len(starts)).bit_length())
        shift, cells = np.uint64(RING_BITS - bits), 1 << bits
        starts, lengths = starts[lengths > 0], lengths[lengths > 0]
        first, last = (starts >> shift).astype(np.int64), ((starts + (lengths - np.uint64(1))) >> shift).astype(np.int64)
        # One that runs over the ring's end, or around nearly all of it, is counted from 0 on as well.
        around = (last < first) | ((lengths >> shift) >= np.uint64(cells - 1))
        edges = np.bincount(first, minlength=cells + 1) - np.bincount(last + 1, minlength=cells + 1)
        edges[0] += np.count_nonzero(around)
        touched = np.cumsum(edges[:-1]) > 0
        return cls(shift, touched if np.count_nonzero(touched) <= WORTH_IT * cells else None)

    def near(self, keys: Keys) -> np.ndarray | None:
        """Positions of the keys that an arc may hold, int64, ascending; None: any of them."""
        if self.touched is None:
            return None
        return np.flatnonzero(self.touched.take((keys >> self.shift).view(np.int64)))
