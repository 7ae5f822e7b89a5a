"""The table of the pipeline benchmark, and what counts as equal outputs."""

from __future__ import annotations

from benchmarks.support.table import NOTE, Row, differing, table

OURS = Row("ours", 20, 200_000, 100, 2.0, 1_000, exactly_once=True)
STREAMS = Row("kafka-streams", 20, 50_000, 100, 8.0, 1_000, exactly_once=True)
BYTEWAX = Row("bytewax", 20, 10_000, 100, 40.0, 1_000, exactly_once=False)


def test_a_row_stands_beside_the_others_with_as_many_collectors() -> None:
    elsewhere = STREAMS._replace(collectors=1_000, records_per_s=20_000)
    head, ours, streams, with_1000 = table([OURS, STREAMS, elsewhere])
    assert head.split()[-2:] == ["x", "streams"]
    assert ours.split() == ["ours", "20", "1,000", "100", "200,000", "2.00", "2000.00", "4.00"]
    assert [line.split()[-1] for line in (streams, with_1000)] == ["1.00", "1.00"]


def test_what_nobody_can_be_compared_with_is_left_open() -> None:
    _, ours, _ = table([OURS._replace(collectors=1_000), STREAMS])
    assert ours.split()[-1] == "-"


def test_a_contender_without_transactions_is_marked() -> None:
    lines = list(table([OURS, BYTEWAX]))
    assert [line.split()[0] for line in lines[1:3]] == ["ours", "bytewax*"]
    assert lines[-1] == NOTE
    assert NOTE not in list(table([OURS]))


def test_equal_outputs_are_not_in_dispute() -> None:
    assert differing([("ours", {5: (1, 7), 10: (2, 9)}), ("quix", {5: (1, 7)}), ("floor", {})]) == []


def test_outputs_are_compared_over_the_predictions_that_both_have_read() -> None:
    problems = differing([("ours", {5: (1, 7), 10: (2, 9)}), ("streams", {5: (1, 7), 10: (2, 8)}), ("quix", {5: (1, 7)})])
    assert problems == ["of the first 10 predictions: ours 2 (0000000000000009), streams 2 (0000000000000008)"]


def test_as_many_but_other_outputs_are_in_dispute() -> None:
    assert len(differing([("ours", {5: (3, 1)}), ("quix", {5: (3, 2)})])) == 1
