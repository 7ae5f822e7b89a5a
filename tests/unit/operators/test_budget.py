"""``budget``: a share of the candidates, the unsurest ones."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.limits.stream import Stream
from processor.operators import OperatorProblems, parse_operator
from processor.operators.budget import Budget
from processor.operators.streaming import draw


def made(**params: object) -> Budget:
    operator = parse_operator("budget", {"params": params}, lambda _: None)
    assert isinstance(operator, Budget)
    return operator


def chances(operator: Budget, scores: list[float | None], before: Stream | None = None) -> list[float]:
    before, found = before or Stream(), []
    for score in scores:
        measured = None if score is None else np.array([score])
        found.append(operator.probability(before, measured))
        operator.remember(before, measured, found[-1])
    return found


shares = st.floats(0.001, 1)
scores = st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))


@given(
    share=shares,
    floor=st.floats(0.01, 1),
    tolerance=st.floats(0.01, 1),
    window=st.integers(1, 40),
    warm_up=st.floats(0, 1),
    stream=st.lists(st.tuples(scores, st.integers(1, 30), st.sampled_from([-0.05, 0.0, 0.05])), max_size=12),
)
def test_the_share_of_every_window_is_kept_whatever_the_scores_do(
    *, share: float, floor: float, tolerance: float, window: int, warm_up: float, stream: list[tuple[float | None, int, float]]
) -> None:
    """Constant scores, scores that drift up or down, and jumps between them; the bound is that of the class's description."""
    parts = {"floor": share * floor, "tolerance": share * tolerance}
    operator = made(share=share, **parts, window=window, warm_up=max(1, int(window * warm_up)))
    given_scores = [None if score is None else score + drift * i for score, count, drift in stream for i in range(count)]
    found = chances(operator, given_scores)
    assert all(operator.floor <= chance <= 1 for chance in found)
    for end in range(1, len(found) + 1):
        count = min(end, window)
        spent = math.fsum(found[end - count : end])
        assert (share - operator.tolerance) * count - 1 - 1e-9 <= spent <= (share + operator.tolerance) * count + 1 + 1e-9


def test_scores_that_adapt_to_the_sampler_cannot_break_the_share() -> None:
    """Whoever wants too much: every candidate is surer than any before when the sampler is generous, and the reverse."""
    operator, before, found = made(share=0.2, window=50, warm_up=10), Stream(), list[float]()
    for i in range(2_000):
        score = np.array([float(i if sum(found[-50:]) >= 10 else -i)])
        found.append(operator.probability(before, score))
        operator.remember(before, score, found[-1])
    sums = [sum(found[i : i + 50]) for i in range(len(found) - 50)]
    assert min(sums) >= 0.15 * 50 - 1
    assert max(sums) <= 0.25 * 50 + 1


def test_the_unsurest_are_kept_and_some_of_the_others() -> None:
    operator = made(share=0.1, floor=0.02, window=100, warm_up=100)
    before = Stream()
    chances(operator, [i / 100 for i in range(100)], before)
    found = {score: operator.probability(before, np.array([score])) for score in (0.99, 0.92, 0.91, 0.5, 0.0)}
    assert found[0.99] == found[0.92] == 1.0
    assert found[0.5] == found[0.0] == 0.02
    assert 0.02 < found[0.91] < 1, "at the threshold: what makes the share exact"
    mean = math.fsum(operator.probability(before, np.array([i / 100])) for i in range(100)) / 100
    assert mean == pytest.approx(0.1)


@pytest.mark.parametrize("equal", [1, 10, 60, 100])
def test_equal_scores_share_what_is_left(equal: int) -> None:
    operator, before = made(share=0.3, floor=0.1, window=100, warm_up=100), Stream()
    latest = [0.5] * equal + [i / 1000 for i in range(100 - equal)]
    chances(operator, list(latest), before)
    assert math.fsum(operator.probability(before, np.array([score])) for score in latest) == pytest.approx(30)


def test_everything_is_kept_by_a_share_of_everything() -> None:
    assert chances(made(share=1, window=20, warm_up=5), [0.1, 0.9, None, *([0.5] * 40)]) == [1.0] * 43
    assert chances(made(share=1, floor=1, window=20, warm_up=5), [0.1, None, *([0.5] * 40)]) == [1.0] * 42


def test_the_sum_of_the_reciprocals_estimates_how_many_there_were() -> None:
    """Horvitz and Thompson: without bias, so the mean over many samplers' draws is near, within four of its standard errors."""
    operator, rng = made(share=0.2, floor=0.05, window=200, warm_up=50), random.Random(5)  # noqa: S311 - a test's data
    found = chances(operator, [rng.random() ** (1 + i / 1000) for i in range(2_000)])
    estimates = []
    for node in range(200):
        kept = [chance for i, chance in enumerate(found) if draw(f"u/app/c/post-queue/{node}/budget", f"p-{i}") < chance]
        estimates.append(math.fsum(1 / chance for chance in kept))
    error = math.sqrt(math.fsum((1 - chance) / chance for chance in found) / len(estimates))
    assert abs(math.fsum(estimates) / len(estimates) - len(found)) < 4 * error
    assert np.std(estimates) == pytest.approx(error * math.sqrt(len(estimates)), rel=0.2), "the variance of independent draws"


@pytest.mark.parametrize(
    ("score", "surer", "less_sure"),
    [
        ("entropy", {"a": 0.9, "b": 0.1}, {"a": 0.5, "b": 0.5}),
        ("margin", {"a": 0.9, "b": 0.1}, {"a": 0.5, "b": 0.4}),
        ("least_confidence", {"a": 0.9}, {"a": 0.4}),
    ],
)
def test_the_unsure_side_is_up(score: str, surer: dict[str, float], less_sure: dict[str, float]) -> None:
    found = [
        made(share=0.5, score=score).measure([{"id": name, "value": value} for name, value in concepts.items()])
        for concepts in (surer, less_sure)
    ]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0][0] < found[1][0]


@pytest.mark.parametrize(("score", "values"), [("entropy", []), ("margin", []), ("least_confidence", []), ("entropy", [0.0, 0.0])])
def test_what_has_no_score_has_the_floor(score: str, values: list[float]) -> None:
    operator = made(share=0.5, floor=0.25, score=score, window=10, warm_up=2)
    assert operator.measure([{"id": str(i), "value": value} for i, value in enumerate(values)]) is None
    assert chances(operator, [0.1, 0.2, None]) == [0.5, 0.5, 0.25]


def test_a_concept_without_a_value_is_there() -> None:
    assert made(share=0.5, score="least_confidence").measure([{"id": "a"}]) == np.zeros(1)


@pytest.mark.parametrize(
    ("params", "wrong"),
    [
        ({}, {"share"}),
        ({"share": 0}, {"share"}),
        ({"share": 1.2, "score": "doubt", "window": -1}, {"share", "score", "window"}),
        ({"share": 0.1, "floor": 0.2, "tolerance": 0.3}, {"floor", "tolerance"}),
        ({"share": 0.1, "floor": 0.0, "tolerance": 0}, {"floor", "tolerance"}),
    ],
)
def test_all_that_is_wrong_is_said(params: dict[str, object], wrong: set[str]) -> None:
    with pytest.raises(OperatorProblems) as raised:
        made(**params)
    assert {path.removeprefix("params.") for path, _ in raised.value.problems} == wrong


def test_what_is_left_out_follows_from_the_share() -> None:
    operator = made(share=0.2)
    assert (operator.floor, operator.tolerance) == (pytest.approx(0.02), pytest.approx(0.05))
