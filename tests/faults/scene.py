"""The world of the fault campaign: who collects what through which stage, and what the oracle knows of it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from processor.topics.names import COUNTERS, INPUTS_DEAD_LETTERS, QUEUE, inputs_topic, prefixed
from tests.support.processes import give
from tests.support.rewrites import KEYED, WATCH, WITNESS, app_with, key_of
from tests.support.second_oracle import SecondOracle
from tests.support.world import COLLECTORS, DOCUMENTS, collector, plain, predictions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from processor.settings import Settings
    from tests.history.history import Judge, Queued

APPS = ("quality", "second", "watch", "third")
WITH_DESTINATION = ("quality", "second")
PARTITIONS = 6
# What the second stage keeps for each: quota and duplicates as in the documents.
LIMITS: dict[str, tuple[dict[str, int] | None, dict[str, Any] | None]] = {
    "acme/second/capped": ({"per_minute": 40}, None),
    "acme/second/once": (None, {"by": ["input_id"], "window_count": 50, "window_seconds": 600}),
}
LIMITED = (plain("second/capped", random_sample=0.1, second_stage=True), plain("second/once", random_sample=0.05, second_stage=True))
BEGINNING = {one["key"]: one for one in (*COLLECTORS, *LIMITED, KEYED, WITNESS)}
SECOND = {one["key"] for one in BEGINNING.values() if one["second_stage"]}
LIMITED_DOCUMENTS = "---\n".join(
    [
        collector("second", "capped", "pre_queue_random_sample: 0.1\nquota: {per_minute: 40}"),
        collector("second", "once", "pre_queue_random_sample: 0.05\nduplicates: {by: [input_id], window_count: 50, window_seconds: 600}"),
    ]
)


def documents(destination: str) -> str:
    """Everything that the catalog begins with."""
    world = DOCUMENTS
    for app in WITH_DESTINATION:
        world = world.replace(f"id: {app}\nplan: professional\n", f"id: {app}\nplan: professional\ndestination_url: {destination}\n")
    return "---\n".join([world, LIMITED_DOCUMENTS, WATCH, app_with("third", "keyed", "pre_queue_random_sample: 0.3")])


def set_up(settings: Settings, destination: str) -> None:
    """Topics, keys and documents."""
    give(settings, "topics", "apply", "--acls")
    for app in APPS:
        give(settings, "keys", "create", *key_of(app), "--scopes", "PostInputs")
    give(settings, "apply", "-f", "-", text=documents(destination))


def stream(seed: int) -> Iterator[dict[str, Any]]:
    """Predictions without end; some inputs come again."""
    rng = random.Random(seed)  # noqa: S311 - a test's data, the same for a seed
    for prediction in predictions(10**9, seed):
        prediction["input"]["id"] = f"in-{rng.randrange(300)}"
        yield prediction


def judges() -> dict[str, Judge]:
    """What the second stage makes of each collector's candidates, in the order of the queue."""
    return {"acme/second/queued": _all, **{key: _limited(*limits) for key, limits in LIMITS.items()}}


def outputs(settings: Settings) -> list[str]:
    """Where what is taken lands."""
    return [prefixed(settings, name) for name in (*(inputs_topic("acme", app) for app in APPS), QUEUE)]


def counters_topic(settings: Settings) -> str:
    return prefixed(settings, COUNTERS)


def refused_topic(settings: Settings) -> str:
    return prefixed(settings, INPUTS_DEAD_LETTERS)


def _at_us(candidate: Queued) -> int:
    """When it was predicted, but never later than when it was queued: a clock that is ahead uses up no windows that have not begun."""
    return int(min(candidate.at_ms * 1000, candidate.prediction["predicted_at"]))


def _all(given: Sequence[Queued]) -> list[str]:
    return ["collected"] * len(given)


def _limited(quota: dict[str, int] | None, duplicates: dict[str, Any] | None) -> Judge:
    def judge(given: Sequence[Queued]) -> list[str]:
        oracle = SecondOracle(quota, duplicates)
        return [oracle.judge({"input_id": each.prediction["input"]["id"] or None}, _at_us(each)) for each in given]

    return judge
