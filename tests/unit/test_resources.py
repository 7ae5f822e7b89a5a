"""What documents mean beyond their fields."""

from __future__ import annotations

import pytest

from processor.resources import POST_INPUTS_SCOPES, SCOPES, App, Collector, id_problem
from tests.support.documents import document, source


def collector(**fields: object) -> Collector:
    return Collector.model_validate(document("Collector", collector_source=source(), pre_queue_random_sample=0.5, **fields))


def test_a_document_is_known_by_its_ids_and_an_app_by_owner_and_id() -> None:
    assert collector().key == "acme/quality/x"
    assert App.model_validate(document("App")).key == "acme/x"


@pytest.mark.parametrize(
    ("fields", "pause"),
    [
        ({}, None),
        ({"status": None}, None),
        ({"status": {"code": 52001}}, False),
        ({"status": {"code": 52002}}, True),
        ({"status": {"code": 52002}, "status_reason": "paused"}, True),
        ({"status": {"code": 52002}, "status_reason": "paused; app acme/quality does not exist"}, True),
        ({"status": {"code": 52002}, "status_reason": "app acme/quality does not exist"}, None),
        ({"status": {"code": 52002, "details": "app acme/quality does not exist"}}, None),
    ],
)
def test_only_what_a_person_asked_for_is_a_pause_never_what_was_worked_out(fields: dict[str, object], pause: bool | None) -> None:
    assert collector(**fields).pause is pause


@pytest.mark.parametrize("text", ["a", "7", "A-b_9", "x" * 80])
def test_ids_are_letters_digits_dashes_and_underscores(text: str) -> None:
    assert id_problem(text) == ""


@pytest.mark.parametrize("text", ["", "-a", "_a", "a.b", "a/b", "a b", "ä", "a\n", "x" * 81])
def test_anything_else_is_no_id(text: str) -> None:
    assert id_problem(text) != ""


def test_every_scope_that_posting_needs_is_a_scope() -> None:
    assert set(POST_INPUTS_SCOPES) < SCOPES
