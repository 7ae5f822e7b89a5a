"""What ``max-probability`` and ``min-probability`` share: one extreme value of a prediction against a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from processor.operators.content import Output

if TYPE_CHECKING:
    from processor.operators.arc import Arc, Column
    from processor.operators.base import GraphOf, Rows
    from processor.operators.comparison import Comparison
    from processor.operators.output_info import OutputInfo


@dataclass(frozen=True, slots=True)
class Extreme:
    """Keeps the whole output when its largest (smallest) value compares so; a prediction without any value is not kept."""

    takes: ClassVar[frozenset[str]] = frozenset({"concepts", "regions"})
    gives: ClassVar[frozenset[str]] = frozenset()
    passes_through: ClassVar[bool] = True
    params: ClassVar[frozenset[str]] = frozenset({"value", "concept_threshold_type"})
    takes_concepts: ClassVar[bool] = False
    column: ClassVar[Column]
    default: ClassVar[Comparison]

    value: float
    comparison: Comparison

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:  # noqa: ARG003 - the operators' common signature
        """Read ``value`` and ``concept_threshold_type``."""
        return cls(info.fraction("value"), info.comparison(cls.default))

    def arc(self) -> Arc | None:
        """The values it keeps."""
        return self.comparison.arc(self.column, self.value)

    def apply(self, rows: Rows, given: Output) -> Output:  # noqa: ARG002 - as parse
        """The input, where its value compares so."""
        content = given.content
        keys = content.max_keys if self.column.kind == "max" else content.min_keys
        return Output(given.present & self.comparison.arc(self.column, self.value).holds(keys), content)
