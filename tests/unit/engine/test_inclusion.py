"""Inclusion probabilities where samplers branch: exact, and at a cost that does not grow with the batch."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from processor.engine import inclusion
from processor.engine.decide import decide
from processor.engine.evaluate import ROOT, Subplans
from processor.engine.frame import Frame
from processor.operators import RandomSample
from tests.support.building import batch, collector, node, prediction, region, watchers

if TYPE_CHECKING:
    from collections.abc import Iterator


def sampler(node_id: str, fraction: float, *inputs: str) -> dict[str, Any]:
    return node(node_id, "random-sample", {"keep_fraction": fraction}, *inputs)


def above(node_id: str, *inputs: str) -> dict[str, Any]:
    return node(node_id, "concept-threshold", {"value": 0.1}, *inputs)


def stream(rows: int, concepts: int) -> list[dict[str, Any]]:
    return [prediction(f"p-{i}", concepts=[(f"c{j}", 0.5) for j in range(concepts)]) for i in range(rows)]


def test_memory_does_not_grow_with_the_outcomes_of_all_rows() -> None:
    """The most that a collector may ask for, on a full batch: held all at once it would be more than 300 MB."""
    nodes = [sampler(f"s{i}", 0.9) for i in range(4)] + [above("t0", "s0", "s1", "s2", "s3")]
    nodes += [above(f"t{i}", f"t{i - 1}") for i in range(1, 27)]
    known, predictions = watchers([collector(nodes=nodes)]), batch(stream(2000, 20))
    tracemalloc.start()
    try:
        (decided,) = decide(predictions, known)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert decided.inclusion == pytest.approx(1 - float(np.float32(0.1)) ** 4, rel=1e-6)
    assert peak < 100_000_000


def slices(stream: list[dict[str, Any]]) -> Iterator[list[int]]:
    return (part.tolist() for part in inclusion._slices(Frame(batch(stream), np.arange(len(stream)))))


def test_slices_are_short_in_rows_and_in_concepts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inclusion, "SLICE_ROWS", 3)
    assert list(slices(stream(7, 0))) == [[0, 1, 2], [3, 4, 5], [6]]
    monkeypatch.setattr(inclusion, "SLICE_ROWS", 100)
    monkeypatch.setattr(inclusion, "SLICE_CONCEPTS", 4)
    assert list(slices(stream(5, 2))) == [[0, 1], [2, 3], [4]]
    huge = prediction(concepts=[("a", 0.5)] * 5, regions=[region("r", [("b", 0.5)] * 5)])
    assert list(slices([*stream(1, 1), huge, *stream(3, 2)])) == [[0], [1], [2, 3], [4]]


def test_leaves_without_a_sampler_in_common_are_taken_apart() -> None:
    """Two leaves with four samplers each would otherwise have 256 outcomes in place of 32."""
    plans = Subplans()
    a, b, c = (plans.number(RandomSample(0.5, key), (ROOT,)) for key in "abc")
    joined, whole = plans.number(RandomSample(1.0, "d"), (b, c)), plans.number(RandomSample(1.0, "e"), (ROOT,))
    assert inclusion._independent((a, b, whole), plans) == [((a,), frozenset({a})), ((b,), frozenset({b})), ((whole,), frozenset())]
    assert inclusion._independent((a, b, c, joined), plans) == [((a,), frozenset({a})), ((b, c, joined), frozenset({b, c}))]


def test_tiny_probabilities_keep_their_digits() -> None:
    plans = Subplans()
    leaves = tuple(plans.number(RandomSample(1e-12, key), (ROOT,)) for key in "ab")
    found = inclusion.probabilities(leaves, Frame(batch(stream(1, 1)), np.arange(1)), plans)
    assert found == pytest.approx([2 * float(np.float32(1e-12))], rel=1e-9)
