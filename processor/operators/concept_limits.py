"""Concepts by their own values: which are compared, and with what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from processor.operators.comparison import Comparison

if TYPE_CHECKING:
    from processor.operators.content import Elements, Vocabulary
    from processor.operators.output_info import OutputInfo


@dataclass(frozen=True)
class ConceptLimits:
    """Thresholds of concepts.

    Attributes:
        comparison: how a value must compare.
        listed: (concept id, threshold), the concepts that are compared; others are dropped.
        value: the threshold of every concept, where ``listed`` is empty.
    """

    comparison: Comparison
    listed: tuple[tuple[str, float], ...] = ()
    value: float = 0.0

    def kept(self, elements: Elements, vocabulary: Vocabulary) -> Elements:
        """The elements that compare so."""
        if not self.listed:
            return elements.pick(np.flatnonzero(self.comparison.holds(elements.values, self.value)))
        found = [self._kept_of(elements, vocabulary.code(concept_id), limit) for concept_id, limit in self.listed]
        return elements.pick(found[0] if len(found) == 1 else np.sort(np.concatenate(found)))

    def _kept_of(self, elements: Elements, code: int, limit: float) -> np.ndarray:
        positions = elements.of_code(code)
        kept: np.ndarray = positions[self.comparison.holds(elements.values[positions], limit)]
        return kept

    @cached_property
    def _hash(self) -> int:
        return hash((self.comparison, self.listed, self.value))

    def __hash__(self) -> int:
        return self._hash


def at_least(info: OutputInfo) -> ConceptLimits:
    """``data.concepts`` and the value that each must at least have: its own, else ``params.minimum_value``, else 0."""
    minimum = info.fraction("minimum_value") if "minimum_value" in info.params else 0.0
    listed = tuple((concept_id, minimum if value is None else value) for concept_id, value in info.concepts().items())
    return ConceptLimits(Comparison.GREATER_THAN_OR_EQUAL, listed, minimum)
