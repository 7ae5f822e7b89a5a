"""How likely a prediction was to be collected, where samplers stand on several paths.

With samplers that draw independently, the probability is the sum over the outcomes of all draws that leave some leaf non-empty
(Horvitz and Thompson, 1952, need exactly this number to weigh a sample). The catalog limits how many outcomes there are and how many
nodes each of them runs through; here the rows are gone through in slices, so that memory does not grow with a batch.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from processor.engine.evaluate import Evaluation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.engine.evaluate import Subplans
    from processor.engine.frame import Frame
    from processor.operators.content import Elements

SLICE_ROWS = 256
SLICE_CONCEPTS = 16_384
"""A slice has at most so many, and what its first row has beyond them."""


def probabilities(leaves: tuple[int, ...], frame: Frame, subplans: Subplans) -> np.ndarray:
    """The probability that some leaf is not empty, float64 [rows of the frame]."""
    parts = _independent(leaves, subplans)
    if not frame.size or not any(samplers for _, samplers in parts):
        return np.ones(frame.size)
    return np.concatenate([_of_slice(parts, frame.part(rows), subplans) for rows in _slices(frame)])


def _of_slice(parts: list[tuple[tuple[int, ...], frozenset[int]]], frame: Frame, subplans: Subplans) -> np.ndarray:
    evaluation = Evaluation(frame, subplans)
    total = np.zeros(frame.size)
    for leaves, samplers in parts:
        # Nothing is subtracted from 1 and back, which would cost a small probability its digits.
        total += (1 - total) * _of_part(leaves, sorted(samplers), evaluation, subplans)
    return total


def _of_part(leaves: tuple[int, ...], samplers: list[int], evaluation: Evaluation, subplans: Subplans) -> np.ndarray:
    shares = [_share(subplans, number) for number in samplers]
    total = np.zeros(evaluation.frame.size)
    for outcome in product((False, True), repeat=len(samplers)):
        keeping = frozenset(number for number, keeps in zip(samplers, outcome, strict=True) if keeps)
        kept = np.logical_or.reduce([evaluation.result(leaf, keeping).output.present for leaf in leaves])
        total += kept * np.prod([share if keeps else 1 - share for share, keeps in zip(shares, outcome, strict=True)])
        evaluation.forget_combinations()
    return total


def _independent(leaves: tuple[int, ...], subplans: Subplans) -> list[tuple[tuple[int, ...], frozenset[int]]]:
    """Leaves that have no sampler in common, with their samplers: outcomes are gone through for each of these by itself."""
    parts: list[tuple[tuple[int, ...], frozenset[int]]] = []
    for leaf in leaves:
        shared = [part for part in parts if part[1] & subplans[leaf].samplers]
        numbers = (*(number for part in shared for number in part[0]), leaf)
        samplers = subplans[leaf].samplers.union(*(part[1] for part in shared))
        parts = [*(part for part in parts if part not in shared), (numbers, samplers)]
    return parts


def _slices(frame: Frame) -> Iterator[np.ndarray]:
    """Numbers of the frame's rows, cut so that no slice is much to hold."""
    content = frame.output.content
    concepts = _counts(content.concepts) + _counts(content.regions)
    # A row belongs to the slice that its last concept is in.
    number = np.arange(frame.size) // SLICE_ROWS + (np.cumsum(concepts) - 1).clip(0) // SLICE_CONCEPTS
    yield from np.split(np.arange(frame.size), np.flatnonzero(np.diff(number)) + 1)


def _counts(elements: Elements) -> np.ndarray:
    return np.diff(elements.offsets)


def _share(subplans: Subplans, number: int) -> float:
    share = subplans[number].operator.share
    if share is None:
        raise TypeError(f"sub-plan {number} is no sampler")
    return share
