"""Hostile input at every boundary: what was ever found there, and a few hundred cases more. ``scripts/fuzz`` tries many."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tests.fuzz.boundaries import BOUNDARIES
from tests.fuzz.machine import CORPUS, Boundary, corpus, one_by_one, run

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = 300
SEED = 8


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    """Every bad record is logged, and nearly all of them are."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", BOUNDARIES)
def test_what_was_ever_found_at_a_boundary_does_no_harm(name: str) -> None:
    for case in corpus(BOUNDARIES[name]):
        BOUNDARIES[name].check([case])


@pytest.mark.parametrize("name", BOUNDARIES)
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
