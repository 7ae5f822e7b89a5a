"""``concept-threshold`` and ``region-threshold``: concepts by their own value."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.building import outputs, prediction, region

DOG_CAT = prediction(concepts=[("dog", 0.9), ("cat", 0.5)])
LISTED = {"data": {"concepts": [{"id": "dog", "value": 0.8}, {"id": "cat", "value": 0.6}]}}


def test_listed_concepts_that_compare_so_are_kept() -> None:
    assert outputs("concept-threshold", LISTED, [DOG_CAT]) == [([("dog", 0.9)], [])]


def test_concepts_that_are_not_listed_are_dropped() -> None:
    assert outputs("concept-threshold", {"data": {"concepts": [{"id": "bird", "value": 0.0}]}}, [DOG_CAT]) == [None]


def test_without_a_list_every_concept_is_compared() -> None:
    assert outputs("concept-threshold", {"params": {"value": 0.4}}, [DOG_CAT]) == [([("cat", 0.5), ("dog", 0.9)], [])]


def test_an_empty_list_is_no_list() -> None:
    assert outputs("concept-threshold", {"params": {"value": 0.6}, "data": {"concepts": []}}, [DOG_CAT]) == [([("dog", 0.9)], [])]


def test_a_listed_concept_without_a_value_takes_the_params() -> None:
    info = {"params": {"value": 0.45}, "data": {"concepts": [{"id": "dog", "value": 0.95}, {"id": "cat"}]}}
    stream = [DOG_CAT, prediction(concepts=[("dog", 0.9), ("cat", 0.4)])]
    assert outputs("concept-threshold", info, stream) == [([("cat", 0.5)], []), None]


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        ("GREATER_THAN", [0.9]),
        ("GREATER_THAN_OR_EQUAL", [0.5, 0.9]),
        ("LESS_THAN", [0.1]),
        ("LESS_THAN_OR_EQUAL", [0.1, 0.5]),
        ("EQUAL", [0.5]),
        (1, [0.9]),
        (2, [0.5, 0.9]),
        (3, [0.1]),
        (4, [0.1, 0.5]),
        (5, [0.5]),
        (3.0, [0.1]),
    ],
)
def test_the_five_comparisons_by_name_and_number(kind: Any, kept: list[float]) -> None:
    info = {"params": {"value": 0.5, "concept_threshold_type": kind}}
    (output,) = outputs("concept-threshold", info, [prediction(concepts=[("a", 0.1), ("b", 0.5), ("c", 0.9)])])
    assert [value for _, value in output[0]] == kept


def test_values_compare_as_32_bit_floats() -> None:
    """0.9 as a 64-bit float is below 0.9 as it travels; as 32-bit floats both are the same."""
    equal = {"params": {"value": 0.9, "concept_threshold_type": "EQUAL"}}
    assert outputs("concept-threshold", equal, [prediction(concepts=[("a", 0.9)])]) == [([("a", 0.9)], [])]


def test_every_duplicate_is_compared_by_itself() -> None:
    twice = prediction(concepts=[("dog", 0.9), ("dog", 0.1), ("dog", 0.95)])
    assert outputs("concept-threshold", LISTED, [twice]) == [([("dog", 0.9), ("dog", 0.95)], [])]


def test_concepts_in_regions_are_not_the_concept_thresholds() -> None:
    inside = prediction(regions=[region("r", [("dog", 0.9)])])
    assert outputs("concept-threshold", {"params": {"value": 0.1}}, [inside]) == [None]


def test_regions_keep_the_concepts_that_compare_so() -> None:
    """A region left without any goes, and so do the prediction's top-level concepts."""
    both = prediction(concepts=[("dog", 1.0)], regions=[region("r", [("dog", 0.9), ("cat", 0.5)]), region("s", [("dog", 0.7)])])
    assert outputs("region-threshold", LISTED, [both]) == [([], [("dog", 0.9)])]


def test_no_region_left_is_empty() -> None:
    stream = [prediction(concepts=[("dog", 1.0)]), prediction(regions=[region("r", [])]), prediction(regions=[region("r", [("dog", 0.1)])])]
    assert outputs("region-threshold", LISTED, stream) == [None, None, None]


def test_rows_do_not_mix() -> None:
    stream = [prediction(), DOG_CAT, prediction(concepts=[("cat", 0.7)]), prediction()]
    assert outputs("concept-threshold", LISTED, stream) == [None, ([("dog", 0.9)], []), ([("cat", 0.7)], []), None]
