"""Names of topics, and which are an app's inputs topic."""

from __future__ import annotations

import pytest

from processor.settings import Settings
from processor.topics.names import (
    CATALOG,
    DEAD_LETTERS,
    FIXED,
    inputs_topic,
    is_inputs_topic,
    name_problem,
    parse_inputs_topic,
    prefixed,
    unprefixed,
)


def test_underscores_of_ids_are_doubled_and_come_back() -> None:
    assert inputs_topic("acme_labs", "quality-1") == "inputs.acme__labs.quality-1"
    assert parse_inputs_topic("inputs.acme__labs.quality-1") == ("acme_labs", "quality-1")


@pytest.mark.parametrize(
    "name",
    [
        "inputs",
        "inputs.acme",
        "inputs.dead-letters",
        "inputs.acme_labs.quality",
        "inputs.a.b.c",
        "inputs._a.b",
        "inputs.a.",
        "x.inputs.a.b",
    ],
)
def test_names_that_no_app_has_are_no_inputs_topics(name: str) -> None:
    assert parse_inputs_topic(name) is None
    assert not is_inputs_topic(name)


def test_no_fixed_topic_is_taken_for_an_inputs_topic() -> None:
    assert not [name for name in FIXED if is_inputs_topic(name)]


def test_the_fixed_topics_hold_the_catalog_and_the_dead_letters_once_each() -> None:
    assert len(set(FIXED)) == len(FIXED) == 15
    assert set(CATALOG) | set(DEAD_LETTERS) < set(FIXED)


def test_the_prefix_goes_on_and_comes_off_and_a_foreign_topic_is_not_ours() -> None:
    settings = Settings(topic_prefix="dev.")
    assert prefixed(settings, "queue") == "dev.queue"
    assert unprefixed(settings, "dev.queue") == "queue"
    assert unprefixed(settings, "queue") is None


@pytest.mark.parametrize(
    ("topic", "words"), [("a b", "letters"), ("", "letters"), (".", "letters"), ("..", "letters"), ("é", "letters"), ("x" * 250, "250")]
)
def test_a_name_that_kafka_refuses_is_refused_with_the_rule(topic: str, words: str) -> None:
    assert words in name_problem(topic)


def test_the_longest_legal_name_passes() -> None:
    assert name_problem("x" * 249) == ""
