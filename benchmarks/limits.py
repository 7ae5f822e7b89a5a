"""The second stage with thousands of limited collectors: how quick it is, what its state takes, and how long it takes to bring that back.

Two contenders take turns on one broker: the stage with collectors that have quotas and duplicate windows, and the same stage, candidates
and collectors without limits. What is measured, and what is not: docs/benchmarks.md.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.support.broker import running_broker
from benchmarks.support.cores import choose, pinned
from benchmarks.support.job import Job
from benchmarks.support.loop import MODEL
from benchmarks.support.meter import Meter, Stalled, speed
from benchmarks.support.work import DISTINCT_MAX, predictions
from processor.app import POST_QUEUE, group_id
from processor.catalog.changes import Change
from processor.catalog.records import App, Collector, Key, Record, kind_of, record_key
from processor.catalog.store import Catalog
from processor.catalog.write import CatalogWriter, order
from processor.codec.predictions import candidate_encoder
from processor.codec.registry import Schemas
from processor.errors import FixCluster
from processor.kafka.admin import Admin
from processor.kafka.client import producer
from processor.kafka.committed import committed
from processor.kafka.machine import free_port
from processor.kafka.reader import TopicReader
from processor.limits.rules import Duplicates, Quota, Sameness
from processor.resources import POST_INPUTS
from processor.topics.apply import apply_topics, read_spec
from processor.topics.names import QUEUE, QUEUE_STATE, inputs_topic, prefixed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.support.cores import Cores
    from benchmarks.support.meter import Speed
    from processor.settings import Settings

OWNER, KEY, APPS = "acme", "ingest", 10
LIMITED, UNLIMITED = "limits", "without"
QUOTA = Quota(per_minute=1_000, per_hour=10_000, per_day=100_000, total=10_000_000)
DUPLICATES = Duplicates(frozenset({Sameness.INPUT_ID, Sameness.CONTENT}), 10_000, 86_400)
COMMIT_INTERVAL_MS = 100
WARM_UP = 0.1
STOP_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 60.0
LOOK_EVERY_S = 0.1
MORE = 600  # candidates that make every partition of the changelog begin a new segment
COMPACTION_TIMEOUT_S = 180.0
COMPACT_NOW = {"segment.ms": "1000", "max.compaction.lag.ms": "1000", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "0"}
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One contender; sizes in megabytes (millions of bytes), the state's only where there is one."""

    contender: str
    collectors: int
    candidates: int
    candidates_per_s: int
    cpu_us_per_candidate: float
    memory_mb: float
    state_entries: int
    changelog_mb: float
    newest_mb: float
    restore_s: float
    compacted_mb: float
    restore_compacted_s: float


