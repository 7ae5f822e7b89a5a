"""What ``concept-threshold`` and ``region-threshold`` share: which concepts are compared with what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from processor.operators.base import Reducing
from processor.operators.comparison import Comparison
from processor.operators.concept_limits import ConceptLimits

if TYPE_CHECKING:
    from processor.operators.base import GraphOf
    from processor.operators.output_info import OutputInfo


@dataclass(frozen=True, slots=True)
class Threshold(Reducing):
    """Keeps concepts by their own value."""

    params: ClassVar[frozenset[str]] = frozenset({"value", "concept_threshold_type"})
    takes_concepts: ClassVar[bool] = True

    limits: ConceptLimits

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
        return cls(ConceptLimits(comparison, limits, value or 0.0))
