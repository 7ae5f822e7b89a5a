"""``object-count``: predictions by the number of their regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from processor.operators.bounds import BOUNDS_PARAMS, read_bounds
from processor.operators.comparison import Comparison
from processor.operators.concept_limits import ConceptLimits, at_least
from processor.operators.measure import Measured
from processor.operators.output_info import WHOLE_MAX

if TYPE_CHECKING:
    from processor.operators.base import GraphOf
    from processor.operators.content import Content, Values, Vocabulary
    from processor.operators.output_info import OutputInfo


@dataclass(frozen=True, slots=True)
class Objects:
    """How many regions there are; with ``limits``, how many of them have a concept that compares so. Regions of one id are one."""

    limits: ConceptLimits | None = None

    def of(self, content: Content, vocabulary: Vocabulary) -> Values:
        """Each row's number."""
        found = content.objects if self.limits is None else self.limits.kept(content.regions, vocabulary).objects()
        return np.bincount(found.rows, minlength=content.size).astype(np.float32)


class ObjectCount(Measured):
    """Compares the number of regions with a threshold or a band."""

    __slots__ = ()
    model_type_id: ClassVar[str] = "object-count"
    doc: ClassVar[str] = (
        "Keeps the whole output when the number of its regions (of the listed concepts, if any, that have at least the value asked for) "
        "compares so with the threshold, or lies in the band (by default: when it is above the threshold)."
    )
    takes: ClassVar[frozenset[str]] = frozenset({"regions"})
    params: ClassVar[frozenset[str]] = BOUNDS_PARAMS | {"minimum_value"}
    takes_concepts: ClassVar[bool] = True

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:  # noqa: ARG003 - the operators' common signature
        """Read what is counted, and the bounds."""
        limits = at_least(info)
        counts_all = not limits.listed and "minimum_value" not in info.params
        return cls(Objects(None if counts_all else limits), read_bounds(info, Comparison.GREATER_THAN, info.whole, WHOLE_MAX))
