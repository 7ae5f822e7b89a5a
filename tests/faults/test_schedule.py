"""The schedule of the fault campaign: by its seed alone, and with a share for every kind."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.faults.fault_campaign import STRIKES
from tests.faults.schedule import KILLS, KINDS, schedule

SEEDS = range(20)


def test_a_seed_gives_the_same_schedule_again_and_another_seed_another() -> None:
    assert schedule(7, 10) == schedule(7, 10)
    assert schedule(7, 10) != schedule(8, 10)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_quarter_of_an_hour_has_every_kind_twice_and_more_than_three_kills_a_minute(seed: int) -> None:
    planned = [each for lane in schedule(seed, 15).values() for each in lane]
    counts = Counter(each.kind for each in planned)
    assert min(counts[kind] for kind in KINDS) >= 2
    assert sum(count for kind, count in counts.items() if kind.startswith("kill-")) > 3 * 15


@pytest.mark.parametrize("minutes", [0.5, 1, 5])
def test_a_short_campaign_has_every_kind_once_at_least(minutes: float) -> None:
    assert {each.kind for lane in schedule(1, minutes).values() for each in lane} == set(KINDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_strikes_of_a_lane_come_one_after_the_other_within_the_time(seed: int) -> None:
    for lane in schedule(seed, 15).values():
        assert [each.at_s for each in lane] == sorted(each.at_s for each in lane)
        assert lane[0].at_s >= 0
        assert lane[-1].at_s < 15 * 60


def test_no_process_is_killed_by_two_lanes() -> None:
    first, second = (set(kinds) for kinds in KILLS.values())
    assert not first & second


def test_every_kind_can_strike() -> None:
    assert set(STRIKES) == set(KINDS)
