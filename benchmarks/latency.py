"""How long an input takes at half of the load that the processor can take, by commit interval.

The time is from a prediction's timestamp to the moment when a read-committed reader of the inputs topic has the input: the producer's
batching, the broker, the processor and the wait for the transaction are all in it. What is measured, and what is not: docs/benchmarks.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

import click
import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.support.broker import running_broker
from benchmarks.support.cluster import PARTITIONS, Cluster
from benchmarks.support.cores import Cores, choose, pinned
from benchmarks.support.load import WRAP_US, Publisher, age_us, make_batches, now_us
from benchmarks.support.race import Race
from benchmarks.support.work import COLLECTED
from processor.codec.registry import Schemas

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from confluent_kafka import Message

    from benchmarks.support.job import Job
    from processor.settings import Settings

FULL_SPEED_INTERVAL_MS = 500
FIRST_PREDICTIONS = 2_000
READY_TIMEOUT_S = 60.0
# A turn begins with a process that has to catch up, and the first one with a broker that compiles its own code, on everybody's core.
SETTLED_S = 20.0
BEHIND_US = 1_000_000
SETTLE_TIMEOUT_S = 180.0
LOOK_S = 0.1
LOOK_RECORDS = 10_000
ENOUGH = 0.9


class Row(NamedTuple):
    """Latencies with one commit interval, in milliseconds."""

    commit_interval_ms: int
    records_per_s: int
    inputs: int
    p50_ms: float
    p99_ms: float
    max_ms: float


class Reader:
    """Reads inputs as a consumer of theirs would, read committed, and tells how old their predictions are.

    Args:
        job: which topics.
    """

    def __init__(self, job: Job) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": job.bootstrap_servers,
                "group.id": f"{job.topic_prefix}latency",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.queue.backoff.ms": 5,
            }
        )
        self._consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in job.outputs])

    def ages_us(self) -> list[int]:
        """Of the inputs that have come since, waiting a little for the first one."""
        first = self._consumer.poll(LOOK_S)
        if first is None:
            return []
        found, now = [first, *self._consumer.consume(LOOK_RECORDS, 0)], now_us()
        return [age_us(_prediction_id(message), now) for message in found if message.error() is None]

    def close(self) -> None:
        """Let go of the client."""
        self._consumer.close()


def _prediction_id(message: Message) -> bytes:
    return next(value for name, value in message.headers() or () if name == "prediction-id")


class Broker(NamedTuple):
    """The broker of all turns.

    Attributes:
        settings: to reach it.
        cores: who runs where.
        folder: for job files and logs.
    """

    settings: Settings
    cores: Cores
    folder: Path

    def cluster(self, topic_prefix: str, commit_interval_ms: int) -> Cluster:
        """Topics of one turn."""
        own = {"topic_prefix": topic_prefix, "commit_interval_ms": commit_interval_ms}
        return Cluster(self.settings.model_copy(update=own), Schemas.checked_in())


class Load(NamedTuple):
    """How much, for how long, and whom it concerns.

    Attributes:
        rate: predictions a second.
        seconds: to look at.
        collectors: how many.
        below: the share of predictions below the threshold.
    """

    rate: int
    seconds: float
    collectors: int
    below: float


def measure(there: Broker, load: Load, commit_interval_ms: int, name: str = "latency") -> Row:
    """Run with one interval, on topics of its own: a client that meets a topic made again under its old name may be lost for seconds."""
    cluster = there.cluster(f"{name}-{commit_interval_ms}-", commit_interval_ms)
    cluster.publish_nothing(load.below)
    job = cluster.prepare(load.collectors, 0)
    race = Race(cluster, there.cores, there.folder, 0)
    with closing(Reader(job)) as reader, pinned(there.cores.broker), race.running("ours", job) as process:
        _wait_until_ready(job, reader, process)
        with _running(job, load.rate, there.cores):
            _wait_for_load(reader)
            _wait_until_settled(reader)
            ages_ms = np.array(_ages(reader, load.seconds)) / 1_000
    _require_inputs(len(ages_ms), round(load.rate * load.seconds * COLLECTED), commit_interval_ms)
    p50, p99, most = (round(float(value), 1) for value in np.percentile(ages_ms, (50, 99, 100)))
    return Row(commit_interval_ms, load.rate, len(ages_ms), p50, p99, most)


def full_speed(there: Broker, collectors: int, records: int) -> tuple[float, float]:
    """Predictions a second that the processor can take, and the share of them below the threshold."""
    cluster = there.cluster("full-speed-", FULL_SPEED_INTERVAL_MS)
    below = cluster.publish(records)
    return Race(cluster, there.cores, there.folder, records).turn("ours", collectors).speed.records_per_s, below


def _wait_until_ready(job: Job, reader: Reader, process: subprocess.Popen[bytes]) -> None:
    """Until the processor has collected the first inputs."""
    publisher, deadline = Publisher(job.bootstrap_servers, job.predictions), time.monotonic() + READY_TIMEOUT_S
    for partition, batch in enumerate(make_batches(FIRST_PREDICTIONS // PARTITIONS)):
        publisher.send(partition, batch.due_at(time.time_ns() // 1_000 - np.arange(len(batch))))
    publisher.flush()
    while not reader.ages_us():
        if process.poll() is not None or time.monotonic() > deadline:
            raise click.ClickException("the processor collected nothing: `scripts/bench pipeline --contenders ours` tells more")


def _require_inputs(found: int, expected: int, commit_interval_ms: int) -> None:
    """Say so when the load was not what it should have been: this machine had other things to do."""
    if not found:
        raise click.ClickException(f"no input came with a commit interval of {commit_interval_ms} ms")
    if found < ENOUGH * expected:
        click.echo(f"commit interval {commit_interval_ms} ms: only {found:,} of about {expected:,} inputs came in time", err=True)


def _wait_for_load(reader: Reader) -> None:
    """Until the first input of a prediction that is younger than this call: making load takes a while to start, too."""
    began, deadline = now_us(), time.monotonic() + READY_TIMEOUT_S
    while not any(age <= (now_us() - began) % WRAP_US for age in reader.ages_us()):
        if time.monotonic() > deadline:
            raise click.ClickException("no input came of the load")


def _wait_until_settled(reader: Reader) -> None:
    """Until no input has been far behind for a while; where that does not come, what is measured then will tell."""
    began = calm_since = time.monotonic()
    while time.monotonic() < min(calm_since + SETTLED_S, began + SETTLE_TIMEOUT_S):
        if any(age > BEHIND_US for age in reader.ages_us()):
            calm_since = time.monotonic()


def _ages(reader: Reader, seconds: float) -> list[int]:
    found, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        found += reader.ages_us()
    return found


@contextmanager
def _running(job: Job, rate: int, cores: Cores) -> Iterator[None]:
    """Make load on both cores: the processor leaves half of its own, and the broker's alone could not serve all and make it too."""
    command = [sys.executable, "-m", "benchmarks.support.load", job.bootstrap_servers, job.predictions, str(rate)]
    with pinned(cores.broker | cores.contender):
        process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Lines."""
    yield f"{'commit interval':<16}{'predictions/s':>14}{'inputs':>10}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}"
    for row in rows:
        counts = f"{row.commit_interval_ms:>13} ms{row.records_per_s:>14,}{row.inputs:>10,}"
        yield f"{counts}{row.p50_ms:>9.1f}{row.p99_ms:>9.1f}{row.max_ms:>9.1f}"


@click.command()
@click.option("--intervals", default="50,100,250,500", help="Commit intervals in milliseconds, comma separated.")
@click.option("--collectors", default=20, help="How many collectors.")
@click.option("--records", default=500_000, help="Predictions that the most it can take is measured with.")
@click.option("--rate", default=0, help="Predictions a second; 0: half of the most it can take.")
@click.option("--seconds", default=15.0, help="How long to look at each interval.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def main(intervals: str, collectors: int, records: int, rate: int, seconds: float, as_json: bool) -> None:
    """Measure how long inputs take at half load."""
    cores = choose()
    click.echo(f"{cores}; the load may have both", err=True)
    with running_broker(cores, FULL_SPEED_INTERVAL_MS) as (settings, folder):
        there = Broker(settings, cores, folder)
        most, below = full_speed(there, collectors, records)
        click.echo(f"at full load {most:,.0f} predictions/s; half of it is {most / 2:,.0f}", err=True)
        load = Load(rate or round(most / 2), seconds, collectors, below)
        wanted = [int(interval) for interval in intervals.split(",")]
        measure(there, load, wanted[0], "warm-up")
        rows = [measure(there, load, interval) for interval in wanted]
    click.echo(json.dumps([row._asdict() for row in rows]) if as_json else "\n".join(table(rows)))


if __name__ == "__main__":
    main()
