"""``language-id``: the language of a text."""

from __future__ import annotations

from typing import Any

import pytest

from processor.operators import OperatorProblems, parse_operator
from processor.operators.language_id import LANGUAGES, language_of
from tests.support.building import outputs, prediction
from tests.support.oracle_operators import identifier_of_all

FOX = "The quick brown fox jumps over the lazy dog, and nobody seems to mind."
FUCHS = "Der schnelle braune Fuchs springt über den faulen Hund, und niemand stört sich daran."


def concepts(info: dict[str, Any], *texts: str) -> list[Any]:
    found = outputs("language-id", info, [prediction(text=text, concepts=[("a", 0.5)]) for text in texts])
    return [None if output is None else output[0] for output in found]


def problems(info: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(OperatorProblems) as raised:
        parse_operator("language-id", info, lambda _: None)
    return raised.value.problems


def test_the_language_is_a_concept() -> None:
    (english, german) = concepts({}, FOX, FUCHS)
    assert [found[0][0] for found in (english, german)] == ["en", "de"]
    assert all(0.5 < found[0][1] <= 1 for found in (english, german))


def test_languages_may_be_narrowed_down() -> None:
    ((code, value),) = concepts({"params": {"languages": ["de", "nl"]}}, FOX)[0]
    assert code in {"de", "nl"}
    assert value >= 0.5


def test_a_blank_text_has_no_language() -> None:
    assert concepts({}, "", " \n") == [None, None]
    assert language_of(" ") is None


def test_only_the_beginning_of_a_text_is_looked_at() -> None:
    assert language_of(FOX * 100 + FUCHS * 1000) == language_of(FOX * 100)


def test_one_text_is_told_as_in_a_batch() -> None:
    ((code, value),) = concepts({}, FUCHS)[0]
    found = language_of(FUCHS)
    assert found
    assert (found.code, round(found.value, 6)) == (code, value)


def test_the_languages_are_those_of_the_model() -> None:
    assert set(identifier_of_all().labels) == LANGUAGES


def test_an_unknown_language_is_told() -> None:
    ((path, message),) = problems({"params": {"languages": ["en", "klingon"]}})
    assert path == "params.languages[1]"
    assert "'klingon' is not known; known are" in message
