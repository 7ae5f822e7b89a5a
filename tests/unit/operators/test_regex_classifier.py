"""``regex-classifier``: concepts for what is found in a text."""

from __future__ import annotations

from typing import Any

import pytest

from processor.operators import OperatorProblems, parse_operator
from processor.operators.text_match import PATTERN_LENGTH_MAX
from tests.support.building import outputs, prediction

URGENT = {"data": {"concepts": [{"id": "urgent"}]}}


def concepts(info: dict[str, Any], *texts: str) -> list[Any]:
    found = outputs("regex-classifier", info, [prediction(text=text, concepts=[("a", 0.5)]) for text in texts])
    return [None if output is None else output[0] for output in found]


def problems(info: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(OperatorProblems) as raised:
        parse_operator("regex-classifier", info, lambda _: None)
    return raised.value.problems


def test_the_concepts_are_given_where_the_expression_is_found() -> None:
    info = {"params": {"pattern": r"order \d+"}, "data": {"concepts": [{"id": "order"}, {"id": "unsure", "value": 0.25}]}}
    both = [("order", 1), ("unsure", 0.25)]
    assert concepts(info, "my order 12 is late", "my order", "order 3") == [both, None, both]


def test_expressions_are_unanchored_and_mind_capitals() -> None:
    assert concepts({"params": {"pattern": "^now"}, **URGENT}, "now!", "right now", "Now") == [
        [("urgent", 1)],
        None,
        None,
    ]
    assert concepts({"params": {"pattern": "(?i)now"}, **URGENT}, "right NOW") == [[("urgent", 1)]]


def test_no_text_matches_nothing_not_even_nothing() -> None:
    assert concepts({"params": {"pattern": ".*"}, **URGENT}, "") == [None]


@pytest.mark.parametrize("pattern", ["(", "a{2000}", "(?=x)", r"\1", "x" * (PATTERN_LENGTH_MAX + 1), "\ud800"])
def test_what_is_no_expression_is_told(pattern: str) -> None:
    ((path, message),) = problems({"params": {"pattern": pattern}, **URGENT})
    assert path == "params.pattern"
    assert "expression" in message


def test_a_classifier_without_a_concept_is_told() -> None:
    assert [path for path, _ in problems({})] == ["data.concepts", "params.pattern"]
