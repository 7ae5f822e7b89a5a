"""``close-to-threshold``: enough objects with a value near a threshold, and a share of what has them."""

from __future__ import annotations

from typing import Any

import pytest

from processor.operators import RandomSample, parse_operator
from processor.operators.close_to_threshold import CloseToThreshold
from tests.support.building import outputs, prediction, region

NEAR_HALF = {"threshold": 0.5, "epsilon": 0.1}


def passes(params: dict[str, Any], **fields: Any) -> bool:
    return outputs("close-to-threshold", {"params": {**NEAR_HALF, **params}}, [prediction(**fields)]) != [None]


@pytest.mark.parametrize(("value", "close"), [(0.4, False), (0.41, True), (0.5, True), (0.59, True), (0.6, False)])
def test_values_less_than_epsilon_away_are_close(value: float, close: bool) -> None:
    assert passes({}, concepts=[("a", value)]) is close
    assert passes({}, regions=[region("r", [("a", value)])]) is close


def test_the_ends_are_rounded_once_and_are_outside() -> None:
    """0.9 - 0.1 is 0.8, which is not below 0.8 as it travels."""
    near = {"threshold": 0.9, "epsilon": 0.1}
    assert not passes(near, concepts=[("a", 0.8)])
    assert passes(near, concepts=[("a", 0.81)])
    assert passes(near, concepts=[("a", 0.99)])
    assert not passes(near, concepts=[("a", 1.0)])


def test_nothing_is_closer_than_nothing() -> None:
    assert not passes({"epsilon": 0}, concepts=[("a", 0.5)])


def test_only_the_largest_concept_counts_unless_all_are_asked_for() -> None:
    both = [("a", 0.9), ("b", 0.5)]
    assert not passes({}, concepts=both)
    assert passes({"only_top_classes": False}, concepts=both)
    assert not passes({}, regions=[region("r", both)])
    assert passes({"only_top_classes": False}, regions=[region("r", both)])


def test_equal_largest_concepts_all_count() -> None:
    assert passes({"selected_class_names": ["b"]}, concepts=[("a", 0.5), ("b", 0.5)])


def test_selected_concepts_count_if_they_are_the_largest() -> None:
    params = {"selected_class_names": ["b", "c"]}
    assert not passes(params, concepts=[("a", 0.55), ("b", 0.5)])
    assert passes(params, concepts=[("a", 0.45), ("b", 0.5)])
    assert passes({**params, "only_top_classes": False}, concepts=[("a", 0.55), ("b", 0.5)])
    assert not passes({**params, "only_top_classes": False}, concepts=[("a", 0.5)])


def test_enough_objects_must_be_close() -> None:
    two = [region("r", [("a", 0.5)]), region("s", [("a", 0.55)]), region("t", [("a", 0.9)])]
    assert passes({"minimum_objects_close_to_threshold": 2}, regions=two)
    assert not passes({"minimum_objects_close_to_threshold": 3}, regions=two)
    concepts = {"concepts": [("a", 0.5), ("b", 0.55)], "only_top_classes": False}
    assert passes({"minimum_objects_close_to_threshold": 2, "only_top_classes": False}, concepts=concepts["concepts"])
    assert not passes({"minimum_objects_close_to_threshold": 2}, concepts=concepts["concepts"])


def test_a_region_is_one_object_however_many_of_its_concepts_are_close() -> None:
    params = {"minimum_objects_close_to_threshold": 2, "only_top_classes": False}
    assert not passes(params, regions=[region("r", [("a", 0.5), ("b", 0.45)])])
    assert not passes(params, regions=[region("r", [("a", 0.5)]), region("r", [("b", 0.45)])])
    assert passes(params, regions=[region("", [("a", 0.5)]), region("", [("b", 0.45)])])


def test_top_level_concepts_count_only_without_regions() -> None:
    assert not passes({}, concepts=[("a", 0.5)], regions=[region("r", [("a", 0.9)])])
    assert not passes({}, concepts=[("a", 0.5)], regions=[region("r", [])])


def test_an_output_without_concepts_is_not_close() -> None:
    assert not passes({})
    assert not passes({}, regions=[region("r", [])])


def test_a_probability_is_a_draw_of_its_own() -> None:
    operator = parse_operator("close-to-threshold", {"params": {**NEAR_HALF, "probability": 0.25}}, lambda _: None)
    assert operator.parts() == (CloseToThreshold(0.5, 0.1), RandomSample(0.25))
    assert [part.share for part in operator.parts()] == [None, 0.25]
    without = parse_operator("close-to-threshold", {"params": NEAR_HALF}, lambda _: None)
    assert without.parts() == (without,)


def test_of_what_is_close_a_share_passes() -> None:
    stream = [prediction(f"p-{i}", concepts=[("a", 0.5 if i % 2 else 0.9)]) for i in range(2000)]
    found = outputs("close-to-threshold", {"params": {**NEAR_HALF, "probability": 0.5}}, stream)
    assert not any(found[::2])
    assert 400 < sum(output is not None for output in found[1::2]) < 600
