"""The kill test: a processor under load, killed again and again; then what a read-committed reader sees is held to the oracle.

Run by ``scripts/kill-test`` for as long as you like, and by ``test_kills.py`` in small. A fault that did not strike fails the run: kills
are proven by aborted records that a read-uncommitted reader finds from the moments before them.
"""

from __future__ import annotations

import logging
import random
import re
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import psutil

from processor import app
from processor.codec.records import decode
from processor.codec.registry import Schemas
from processor.errors import CollectorsError
from processor.kafka.lag import progress
from processor.kafka.reader import TopicReader
from processor.topics.names import PREDICTIONS, prefixed
from tests.support.processes import Processor
from tests.support.stage import behind
from tests.support.waiting import wait_until
from tests.support.world import Publisher, expectation, output_topics, predictions, set_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from processor.kafka.reader import Record
    from processor.settings import Settings
    from tests.support.brokers import Broker

log = logging.getLogger("kill-test")

PROOF_WITHIN_MS = 700
SETTLE_TIMEOUT_S = 180
GOING_ON_TIMEOUT_S = 60
SLICES_A_SECOND = 10
ASSIGNED = re.compile(r" (\d+) INFO collectors\.pre-queue: assigned partitions \[\d")


@dataclass(frozen=True)
class Plan:
    """What a run does. ``seconds`` is how long predictions are published, and faults strike."""

    predictions: int
    kills: int = 0
    broker_kills: int = 0
    storm: bool = False
    seed: int = 1
    processes: int = 2

    @property
    def seconds(self) -> float:
        return max(10.0, 7.0 * self.kills + 25.0 * self.broker_kills + (45.0 if self.storm else 0.0))


@dataclass
class Report:
    """What struck, and what a reader saw; ``lost`` and the like are lists of (collector, prediction id), at most ten each."""

    seed: int
    produced: int = 0
    expected: int = 0
    read: int = 0
    kills: int = 0
    kills_in_open_transactions: int = 0
    broker_kills: int = 0
    members_joined_and_left: int = 0
    aborted_records: int = 0
    lost: list[Any] = field(default_factory=list)
    doubled: list[Any] = field(default_factory=list)
    unexpected: list[Any] = field(default_factory=list)
    wrong_counters: list[Any] = field(default_factory=list)
    seconds_to_settle: float = 0.0

    @property
    def exact(self) -> bool:
        return not (self.lost or self.doubled or self.unexpected or self.wrong_counters)

    def as_json(self) -> str:
        return orjson.dumps(asdict(self) | {"exact": self.exact}, option=orjson.OPT_INDENT_2).decode()


