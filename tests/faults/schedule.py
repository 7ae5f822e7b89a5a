"""Which fault strikes when: a plan made of a seed and a length, and of nothing else."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Each lane strikes one fault after the other, and the lanes strike beside one another. The first two kill, never both the same process;
# of brokers and networks only one is in trouble at a time, since two would be more than three replicas are made for.
KILLS = {
    "first": ("kill-pre-queue", "kill-pre-queue", "kill-pre-queue", "kill-pre-queue", "kill-pre-queue-supervisor", "kill-sink"),
    "second": ("kill-post-queue", "kill-post-queue", "kill-post-queue", "kill-post-queue-supervisor", "kill-api"),
}
KILL_EVERY_S = 12.0
# How often in a quarter of an hour.
OTHERS = {
    "cluster": {
        "kill-broker": 3,
        "kill-connect": 3,
        "leader-change": 2,
        "full-disk": 2,
        "network-cut": 2,
        "network-delay": 2,
        "zombie": 2,
        "transaction-timeout": 2,
        "revoke": 2,
    },
    "stream": {"catalog-rewrite": 6, "compaction": 2, "clock-step": 3, "schema-evolution": 3, "partition-growth": 2},
}
QUARTER_MINUTES = 15.0
LANES = (*KILLS, *OTHERS)
KINDS = tuple(dict.fromkeys(kind for kinds in (*KILLS.values(), *OTHERS.values()) for kind in kinds))


@dataclass(frozen=True, order=True)
class Planned:
    """A strike: not before ``at_s``, and not before the strike of its lane that comes before it has been recovered from."""

    at_s: float
    lane: str
    kind: str
    seed: int


@dataclass(frozen=True)
class Plan:
    """What a campaign does.

    Attributes:
        seed: of the predictions and of the schedule.
        minutes: how long faults strike.
        rate: predictions a second.
        lanes: the strikes of every lane, in order.
    """

    seed: int
    minutes: float
    rate: int
    lanes: Mapping[str, Sequence[Planned]]

    @classmethod
    def by_seed(cls, seed: int, minutes: float, rate: int) -> Plan:
        """Every kind of fault gets its share."""
        return cls(seed, minutes, rate, schedule(seed, minutes))


def schedule(seed: int, minutes: float) -> dict[str, list[Planned]]:
    """The strikes of every lane, in order."""
    rng = random.Random(seed)  # noqa: S311 - a schedule, replayed by its seed
    kinds = {lane: _kills(rng, lane, minutes) for lane in KILLS} | {lane: _others(rng, lane, minutes) for lane in OTHERS}
    return {
        lane: [_planned(rng, lane, kind, place / len(of_lane) * minutes * 60) for place, kind in enumerate(of_lane)]
        for lane, of_lane in kinds.items()
    }


def _planned(rng: random.Random, lane: str, kind: str, at_s: float) -> Planned:
    return Planned(at_s + rng.uniform(0, KILL_EVERY_S / 2), lane, kind, rng.randrange(1 << 32))


def _kills(rng: random.Random, lane: str, minutes: float) -> list[str]:
    """Every kind its turn, in a new order each round."""
    count = max(len(KILLS[lane]), int(minutes * 60 / KILL_EVERY_S))
    found: list[str] = []
    while len(found) < count:
        found += rng.sample(KILLS[lane], len(KILLS[lane]))
    return found[:count]


def _others(rng: random.Random, lane: str, minutes: float) -> list[str]:
    """Every kind its share, once at least."""
    share = minutes / QUARTER_MINUTES
    found = [kind for kind, count in OTHERS[lane].items() for _ in range(max(1, round(count * share)))]
    rng.shuffle(found)
    return found
