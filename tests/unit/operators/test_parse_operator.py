"""Reading an operator's parameters: all problems at once, each with its path."""

from __future__ import annotations

from typing import Any

import pytest

from processor.operators import OPERATORS, OperatorProblems, merge_output_info, parse_operator


def problems(model_type_id: str, output_info: Any) -> list[tuple[str, str]]:
    with pytest.raises(OperatorProblems) as raised:
        parse_operator(model_type_id, output_info, lambda _: None)
    return raised.value.problems


def test_all_problems_come_at_once() -> None:
    info = {
        "params": {"value": 2, "concept_threshold_type": "ABOVE", "valeu": 1},
        "data": {"concepts": [{"id": "a", "value": "x"}, {"id": ""}, {"id": "a"}, 3, {"id": "b", "colour": 1}]},
        "message": "",
    }
    assert [path for path, _ in problems("concept-threshold", info)] == [
        "message",
        "params.valeu",
        "params.concept_threshold_type",
        "data.concepts[0].value",
        "data.concepts[1].id",
        "data.concepts[2].id",
        "data.concepts[3]",
        "data.concepts[4].colour",
        "params.value",
    ]


@pytest.mark.parametrize("fraction", [-0.1, 1.1, "0.5", True, None, float("nan"), float("inf")])
def test_a_fraction_is_a_number_from_0_to_1(fraction: Any) -> None:
    assert problems("random-sample", {"params": {"keep_fraction": fraction}}) == [
        ("params.keep_fraction", f"{fraction!r} is no number from 0 to 1")
    ]


@pytest.mark.parametrize("kind", [0, 6, 2.5, True, "greater_than", [1], float("nan"), None])
def test_a_comparison_is_one_of_five_by_name_or_number(kind: Any) -> None:
    ((path, _),) = problems("max-probability", {"params": {"value": 0.5, "concept_threshold_type": kind}})
    assert path == "params.concept_threshold_type"


def test_a_whole_number_may_be_written_as_protobuf_writes_it() -> None:
    """All its numbers are floats."""
    info = {"params": {"threshold": 0.5, "epsilon": 0.1, "minimum_objects_close_to_threshold": 2}}
    floats = {"params": info["params"] | {"minimum_objects_close_to_threshold": 2.0}}
    assert parse_operator("close-to-threshold", info, lambda _: None) == parse_operator("close-to-threshold", floats, lambda _: None)
    for wrong in (2.5, float("nan"), float("inf"), 0.0, -1.0, True):
        given = {"params": info["params"] | {"minimum_objects_close_to_threshold": wrong}}
        assert [path for path, _ in problems("close-to-threshold", given)] == ["params.minimum_objects_close_to_threshold"], wrong


def test_what_is_missing_is_said() -> None:
    assert problems("random-sample", {}) == [("params.keep_fraction", "is missing; a number from 0 to 1 is wanted")]
    assert problems("max-probability", {"params": {}}) == [("params.value", "is missing; a number from 0 to 1 is wanted")]
    assert [path for path, _ in problems("concept-threshold", {})] == ["data.concepts"]
    assert [path for path, _ in problems("region-threshold", {"data": {"concepts": [{"id": "a"}]}})] == ["data.concepts[0].value"]
    assert [path for path, _ in problems("concept-synonym-mapper", {})] == ["params.knowledge_graph_id"]


@pytest.mark.parametrize(
    ("output_info", "path"), [([], ""), ({"params": None}, "params"), ({"params": 3}, "params"), ({"data": {"concepts": []}}, "data")]
)
def test_sections_are_objects_and_known(output_info: Any, path: str) -> None:
    assert path in [where for where, _ in problems("random-sample", output_info)]


def test_an_unknown_graph_is_a_problem() -> None:
    found = problems("concept-synonym-mapper", {"params": {"knowledge_graph_id": "pets"}})
    assert found == [("params.knowledge_graph_id", "there is no knowledge graph 'pets' in the model's app")]


def test_other_model_types_are_no_operators() -> None:
    ((path, message),) = problems("visual-classifier", {})
    assert path == "model_type_id"
    assert "'visual-classifier' is no operator" in message
    assert all(name in message for name in OPERATORS)


