"""The second stage's loop, without a broker: whose memory stays, and whose goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from processor.engine.collector import NO_SOURCE, Collector, PostWorkflow, Second, Step
from processor.limits.rules import Quota
from processor.operators import parse_operator
from processor.stages import departed, restore
from tests.support.predictions import prediction
from tests.support.second_alone import Log, Process, Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "u/app/c"
FIRST, SECOND = {KEY: "2026-01-01T00:00:00Z"}, {KEY: "2026-01-02T00:00:00Z"}


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    made = Log()
    monkeypatch.setattr(restore, "TopicReader", lambda _, topics, __: Reader(made, topics[0]))
    monkeypatch.setattr(departed, "LOOK_S", 0.0)
    return made


async def ask(_: Any, __: Any) -> dict[str, Any]:
    raise AssertionError("there is no model")


def budget(share: float) -> Step:
    return Step("n", parse_operator("budget", {"params": {"share": share, "window": 10, "warm_up": 5}}, lambda _: None))


def limited(*steps: Step) -> dict[str, Collector]:
    return {KEY: Collector(KEY, NO_SOURCE, second=Second(PostWorkflow(steps) if steps else None, Quota(total=5)))}


def process(log: Log, collectors: Mapping[str, Collector], made: Mapping[str, str], count: int = 1) -> None:
    """Queue candidates, and let a process settle and commit them."""
    for _ in range(count):
        log.put(KEY, prediction(id=f"p-{len(log.queue)}"))
    one = Process(log, collectors, lambda _: ask, made)
    while not one.is_done:
        one.read(100)
        one.end(0)
        one.commit()


def held(log: Log) -> set[bytes]:
    """Keys that the changelog holds, beside the checkpoint."""
    newest: dict[Any, Any] = {record.key: record.value for record in log.of("queue.state")}
    return {key for key, value in newest.items() if value is not None} - {b"0///0"}


def inputs(log: Log) -> int:
    return sum(record.topic.startswith("inputs.") for record in log.records)


def test_a_collector_that_is_made_again_begins_anew_and_a_restart_does_not(log: Log) -> None:
    process(log, limited(), FIRST, 4)
    process(log, limited(), FIRST, 4)
    assert inputs(log) == 5, "its quota"
    process(log, limited(), SECOND, 4)
    assert inputs(log) == 9
    process(log, limited(), SECOND, 4)
    assert inputs(log) == 10, "its own quota"


def test_a_deleted_collector_is_forgotten_even_where_the_changelog_was_not_compacted(log: Log) -> None:
    process(log, limited(budget(1.0)), FIRST, 3)
    assert {key.split(b"/")[4].split(b".")[0] for key in held(log)} == {b"made", b"quota", b"budget"}
    one = Process(log, {}, lambda _: ask, {})
    for _ in range(3):
        one.commit()
    assert held(log) == set()
    process(log, limited(), {}, 9)
    assert inputs(log) == 3 + 5


def test_a_pause_forgets_nothing(log: Log) -> None:
    process(log, limited(budget(1.0)), FIRST, 3)
    before = held(log)
    process(log, {KEY: Collector(KEY, NO_SOURCE, inactive_reason="paused")}, FIRST, 3)
    assert held(log) == before


def test_other_parameters_take_the_sampler_that_was_there_out_of_the_changelog(log: Log) -> None:
    process(log, limited(budget(1.0)), FIRST, 3)
    before = held(log)
    process(log, limited(budget(0.5)), FIRST, 3)
    assert len(held(log)) == len(before)
    assert len(held(log) & before) == 2, "when it was made, and its quota"
    process(log, limited(), FIRST, 1)
    assert len(held(log)) == 2
