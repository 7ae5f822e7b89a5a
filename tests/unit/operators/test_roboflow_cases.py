"""The published cases of roboflow/inference's active learning samplers, where they mean the same here.

Source: the unit tests of its samplers (close_to_threshold, contains_classes, number_of_detections, random); the cases are theirs. A
detection is a region with one concept, a classification has top-level concepts. docs/operators.md lists where the two differ.
"""

from __future__ import annotations

from typing import Any

import pytest

from processor.operators import OperatorProblems, parse_operator
from tests.support.building import outputs, prediction, region

DETECTIONS = prediction(regions=[region("0", [("a", 0.9)]), region("1", [("b", 0.7)])])
ONE_DETECTION = prediction(regions=[region("0", [("a", 0.9)])])
NO_DETECTION = prediction()
MULTI_LABEL = prediction(concepts=[("cat", 0.97), ("dog", 0.03)])
MULTI_CLASS = prediction(concepts=[("Ambulance", 0.6), ("Limousine", 0.3), ("Helicopter", 0.1)])
ALL = {"threshold": 0.5, "epsilon": 1.0}
AMBULANCE = {"selected_class_names": ["Ambulance"]}


def kept(model_type_id: str, params: dict[str, Any], given: dict[str, Any], *names: str) -> bool:
    info = {"params": params} | ({"data": {"concepts": [{"id": name} for name in names]}} if names else {})
    return outputs(model_type_id, info, [given]) != [None]


def objects(number: int) -> dict[str, int]:
    return {"minimum_objects_close_to_threshold": number}


@pytest.mark.parametrize(
    ("value", "threshold", "epsilon", "close"),
    [(0.45, 0.5, 0.06, True), (0.55, 0.5, 0.06, True), (0.44, 0.5, 0.05, False), (0.56, 0.5, 0.05, False)],
)
def test_values_close_to_a_threshold(value: float, threshold: float, epsilon: float, close: bool) -> None:
    given = prediction(concepts=[("some", value)])
    assert kept("close-to-threshold", {"threshold": threshold, "epsilon": epsilon}, given) is close


@pytest.mark.parametrize(
    ("params", "count"),
    [
        (ALL, 2),
        ({**ALL, "selected_class_names": ["a", "c"]}, 1),
        ({"threshold": 0.6, "epsilon": 0.15}, 1),
        ({"threshold": 0.9, "epsilon": 0.05}, 1),
    ],
)
def test_detections_close_to_a_threshold_are_counted(params: dict[str, Any], count: int) -> None:
    assert kept("close-to-threshold", params | objects(count), DETECTIONS)
    assert not kept("close-to-threshold", params | objects(count + 1), DETECTIONS)
    assert not kept("close-to-threshold", params, NO_DETECTION)


@pytest.mark.parametrize(
    ("params", "close"),
    [
        ({"threshold": 0.95, "epsilon": 0.05, "only_top_classes": True}, True),
        ({"threshold": 0.05, "epsilon": 0.05, "only_top_classes": True}, False),
        ({"threshold": 0.05, "epsilon": 0.05, "only_top_classes": False, "selected_class_names": ["cat", "tiger"]}, False),
        ({"threshold": 0.05, "epsilon": 0.05, "only_top_classes": False}, True),
    ],
)
def test_a_multi_label_classification(params: dict[str, Any], close: bool) -> None:
    assert kept("close-to-threshold", params, MULTI_LABEL) is close


@pytest.mark.parametrize(
    ("params", "close"),
    [
        ({"threshold": 0.6, "epsilon": 0.1, "only_top_classes": True}, True),
        ({"threshold": 0.8, "epsilon": 0.1, "only_top_classes": True}, False),
        ({"threshold": 0.6, "epsilon": 0.1, "only_top_classes": True, "selected_class_names": ["Limousine", "Helicopter"]}, False),
        ({"threshold": 0.6, "epsilon": 0.1, "only_top_classes": True, **AMBULANCE}, True),
        ({"threshold": 0.3, "epsilon": 0.1, "only_top_classes": False}, True),
        ({"threshold": 0.5, "epsilon": 0.05, "only_top_classes": False}, False),
        ({"threshold": 0.3, "epsilon": 0.1, "only_top_classes": False, "selected_class_names": ["Ambulance", "Helicopter"]}, False),
        ({"threshold": 0.8, "epsilon": 0.1, "only_top_classes": True, "probability": 1.0, **AMBULANCE}, False),
        ({"threshold": 0.75, "epsilon": 0.25, "probability": 1.0, **AMBULANCE}, True),
    ],
)
def test_a_multi_class_classification(params: dict[str, Any], close: bool) -> None:
    assert kept("close-to-threshold", params, MULTI_CLASS) is close


def test_only_top_classes_and_one_object_are_what_is_meant_when_nothing_is_said() -> None:
    info = {"params": {"threshold": 0.75, "epsilon": 0.25, "probability": 0.6}}
    spelt_out = {"params": {**info["params"], "only_top_classes": True, "minimum_objects_close_to_threshold": 1}}
    assert parse_operator("close-to-threshold", info, lambda _: None) == parse_operator("close-to-threshold", spelt_out, lambda _: None)


@pytest.mark.parametrize(("names", "there"), [(["cat"], True), (["dog"], False)])
def test_classes_based_sampling_is_a_wide_band_of_the_top_class(names: list[str], there: bool) -> None:
    assert kept("close-to-threshold", {**ALL, "selected_class_names": names, "probability": 1.0}, MULTI_LABEL) is there


@pytest.mark.parametrize(
    ("count", "more_than", "less_than", "within"),
    [(1, None, 2, True), (2, 1, 5, True), (5, 4, None, True), (1, 2, None, False), (5, None, 4, False)],
)
def test_a_number_of_detections(count: int, more_than: int | None, less_than: int | None, within: bool) -> None:
    """More than and less than exclude their ends, a band includes them."""
    band = ({} if more_than is None else {"min": more_than + 1}) | ({} if less_than is None else {"max": less_than - 1})
    assert kept("object-count", band, prediction(regions=[region(str(i), [("a", 0.5)]) for i in range(count)])) is within


def test_detections_of_selected_classes_are_counted() -> None:
    assert kept("object-count", {"min": 2, "max": 2}, DETECTIONS, "a", "b")
    assert not kept("object-count", {"min": 2, "max": 2}, DETECTIONS, "a")


def test_a_classification_has_no_detections() -> None:
    assert not kept("object-count", {"min": 1}, MULTI_LABEL)


@pytest.mark.parametrize(
    ("model_type_id", "params", "path"),
    [
        ("close-to-threshold", {"epsilon": 0.25, "probability": 0.6}, "params.threshold"),
        ("close-to-threshold", {"threshold": 0.75, "probability": 0.6}, "params.epsilon"),
        ("object-count", {"min": 7, "max": 4}, "params.max"),
        ("random-sample", {}, "params.keep_fraction"),
    ],
)
def test_configurations_that_cannot_be_meant(model_type_id: str, params: dict[str, Any], path: str) -> None:
    with pytest.raises(OperatorProblems) as raised:
        parse_operator(model_type_id, {"params": params}, lambda _: None)
    assert path in [where for where, _ in raised.value.problems]
