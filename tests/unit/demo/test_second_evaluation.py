"""The demo's evaluation of the second stage, rule by rule, on cases small enough to judge by eye."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from processor.demo.second_evaluation import SecondEvaluation, key

NAME = "acme/app/it"
READER = "acme/app/reader"


def prediction(at_s: float = 0.0, picture: str = "p", input_id: str = "i", **values: float) -> dict[str, Any]:
    """A candidate, some seconds after eight o'clock."""
    when = datetime(2026, 1, 5, 8, tzinfo=UTC) + timedelta(seconds=at_s)
    concepts = [{"id": name, "value": value} for name, value in values.items()]
    return {
        "predicted_at": when.isoformat().replace("+00:00", "Z"),
        "input": {"id": input_id, "data": {"image": {"base64": picture}}},
        "output": {"data": {"concepts": concepts} if concepts else {"regions": []}},
    }


def document(kind: str, id_: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "user_id": "acme", "app_id": "app", "id": id_, **fields}


def asking(**disagreement: Any) -> list[dict[str, Any]]:
    """A workflow ``w`` of a model and a disagreement, and what both are."""
    nodes = [{"id": "a", "model": {"id": "reader"}}, {"id": "b", "model": {"id": "differs"}, "node_inputs": [{"node_id": "a"}]}]
    served = document("Model", "reader", model_type_id="visual-classifier")
    return [document("Workflow", "w", nodes=nodes), served, document("Model", "differs", model_type_id="disagreement", **disagreement)]


def outcomes(stream: list[dict[str, Any]], **fields: Any) -> list[str]:
    """What becomes of candidates, one after the other; empty: collected."""
    evaluation = SecondEvaluation([document("Collector", "it", **fields)], {})
    return [evaluation.judge(NAME, each)[0] for each in stream]


def test_an_app_has_a_shorter_key() -> None:
    assert key({"user_id": "acme", "id": "app"}) == "acme/app"


def test_a_quota_begins_anew_with_every_window_of_utc() -> None:
    stream = [prediction(at) for at in (0, 59, 59.9, 60, 61)]
    assert outcomes(stream, quota={"per_minute": 2}) == ["", "", "over_quota", "", ""]
    assert outcomes(stream, quota={"per_hour": 4}) == ["", "", "", "", "over_quota"]
    assert outcomes([prediction(16 * 3600 - 1), prediction(16 * 3600)], quota={"per_day": 1}) == ["", ""]


def test_what_is_left_uses_up_no_quota_of_another_window() -> None:
    stream = [prediction(0), prediction(60), prediction(61)]
    assert outcomes(stream, quota={"per_minute": 1, "per_hour": 2}) == ["", "", "over_quota"]


def test_what_is_older_than_the_last_two_windows_is_over_the_quota() -> None:
    assert outcomes([prediction(at) for at in (120, 60, 59)], quota={"per_minute": 5}) == ["", "", "over_quota"]


def test_a_picture_is_collected_once_within_the_window() -> None:
    stream = [prediction(0, "a"), prediction(1, "b"), prediction(10, "a"), prediction(11, "a")]
    assert outcomes(stream, duplicates={"by": ["content"]}) == ["", "", "duplicate", "duplicate"]
    assert outcomes(stream, duplicates={"by": ["content"], "window_seconds": 9}) == ["", "", "", "duplicate"]
    assert outcomes(stream, duplicates={"by": ["content"], "window_count": 1}) == ["", "", "", "duplicate"]


def test_a_duplicate_uses_up_no_quota_and_what_is_over_it_keeps_nothing_away() -> None:
    stream = [prediction(0, "a"), prediction(1, "a"), prediction(2, "b"), prediction(3, "c"), prediction(60, "c")]
    limits = {"duplicates": {"by": ["content"]}, "quota": {"per_minute": 2}}
    assert outcomes(stream, **limits) == ["", "duplicate", "", "over_quota", ""]


@pytest.mark.parametrize(
    ("predicted", "said", "found"),
    [
        ({"cat": 0.9, "dog": 0.1}, {"cat": 0.6, "dog": 0.4}, False),
        ({"cat": 0.9, "dog": 0.1}, {"cat": 0.4, "dog": 0.6}, True),
        ({}, {"cat": 0.4, "dog": 0.6}, True),
    ],
)
def test_a_second_model_disagrees_when_its_best_concept_is_another(
    predicted: dict[str, float], said: dict[str, float], found: bool
) -> None:
    evaluation = SecondEvaluation([document("Collector", "it", post_queue_workflow_id="w"), *asking()], {READER: {"i": said}})
    assert evaluation.judge(NAME, prediction(**predicted)) == (("", said) if found else ("post_queue_empty", {}))


def test_a_workflow_that_gives_nothing_leaves_no_trace() -> None:
    limits = {"duplicates": {"by": ["content"]}, "quota": {"per_minute": 1}}
    evaluation = SecondEvaluation(
        [document("Collector", "it", post_queue_workflow_id="w", **limits), *asking()], {READER: {"i": {"cat": 1.0}, "j": {"dog": 1.0}}}
    )
    stream = [prediction(0, "a", "i", cat=0.9), prediction(1, "a", "j", cat=0.9), prediction(2, "b", "j", cat=0.9)]
    assert [evaluation.judge(NAME, each)[0] for each in stream] == ["post_queue_empty", "", "over_quota"]


def test_it_refuses_what_it_does_not_know() -> None:
    """Rather than be wrong about it."""
    with pytest.raises(NotImplementedError):
        outcomes([prediction()], duplicates={"by": ["content", "image"]})
    documents = [document("Collector", "it", post_queue_workflow_id="w"), *asking(output_info={"params": {"value": 0.5}})]
    with pytest.raises(NotImplementedError):
        SecondEvaluation(documents, {}).judge(NAME, prediction())
