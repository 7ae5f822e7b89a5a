"""What ``concept-threshold`` and ``region-threshold`` share: which concepts are compared with what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from processor.operators.comparison import Comparison

if TYPE_CHECKING:
    from processor.operators.base import GraphOf
    from processor.operators.content import Elements, Vocabulary
    from processor.operators.output_info import OutputInfo


@dataclass(frozen=True)
class Threshold:
    """Keeps concepts by their own value.

    Attributes:
        comparison: how a value must compare.
        limits: (concept id, threshold), the concepts that are compared; others are dropped.
        value: the threshold of every concept, where ``limits`` is empty.
    """

    gives: ClassVar[frozenset[str]]
    takes: ClassVar[frozenset[str]]
    passes_through: ClassVar[bool] = False
    params: ClassVar[frozenset[str]] = frozenset({"value", "concept_threshold_type"})
    takes_concepts: ClassVar[bool] = True

    comparison: Comparison
    limits: tuple[tuple[str, float], ...] = ()
    value: float = 0.0

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:  # noqa: ARG003 - the operators' common signature
        """Read ``data.concepts`` and the params; a listed concept without a value takes ``params.value``."""
        comparison, listed = info.comparison(Comparison.GREATER_THAN), info.concepts()
        value = info.fraction("value") if "value" in info.params else None
        if value is None and not listed:
            info.problem("data.concepts", "list concepts here, or give params.value, which every concept is then compared with")
        for position, (concept_id, limit) in enumerate(listed.items()):
            if value is None and limit is None:
                info.problem(f"data.concepts[{position}].value", f"{concept_id!r} has no threshold, neither here nor in params.value")
        limits = tuple((concept_id, (value or 0.0) if limit is None else limit) for concept_id, limit in listed.items())
        return cls(comparison, limits, value or 0.0)

    def arc(self) -> None:
        """No arc: concepts are kept one by one."""

    def kept(self, elements: Elements, vocabulary: Vocabulary) -> Elements:
        """The elements that compare so."""
        if not self.limits:
            return elements.pick(np.flatnonzero(self.comparison.holds(elements.values, self.value)))
        found = [self._kept_of(elements, vocabulary.code(concept_id), limit) for concept_id, limit in self.limits]
        return elements.pick(found[0] if len(found) == 1 else np.sort(np.concatenate(found)))

    def _kept_of(self, elements: Elements, code: int, limit: float) -> np.ndarray:
        positions = elements.of_code(code)
        kept: np.ndarray = positions[self.comparison.holds(elements.values[positions], limit)]
        return kept

    @cached_property
    def _hash(self) -> int:
        return hash((type(self), self.comparison, self.limits, self.value))

    def __hash__(self) -> int:
        return self._hash
