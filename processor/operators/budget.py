"""``budget``: the unsurest of what comes, as many as a share allows, whatever the scores do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from processor.operators.comparison import Comparison
from processor.operators.content import Content, Elements, Vocabulary
from processor.operators.streaming import SAMPLER_PARAMS, USUAL, Span, Streaming, read_span
from processor.operators.uncertainty import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from processor.limits.stream import Stream
    from processor.operators.base import GraphOf
    from processor.operators.output_info import OutputInfo

FLOOR_PART, TOLERANCE_PART = 10, 4
NOBODY = Vocabulary()


@dataclass(frozen=True, slots=True)
class Budget(Streaming):
    """Keeps a share of the candidates: those with the highest scores of late, and a few at random.

    The probability of a candidate depends on those before it alone, so the sum of 1/probability over what is kept estimates how many
    there were (Horvitz and Thompson, 1952), as ``floor`` makes it more than 0.

    Let P be the sum of the probabilities of the newest n candidates, n being ``window`` or, at first, fewer. Then always
    ``(share - tolerance) n - 1 <= P <= (share + tolerance) n + 1``. For no candidate's probability is below the floor or above 1, and
    - while the window fills, a candidate adds its probability p. Where P was above (share + tolerance) n, p is the floor, which is not
      above the share, so the excess falls; elsewhere p is 1 at most. Where P was below (share - tolerance) n, p is 1, so what is
      missing falls; elsewhere nothing is taken away.
    - once it is full, a candidate adds p and the oldest one's probability leaves. Where P was above, the floor comes and at least the
      floor goes; where it was below, 1 comes and at most 1 goes; elsewhere P changes by less than 1.
    During the warm-up every p is the share, and P is share n.

    Attributes:
        target: the share of the candidates that is kept in the long run.
        floor: the part of the share that is kept whatever the score.
        tolerance: how far the share of the window may be off before scores stop counting.
        score: what is measured of the concepts, turned so that the unsure side is up.
        span: how many candidates count.
    """

    model_type_id: ClassVar[str] = "budget"
    doc: ClassVar[str] = (
        "Keeps the whole output of a given share of the candidates: those whose top-level concepts leave the model least sure of late, "
        "and some at random."
    )
    params: ClassVar[frozenset[str]] = SAMPLER_PARAMS | {"share", "floor", "tolerance", "score"}
    reads: ClassVar[str] = "concepts"

    target: float
    floor: float
    tolerance: float
    score: Strategy = Strategy.ENTROPY
    span: Span = USUAL

    @classmethod
    def parse(cls, info: OutputInfo, graph_of: GraphOf) -> Self:  # noqa: ARG003 - the operators' common signature
        """Read the params."""
        share = _positive(info, "share", 1.0, "params.share")
        floor = _positive(info, "floor", share, "the share") if "floor" in info.params else share / FLOOR_PART
        tolerance = _positive(info, "tolerance", share, "the share") if "tolerance" in info.params else share / TOLERANCE_PART
        return cls(share, floor, tolerance, info.choice("score", Strategy, Strategy.ENTROPY), read_span(info))

    def measure(self, found: Sequence[Mapping[str, Any]]) -> np.ndarray | None:
        """The score, float64 [1], higher where the model is less sure; None without one."""
        values = np.array([concept.get("value", 1.0) for concept in found], np.float32)
        concepts = Elements.at(np.array([0, len(values)]), values, lambda: np.arange(len(values)))
        score = self.score.of(Content(1, lambda: concepts), NOBODY).astype(np.float64)
        return (-score if self.score.unsure is Comparison.LESS_THAN else score) if np.isfinite(score).all() else None

    def probability(self, before: Stream, measured: np.ndarray | None) -> float:
        """What the window's scores, the floor and the share collected so far come to."""
        window = before.last(self.span.window)
        count = len(window)
        if count < self.span.warm_up:
            return self.target
        collected = math.fsum(window["probability"].tolist())
        if collected > (self.target + self.tolerance) * count:
            return self.floor
        if collected < (self.target - self.tolerance) * count:
            return 1.0
        return self.floor if measured is None else self._by_score(window["value"], float(measured[0]))

    def remember(self, before: Stream, measured: np.ndarray | None, probability: float) -> None:
        """Take it into the window; one without a score as well, since it counts for the share."""
        before.add((math.nan if measured is None else float(measured[0]), probability), self.span.window)

    def _by_score(self, scores: np.ndarray, score: float) -> float:
        """The floor, and the rest for those above a threshold; at the threshold the fraction that makes the share exact.

        So the mean probability over the window's own scores is the share, however many of them are equal.
        """
        scores = np.sort(scores[~np.isnan(scores)])[::-1]
        if not len(scores) or self.floor >= 1:
            return self.target
        wanted = (self.target - self.floor) / (1 - self.floor) * len(scores)
        threshold = scores[min(int(wanted), len(scores) - 1)]
        if score != threshold:
            return 1.0 if score > threshold else self.floor
        above = np.count_nonzero(scores > threshold)
        fraction = float((wanted - above) / np.count_nonzero(scores == threshold))
        return min(1.0, self.floor + (1 - self.floor) * fraction)


def _positive(info: OutputInfo, name: str, most: float, what: str) -> float:
    """A number above 0 and not above another."""
    found = info.fraction(name)
    if not found and not any(path == f"params.{name}" for path, _ in info.problems):
        info.problem(f"params.{name}", "0 keeps nothing: a number above 0 is wanted")
    if found > most > 0:
        info.problem(f"params.{name}", f"{found} is more than {what}, {most}")
    return found
