"""The sink's kill test: a worker killed again and again while inputs are posted; then the destination must hold exactly the set.

Run by ``scripts/sink-kill-test`` for as long as you like, and by ``test_sink_kills.py`` in small. A kill counts only when it struck between
the first and the last answer of a round, and the run fails when no input had to be posted again, since then nothing was at risk.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from processor.connect.worker import LocalConnect
from tests.support.destination import FakeDestination
from tests.support.sink import Sink, input_body
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from processor.settings import Settings

log = logging.getLogger("sink-kill-test")

SECRET = "c0ffee" * 8
PARTITIONS = 2
ANSWER_S = 0.2
RECOVERY_TIMEOUT_S = 120
OPTIONS = {"tasks_max": PARTITIONS, "batch_inputs_max": 32}


@dataclass(frozen=True)
class Plan:
    """What a run does: ``inputs`` in one round more than there are ``kills``; the worker is killed inside each round but the last."""

    inputs: int
    kills: int
    seed: int = 1


@dataclass
class Report:
    """What struck, and what the destination holds; ``lost`` and ``unexpected`` are ids, at most ten each."""

    seed: int
    published: int = 0
    stored: int = 0
    kills_while_posting: int = 0
    posted_again: int = 0
    dead_letters: int = 0
    seconds_to_recover: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        return self.stored == self.published and not (self.lost or self.unexpected or self.dead_letters)

    def as_json(self) -> str:
        return orjson.dumps(asdict(self) | {"exact": self.exact}, option=orjson.OPT_INDENT_2).decode()


class Campaign:
    """One run on a cluster.

    Args:
        settings: the cluster and a prefix of the run's own.
        folder: the worker's and the secret store's.
        plan: what to do.
    """

    def __init__(self, settings: Settings, folder: Path, plan: Plan) -> None:
        self._plan = plan
        self._rng = random.Random(plan.seed)  # noqa: S311 - a schedule, replayed by its seed
        self._report = Report(plan.seed)
        self._destination = FakeDestination(SECRET)
        # So that there is always something in flight when a kill strikes.
        self._destination.answer_s = ANSWER_S
        self._worker = LocalConnect(
            settings,
            settings.bootstrap_servers,
            folder / "worker",
            secrets=folder / "secrets",
            extra_properties={"offset.flush.interval.ms": "500"},
        )
        (folder / "secrets").mkdir()
        self._settings, self._secrets = settings, folder / "secrets"
        self._published: set[str] = set()

    def run(self) -> Report:
        """Set up, kill in every round, and compare."""
        with self._destination:
            self._sink = Sink(self._worker, self._settings, self._secrets, self._destination.url)
            self._sink.make_topics(PARTITIONS)
            self._sink.store_secret(SECRET)
            try:
                self._worker.start()
                self._sink.start(**OPTIONS)
                self._rounds()
                self._sink.wait_committed(RECOVERY_TIMEOUT_S)
            finally:
                self._worker.kill()
            self._compare()
        return self._report

    def _rounds(self) -> None:
        size = self._plan.inputs // (self._plan.kills + 1)
        for number in range(self._plan.kills + 1):
            last = number == self._plan.kills
            end = self._plan.inputs if last else (number + 1) * size
            self._published |= self._sink.publish(input_body(each) for each in range(number * size, end))
            if not last:
                self._kill_within_round()
        wait_until(lambda: self._stored() >= len(self._published), "all inputs", RECOVERY_TIMEOUT_S)

    def _kill_within_round(self) -> None:
        before, wanted = self._stored(), len(self._published)
        strike_at = before + (wanted - before) * self._rng.uniform(0.05, 0.6)
        wait_until(lambda: self._stored() >= strike_at, "the moment to strike", RECOVERY_TIMEOUT_S, 0.005)
        self._worker.kill()
        struck, found = time.monotonic(), self._stored()
        self._report.kills_while_posting += before < found < wanted
        self._worker.start()
        wait_until(lambda: self._stored() > found or found == wanted, "inputs after a kill", RECOVERY_TIMEOUT_S)
        self._report.seconds_to_recover.append(round(time.monotonic() - struck, 1))
        log.info("killed the worker at %d of %d inputs; %.1f s until the next one", found, wanted, self._report.seconds_to_recover[-1])

    def _stored(self) -> int:
        return len(self._destination.ids(self._sink.app))

    def _compare(self) -> None:
        found: dict[str, Any] = self._destination.stored[self._sink.app]
        self._report.published, self._report.stored = len(self._published), len(found)
        self._report.lost = sorted(self._published - found.keys())[:10]
        self._report.unexpected = sorted(found.keys() - self._published)[:10]
        self._report.posted_again = sum(count - 1 for count in self._destination.attempts.values())
        self._report.dead_letters = len(self._sink.dead_letters())