class World:
    """One contender's turn: topics, catalog and candidates of its own on the broker of all.

    Args:
        settings: with a prefix of its own.
        cores: who runs where.
        folder: for logs.
        limited: whether collectors have limits.
    """

    def __init__(self, settings: Settings, cores: Cores, folder: Path, *, limited: bool) -> None:
        self._settings = settings
        self._cores = cores
        self._log = folder / f"{settings.topic_prefix}log"
        self._limited = limited
        self._schemas = Schemas.checked_in()
        self._partitions = read_spec(settings).topics[QUEUE].partitions
        self._published = 0

    def prepare(self, collectors: int, candidates: int) -> None:
        """Make everything that the stage reads."""
        apply_topics(self._settings)
        records: list[Record] = []
        for app in range(APPS):
            records += [App(OWNER, f"app{app}", plan="professional"), Key(OWNER, f"app{app}", KEY, scopes=(POST_INPUTS,))]
        records += [self._collector(number) for number in range(collectors)]
        changes = [Change(kind_of(record), record_key(record), record) for record in records]
        apps = {(OWNER, f"app{app}") for app in range(APPS)}
        CatalogWriter(self._settings, self._schemas).write(order(Catalog(()), changes, apps, "benchmark", datetime.now(UTC)))
        self._wait_for_coordinator()
        self.publish(collectors, candidates)

    def publish(self, collectors: int, candidates: int) -> None:
        """Candidates of all collectors in turn; no collector gets the same input twice."""
        encode, out = candidate_encoder(self._schemas), producer(self._settings)
        for number, (_, value) in enumerate(predictions(self._schemas, candidates)):
            which = (number + number // DISTINCT_MAX + self._published) % collectors
            key = f"{OWNER}/app{which % APPS}/c{which}"
            out.produce(prefixed(self._settings, QUEUE), value=encode(key, 1.0, "0" * 24, value[5:]), key=key.encode())
            out.poll(0)
            if not number % DISTINCT_MAX:
                out.flush()
        out.flush()
        self._published += candidates

    def run(self) -> tuple[Speed, float, dict[str, dict[str, float]]]:
        """Have the stage do all that was published: its speed, the memory of its process in bytes, its metrics."""
        job = self._job()
        with pinned(self._cores.broker), self._running() as (process, port):
            samples = Meter(job, self._partitions).follow(process.pid, lambda: process.poll() is None, self._published)
            memory = sum(child.memory_info().rss for child in psutil.Process(process.pid).children())
            return speed(samples, self._published, WARM_UP), memory, _metrics(port)

    def restart(self) -> float:
        """Start the stage and have it bring its state back; how long that took, by its own metrics."""
        with pinned(self._cores.broker), self._running() as (process, port):
            deadline = time.monotonic() + ANSWER_TIMEOUT_S
            while len(found := _metrics(port).get("collectors_restore_seconds", {})) < 2:  # noqa: PLR2004 - counters and queue_state
                if process.poll() is not None or time.monotonic() > deadline:
                    raise click.ClickException(f"the stage did not bring its state back:\n{self._log.read_text()[-2000:]}")
                time.sleep(LOOK_EVERY_S)
            return sum(found.values())

    def inputs(self) -> int:
        """How many there are, read committed."""
        reader = TopicReader(self._settings, self._job().outputs)
        count = sum(1 for _ in reader.read_to_end())
        reader.close()
        return count

    def changelog(self) -> tuple[int, int, int]:
        """Of the state's changelog: bytes of all records, of the newest of each key, and how many records there are beside those."""
        total, newest, records = 0, dict[bytes, int](), 0
        reader = TopicReader(self._settings, [prefixed(self._settings, QUEUE_STATE)])
        for record in reader.read_to_end():
            size = len(record.key or b"") + len(record.value or b"")
            total, records = total + size, records + 1
            newest[record.key or b""] = size
        reader.close()
        return total, sum(newest.values()), records - len(newest)

    def compact(self, collectors: int) -> int:
        """Have the changelog compacted; the bytes that are left."""
        Admin(self._settings).alter_configs(prefixed(self._settings, QUEUE_STATE), COMPACT_NOW)
        time.sleep(2)  # older than segment.ms
        self.publish(collectors, MORE)
        self.run_quietly()
        deadline = time.monotonic() + COMPACTION_TIMEOUT_S
        while (found := self.changelog())[2] > 2 * MORE + 100 * self._partitions:
            if time.monotonic() > deadline:
                raise click.ClickException(f"the broker did not compact the changelog within {COMPACTION_TIMEOUT_S:.0f} s")
            time.sleep(1)
        return found[0]

    def run_quietly(self) -> None:
        """Have the stage do what was published since."""
        with pinned(self._cores.broker), self._running() as (process, _):
            Meter(self._job(), self._partitions).follow(process.pid, lambda: process.poll() is None, self._published)

    def _collector(self, number: int) -> Collector:
        user, app, model = MODEL.split("/")
        plain = Collector(
            OWNER,
            f"app{number % APPS}",
            f"c{number}",
            pre_queue_random_sample=1.0,
            model_user_id=user,
            model_app_id=app,
            model_id=model,
            post_inputs_key_id=KEY,
        )
        return replace(plain, quota=QUOTA, duplicates=DUPLICATES) if self._limited else plain

    def _wait_for_coordinator(self) -> None:
        """On a new cluster, let the group's coordinator be chosen: the meter's way of asking would end the process until it is."""
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while True:
            try:
                committed(self._settings, {group_id(self._settings, POST_QUEUE): [(prefixed(self._settings, QUEUE), 0)]})
            except FixCluster:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOOK_EVERY_S)
            else:
                return

    def _job(self) -> Job:
        outputs = tuple(prefixed(self._settings, inputs_topic(OWNER, f"app{app}")) for app in range(APPS))
        return Job(
            bootstrap_servers=self._settings.bootstrap_servers,
            topic_prefix=self._settings.topic_prefix,
            predictions=prefixed(self._settings, QUEUE),
            group=group_id(self._settings, POST_QUEUE),
            transactional_id="",
            commit_interval_ms=self._settings.commit_interval_ms,
            outputs=outputs,
            collectors=(),
        )

    @contextmanager
    def _running(self) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
        """The stage as people run it, with one process; and the port of its metrics."""
        port = free_port()
        command = [sys.executable, "-m", "processor", "run", POST_QUEUE, "--processes", "1", "--metrics-port", str(port)]
        own = {
            "COLLECTORS_BOOTSTRAP_SERVERS": self._settings.bootstrap_servers,
            "COLLECTORS_TOPIC_PREFIX": self._settings.topic_prefix,
            "COLLECTORS_COMMIT_INTERVAL_MS": str(self._settings.commit_interval_ms),
            "COLLECTORS_INSTANCE": "bench",
        }
        with self._log.open("ab") as log, pinned(self._cores.contender):
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | own)
        try:
            yield process, port
        except Stalled as error:
            raise click.ClickException(f"the stage {error}; its last words:\n{self._log.read_text(errors='replace')[-2000:]}") from None
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT_S)