class Campaign:
    """One run against a broker of its own."""

    def __init__(self, settings: Settings, broker: Broker, plan: Plan) -> None:
        self._settings = settings
        self._broker = broker
        self._plan = plan
        self._rng = random.Random(plan.seed)  # noqa: S311 - a schedule, replayed by its seed
        self._report = Report(plan.seed)
        self._kill_times_ms: list[float] = []
        self._published = threading.Event()
        self._failures: list[BaseException] = []
        self._pause = threading.Event()

    def run(self) -> Report:
        """Set up, publish while faults strike, wait until everything is processed, and compare."""
        set_up(self._settings)
        stream = list(predictions(self._plan.predictions, self._plan.seed))
        with Processor(self._settings, self._plan.processes) as processor:
            threads = [threading.Thread(target=self._guard, args=(work,)) for work in self._work(stream, processor)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if self._failures:
                raise AssertionError(f"{self._failures}; the processor said:\n{processor.log()[-8000:]}")
            self._settle(processor)
            status = processor.terminate()
            assert status == 0, f"no clean stop (exit {status}):\n{processor.log()[-8000:]}"
        self._compare(stream)
        return self._report

    def _work(self, stream: list[dict[str, Any]], processor: Processor) -> Iterator[Callable[[], None]]:
        yield lambda: self._publish(stream)
        if self._plan.kills:
            yield lambda: self._kill_processes(processor)
        if self._plan.broker_kills:
            yield self._kill_broker
        if self._plan.storm:
            yield self._storm

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - a thread's failure is the run's
            self._failures.append(error)
            self._published.set()

    def _publish(self, stream: list[dict[str, Any]]) -> None:
        publisher = Publisher(self._settings)
        size = max(1, int(len(stream) / (self._plan.seconds * SLICES_A_SECOND)))
        began = time.monotonic()
        for number, start in enumerate(range(0, len(stream), size)):
            publisher.publish(stream[start : start + size])
            self._wait(began + number / SLICES_A_SECOND - time.monotonic())
        self._report.produced = len(stream)
        self._published.set()

    def _kill_processes(self, processor: Processor) -> None:
        while self._report.kills < self._plan.kills and not self._failures:
            before = self._committed()
            wait_until(partial(self._goes_on, processor, before), "processes to commit something", GOING_ON_TIMEOUT_S, 0.5)
            self._wait(self._rng.uniform(0.5, 5.0))
            if victims := _working(processor):
                victim = self._rng.choice(victims)
                victim.kill()
                self._kill_times_ms.append(time.time() * 1000)
                self._report.kills += 1
                log.info("killed process %d (%d of %d)", victim.pid, self._report.kills, self._plan.kills)

    def _goes_on(self, processor: Processor, before: int) -> bool:
        """Whether transactions follow each other again: a kill between start and first record would hit none. Or all is published."""
        assert processor.running(), "the processor stopped: there is nobody left to kill"
        return self._published.is_set() or self._committed() > before

    def _committed(self) -> int:
        """How many predictions are decided; 0 while nobody knows."""
        with suppress(CollectorsError):
            found = progress(self._settings, app.group_id(self._settings, "pre-queue"), prefixed(self._settings, PREDICTIONS))
            return found.published - found.lag
        return 0

    def _kill_broker(self) -> None:
        for number in range(self._plan.broker_kills):
            self._wait(self._rng.uniform(5, 12))
            self._broker.kill()
            log.info("killed the broker (%d of %d)", number + 1, self._plan.broker_kills)
            self._wait(self._rng.uniform(0.5, 4))
            self._broker.start()
            self._report.broker_kills += 1

    def _storm(self) -> None:
        settings = self._settings.model_copy(update={"instance": f"{self._settings.instance}-storm"})
        while not self._published.is_set():
            with Processor(settings) as member:
                self._wait(self._rng.uniform(2.0, 5.0))
                member.terminate()
            self._report.members_joined_and_left += 1
            log.info("a third process joined and left (%d)", self._report.members_joined_and_left)

    def _settle(self, processor: Processor) -> None:
        """Wait until every prediction is committed."""
        began = time.monotonic()
        while self._behind() and time.monotonic() - began < SETTLE_TIMEOUT_S:
            assert processor.running(), f"the processor stopped:\n{processor.log()[-8000:]}"
            self._wait(0.5)
        self._report.seconds_to_settle = round(time.monotonic() - began, 1)
        assert not self._behind(), f"still behind after {SETTLE_TIMEOUT_S} s:\n{processor.log()[-8000:]}"

    def _behind(self) -> bool:
        try:
            return bool(behind(self._settings))
        except CollectorsError as error:
            log.info("not known yet: %s", error)
            return True

    def _compare(self, stream: list[dict[str, Any]]) -> None:
        report, expected = self._report, expectation(stream)
        records = list(self._read(committed=True))
        seen = Counter(map(self._taken, records))
        report.expected, report.read = expected.taken.total(), seen.total()
        report.lost = sorted((expected.taken - seen).elements())[:10]
        report.doubled = sorted(taken for taken, count in seen.items() if 0 < expected.taken[taken] < count)[:10]
        report.unexpected = sorted(taken for taken in seen if not expected.taken[taken])[:10]
        rows = {row.pop("collector"): row for row in app.status(self._settings)["collectors"]}
        for key, wanted in expected.funnel.items():
            found = {name: rows.get(key, {}).get(name) for name in wanted}
            if found != wanted:
                report.wrong_counters.append({"collector": key, "wanted": wanted, "found": found})
        self._prove(records)

    def _prove(self, committed: list[Record]) -> None:
        known = {(record.topic, record.partition, record.offset) for record in committed}
        aborted = [r.timestamp_ms for r in self._read(committed=False) if (r.topic, r.partition, r.offset) not in known]
        self._report.aborted_records = len(aborted)
        self._report.kills_in_open_transactions = sum(
            any(struck - PROOF_WITHIN_MS <= written <= struck + 1 for written in aborted) for struck in self._kill_times_ms
        )

    def _read(self, *, committed: bool) -> Iterator[Record]:
        reader = TopicReader(self._settings, output_topics(self._settings), committed=committed)
        yield from reader.read_to_end()
        reader.close()

    def _taken(self, record: Record) -> tuple[str, str]:
        if record.topic.endswith("queue"):
            candidate = decode(SCHEMAS, "candidate", record.value)
            return candidate["collector"], candidate["prediction"]["id"]
        headers = dict(record.headers)
        return headers["collector"].decode(), headers["prediction-id"].decode()

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self._pause.wait(seconds)


SCHEMAS = Schemas.checked_in()


def _working(processor: Processor) -> list[psutil.Process]:
    """Processes that have been given partitions."""
    working = set(ASSIGNED.findall(processor.log()))
    return [worker for worker in processor.workers() if str(worker.pid) in working]


def leftovers() -> list[int]:
    """Processor processes that outlived their supervisor; there must be none."""
    return [process.pid for process in psutil.process_iter(["cmdline"]) if "--worker" in (process.info["cmdline"] or [])]
