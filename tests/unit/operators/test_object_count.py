"""``object-count``: how many regions there are, against a threshold or a band."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from processor.engine.frame import Frame
from processor.operators import parse_operator
from processor.operators.union import unite
from tests.support.building import batch, outputs, prediction, region

CROWD = [region("a", [("person", 0.9)]), region("b", [("person", 0.4), ("dog", 0.6)]), region("c", [("dog", 0.2)]), region("d", [])]


def passes(params: dict[str, Any], listed: list[dict[str, Any]] | None = None, regions: list[dict[str, Any]] = CROWD) -> bool:
    info = {"params": params} | ({"data": {"concepts": listed}} if listed else {})
    return outputs("object-count", info, [prediction(regions=regions)]) != [None]


def counted(number: int, params: dict[str, Any] | None = None, listed: list[dict[str, Any]] | None = None) -> bool:
    return passes({"value": number, "concept_threshold_type": "EQUAL", **(params or {})}, listed)


def test_all_regions_count_those_without_concepts_too() -> None:
    assert counted(4)
    assert passes({"value": 0, "concept_threshold_type": "EQUAL"}, regions=[])


def test_by_default_more_than_the_value_pass() -> None:
    assert passes({"value": 3})
    assert not passes({"value": 4})


@pytest.mark.parametrize(("bounds", "kept"), [({"min": 4}, True), ({"min": 5}, False), ({"max": 3}, False), ({"min": 2, "max": 4}, True)])
def test_a_band_has_both_its_ends(bounds: dict[str, Any], kept: bool) -> None:
    assert passes(bounds) is kept


def test_regions_of_listed_concepts_are_counted_once_each() -> None:
    assert counted(2, listed=[{"id": "person"}])
    assert counted(3, listed=[{"id": "person"}, {"id": "dog"}])
    assert counted(0, listed=[{"id": "cat"}])


def test_a_value_may_be_asked_for() -> None:
    assert counted(2, {"minimum_value": 0.5})
    assert counted(3, {"minimum_value": 0})
    assert counted(1, listed=[{"id": "person", "value": 0.5}])
    assert counted(2, {"minimum_value": 0.5}, listed=[{"id": "person"}, {"id": "dog"}])


def test_regions_of_one_id_are_one_and_regions_without_one_are_each_their_own() -> None:
    twice = [region("a", [("person", 0.9)]), region("a", []), region("", []), region("", [])]
    assert passes({"min": 3, "max": 3}, regions=twice)


def test_what_a_threshold_dropped_is_not_counted() -> None:
    frame = Frame(batch([prediction(regions=CROWD)]), np.arange(1))
    dropped = parse_operator("region-threshold", {"params": {"value": 0.5}}, lambda _: None).apply(frame, frame.output)
    two = parse_operator("object-count", {"params": {"min": 2, "max": 2}}, lambda _: None)
    assert two.apply(frame, dropped).present.tolist() == [True]
    assert two.apply(frame, unite([dropped, dropped])).present.tolist() == [True]
    assert two.apply(frame, unite([dropped, frame.output])).present.tolist() == [False]


def test_the_number_is_taken_once_a_batch_for_all_who_ask() -> None:
    frame = Frame(batch([prediction(regions=CROWD)]), np.arange(1))
    operators = [parse_operator("object-count", {"params": {"min": number}}, lambda _: None) for number in range(5)]
    arcs = [operator.arc() for operator in operators]
    assert len({arc.column for arc in arcs if arc}) == 1
    measure = next(arc.column.measure for arc in arcs if arc)
    assert measure
    content = frame.output.content
    assert content.keys(measure, frame.vocabulary) is content.keys(measure, frame.vocabulary)
