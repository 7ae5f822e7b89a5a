"""What ``max-probability`` and ``min-probability`` share: one extreme value of a prediction against a threshold."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from processor.operators.bounds import Limit
from processor.operators.measure import Measured

if TYPE_CHECKING:
    from processor.operators.base import GraphOf
    from processor.operators.comparison import Comparison
    from processor.operators.content import Content, Values, Vocabulary
    from processor.operators.output_info import OutputInfo


class Extreme(StrEnum):
    """The largest or the smallest value of all top-level and region concepts."""

    LARGEST = "largest"
    SMALLEST = "smallest"

    def of(self, content: Content, vocabulary: Vocabulary) -> Values:  # noqa: ARG002 - the measures' common signature
        """Each row's value; infinite where it has none."""
        choose, none = (np.maximum, -np.inf) if self is Extreme.LARGEST else (np.minimum, np.inf)
        found: Values = choose(content.concepts.extreme(choose, none), content.regions.extreme(choose, none))
        return found


class Probability(Measured):
    """Compares one extreme value with a threshold."""

    __slots__ = ()
    takes: ClassVar[frozenset[str]] = frozenset({"concepts", "regions"})
    params: ClassVar[frozenset[str]] = frozenset({"value", "concept_threshold_type"})
    extreme: ClassVar[Extreme]
    default: ClassVar[Comparison]

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:  # noqa: ARG003 - the operators' common signature
        """Read ``value`` and ``concept_threshold_type``."""
        value = info.fraction("value")
        return cls(cls.extreme, Limit(info.comparison(cls.default), value))
