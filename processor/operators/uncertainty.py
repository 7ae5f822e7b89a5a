"""``uncertainty``: predictions by how unsure the model was between its top-level concepts."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from processor.operators.bounds import BOUNDS_PARAMS, read_bounds
from processor.operators.comparison import Comparison
from processor.operators.content import Elements
from processor.operators.measure import Measured

if TYPE_CHECKING:
    from processor.operators.base import GraphOf
    from processor.operators.content import Content, Values, Vocabulary
    from processor.operators.output_info import OutputInfo


class Strategy(StrEnum):
    """How uncertainty is measured.

    Source: B. Settles, Active Learning Literature Survey (University of Wisconsin-Madison, 2009), section 3.1, where margin is
    Scheffer et al. (2001), least confidence Culotta and McCallum (2005), and entropy Shannon (1948).
    """

    ENTROPY = "entropy"
    MARGIN = "margin"
    LEAST_CONFIDENCE = "least_confidence"

    @property
    def unsure(self) -> Comparison:
        """The side on which the model is unsure: a small margin, otherwise a large number."""
        return Comparison.LESS_THAN if self is Strategy.MARGIN else Comparison.GREATER_THAN

    def of(self, content: Content, vocabulary: Vocabulary) -> Values:  # noqa: ARG002 - the measures' common signature
        """Each row's number, 0 to 1; not finite without top-level concepts, and for entropy where all values are 0."""
        derive = {Strategy.ENTROPY: entropy, Strategy.MARGIN: margin, Strategy.LEAST_CONFIDENCE: least_confidence}[self]
        return derive(content.concepts)


class Uncertainty(Measured):
    """Compares the uncertainty with a threshold or a band."""

    __slots__ = ()
    model_type_id: ClassVar[str] = "uncertainty"
    doc: ClassVar[str] = (
        "Keeps the whole output when the entropy, margin or least confidence of its top-level concepts compares so with the threshold, "
        "or lies in the band (by default: when the model is less sure than the threshold)."
    )
    takes: ClassVar[frozenset[str]] = frozenset({"concepts"})
    params: ClassVar[frozenset[str]] = BOUNDS_PARAMS | {"strategy"}

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:  # noqa: ARG003 - the operators' common signature
        """Read ``strategy`` and the bounds."""
        strategy = info.choice("strategy", Strategy)
        return cls(strategy, read_bounds(info, strategy.unsure, info.fraction, 1.0))


def entropy(concepts: Elements) -> Values:
    """``-sum(p ln p) / ln k`` over the k concepts, p being a value's share in their sum; 0 for a single concept.

    Divided by ln k, the most that k concepts can have, so that it is 0 to 1 however many there are (Pielou's evenness, 1966).
    """
    values = concepts.values.astype(np.float64)
    totals = np.bincount(concepts.rows, values, concepts.size)
    shares = np.divide(values, totals[concepts.rows], out=np.zeros_like(values), where=values > 0)
    terms = shares * np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    counts = np.diff(concepts.offsets)
    found = -np.bincount(concepts.rows, terms, concepts.size) / np.log(np.maximum(counts, 2))
    entropies: Values = np.where(totals > 0, found.clip(0, 1), np.inf).astype(np.float32)
    return entropies


def margin(concepts: Elements) -> Values:
    """The largest value less the second largest, which is 0 where there is only one."""
    tops = concepts.extreme(np.maximum, -np.inf)
    places = np.flatnonzero(concepts.values == tops[concepts.rows])
    _, firsts = np.unique(concepts.rows[places], return_index=True)
    others = concepts.values.copy()
    others[places[firsts]] = 0
    seconds = Elements.at(concepts.offsets, others, lambda: concepts.codes).extreme(np.maximum, 0)
    margins: Values = tops - seconds
    return margins


def least_confidence(concepts: Elements) -> Values:
    """1 less the largest value."""
    return np.float32(1) - concepts.extreme(np.maximum, -np.inf)
