"""``class-filter``: predictions that have a listed concept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from processor.operators.base import PassThrough
from processor.operators.concept_limits import ConceptLimits, at_least
from processor.operators.content import Output

if TYPE_CHECKING:
    from processor.operators.base import GraphOf, Rows
    from processor.operators.output_info import OutputInfo


@dataclass(frozen=True, slots=True)
class ClassFilter(PassThrough):
    """Keeps the whole output when a listed concept is there, top-level or in a region, with at least the value asked for."""

    model_type_id: ClassVar[str] = "class-filter"
    doc: ClassVar[str] = (
        "Keeps the whole output when one of the listed concepts is there, top-level or in a region, with at least the value asked for."
    )
    takes: ClassVar[frozenset[str]] = frozenset({"concepts", "regions"})
    params: ClassVar[frozenset[str]] = frozenset({"minimum_value"})
    takes_concepts: ClassVar[bool] = True

    limits: ConceptLimits

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:  # noqa: ARG003 - the operators' common signature
        """Read ``data.concepts`` and ``params.minimum_value``."""
        limits = at_least(info)
        if not limits.listed:
            info.problem("data.concepts", "list the concepts of which one must be there")
        return cls(limits)

    def apply(self, rows: Rows, given: Output) -> Output:
        """The input, where one of the concepts is there."""
        content = given.content
        found = [self.limits.kept(elements, rows.vocabulary).occupied() for elements in (content.concepts, content.regions)]
        return Output(given.present & (found[0] | found[1]), content)
