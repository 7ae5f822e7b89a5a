"""An arc: the one shape of every predicate that the index can look up.

Keys are unsigned 64-bit numbers on a ring. A sampler keeps the keys (hashes) of an arc as long as its fraction; a comparison
keeps those of an arc of values, because the bits of non-negative floats are in the order of the floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from processor.operators.measure import Measure

RING = 2**64


class Column(NamedTuple):
    """Which keys an arc is about: ``hash`` (of a group), ``measure`` (of a prediction) or, inside the engine, ``mask`` (of a sub-plan)."""

    kind: str
    number: int = 0
    measure: Measure | None = None


class Arc(NamedTuple):
    """Keys from ``start`` on, ``length`` of them, around the ring. The whole ring is no arc: what keeps everything needs none."""

    column: Column
    start: int
    length: int

    def holds(self, keys: np.ndarray) -> np.ndarray:
        """Bool: which keys (uint64) the arc has; the subtraction wraps around."""
        return (keys - np.uint64(self.start)) < np.uint64(self.length)
