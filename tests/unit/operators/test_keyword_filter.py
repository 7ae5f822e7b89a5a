"""``keyword-filter``: whole words in a text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from processor.engine.frame import Frame
from processor.operators import parse_operator
from processor.operators.text_match import matching
from tests.support.building import batch, outputs, prediction


def has(text: str | None, *keywords: str, **params: Any) -> bool:
    stream = [prediction() if text is None else prediction(text=text)]
    return outputs("keyword-filter", {"params": {"keywords": list(keywords), **params}}, stream) != [None]


def test_keywords_are_whole_words() -> None:
    assert has("a dog, a cat", "dog")
    assert has("dog", "dog")
    assert has("hot-dog", "dog")
    assert not has("dogs and hotdogs", "dog")
    assert not has("dog_1 dog2 dogé", "dog")


def test_an_accent_that_follows_belongs_to_the_word() -> None:
    assert not has("e\u0301te\u0301", "e", "t")


def test_any_is_enough_unless_all_are_asked_for() -> None:
    assert has("a dog", "dog", "cat")
    assert not has("a dog", "dog", "cat", match="all")
    assert has("cat and dog", "dog", "cat", match="all")
    assert not has("cats and dog", "dog", "cat", match="all")
    assert not has("a bird", "dog", "cat")


def test_capitals_count_only_if_asked_for() -> None:
    assert has("ÉTÉ, DOG", "été")
    assert has("été", "ÉTÉ")
    assert not has("DOG", "dog", case_sensitive=True)
    assert has("dog", "dog", case_sensitive=True)


@pytest.mark.parametrize("keyword", ["c++", "a.b", "(x", "[", "#1", "\\d", "credit card", "a|b", "^", "\x00", "🦊"])
def test_a_keyword_is_taken_letter_by_letter(keyword: str) -> None:
    assert has(f"so: {keyword} !", keyword)
    assert not has("so: aab 5 creditcard !", keyword)


def test_a_longer_keyword_is_found_where_a_shorter_one_is_no_word() -> None:
    assert has("two dogs", "dog", "dogs")
    assert has("xa a a", "a a")


@pytest.mark.parametrize("text", ["कि", "dog\u20dd", "do\u0301g dog\U000e0100"])
def test_marks_belong_to_the_letter_before(text: str) -> None:
    assert not has(text, "क", "dog")


def test_words_stand_on_any_line() -> None:
    assert has("one\ndog\ntwo", "dog")


def test_without_a_text_there_are_no_keywords() -> None:
    assert not has(None, "dog")
    assert not has("", "dog")


def test_the_whole_output_passes_with_its_text() -> None:
    frame = Frame(batch([prediction(text="dog", concepts=[("a", 0.5)]), prediction(text="cat")]), np.arange(2))
    kept = parse_operator("keyword-filter", {"params": {"keywords": ["dog"]}}, lambda _: None).apply(frame, frame.output)
    assert kept.content is frame.output.content
    assert kept.present.tolist() == [True, False]


def test_rows_that_are_not_asked_for_do_not_match() -> None:
    texts = pa.array(["dog", "dog", "", "cat"])
    assert matching(texts, np.array([True, False, True, True]), ["d", "g"]).tolist() == [True, False, False, False]
