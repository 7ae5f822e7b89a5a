"""``disagreement``: what two models say differently of one input. For post-queue workflows: a second model has to be asked first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from processor.operators.base import PassThrough

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processor.operators.base import GraphOf, Rows
    from processor.operators.content import Output
    from processor.operators.output_info import OutputInfo


@dataclass(frozen=True, slots=True)
class Disagreement(PassThrough):
    """Keeps the whole output where it disagrees with the prediction that is to be collected.

    Attributes:
        value: how far apart the two models' values of the second one's best concept have to be; None: their best concepts differ.
    """

    model_type_id: ClassVar[str] = "disagreement"
    doc: ClassVar[str] = "Keeps the whole output of a second model where it disagrees with the prediction itself."
    takes: ClassVar[frozenset[str]] = frozenset({"concepts"})
    params: ClassVar[frozenset[str]] = frozenset({"value"})
    before_queue: ClassVar[bool] = False

    value: float | None = None

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:  # noqa: ARG003 - the operators' common signature
        """Read ``params.value``, which may be left out."""
        return cls(info.fraction("value") if "value" in info.params else None)

    def apply(self, rows: Rows, given: Output) -> Output:
        """Nothing is known here of what the source model said: see `disagrees`."""
        raise NotImplementedError("a disagreement is judged by `disagrees`, beside the prediction")

    def disagrees(self, predicted: Mapping[str, float], second: Mapping[str, float]) -> bool:
        """Whether two models say different things.

        A second model that names no concept says nothing, and disagrees with nobody.

        Args:
            predicted: value by concept id of the prediction itself.
            second: of the second model.
        """
        if not second:
            return False
        best = _best(second)
        if self.value is None:
            return not predicted or _best(predicted) != best
        apart = abs(np.float32(predicted.get(best, 0.0)) - np.float32(second[best]))
        return bool(apart >= np.float32(self.value))


def _best(concepts: Mapping[str, float]) -> str:
    """The concept with the largest value; of several the one whose id comes first."""
    return min(concepts, key=lambda concept: (-concepts[concept], concept))
