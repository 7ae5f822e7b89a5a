"""``outlier``: what is further away from the usual than most of what came of late."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from processor.operators.streaming import SAMPLER_PARAMS, USUAL, Span, Streaming, read_span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from processor.limits.stream import Stream
    from processor.operators.base import GraphOf
    from processor.operators.output_info import OutputInfo

DIMENSIONS_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Outlier(Streaming):
    """Keeps the whole output when its embedding is further from the running mean than a quantile of those before it.

    Attributes:
        quantile: the share of the window's distances that it has to exceed.
        span: how many candidates count.
    """

    model_type_id: ClassVar[str] = "outlier"
    doc: ClassVar[str] = (
        "Keeps the whole output when its embedding is further from the running mean of embeddings than a given share of the latest ones."
    )
    params: ClassVar[frozenset[str]] = SAMPLER_PARAMS | {"quantile"}
    reads: ClassVar[str] = "embeddings"

    quantile: float
    span: Span = USUAL

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:  # noqa: ARG003 - the operators' common signature
        """Read ``quantile``, ``window`` and ``warm_up``."""
        return cls(info.fraction("quantile"), read_span(info))

    def measure(self, found: Sequence[Mapping[str, Any]]) -> np.ndarray | None:
        """The first embedding; None where it is empty, too long or has numbers that are not finite."""
        vector = np.array(found[0].get("vector", ()), np.float64) if found else np.zeros(0)
        return vector if 0 < vector.size <= DIMENSIONS_MAX and np.isfinite(vector).all() else None

    def probability(self, before: Stream, measured: np.ndarray | None) -> float:
        """1 for an outlier, 0 for anything else; always 0 during the warm-up.

        The quantile q of n distances is the k-th smallest, k being q n rounded up to a whole number (1 at least): an order statistic,
        nothing in between (Hyndman and Fan, 1996, definition 1). A distance is greater than it when k of them are smaller.
        """
        distances = before.last(self.span.window)["value"]
        distance = distance_of(before, measured)
        if distance is None or len(distances) < self.span.warm_up:
            return 0.0
        # As the decimal fraction that was written: 0.55 of 100 are 55, whatever its binary neighbour says.
        least = max(1, math.ceil(Fraction(repr(self.quantile)) * len(distances)))
        return float(np.count_nonzero(distances < distance) >= least)

    def remember(self, before: Stream, measured: np.ndarray | None, probability: float) -> None:
        """Take its distance into the window, and then the embedding into the mean, with the weight 1/min(n, window) of n candidates."""
        distance = distance_of(before, measured)
        if distance is None or measured is None:
            return
        weight = 1.0 / min(before.count + 1, self.span.window)
        before.move_mean(measured if before.mean is None else before.mean + (measured - before.mean) * weight)
        before.add((distance, probability), self.span.window)


def distance_of(before: Stream, vector: np.ndarray | None) -> float | None:
    """Euclidean, from the mean; 0 for the first there is, None where it cannot be compared.

    The sum is exact before it is rounded, so that every machine finds the same distance.
    """
    if vector is None or before.mean is None:
        return None if vector is None else 0.0
    if vector.shape != before.mean.shape:
        return None
    with np.errstate(over="ignore"):
        apart = vector - before.mean
        squares = (apart * apart).tolist()
    try:
        distance = math.sqrt(math.fsum(squares))
    except OverflowError:  # of a sum of finite squares
        return None
    return distance if math.isfinite(distance) else None
