"""The speed of a turn, worked out from looks at its outputs."""

from __future__ import annotations

import pytest

from benchmarks.support.meter import Sample, TooShort, speed

RECORDS = 10_000


def looks(*outputs: int, each_s: float = 1.0) -> list[Sample]:
    """A look a step; two output topics; a second of processor time a look."""
    return [
        Sample(each_s * step, committed, {"a": count, "b": count}, float(step), 0)
        for step, (count, committed) in enumerate(zip(outputs, (0,) * (len(outputs) - 1) + (RECORDS,), strict=True))
    ]


def test_time_is_taken_from_the_end_of_the_warm_up_to_the_last_output() -> None:
    samples = looks(0, 100, 300, 500, 500, 501)  # of 1,002: a marker each ends it, and counts as the end of a transaction
    measured = speed(samples, RECORDS, warm_up=0.15)
    assert measured.records_per_s == pytest.approx(RECORDS * (1 - 200 / 1_002) / 2)


def test_a_later_warm_up_leaves_more_out() -> None:
    samples = looks(0, 50, 300, 500, 501)  # the first step is slow
    assert speed(samples, RECORDS, warm_up=0.5).records_per_s < speed(samples, RECORDS, warm_up=0.05).records_per_s
    assert speed(samples, RECORDS, warm_up=0.5).records_per_s == pytest.approx(RECORDS * (1 - 600 / 1_002) / 1)


def test_processor_time_is_put_in_relation_to_all_records() -> None:
    samples = looks(0, 100, 300, 500, 501)
    measured = speed(samples, RECORDS, warm_up=0.15)
    assert measured.cpu_s == pytest.approx(2 / (1 - 200 / 1_002))


def test_a_stretch_of_a_few_looks_says_nothing() -> None:
    with pytest.raises(TooShort):
        speed(looks(0, 500, 501, each_s=0.02), RECORDS, warm_up=0.1)


def test_nothing_written_is_no_speed() -> None:
    with pytest.raises(TooShort):
        speed(looks(0, 0), RECORDS, warm_up=0.1)
