"""Arcs looked up in a column: the sorted way gives what the plain way gives, around the ring too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from processor.engine import columns
from processor.engine.chains import Arcs
from processor.engine.columns import Columns
from processor.engine.evaluate import Evaluation, Subplans
from processor.engine.frame import Frame
from processor.operators.arc import RING, Arc, Column
from tests.support.building import batch, prediction

NAMES = tuple(Column("hash", group) for group in range(3))
FRAME = Frame(batch([prediction(f"p-{i}") for i in range(50)]), np.arange(50))
KEYS = [FRAME.draws(group).tolist() for group in range(3)]

edges = st.one_of(st.sampled_from([0, 1, RING - 1, *KEYS[0][:5]]), st.integers(0, RING - 1))
arcs = st.lists(st.tuples(st.integers(0, 2), edges, edges), min_size=1, max_size=8).map(sorted)


@pytest.mark.parametrize("dense_cells", [0, columns.DENSE_CELLS])
@settings(max_examples=100, deadline=None)
@given(arcs, st.integers(1, 40))
def test_pairs_are_all_that_the_arcs_hold(dense_cells: int, found: list[tuple[int, int, int]], limit: int) -> None:
    step = Arcs(*(np.array(column, kind) for column, kind in zip(zip(*found, strict=True), (np.int64, np.uint64, np.uint64), strict=True)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "DENSE_CELLS", dense_cells)
        looked_up = Columns(Evaluation(FRAME, Subplans()), NAMES)
        pairs = sorted((int(c), int(r)) for part in looked_up.pairs(step, limit) for c, r in zip(part.chains, part.rows, strict=True))
        counts = [int(looked_up.count(number, step[np.array([i])])[0]) for i, (number, _, _) in enumerate(found)]
    plain = [
        (i, row) for i, (number, start, length) in enumerate(found) for row, key in enumerate(KEYS[number]) if (key - start) % RING < length
    ]
    assert pairs == plain
    assert counts == [sum(1 for i, _ in plain if i == arc) for arc in range(len(found))]


def test_an_arc_wraps_around_the_ring() -> None:
    arc = Arc(Column("hash"), RING - 2, 4)
    assert arc.holds(np.array([RING - 3, RING - 2, RING - 1, 0, 1, 2], np.uint64)).tolist() == [False, True, True, True, True, False]


def test_an_empty_arc_holds_nothing() -> None:
    assert not Arc(Column("hash"), 7, 0).holds(np.array([6, 7, 8], np.uint64)).any()


LEAST, MOST = 0, 2**64 - 1
near = st.integers(0, 40).map(lambda step: 2**63 + step)  # equal but for their last bits
any_keys = st.lists(st.integers(LEAST, 2**32) | st.integers(LEAST, MOST) | near | st.just(MOST), max_size=70)


@given(any_keys)
@example([])
@example([5])
@example([2**63 + 3, 2**63 + 2, 2**63 + 1, 2**63])
def test_positions_and_keys_come_in_ascending_order_of_the_keys(given_keys: list[int]) -> None:
    column = np.array(given_keys, np.uint64)
    order, ordered = columns._sorted(column)
    assert ordered.tolist() == sorted(given_keys)
    assert sorted(order.tolist()) == list(range(len(given_keys)))
    assert column[order].tolist() == ordered.tolist()
