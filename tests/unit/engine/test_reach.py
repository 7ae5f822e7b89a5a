"""Rows that are left out before a column is sorted are ones that no arc holds."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from processor.engine.reach import Reach
from processor.operators.arc import RING, Arc, Column

keys = st.integers(0, RING - 1)
lengths = st.integers(0, RING - 1) | st.integers(0, RING // 1_000)


@given(st.lists(st.tuples(keys, lengths), min_size=1, max_size=20), st.lists(keys, max_size=40))
@example([(RING - 5, 10)], [RING - 6, RING - 5, RING - 1, 0, 4, 5])
@example([(7, RING - 1)], [6, 7, 8])
@example([(0, 0)], [0, 1, RING - 1])
def test_whatever_an_arc_holds_is_near(arcs: list[tuple[int, int]], drawn: list[int]) -> None:
    near_arcs = [start + offset for start, length in arcs for offset in (0, length - 1, length // 2)]
    looked_at = np.array([*drawn, *(key % RING for key in near_arcs)], np.uint64)
    starts, sizes = (np.array(part, np.uint64) for part in zip(*arcs, strict=True))
    near = Reach.of(starts, sizes).near(looked_at)
    left_out = np.ones(len(looked_at), bool)
    left_out[slice(None) if near is None else near] = False
    for start, length in arcs:
        assert not (left_out & Arc(Column("hash"), start, length).holds(looked_at)).any()


def test_small_samples_of_many_reach_a_small_part_and_large_ones_leave_nothing_out() -> None:
    starts = np.random.default_rng(1).integers(0, RING, 1_000, np.uint64)
    hashes = np.random.default_rng(2).integers(0, RING, 100_000, np.uint64)
    near = Reach.of(starts, np.full(1_000, RING // 100_000, np.uint64)).near(hashes)
    assert near is not None
    assert 1_000 < len(near) < 10_000
    assert Reach.of(starts, np.full(1_000, RING // 100, np.uint64)).near(hashes) is None
