"""The ring equals a plain list, through any changes of how much is kept and any restarts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.limits.ring import SEGMENT_ENTRIES, Ring

ENTRY = np.dtype([("number", "<i8"), ("half", "<f8")])


def log_of(ring: Ring, log: dict[int, bytes]) -> None:
    """Write what changed into a compacted changelog."""
    for number, segment in ring.changes():
        if segment is None:
            log.pop(number, None)
        else:
            log[number] = segment


def restored(log: dict[int, bytes]) -> Ring:
    ring = Ring(ENTRY)
    for number in sorted(log, key=lambda number: -number):
        ring.restore(number, log[number])
    return ring


@given(st.lists(st.tuples(st.integers(1, 130), st.integers(1, 300), st.booleans()), max_size=8))
def test_the_newest_entries_are_held_and_the_changelog_holds_them_too(rounds: list[tuple[int, int, bool]]) -> None:
    ring, log, every = Ring(ENTRY), dict[int, bytes](), list[int]()
    for adds, keep, restart in rounds:
        for _ in range(adds):
            ring.add((len(every), len(every) / 2), keep)
            every.append(len(every))
        assert ring.last(keep)["number"].tolist() == every[-keep:][-ring.size :]
        assert min(len(every), 1) <= ring.size < keep + SEGMENT_ENTRIES
        log_of(ring, log)
        assert sorted(log) == ring.segments()
        if restart:
            ring = restored(log)
        assert ring.count == len(every)
        assert ring.last(10**6)["half"].tolist() == [number / 2 for number in every[len(every) - ring.size :]]


def test_one_entry_costs_one_segment_of_the_changelog() -> None:
    ring = Ring(ENTRY)
    for number in range(200):
        ring.add((number, 0.0), 1000)
    assert [number for number, _ in ring.changes()] == [0, 1, 2, 3]
    ring.add((200, 0.0), 1000)
    ((number, segment),) = ring.changes()
    assert (number, len(segment or b"")) == (3, 9 * ENTRY.itemsize)
    assert list(ring.changes()) == []


def test_memory_stays_bounded() -> None:
    ring = Ring(ENTRY)
    for number in range(5_000):
        ring.add((number, 0.0), 100)
    assert ring.size < 100 + SEGMENT_ENTRIES
    assert ring.nbytes < 400 * ENTRY.itemsize


def test_what_stands_before_a_gap_is_forgotten() -> None:
    """Somebody wrote a tombstone by hand: what is left must not look as if nothing had been there in between."""
    full = np.zeros(SEGMENT_ENTRIES, ENTRY).tobytes()
    ring = restored({0: full, 2: full, 3: full[: 5 * ENTRY.itemsize]})
    assert (ring.size, ring.count) == (SEGMENT_ENTRIES + 5, 3 * SEGMENT_ENTRIES + 5)
    assert list(ring.changes()) == [(0, None)]


@pytest.mark.parametrize("segment", [b"", b"x", bytes(ENTRY.itemsize * (SEGMENT_ENTRIES + 1))])
def test_bytes_that_are_no_segment_are_refused(segment: bytes) -> None:
    with pytest.raises(ValueError, match=r"entries|element size"):
        Ring(ENTRY).restore(0, segment)
