"""Holding what belongs together, and never putting an older record over a newer one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processor.catalog.changes import Change, Membership, membership, membership_headers, new_changeset_id
from processor.catalog.changesets import GIVEN_UP_MAX, Arrived, Changesets
from processor.catalog.records import App, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

WAIT_S = 5.0


def arrived(offset: int, key: str, changeset: str = "", index: int = 0, count: int = 1) -> Arrived:
    """A record that writes an app whose plan is the record's offset."""
    change = Change(Kind.APP, f"acme/{key}", App("acme", key, plan=str(offset)), changeset)
    return Arrived(offset, offset, change, Membership(changeset, index, count) if changeset else None)


def plans(changes: Sequence[Change]) -> dict[str, str]:
    """Key -> plan, the last one counting."""
    return {change.key.removeprefix("acme/"): change.record.plan for change in changes if isinstance(change.record, App)}


@pytest.fixture
def changesets() -> Changesets:
    return Changesets(WAIT_S)


def test_single_records_go_straight_through(changesets: Changesets) -> None:
    changesets.add(arrived(0, "a"), 0)
    changesets.add(arrived(1, "b", "01"), 0)
    assert plans(changesets.take(0)) == {"a": "0", "b": "1"}
    assert changesets.take(0) == []
    assert not changesets.waiting


def test_a_changeset_is_held_until_its_last_record_has_come(changesets: Changesets) -> None:
    changesets.add(arrived(0, "a", "01", 0, 3), 0)
    changesets.add(arrived(1, "b", "01", 2, 3), 1)
    changesets.add(arrived(1, "b", "01", 2, 3), 1)
    assert changesets.take(WAIT_S - 1) == []
    assert changesets.waiting
    changesets.add(arrived(0, "c", "01", 1, 3), WAIT_S - 1)
    assert plans(changesets.take(WAIT_S - 1)) == {"a": "0", "b": "1", "c": "0"}
    assert changesets.torn == []


def test_a_torn_changeset_is_applied_after_its_time_and_reported_once(changesets: Changesets) -> None:
    changesets.add(arrived(0, "a", "01", 0, 3), 10)
    assert changesets.take(10 + WAIT_S - 0.1) == []
    assert plans(changesets.take(10 + WAIT_S)) == {"a": "0"}
    changesets.add(arrived(1, "b", "01", 1, 3), 20)
    assert plans(changesets.take(20)) == {"b": "1"}
    assert changesets.torn == ["01"]
    assert not changesets.waiting


def test_an_older_record_that_was_held_does_not_replace_a_newer_one(changesets: Changesets) -> None:
    changesets.add(arrived(0, "a", "01", 0, 2), 0)
    changesets.add(arrived(1, "a", "02"), 0)
    assert plans(changesets.take(0)) == {"a": "1"}
    changesets.add(arrived(5, "b", "01", 1, 2), 0)
    assert plans(changesets.take(0)) == {"b": "5"}


def test_changesets_that_become_whole_in_the_reverse_order_end_with_the_newest_record(changesets: Changesets) -> None:
    changesets.add(arrived(0, "a", "01", 0, 2), 0)
    changesets.add(arrived(1, "a", "02", 0, 2), 0)
    changesets.add(arrived(0, "b", "02", 1, 2), 0)
    changesets.add(arrived(0, "c", "01", 1, 2), 0)
    assert plans(changesets.take(0)) == {"a": "1", "b": "0", "c": "0"}


def test_a_record_that_could_not_be_read_still_completes_its_changeset(changesets: Changesets) -> None:
    changesets.add(Arrived(0, 0, None, Membership("01", 0, 2)), 0)
    changesets.add(arrived(1, "b", "01", 1, 2), 0)
    assert plans(changesets.take(0)) == {"b": "1"}


def test_at_the_start_old_changesets_are_not_waited_for_and_recent_ones_are(changesets: Changesets) -> None:
    changesets.add(arrived(100, "old", "01", 0, 2), 0)
    changesets.add(arrived(900, "recent", "02", 0, 2), 0)
    changesets.settle(500)
    assert plans(changesets.take(0)) == {"old": "100"}
    assert changesets.waiting
    assert changesets.torn == []


def test_what_was_given_up_is_not_remembered_for_ever(changesets: Changesets) -> None:
    for number in range(GIVEN_UP_MAX + 10):
        changesets.add(arrived(0, "a", f"{number:04d}", 0, 2), number * WAIT_S)
        changesets.take((number + 1) * WAIT_S)
    assert len(changesets._given_up) == GIVEN_UP_MAX


def test_offsets_are_remembered_only_while_something_is_held(changesets: Changesets) -> None:
    changesets.add(arrived(0, "a", "01", 0, 2), 0)
    changesets.add(arrived(1, "b"), 0)
    changesets.take(0)
    assert changesets._offsets
    changesets.take(WAIT_S)
    assert not changesets._offsets


def test_headers_tell_what_they_were_told() -> None:
    assert membership(membership_headers("00000000000000aabbbb", 2, 7)) == Membership("00000000000000aabbbb", 2, 7)
    assert membership([("other", b"x")]) is None


@pytest.mark.parametrize(
    "headers",
    [
        [("changeset-id", b"not hex")],
        [("changeset-id", b"\xff")],
        [("changeset-id", b"01"), ("changeset-index", b"x")],
        [("changeset-id", b"01"), ("changeset-index", b"2"), ("changeset-count", b"2")],
        [("changeset-id", b"01"), ("changeset-index", b"-1"), ("changeset-count", b"2")],
    ],
)
def test_headers_that_make_no_sense_are_refused(headers: list[tuple[str, bytes]]) -> None:
    with pytest.raises(ValueError, match=r"."):
        membership(headers)


def test_changeset_ids_sort_as_they_were_made_even_when_the_clock_stands_or_goes_back() -> None:
    ids = [new_changeset_id(1_000, "")]
    for now_ms in (1_000, 999, 0, 5_000, 5_000):
        ids.append(new_changeset_id(now_ms, ids[-1]))
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
