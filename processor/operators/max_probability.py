"""``max-probability``: predictions by their largest value."""

from __future__ import annotations

from typing import ClassVar

from processor.operators.comparison import Comparison
from processor.operators.probability import Extreme, Probability


class MaxProbability(Probability):
    """Compares the largest value of all top-level and region concepts."""

    __slots__ = ()
    model_type_id: ClassVar[str] = "max-probability"
    doc: ClassVar[str] = "Keeps the whole output when the largest concept value compares so with the threshold (by default: is below it)."
    extreme: ClassVar[Extreme] = Extreme.LARGEST
    default: ClassVar[Comparison] = Comparison.LESS_THAN
