"""``min-probability``: predictions by their smallest value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from processor.operators.arc import Column
from processor.operators.comparison import Comparison
from processor.operators.probability import Extreme


@dataclass(frozen=True, slots=True)
class MinProbability(Extreme):
    """Compares the smallest value of all top-level and region concepts."""

    model_type_id: ClassVar[str] = "min-probability"
    doc: ClassVar[str] = "Keeps the whole output when the smallest concept value compares so with the threshold (by default: is above it)."
    column: ClassVar[Column] = Column("min")
    default: ClassVar[Comparison] = Comparison.GREATER_THAN
