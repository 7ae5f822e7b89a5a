"""``class-filter``: a listed concept is there, anywhere."""

from __future__ import annotations

from typing import Any

from tests.support.building import outputs, prediction, region

DOG_OR_CAT = [{"id": "dog"}, {"id": "cat"}]


def passes(listed: list[dict[str, Any]], params: dict[str, Any] | None = None, **fields: Any) -> bool:
    return outputs("class-filter", {"data": {"concepts": listed}, "params": params or {}}, [prediction(**fields)]) != [None]


def test_one_listed_concept_is_enough() -> None:
    assert passes(DOG_OR_CAT, concepts=[("bird", 0.9), ("cat", 0.0)])
    assert not passes(DOG_OR_CAT, concepts=[("bird", 0.9)])
    assert not passes(DOG_OR_CAT)


def test_regions_are_looked_into() -> None:
    assert passes(DOG_OR_CAT, regions=[region("r", [("bird", 0.9)]), region("s", [("dog", 0.1)])])
    assert not passes(DOG_OR_CAT, regions=[region("dog", [("bird", 0.9)])])


def test_a_value_may_be_asked_for() -> None:
    assert passes([{"id": "dog", "value": 0.5}], concepts=[("dog", 0.5)])
    assert not passes([{"id": "dog", "value": 0.5}], concepts=[("dog", 0.4), ("cat", 0.9)])
    assert passes(DOG_OR_CAT, {"minimum_value": 0.9}, concepts=[("dog", 0.9)])
    assert not passes(DOG_OR_CAT, {"minimum_value": 0.9}, concepts=[("dog", 0.8)])
    assert passes([{"id": "dog", "value": 0.1}, {"id": "cat"}], {"minimum_value": 0.9}, concepts=[("dog", 0.2)])


def test_the_whole_output_passes() -> None:
    whole = prediction(concepts=[("dog", 0.5), ("cat", 0.5)], regions=[region("r", [("c", 0.1)])])
    assert outputs("class-filter", {"data": {"concepts": [{"id": "dog"}]}}, [whole, prediction()]) == [
        ([("cat", 0.5), ("dog", 0.5)], [("c", 0.1)]),
        None,
    ]
