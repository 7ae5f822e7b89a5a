"""``max-probability`` and ``min-probability``: the whole output, by its largest or smallest value."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.building import outputs, prediction, region


def passes(model_type_id: str, params: dict[str, Any], **fields: Any) -> bool:
    return outputs(model_type_id, {"params": params}, [prediction(**fields)]) != [None]


def test_max_is_below_by_default() -> None:
    assert passes("max-probability", {"value": 0.6}, concepts=[("a", 0.5), ("b", 0.2)])
    assert not passes("max-probability", {"value": 0.5}, concepts=[("a", 0.5), ("b", 0.2)])


def test_min_is_above_by_default() -> None:
    assert passes("min-probability", {"value": 0.1}, concepts=[("a", 0.5), ("b", 0.2)])
    assert not passes("min-probability", {"value": 0.2}, concepts=[("a", 0.5), ("b", 0.2)])


@pytest.mark.parametrize("kind", ["GREATER_THAN", "GREATER_THAN_OR_EQUAL", "LESS_THAN", "LESS_THAN_OR_EQUAL", "EQUAL"])
@pytest.mark.parametrize("model_type_id", ["max-probability", "min-probability"])
def test_a_prediction_without_concepts_passes_neither(model_type_id: str, kind: str) -> None:
    assert not passes(model_type_id, {"value": 0.5, "concept_threshold_type": kind})
    assert not passes(model_type_id, {"value": 0.0, "concept_threshold_type": kind}, regions=[region("r", [])])


def test_region_concepts_count_too() -> None:
    mixed = {"concepts": [("a", 0.5)], "regions": [region("r", [("b", 0.9)]), region("s", [("c", 0.1)])]}
    assert not passes("max-probability", {"value": 0.8}, **mixed)
    assert not passes("min-probability", {"value": 0.2}, **mixed)
    assert passes("max-probability", {"value": 0.8}, regions=[region("s", [("c", 0.1)])])


def test_the_whole_output_passes() -> None:
    whole = prediction(concepts=[("a", 0.5), ("a", 0.3)], regions=[region("r", [("b", 0.1)])])
    assert outputs("max-probability", {"params": {"value": 0.9}}, [whole]) == [([("a", 0.3), ("a", 0.5)], [("b", 0.1)])]


def test_zero_one_and_negative_zero() -> None:
    assert passes("max-probability", {"value": 1, "concept_threshold_type": "EQUAL"}, concepts=[("a", 1.0)])
    assert passes("min-probability", {"value": 0, "concept_threshold_type": "EQUAL"}, concepts=[("a", -0.0)])
    assert passes("max-probability", {"value": -0.0, "concept_threshold_type": "LESS_THAN_OR_EQUAL"}, concepts=[("a", 0.0)])
    assert not passes("max-probability", {"value": 0, "concept_threshold_type": "LESS_THAN"}, concepts=[("a", 0.0)])


def test_values_compare_as_32_bit_floats() -> None:
    assert not passes("max-probability", {"value": 0.95}, concepts=[("a", 0.95)])
    assert passes("max-probability", {"value": 0.95, "concept_threshold_type": "EQUAL"}, concepts=[("a", 0.95)])
