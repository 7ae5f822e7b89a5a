"""What a number is compared with: a threshold, or a band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from processor.operators.arc import Arc
from processor.operators.comparison import Comparison, float32

if TYPE_CHECKING:
    from collections.abc import Callable

    from processor.operators.arc import Column
    from processor.operators.output_info import OutputInfo

BOUNDS_PARAMS = frozenset({"value", "concept_threshold_type", "min", "max"})


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold and how a number must compare with it."""

    comparison: Comparison
    value: float

    def arc(self, column: Column) -> Arc:
        """The numbers that compare so."""
        return self.comparison.arc(column, self.value)


@dataclass(frozen=True, slots=True)
class Band:
    """From ``low`` to ``high``, both included, both rounded to 32-bit floats."""

    low: float
    high: float

    def arc(self, column: Column) -> Arc:
        """The numbers in the band."""
        start, last = (int(float32(end).view(np.uint32)) for end in (self.low, self.high))
        return Arc(column, start, last + 1 - start)


Bounds = Limit | Band


def read_bounds(info: OutputInfo, default: Comparison, number: Callable[[str], float], top: float) -> Bounds:
    """``value`` with ``concept_threshold_type``, or ``min`` and ``max`` of which one may be left out.

    Args:
        info: the parameters; problems are noted there.
        default: the comparison where none is given.
        number: reads one of them.
        top: ``max`` where only ``min`` is given.
    """
    if not info.params.keys() & {"min", "max"}:
        return Limit(info.comparison(default), number("value"))
    for name in sorted(info.params.keys() & {"value", "concept_threshold_type"}):
        info.problem(f"params.{name}", "a threshold and a band (min, max) do not go together: leave one of them out")
    low = number("min") if "min" in info.params else 0.0
    high = number("max") if "max" in info.params else top
    if float32(low) > float32(high):
        info.problem("params.max", f"{high} is below params.min, {low}: nothing could pass")
    return Band(low, high)
