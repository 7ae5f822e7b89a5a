"""How likely a prediction was to be collected, where samplers stand on several paths.

With samplers that draw independently, the probability is the sum over the outcomes of all draws that leave some leaf non-empty
(Horvitz and Thompson, 1952, need exactly this number to weigh a sample).
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from processor.engine.evaluate import Evaluation
from processor.operators.random_sample import RandomSample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.engine.evaluate import Subplans
    from processor.engine.frame import Frame


def probabilities(leaves: tuple[int, ...], frame: Frame, subplans: Subplans) -> np.ndarray:
    """The probability that some leaf is not empty, float64 [rows of the frame]."""
    samplers = frozenset[int]().union(*(subplans[leaf].samplers for leaf in leaves))
    if not samplers or not frame.size:
        return np.ones(frame.size)
    total = np.zeros(frame.size)
    evaluation = Evaluation(frame, subplans)
    for keeping in _subsets(sorted(samplers)):
        kept = np.logical_or.reduce([evaluation.result(leaf, keeping).output.present for leaf in leaves])
        total += kept * np.prod([_share(subplans, i) if i in keeping else 1 - _share(subplans, i) for i in samplers], initial=1.0)
    return total


def _share(subplans: Subplans, number: int) -> float:
    operator = subplans[number].operator
    if not isinstance(operator, RandomSample):
        raise TypeError(f"sub-plan {number} is no sampler")
    return operator.share


def _subsets(samplers: list[int]) -> Iterator[frozenset[int]]:
    for size in range(len(samplers) + 1):
        yield from map(frozenset, combinations(samplers, size))
