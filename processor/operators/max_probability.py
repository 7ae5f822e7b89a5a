"""``max-probability``: predictions by their largest value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from processor.operators.arc import Column
from processor.operators.comparison import Comparison
from processor.operators.probability import Extreme


@dataclass(frozen=True, slots=True)
class MaxProbability(Extreme):
    """Compares the largest value of all top-level and region concepts."""

    model_type_id: ClassVar[str] = "max-probability"
    doc: ClassVar[str] = "Keeps the whole output when the largest concept value compares so with the threshold (by default: is below it)."
    column: ClassVar[Column] = Column("max")
    default: ClassVar[Comparison] = Comparison.LESS_THAN
