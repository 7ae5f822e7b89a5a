"""Cycles are found between turns, and Python looks for them itself again afterwards."""

from __future__ import annotations

import gc
import weakref

import pytest

from processor.stages.garbage import collected_between_turns


class Batch:
    """Refers to itself, as columns do that are derived from one another."""

    def __init__(self) -> None:
        self.me = self


def test_what_a_turn_leaves_behind_is_gone_when_it_is_over() -> None:
    with collected_between_turns() as turn_is_over:
        assert not gc.isenabled()
        left = weakref.ref(Batch())
        assert left() is not None
        turn_is_over()
        assert left() is None
    assert gc.isenabled()


def test_what_outlived_a_turn_is_found_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processor.stages.garbage.FULL_EVERY_TURNS", 5)
    with collected_between_turns() as turn_is_over:
        batch = Batch()
        left = weakref.ref(batch)
        turn_is_over()
        turn_is_over()
        del batch
        turn_is_over()
        assert left() is not None, "it is old, and only the young are looked at"
        turn_is_over()
        turn_is_over()
        assert left() is None


def test_a_loop_that_fails_leaves_python_as_it_was() -> None:
    with pytest.raises(RuntimeError), collected_between_turns():
        raise RuntimeError
    assert gc.isenabled()