def test_every_operator_says_what_it_is_for() -> None:
    """The console and the docs list these lines."""
    for name, operator in OPERATORS.items():
        assert operator.model_type_id == name
        assert operator.doc.endswith(".")
        assert operator.takes | operator.gives <= {"concepts", "regions", "metadata", "text"}
        assert operator.takes_concepts == ("data" not in {path for path, _ in problems(name, {"data": {"concepts": 3}, "x": 1})})


@pytest.mark.parametrize(
    ("model_type_id", "params", "found"),
    [
        ("uncertainty", {}, {"strategy": "is missing; one of entropy, margin, least_confidence is wanted", "value": "is missing"}),
        ("uncertainty", {"strategy": "doubt", "value": 2}, {"strategy": "'doubt' is none of entropy", "value": "no number from 0 to 1"}),
        ("uncertainty", {"strategy": "margin", "min": 0.9, "max": 0.1}, {"max": "0.1 is below params.min, 0.9: nothing could pass"}),
        (
            "uncertainty",
            {"strategy": "margin", "max": 0.9, "value": 1, "concept_threshold_type": 1},
            {"concept_threshold_type": "leave one of them out", "value": "leave one of them out"},
        ),
        ("object-count", {}, {"value": "is missing; a whole number from 0 to 16,777,216 is wanted"}),
        ("object-count", {"value": 1.5}, {"value": "1.5 is not a whole number"}),
        ("object-count", {"min": -1, "max": True}, {"min": "-1 is not a whole number", "max": "True is not a whole number"}),
        ("class-filter", {"minimum_value": 3}, {"minimum_value": "3 is no number from 0 to 1"}),
        (
            "close-to-threshold",
            {
                "selected_class_names": [],
                "only_top_classes": 1,
                "minimum_objects_close_to_threshold": 0,
                "probability": 1.5,
            },
            {
                "selected_class_names": "1 to 10,000 strings are wanted, not 0",
                "threshold": "is missing",
                "epsilon": "is missing",
                "only_top_classes": "1 is neither true nor false",
                "minimum_objects_close_to_threshold": "0 is not a whole number from 1",
                "probability": "1.5 is no number from 0 to 1",
            },
        ),
        ("keyword-filter", {"match": "some"}, {"keywords": "is missing; a list is wanted", "match": "'some' is none of any, all"}),
        ("keyword-filter", {"keywords": "dog"}, {"keywords": "a list is wanted, not a string"}),
        ("keyword-filter", {"keywords": ["a", "", "a"]}, {"keywords[1]": "'' is no non-empty string", "keywords[2]": "listed twice"}),
        ("keyword-filter", {"keywords": [str(i) for i in range(101)]}, {"keywords": "1 to 100 strings are wanted, not 101"}),
        ("keyword-filter", {"keywords": ["x" * 10_001]}, {"keywords": "at most 10,000 characters"}),
    ],
)
def test_what_is_wrong_with_params_is_said_where_it_is(model_type_id: str, params: dict[str, Any], found: dict[str, str]) -> None:
    told = [(path, message) for path, message in problems(model_type_id, {"params": params}) if path.startswith("params.")]
    assert {path.removeprefix("params.") for path, _ in told} == set(found)
    for path, message in told:
        assert found[path.removeprefix("params.")] in message


def test_an_override_replaces_fields_of_params_and_data() -> None:
    base = {"params": {"value": 0.5, "concept_threshold_type": "EQUAL"}, "data": {"concepts": [{"id": "a"}]}}
    assert merge_output_info(base, {"params": {"value": 0.9}}) == {
        "params": {"value": 0.9, "concept_threshold_type": "EQUAL"},
        "data": {"concepts": [{"id": "a"}]},
    }
    assert merge_output_info(base, {"data": {"concepts": []}})["data"] == {"concepts": []}
    assert merge_output_info({}, {"params": {"value": 1}}) == {"params": {"value": 1}}
    assert merge_output_info(base, {}) == base


def test_an_override_replaces_a_metadata_query_as_a_whole() -> None:
    merged = merge_output_info({"params": {"metadata": {"a": {"$gt": 1}}}}, {"params": {"metadata": {"a": {"$lt": 5}}}})
    assert merged == {"params": {"metadata": {"a": {"$lt": 5}}}}


def test_merging_leaves_the_model_as_it_is() -> None:
    base: dict[str, Any] = {"params": {"value": 0.5}}
    merge_output_info(base, {"params": {"value": 0.9}})
    assert base == {"params": {"value": 0.5}}
