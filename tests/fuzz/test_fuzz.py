"""Hostile input at every boundary: what was ever found there, and a few hundred cases more. ``scripts/fuzz`` tries many."""

from __future__ import annotations

import itertools
import json
import logging
import random
from typing import TYPE_CHECKING

import pytest

from processor.operators import OPERATORS
from tests.fuzz.boundaries import BOUNDARIES
from tests.fuzz.damage import damaged, odd_json
from tests.fuzz.judging import INFOS
from tests.fuzz.machine import CORPUS, Boundary, corpus, from_the_start, one_by_one, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# What needs a compiler takes some seconds.
NAMES = [pytest.param(name, marks=[pytest.mark.slow] if name == "sink" else []) for name in BOUNDARIES]
CASES = 300
SEED = 8


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    """Every bad record is logged, and nearly all of them are."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_ever_found_at_a_boundary_does_no_harm(name: str) -> None:
    for case in corpus(BOUNDARIES[name]):
        BOUNDARIES[name].check([case])


@pytest.mark.parametrize("name", NAMES)
def test_valid_values_and_damaged_ones_do_no_harm(name: str) -> None:
    boundary = BOUNDARIES[name]
    assert boundary.check(boundary.seeds())
    totals = run(boundary, CASES, SEED)
    assert totals.findings == {}
    assert totals.cases == CASES
    assert len(totals.outcomes) > 1, "damage that changes nothing damages nothing"


def test_the_corpus_is_of_boundaries_that_there_are() -> None:
    assert {folder.name for folder in CORPUS.iterdir() if folder.is_dir()} <= set(BOUNDARIES)


def test_what_does_harm_is_found_made_small_and_told_once() -> None:
    def harmful(case: bytes) -> str:
        if b"\xff" in case:
            raise KeyError("harm")
        return "well"

    boundary = Boundary("planted", lambda: [bytes(range(200))], one_by_one(harmful))
    totals = run(boundary, 2_000, SEED)
    assert [(place.partition(" ")[0], case) for place, (case, _) in totals.findings.items()] == [("KeyError", b"\xff")]
    assert totals.outcomes["found"] > 1
    assert run(boundary, 2_000, SEED).outcomes == totals.outcomes, "the same seed tries the same"


def test_a_check_that_never_ends_is_found() -> None:
    def endless(_: bytes) -> str:
        return str(next(number for number in itertools.count() if number < 0))

    totals = run(Boundary("planted", lambda: [b"a"], one_by_one(endless)), 1, SEED, check_s_max=0.05)
    assert [place.partition(" ")[0] for place in totals.findings] == ["Endless"]


def test_what_a_library_raises_when_it_panics_is_found() -> None:
    class Panic(BaseException):
        """As a library in Rust raises it: no Exception."""

    def panics(case: bytes) -> str:
        raise Panic(case)

    assert [place.partition(" ")[0] for place in run(Boundary("planted", lambda: [b"a"], one_by_one(panics)), 9, SEED).findings] == [
        "Panic"
    ]


def test_json_is_damaged_in_every_way_that_it_can_be() -> None:
    rng, text = random.Random(SEED), b'{"a": {"id": "x", "list": [1, 2.5]}}'  # noqa: S311 - replayable
    names: list[list[str]] = []

    def noted(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names.append([name for name, _ in pairs])
        return dict(pairs)

    made = [found for _ in range(5_000) if (found := odd_json(rng, text)) is not None]
    for each in made:
        try:
            json.loads(each.decode("utf-8", "replace"), object_pairs_hook=noted)
        except (ValueError, RecursionError):
            continue
    assert any(len(set(each)) < len(each) for each in names), "a name twice"
    assert ["id"] in names, "a missing field"
    assert ["id", "list", "references"] in names, "an unknown field"
    for part in (b"NaN", b"1e999", b"9" * 400, b"\\ud800", b"\xed\xa0\x80", b"[" * 1_100, b'{"a":' * 1_100, b'"list": null', b'"id": ['):
        assert any(part in each for each in made), part


def test_the_same_seed_does_the_same_damage() -> None:
    pool = [b'{"a": [1, [2]], "b": {}}', b"[3]"]
    first, again = (random.Random(SEED) for _ in range(2))  # noqa: S311 - replayable
    for _ in range(2_000):
        assert damaged(first, pool, from_the_start) == damaged(again, pool, from_the_start)


def test_what_is_read_goes_through_every_operator() -> None:
    assert set(INFOS) == set(OPERATORS)
