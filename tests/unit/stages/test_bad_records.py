"""The limit that keeps bad code from dead-lettering a whole topic."""

import pytest

from processor.errors import TooManyBadRecords
from processor.settings import Settings
from processor.stages.bad_records import BadRecordLimit, error_headers


def limit(**changes: float) -> BadRecordLimit:
    return BadRecordLimit(Settings(bad_records_in_a_row=5, bad_records_ratio=0.5, bad_records_window=20, **changes))


def test_single_bad_records_among_good_ones_pass_for_ever() -> None:
    guard = limit()
    for _ in range(100):
        guard.add(4, [1])


def test_a_run_of_bad_records_stops_the_processor_and_says_where_to_look() -> None:
    with pytest.raises(
        TooManyBadRecords, match=r"6 records in a row.*\(the last one: p/0/5: no_framing: x\).*bad_records_in_a_row.*dead-letters list"
    ):
        limit().add(6, [0, 1, 2, 3, 4, 5], "p/0/5: no_framing: x")


def test_a_run_counts_across_batches() -> None:
    guard = limit()
    guard.add(5, [2, 3, 4])
    with pytest.raises(TooManyBadRecords, match="6 records in a row"):
        guard.add(5, [0, 1, 2])


def test_a_good_record_ends_a_run() -> None:
    guard = limit()
    guard.add(5, [2, 3, 4])
    guard.add(6, [1, 2, 3, 4])
    guard.add(1, [])
    guard.add(5, [0, 1, 2, 3, 4])


def test_a_run_inside_a_batch_counts_although_the_batch_ends_well() -> None:
    with pytest.raises(TooManyBadRecords, match="6 records in a row"):
        limit().add(10, [1, 2, 3, 4, 5, 6])


def test_a_share_above_the_ratio_stops_the_processor_once_the_window_is_full() -> None:
    guard = limit()
    guard.add(10, [0, 2, 4, 6, 8, 9])
    with pytest.raises(TooManyBadRecords, match="12 of the last 20 records"):
        guard.add(10, [1, 2, 4, 6, 8, 9])


def test_what_left_the_window_no_longer_counts() -> None:
    guard = limit()
    guard.add(10, [0, 2, 4, 6, 8])
    for _ in range(20):
        guard.add(10, [0, 2, 4, 6])


def test_a_dead_letter_says_where_the_record_came_from_and_why_it_was_refused() -> None:
    headers = dict(error_headers(("predictions", 3, 12), "not_decodable", "cut short"))
    assert headers == {
        "__streams.errors.exception": b"not_decodable",
        "__streams.errors.message": b"cut short",
        "__streams.errors.stacktrace": b"",
        "__streams.errors.topic": b"predictions",
        "__streams.errors.partition": b"3",
        "__streams.errors.offset": b"12",
    }


def test_what_was_wrong_may_quote_half_a_character() -> None:
    headers = dict(error_headers(("predictions", 3, 12), "unknown_schema_id", "no name: \ud800"))
    assert headers["__streams.errors.message"] == rb"no name: \ud800"
