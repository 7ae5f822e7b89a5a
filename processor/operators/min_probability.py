"""``min-probability``: predictions by their smallest value."""

from __future__ import annotations

from typing import ClassVar

from processor.operators.comparison import Comparison
from processor.operators.probability import Extreme, Probability


class MinProbability(Probability):
    """Compares the smallest value of all top-level and region concepts."""

    __slots__ = ()
    model_type_id: ClassVar[str] = "min-probability"
    doc: ClassVar[str] = "Keeps the whole output when the smallest concept value compares so with the threshold (by default: is above it)."
    extreme: ClassVar[Extreme] = Extreme.SMALLEST
    default: ClassVar[Comparison] = Comparison.GREATER_THAN
