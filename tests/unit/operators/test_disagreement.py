"""``disagreement``: two models, one input."""

from __future__ import annotations

import pytest

from processor.operators import OperatorProblems, parse_operator
from processor.operators.disagreement import Disagreement


def made(**params: object) -> Disagreement:
    operator = parse_operator("disagreement", {"params": params}, lambda _: None)
    assert isinstance(operator, Disagreement)
    return operator


@pytest.mark.parametrize(
    ("predicted", "second", "differs"),
    [
        ({"dog": 0.9, "cat": 0.1}, {"dog": 0.4, "cat": 0.3}, False),
        ({"dog": 0.9}, {"cat": 0.2}, True),
        ({}, {"cat": 0.2}, True),
        ({"dog": 0.9}, {}, False),
        ({"b": 0.5, "a": 0.5}, {"a": 0.1}, False),
    ],
)
def test_best_concepts_are_compared(predicted: dict[str, float], second: dict[str, float], differs: bool) -> None:
    assert made().disagrees(predicted, second) == differs


@pytest.mark.parametrize(("value", "differs"), [(0.0, True), (0.3, True), (0.5, True), (0.51, False)])
def test_with_a_value_it_is_the_distance_that_counts(value: float, differs: bool) -> None:
    assert made(value=value).disagrees({"dog": 0.25}, {"dog": 0.75, "cat": 0.1}) == differs
    assert made(value=value).disagrees({"cat": 0.25}, {"dog": 0.5}) == (value <= 0.5)


def test_a_value_that_is_none_is_refused() -> None:
    with pytest.raises(OperatorProblems, match=r"params\.value"):
        made(value=2)
