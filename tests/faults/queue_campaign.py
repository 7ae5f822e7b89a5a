"""The kill test of the second stage: its processes are killed again and again, then inputs, counters and quotas are held to the oracle."""

from __future__ import annotations

import logging
import random
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import orjson

from processor.errors import CollectorsError
from processor.kafka.reader import TopicReader
from processor.topics.names import inputs_topic, prefixed
from tests.support.processes import Processor
from tests.support.second_world import assert_exact, candidates, publish, set_up
from tests.support.stage import behind, funnel
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from processor.settings import Settings

log = logging.getLogger("kill-test")
SETTLE_TIMEOUT_S = 300
SPENT = "its quota of 60 inputs in total is used up: raise quota.total"


@dataclass
class Report:
    """What struck, and what came of it; kills are proven by aborted inputs that only a read-uncommitted reader finds."""

    seed: int
    candidates: int
    kills: int = 0
    inputs: int = 0
    aborted_inputs: int = 0

    def as_json(self) -> str:
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2).decode()


def campaign(settings: Settings, count: int, kills: int, seed: int) -> Report:
    """Publish, kill while there is something left, settle, compare.

    Raises:
        AssertionError: something differs from the oracle; the text says what.
    """
    report, rng = Report(seed, count), random.Random(seed)  # noqa: S311 - a schedule, replayed by its seed
    set_up(settings)
    stream = list(candidates(count, seed))
    with Processor(settings, 2, "post-queue") as processor:
        batch = max(1, count // (kills + 1))
        for start in range(0, count, batch):
            publish(settings, stream[start : start + batch])
            if report.kills < kills:
                left = _left(settings)
                wait_until(lambda left=left: _left(settings) != left, "some progress", SETTLE_TIMEOUT_S)
                victim = rng.choice(processor.workers())
                victim.kill()
                report.kills += 1
                log.info("killed process %d (%d of %d)", victim.pid, report.kills, kills)
        wait_until(lambda: not _left(settings), "everything to be processed", SETTLE_TIMEOUT_S, 0.3)
        assert processor.terminate() == 0, processor.log()
    report.inputs = assert_exact(settings, stream)
    report.aborted_inputs = _produced(settings) - report.inputs
    assert funnel(settings)["acme/quality/capped"]["status_reason"] == SPENT
    return report


def _left(settings: Settings) -> int:
    """Candidates that are not committed yet; one at least while nobody knows."""
    try:
        return behind(settings, "post-queue")
    except CollectorsError as error:
        log.info("not known yet: %s", error)
        return 1


def _produced(settings: Settings) -> int:
    reader = TopicReader(settings, [prefixed(settings, inputs_topic("acme", "quality"))], committed=False)
    try:
        return sum(1 for _ in reader.read_to_end())
    finally:
        reader.close()