def _metrics(port: int) -> dict[str, dict[str, float]]:
    """Values by metric and ``state``; nothing while nobody answers."""
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=ANSWER_TIMEOUT_S).text
    except httpx.TransportError:
        return {}
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if "state" in sample.labels:
                found.setdefault(sample.name, {})[sample.labels["state"]] = sample.value
    return found


def _turn(world: World, name: str, collectors: int, candidates: int) -> Row:
    world.prepare(collectors, candidates)
    measured, memory, metrics = world.run()
    if (found := world.inputs()) != candidates:
        raise click.ClickException(f"{name}: {found} inputs of {candidates} candidates, all of which were to be collected")
    total, newest, _ = world.changelog()
    return Row(
        contender=name,
        collectors=collectors,
        candidates=candidates,
        candidates_per_s=round(measured.records_per_s),
        cpu_us_per_candidate=round(measured.cpu_s / candidates * 1e6, 1),
        memory_mb=round(memory / MB, 1),
        state_entries=int(metrics.get("collectors_state_entries", {}).get("queue_state", 0)),
        changelog_mb=round(total / MB, 2),
        newest_mb=round(newest / MB, 2),
        restore_s=round(world.restart(), 2),
        compacted_mb=0.0,
        restore_compacted_s=0.0,
    )


def _race(settings: Settings, cores: Cores, folder: Path, given: tuple[int, int, int]) -> list[Row]:
    collectors, candidates, rounds = given
    rows: dict[str, list[Row]] = {LIMITED: [], UNLIMITED: []}
    for number in range(rounds):
        for name, found in rows.items():
            own = settings.model_copy(update={"topic_prefix": f"bench-{number}-{name}-"})
            world = World(own, cores, folder, limited=name == LIMITED)
            row = _turn(world, name, collectors, candidates)
            if name == LIMITED and number == rounds - 1:
                row = replace(row, compacted_mb=round(world.compact(collectors) / MB, 2), restore_compacted_s=round(world.restart(), 2))
            click.echo(f"round {number + 1} of {rounds}, {name}: {row.candidates_per_s:,} candidates/s", err=True)
            found.append(row)
    return [_best(found) for found in rows.values()]


def _best(rows: list[Row]) -> Row:
    """The quickest, with what only the last round measured."""
    best, last = max(rows, key=lambda row: row.candidates_per_s), rows[-1]
    middle = round(statistics.median(row.restore_s for row in rows), 2)
    return replace(best, restore_s=middle, compacted_mb=last.compacted_mb, restore_compacted_s=last.restore_compacted_s)


def _table(rows: list[Row]) -> Iterator[str]:
    base = next(row.candidates_per_s for row in rows if row.contender == UNLIMITED)
    sizes = f"{'memory MB':>11}{'changelog MB':>14}{'newest MB':>11}{'restore s':>11}"
    yield f"{'contender':<11}{'candidates/s':>13}{'x without':>11}{'µs CPU':>9}{sizes}"
    for row in rows:
        figures = (
            f"{row.cpu_us_per_candidate:>9.0f}{row.memory_mb:>11.0f}{row.changelog_mb:>14.1f}{row.newest_mb:>11.1f}{row.restore_s:>11.2f}"
        )
        yield f"{row.contender:<11}{row.candidates_per_s:>13,}{row.candidates_per_s / base:>11.2f}{figures}"
    for row in rows:
        if row.compacted_mb:
            yield f"compacted, the changelog has {row.compacted_mb:.1f} MB, and is restored in {row.restore_compacted_s:.2f} s"


@click.command()
@click.option("--collectors", default=10_000, show_default=True, help="How many have limits.")
@click.option("--candidates", default=100_000, show_default=True, help="In a round.")
@click.option("--rounds", default=2, show_default=True, help="Rounds; the best of each contender counts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def main(collectors: int, candidates: int, rounds: int, as_json: bool) -> None:
    """Measure the second stage with limited collectors beside the same without limits."""
    cores = choose()
    click.echo(str(cores), err=True)
    with running_broker(cores, COMMIT_INTERVAL_MS) as (settings, folder):
        rows = _race(settings, cores, folder, (collectors, candidates, rounds))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    click.echo(f"load averages of this machine at the end: {load}", err=True)
    print(json.dumps([asdict(row) for row in rows]) if as_json else "\n".join(_table(rows)))


if __name__ == "__main__":
    main()
