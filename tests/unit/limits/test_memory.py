"""The pieces that a collector's memory goes to the changelog in."""

from __future__ import annotations

import numpy as np
import pytest

from processor.limits.memory import Memory
from processor.limits.rules import Duplicates, Quota, Sameness
from processor.limits.seen import Fingerprint
from processor.limits.settle import settle

RULE = Duplicates(frozenset({Sameness.INPUT_ID}), 10, 60)
BUDGET, OUTLIER = "budget.n.0", "outlier.m.0"


def used() -> Memory:
    memory = Memory("2026-01-01T00:00:00Z")
    assert settle(memory, (Quota(total=9), RULE), Fingerprint(7), 0) == "collected"
    memory.stream(BUDGET).add((0.5, 0.1), 10)
    memory.stream(OUTLIER).add((0.5, 1.0), 10)
    memory.stream(OUTLIER).move_mean(np.ones(3))
    return memory


def test_what_was_written_is_what_is_restored() -> None:
    memory, back = used(), Memory()
    for part, segment, data in memory.changes():
        assert data is not None
        back.restore(part, segment, data)
    assert (back.made, back.quota.total, back.seen.count) == (memory.made, 1, 1)
    assert back.stream(BUDGET).last(1).tolist() == [(0.5, 0.1)]
    assert (back.stream(OUTLIER).mean == np.ones(3)).all()
    assert list(back.changes()) == [], "nothing of it is news"


def test_only_what_changed_is_written() -> None:
    memory = used()
    list(memory.changes())
    assert settle(memory, (Quota(total=9), RULE), Fingerprint(7), 0) == "duplicate"
    assert list(memory.changes()) == []
    memory.stream(BUDGET).add((0.5, 0.1), 10)
    assert [(part, segment) for part, segment, _ in memory.changes()] == [(BUDGET, 0)]


def test_samplers_that_the_workflow_no_longer_has_are_taken_back() -> None:
    memory = used()
    list(memory.changes())
    assert memory.keep({BUDGET})
    assert not memory.keep({BUDGET})
    assert list(memory.changes()) == [(OUTLIER, 0, None), (OUTLIER, -1, None)]
    assert memory.stream(OUTLIER).count == 0


def test_everything_that_was_written_is_taken_back_together() -> None:
    memory = used()
    written = {(part, segment) for part, segment, _ in memory.changes()}
    assert {(part, segment) for part, segment, _ in memory.pieces()} == written
    assert {data for _, _, data in memory.pieces()} == {None}


def test_a_part_that_a_newer_version_wrote_is_refused() -> None:
    with pytest.raises(ValueError, match="part 'sketch' is not known"):
        Memory().restore("sketch", 0, b"")
