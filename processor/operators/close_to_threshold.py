"""``close-to-threshold``: predictions that are nearly, or barely, what a threshold asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from processor.operators.base import PassThrough
from processor.operators.comparison import float32
from processor.operators.content import Output
from processor.operators.random_sample import RandomSample

if TYPE_CHECKING:
    from processor.operators.base import GraphOf, Operator, Rows
    from processor.operators.content import Elements, Vocabulary
    from processor.operators.output_info import OutputInfo

NAMES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class CloseToThreshold(PassThrough):
    """Keeps the whole output when enough objects are closer than ``epsilon`` to ``threshold``, or a share of such outputs.

    The objects are the regions; without any, each top-level concept is one. An object is close when one of its concepts is.

    Attributes:
        threshold: the middle of the values that are close.
        epsilon: how far from it they end; both ends, ``threshold - epsilon`` and ``threshold + epsilon``, rounded to 32-bit floats, are
            outside.
        names: ids of the concepts that count, sorted; empty: all.
        only_top_classes: only the largest value of a region, and only the largest top-level one, counts, if its concept does.
        least: how many objects must be close.
        probability: the share that is kept; None: all.
    """

    model_type_id: ClassVar[str] = "close-to-threshold"
    doc: ClassVar[str] = (
        "Keeps the whole output (or, with a probability, a fixed share of such outputs) when enough of its regions, or top-level concepts "
        "where it has no regions, have a value closer than epsilon to the threshold."
    )
    takes: ClassVar[frozenset[str]] = frozenset({"concepts", "regions"})
    params: ClassVar[frozenset[str]] = frozenset(
        {"selected_class_names", "threshold", "epsilon", "only_top_classes", "minimum_objects_close_to_threshold", "probability"}
    )

    threshold: float
    epsilon: float
    names: tuple[str, ...] = ()
    only_top_classes: bool = True
    least: int = 1
    probability: float | None = None

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:  # noqa: ARG003 - the operators' common signature
        """Read the params."""
        return cls(
            info.fraction("threshold"),
            info.fraction("epsilon"),
            tuple(sorted(info.texts("selected_class_names", NAMES_MAX))),
            info.flag("only_top_classes", default=True),
            info.whole(LEAST, least=1) if LEAST in info.params else 1,
            info.fraction("probability") if "probability" in info.params else None,
        )

    def parts(self) -> tuple[Operator, ...]:
        """The filter, and the draw where there is one."""
        return (self,) if self.probability is None else (replace(self, probability=None), RandomSample(self.probability))

    def apply(self, rows: Rows, given: Output) -> Output:
        """The input, where enough objects are close; of these, with a probability, what an unkeyed sampler draws."""
        content = given.content
        regions = self._close(content.regions, rows.vocabulary).objects()
        concepts = self._close(content.concepts, rows.vocabulary)
        counts = np.where(content.objects.occupied(), _counts(regions), _counts(concepts))
        kept = Output(given.present & (counts >= self.least), content)
        return kept if self.probability is None else RandomSample(self.probability).apply(rows, kept)

    def _close(self, elements: Elements, vocabulary: Vocabulary) -> Elements:
        low, high = float32(self.threshold - self.epsilon), float32(self.threshold + self.epsilon)
        close = (low < elements.values) & (elements.values < high)
        if self.only_top_classes:
            close &= elements.largest()
        if self.names:
            close &= np.isin(elements.codes, [vocabulary.code(name) for name in self.names])
        return elements.pick(np.flatnonzero(close))


LEAST = "minimum_objects_close_to_threshold"


def _counts(elements: Elements) -> np.ndarray:
    return np.bincount(elements.rows, minlength=elements.size)
