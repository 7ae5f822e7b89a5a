"""Memories go when their collector is missing at two looks in a row."""

from __future__ import annotations

import pytest

from processor.engine.collector import NO_SOURCE, Collector, Second
from processor.stages.departed import LOOK_S, Departed

PLACES = ["u/a/c", "u/a/c/2/0", "u/a/c/2/1", "u/a/c/4/3", "u/a/gone"]


class Clock:
    """Stands in for the time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def looks(catalog: dict[str, Collector], times: int = 3) -> list[frozenset[str]]:
    clock = Clock()
    departed, found = Departed(catalog.get, clock), []
    for _ in range(times):
        clock.now += LOOK_S
        found.append(departed.look(lambda: PLACES))
    return found


def test_what_is_missing_once_may_still_come() -> None:
    catalog = {"u/a/c": Collector("u/a/c", NO_SOURCE, second=Second(shards=2))}
    clock = Clock()
    departed = Departed(catalog.get, clock)
    clock.now += LOOK_S
    assert departed.look(lambda: PLACES) == frozenset()
    catalog["u/a/gone"] = Collector("u/a/gone", NO_SOURCE, second=Second())
    clock.now += LOOK_S
    assert departed.look(lambda: PLACES) == {"u/a/c", "u/a/c/4/3"}
    del catalog["u/a/gone"]
    clock.now += LOOK_S
    assert "u/a/gone" not in departed.look(lambda: PLACES)


def test_it_looks_now_and_then_only() -> None:
    clock = Clock()
    departed = Departed(lambda _: None, clock)
    asked: list[int] = []

    def places() -> list[str]:
        asked.append(1)
        return PLACES

    for _ in range(10):
        clock.now += LOOK_S / 4
        departed.look(places)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("collector", "gone"),
    [
        (None, {*PLACES}),
        (Collector("u/a/c", NO_SOURCE, second=Second()), {"u/a/c/2/0", "u/a/c/2/1", "u/a/c/4/3", "u/a/gone"}),
        (Collector("u/a/c", NO_SOURCE, second=Second(shards=2)), {"u/a/c", "u/a/c/4/3", "u/a/gone"}),
        (Collector("u/a/c", NO_SOURCE, inactive_reason="paused"), {"u/a/gone"}),
    ],
)
def test_shards_that_a_collector_no_longer_has_go_and_a_pause_forgets_nothing(collector: Collector | None, gone: set[str]) -> None:
    catalog = {} if collector is None else {"u/a/c": collector}
    assert looks(catalog) == [frozenset(), gone, gone]
