"""``uncertainty``: entropy, margin and least confidence of the top-level concepts, as a threshold or a band."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.engine.frame import Frame
from processor.operators.content import NO_KEY
from processor.operators.uncertainty import Strategy
from tests.support.building import batch, outputs, prediction, region
from tests.support.oracle_operators import float32, uncertainty


def measured(strategy: str, *outputs_of: list[float]) -> list[float | None]:
    stream = [prediction(concepts=[(f"c{i}", value) for i, value in enumerate(values)]) for values in outputs_of]
    frame = Frame(batch(stream), np.arange(len(stream)))
    keys = frame.output.content.keys(Strategy(strategy), frame.vocabulary)
    return [None if key == NO_KEY else float(np.uint32(key).view(np.float32)) for key in keys]


def passes(params: dict[str, Any], **fields: Any) -> bool:
    return outputs("uncertainty", {"params": params}, [prediction(**fields)]) != [None]


def test_entropy_is_1_for_equal_values_and_0_for_certainty() -> None:
    assert measured("entropy", [0.25] * 4, [0.5, 0.5], [1.0, 0.0, 0.0], [0.01] * 100) == [1, 1, 0, pytest.approx(1)]


def test_entropy_is_of_shares_in_the_sum_divided_by_the_most_there_can_be() -> None:
    """0.6 and 0.2 are three to one: 0.811278 bits of one."""
    assert measured("entropy", [0.6, 0.2], [0.75, 0.25]) == [pytest.approx(0.811278, abs=1e-6)] * 2


def test_margin_is_the_largest_less_the_second() -> None:
    assert measured("margin", [0.25, 0.75, 0.5], [0.5, 0.5], [0.5, 0.25, 0.5]) == [0.25, 0, 0]


def test_least_confidence_is_what_the_largest_lacks() -> None:
    assert measured("least_confidence", [0.25, 0.75], [1.0], [0.0]) == [0.25, 0, 1]


def test_one_concept_alone() -> None:
    assert measured("entropy", [0.75]) == [0]
    assert measured("margin", [0.75]) == [0.75]
    assert measured("least_confidence", [0.75]) == [0.25]


def test_values_that_are_all_0_have_no_entropy() -> None:
    assert measured("entropy", [0.0, 0.0], [0.0]) == [None, None]
    assert measured("margin", [0.0, 0.0]) == [0]


@pytest.mark.parametrize("concepts", [[("a", 1.0)], [("a", 1.0), ("b", 0.0)], [("a", 0.3)]])
def test_certainty_is_not_above_anything(concepts: list[tuple[str, float]]) -> None:
    """A sum of nothing may come out as negative zero."""
    assert not passes({"strategy": "entropy", "value": 0}, concepts=concepts)
    assert passes({"strategy": "entropy", "value": 0, "concept_threshold_type": "EQUAL"}, concepts=concepts)


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("bounds", [{"value": 0}, {"value": 1, "concept_threshold_type": "LESS_THAN_OR_EQUAL"}, {"min": 0}, {"max": 1}])
def test_a_prediction_without_top_level_concepts_never_passes(strategy: str, bounds: dict[str, Any]) -> None:
    assert not passes({"strategy": strategy, **bounds})
    assert not passes({"strategy": strategy, **bounds}, regions=[region("r", [("a", 0.5), ("b", 0.5)])])


@pytest.mark.parametrize(("strategy", "value"), [("entropy", 0.9), ("margin", 0.1), ("least_confidence", 0.4)])
def test_by_default_the_unsure_side_passes(strategy: str, value: float) -> None:
    assert passes({"strategy": strategy, "value": value}, concepts=[("a", 0.5), ("b", 0.48)])
    assert not passes({"strategy": strategy, "value": value}, concepts=[("a", 0.9), ("b", 0.1)])


def test_a_comparison_may_be_given() -> None:
    sure = {"strategy": "margin", "value": 0.5, "concept_threshold_type": "GREATER_THAN_OR_EQUAL"}
    assert passes(sure, concepts=[("a", 0.75), ("b", 0.25)])
    assert not passes(sure, concepts=[("a", 0.5), ("b", 0.25)])


def test_both_ends_of_a_band_are_in_it() -> None:
    stream = [prediction(concepts=[("a", value)]) for value in (0.125, 0.25, 0.5, 0.75, 0.875)]
    band = {"params": {"strategy": "least_confidence", "min": 0.25, "max": 0.75}}
    assert [output is not None for output in outputs("uncertainty", band, stream)] == [False, True, True, True, False]
    assert [output is not None for output in outputs("uncertainty", {"params": {"strategy": "margin", "min": 0.75}}, stream)] == [
        *[False] * 3,
        *[True] * 2,
    ]


def test_the_whole_output_passes() -> None:
    whole = prediction(concepts=[("a", 0.5), ("b", 0.5)], regions=[region("r", [("c", 0.1)])])
    assert outputs("uncertainty", {"params": {"strategy": "entropy", "value": 0.5}}, [whole]) == [
        ([("a", 0.5), ("b", 0.5)], [("c", 0.1)]),
    ]


@given(st.lists(st.lists(st.floats(0, 1, width=32), max_size=6), max_size=8), st.sampled_from(list(Strategy)))
def test_each_row_has_its_own_number_whatever_stands_beside_it(rows: list[list[float]], strategy: Strategy) -> None:
    alone = [measured(strategy, row)[0] for row in rows]
    assert measured(strategy, *rows) == alone
    plain = [uncertainty(strategy, row) for row in rows]
    assert alone == [None if number is None else pytest.approx(float32(number), rel=1e-6, abs=1e-7) for number in plain]
