"""The five comparisons of a value with a threshold, both rounded to 32-bit floats first."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

import numpy as np

from processor.operators.arc import Arc, Column

VALUES_END = 2**32
"""Past the bits of every 32-bit float."""


class Comparison(StrEnum):
    """``concept_threshold_type``: how a value must compare to be kept. Documents may also give the contract's numbers 1 to 5."""

    GREATER_THAN = "GREATER_THAN"
    GREATER_THAN_OR_EQUAL = "GREATER_THAN_OR_EQUAL"
    LESS_THAN = "LESS_THAN"
    LESS_THAN_OR_EQUAL = "LESS_THAN_OR_EQUAL"
    EQUAL = "EQUAL"

    @lru_cache(maxsize=4096)  # collectors by the thousand share a few thresholds
    def arc(self, column: Column, threshold: float) -> Arc:
        """The keys of the values (0 or more) that compare so."""
        bits = int(float32(threshold).view(np.uint32))
        start, end = {
            Comparison.GREATER_THAN: (bits + 1, VALUES_END),
            Comparison.GREATER_THAN_OR_EQUAL: (bits, VALUES_END),
            Comparison.LESS_THAN: (0, bits),
            Comparison.LESS_THAN_OR_EQUAL: (0, bits + 1),
            Comparison.EQUAL: (bits, bits + 1),
        }[self]
        return Arc(column, start, end - start)

    def holds(self, values: np.ndarray, threshold: float) -> np.ndarray:
        """Bool: which float32 values compare so."""
        compare = {
            Comparison.GREATER_THAN: np.greater,
            Comparison.GREATER_THAN_OR_EQUAL: np.greater_equal,
            Comparison.LESS_THAN: np.less,
            Comparison.LESS_THAN_OR_EQUAL: np.less_equal,
            Comparison.EQUAL: np.equal,
        }[self]
        kept: np.ndarray = compare(values, float32(threshold))
        return kept


COMPARISONS: tuple[Comparison, ...] = tuple(Comparison)


def float32(value: float) -> np.float32:
    """A number as it travels, with no negative zero."""
    return np.float32(value) + np.float32(0)
