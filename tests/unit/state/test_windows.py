"""The memories of one partition: whose they are, and when they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.limits.rules import Quota
from processor.state.progress import Mark
from processor.state.windows import PartitionWindows, WindowBlock, WindowRestoration

if TYPE_CHECKING:
    from processor.limits.quota import QuotaState

MARK = Mark(1, 1)
FIRST, SECOND = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def collect(windows: PartitionWindows, made: str) -> QuotaState:
    quota = windows.memory("u/a/c", made).quota
    quota.add(Quota(total=9), 0)
    return quota


def newest(log: list[WindowBlock]) -> PartitionWindows:
    restoration = WindowRestoration()
    for block in {block.key: block for block in log}.values():
        if (fields := block.as_dict()) is not None:
            restoration.add(fields)
    return restoration.state(3)[0]


def test_a_collector_that_is_deleted_and_made_again_begins_anew() -> None:
    windows = PartitionWindows(3)
    collect(windows, FIRST)
    log = list(windows.changes(MARK))
    assert collect(windows, FIRST).total == 2
    assert collect(windows, SECOND).total == 1
    log += windows.changes(MARK)
    assert newest(log).memory("u/a/c", SECOND).quota.total == 1
    assert newest(log).memory("u/a/c", "").quota.total == 1


def test_a_catalog_that_is_behind_takes_nothing_away() -> None:
    windows = PartitionWindows(3)
    collect(windows, SECOND)
    assert collect(windows, FIRST).total == 2


def test_a_memory_that_is_dropped_is_taken_back_from_the_changelog() -> None:
    windows = PartitionWindows(3)
    collect(windows, FIRST)
    windows.memory("u/a/d", FIRST)
    log = list(windows.changes(MARK))
    assert (windows.size, windows.nbytes) == (2, 0)
    windows.forget("u/a/c")
    log += windows.changes(MARK)
    assert (windows.collectors, newest(log).collectors) == (["u/a/d"], ["u/a/d"])
    assert [block.key for block in windows.changes(MARK)] == [b"3///0"], "the checkpoint alone"
