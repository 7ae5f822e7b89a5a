"""``outlier``: which embeddings are far from those before them."""

from __future__ import annotations

import math

import pytest

from processor.limits.stream import Stream
from processor.operators import OperatorProblems, parse_operator
from processor.operators.outlier import DIMENSIONS_MAX, Outlier


def made(**params: object) -> Outlier:
    operator = parse_operator("outlier", {"params": params}, lambda _: None)
    assert isinstance(operator, Outlier)
    return operator


def chances(operator: Outlier, vectors: list[list[float]], before: Stream | None = None) -> list[float]:
    before, found = before or Stream(), []
    for vector in vectors:
        measured = operator.measure([{"vector": vector}])
        found.append(operator.probability(before, measured))
        operator.remember(before, measured, found[-1])
    return found


def test_nothing_is_an_outlier_during_the_warm_up() -> None:
    far = [[0.0], [100.0], [0.0], [100.0]]
    assert chances(made(quantile=0.5, warm_up=4), far) == [0.0] * 4
    assert chances(made(quantile=0.0, warm_up=3), [*far[:3], [10_000.0]]) == [0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(("quantile", "least"), [(0.0, 1), (0.01, 1), (0.1, 1), (0.1001, 2), (0.55, 6), (0.7, 7), (1.0, 10)])
def test_the_quantile_is_one_of_the_distances(quantile: float, least: int) -> None:
    """Of the distances 1 to 10 the k-th smallest, whatever binary fractions say of the product."""
    before = Stream()
    before.move_mean(made(quantile=1).measure([{"vector": [0.0]}]))  # type: ignore[arg-type]  # it has one
    for distance in range(1, 11):
        before.add((float(distance), 0.0), 10)
    operator = made(quantile=quantile, window=10, warm_up=10)
    kept = [distance for distance in range(1, 12) if operator.probability(before, operator.measure([{"vector": [float(distance)]}]))]
    assert kept == list(range(least + 1, 12))


def test_the_mean_follows_and_the_window_forgets() -> None:
    before = Stream()
    operator = made(quantile=0.9, window=4, warm_up=4)
    chances(operator, [[0.0], [2.0], [4.0], [6.0]], before)
    assert before.mean is not None
    assert before.mean.tolist() == [3.0], "each weighs as much while the window fills"
    chances(operator, [[7.0]], before)
    assert before.mean.tolist() == [4.0], "then a quarter"
    assert before.last(4)["value"].tolist() == [2.0, 3.0, 4.0, 4.0]


@pytest.mark.parametrize("odd", [[], [math.nan, 0.0], [math.inf, 0.0], [1.0], [1.0] * (DIMENSIONS_MAX + 1), [1e200, -1e200]], ids=len)
def test_what_cannot_be_compared_is_neither_kept_nor_remembered(odd: list[float]) -> None:
    before = Stream()
    operator = made(quantile=0.0, warm_up=1)
    chances(operator, [[0.0, 0.0], [1.0, 1.0]], before)
    held = before.count, before.mean.tolist() if before.mean is not None else None
    assert chances(operator, [odd], before) == [0.0]
    assert (before.count, before.mean.tolist() if before.mean is not None else None) == held


def test_without_an_embedding_there_is_nothing_to_measure() -> None:
    assert made(quantile=0.5).measure([]) is None


@pytest.mark.parametrize(
    ("params", "wrong"),
    [
        ({}, {"quantile"}),
        ({"quantile": 1.5, "window": 0, "warm_up": 2.5}, {"quantile", "window", "warm_up"}),
        ({"quantile": 0.5, "window": 10_001}, {"window"}),
        ({"quantile": 0.5, "window": 10, "warm_up": 11}, {"warm_up"}),
    ],
)
def test_all_that_is_wrong_is_said(params: dict[str, object], wrong: set[str]) -> None:
    with pytest.raises(OperatorProblems) as raised:
        made(**params)
    assert {path.removeprefix("params.") for path, _ in raised.value.problems} == wrong


def test_a_short_window_has_a_short_warm_up() -> None:
    assert (made(quantile=0.5).span.window, made(quantile=0.5).span.warm_up) == (1000, 100)
    assert made(quantile=0.5, window=7).span.warm_up == 7


def test_other_parameters_are_another_memory() -> None:
    assert made(quantile=0.5).part("n") == made(quantile=0.5, window=1000).part("n")
    assert len({made(quantile=0.5).part("n"), made(quantile=0.5).part("m"), made(quantile=0.5, window=9).part("n")}) == 3
