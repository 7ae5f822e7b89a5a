"""The load of the latency benchmark: a steady rate, and ids that tell when they were made."""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks.latency import Row, table
from benchmarks.support.load import WRAP_US, Maker, Pace, age_us, now_us
from benchmarks.support.work import id_of, number_of


def test_a_rate_is_kept_whatever_the_gaps_between_the_looks() -> None:
    pace = Pace(1_000, began_s=0.0)
    assert [pace.due(now_s) for now_s in (0.0, 0.001, 0.0015, 0.002, 0.5)] == [0, 1, 0, 1, 498]
    assert pace.due(0.5) == 0


@pytest.mark.parametrize(("made", "now", "age"), [(100, 350, 250), (WRAP_US - 10, 5, 15), (105, 100, -5), (3, WRAP_US - 2, -5)])
def test_an_id_tells_how_old_a_prediction_is(made: int, now: int, age: int) -> None:
    assert age_us(id_of(made), now) == age


def test_no_two_predictions_have_one_id() -> None:
    maker = Maker()
    made = [key for _ in range(3) for key, _ in maker.make(500)]
    assert len(set(made)) == len(made)
    assert number_of(made[0]) <= now_us()


def test_what_was_due_for_a_while_is_as_old_as_that() -> None:
    ages = [age_us(key, now_us()) for key, _ in Maker().make(100, since_us=1_000_000)]
    assert 990_000 <= ages[0] <= 1_100_000
    assert all(9_000 <= before - after <= 11_000 for before, after in pairwise(ages[:50]))


def test_a_predictions_id_stands_in_its_record() -> None:
    for key, value in Maker().make(10):
        assert value.count(key) == 1


def test_the_table_has_a_line_an_interval() -> None:
    _, line = table([Row(50, 100_000, 12_345, 40.04, 99.96, 120.0)])
    assert line.split() == ["50", "ms", "100,000", "12,345", "40.0", "100.0", "120.0"]
