"""The whole pipeline on a real broker, exactly once, beside others: one table, equal outputs checked.

Contenders take turns on the same predictions topic; each side is pinned to a core of its own where the system can do that; the best of
several rounds counts. What is measured, and what is not: docs/benchmarks.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.contenders.registry import CONTENDERS
from benchmarks.support.cluster import PARTITIONS, Cluster, Outputs
from benchmarks.support.cores import Cores, choose, pinned
from benchmarks.support.meter import Meter, Speed, Stalled, TooShort, speed
from processor.codec.registry import Schemas
from processor.kafka.local import LocalBroker
from processor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.support.job import Job

COMMIT_INTERVAL_MS = 500
STOP_TIMEOUT_S = 60.0
LAST_WORDS_CHARS = 3_000


@dataclass(frozen=True, slots=True)
class Turn:
    """What one contender did in one round."""

    speed: Speed
    outputs: Outputs


class Race:
    """Contenders in turns.

    Args:
        cluster: with the predictions published.
        cores: who runs where.
        folder: for job files and logs.
        records: how many predictions there are.
    """

    def __init__(self, cluster: Cluster, cores: Cores, folder: Path, records: int) -> None:
        self._cluster = cluster
        self._cores = cores
        self._folder = folder
        self._records = records

    def rows(self, collectors: int, names: Sequence[str], rounds: int) -> list[dict[str, Any]]:
        """One row a contender, best of the rounds."""
        turns: dict[str, list[Turn]] = {name: [] for name in names}
        for number in range(rounds):
            for name in names:
                turn = self._turn(name, collectors)
                turns[name].append(turn)
                rate = f"{turn.speed.records_per_s:,.0f} records/s, {turn.outputs.records:,} outputs"
                click.echo(f"round {number + 1} of {rounds}, {collectors} collectors, {name}: {rate}", err=True)
        _require_equal([turn for name in names if CONTENDERS[name].decides for turn in turns[name]], collectors)
        return [_row(name, collectors, max(turns[name], key=lambda turn: turn.speed.records_per_s)) for name in names]

    def _turn(self, name: str, collectors: int) -> Turn:
        job = self._cluster.prepare(collectors)
        with pinned(self._cores.broker), self._running(name, job) as process:
            samples = Meter(job, PARTITIONS).follow(process.pid, lambda: process.poll() is None, self._records)
        try:
            measured = speed(samples, self._records)
        except TooShort:
            raise click.ClickException(f"{name} did {self._records} predictions in no time: ask for more --records") from None
        return Turn(measured, self._cluster.outputs(job, decides=CONTENDERS[name].decides))

    @contextmanager
    def _running(self, name: str, job: Job) -> Iterator[subprocess.Popen[bytes]]:
        """Have a contender run while the block lasts."""
        path, log = self._folder / "job.json", self._folder / f"{name}.log"
        job.write(path)
        command = [sys.executable, "-m", f"benchmarks.contenders.{CONTENDERS[name].module}", str(path)]
        with log.open("wb") as output, pinned(self._cores.contender):
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            yield process
        except Stalled as error:
            process.kill()
            raise click.ClickException(f"{name} {error}; its last words:\n{log.read_text(errors='replace')[-LAST_WORDS_CHARS:]}") from None
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT_S)


def _require_equal(turns: Sequence[Turn], collectors: int) -> None:
    if len({turn.outputs for turn in turns}) > 1:
        found = ", ".join(f"{turn.outputs.records} ({turn.outputs.digest:016x})" for turn in turns)
        raise click.ClickException(f"the contenders came to different outputs with {collectors} collectors: {found}")


def _row(name: str, collectors: int, turn: Turn) -> dict[str, Any]:
    return {
        "contender": name,
        "collectors": collectors,
        "records_per_s": round(turn.speed.records_per_s),
        "outputs": turn.outputs.records,
        "cpu_s": round(turn.speed.cpu_s, 2),
    }


def _table(rows: Sequence[dict[str, Any]], records: int) -> Iterator[str]:
    yield f"{'contender':<15}{'collectors':>11}{'records/s':>12}{'outputs':>9}{'cpu s':>8}{'µs/record':>11}{'x loop':>8}{'x floor':>9}"
    speeds = {(row["collectors"], row["contender"]): row["records_per_s"] for row in rows}
    for row in rows:
        against = [speeds.get((row["collectors"], other)) for other in ("fastavro-loop", "floor")]
        loop, floor = (f"{row['records_per_s'] / other:.2f}" if other else "-" for other in against)
        cost = row["cpu_s"] / records * 1e6
        yield (
            f"{row['contender']:<15}{row['collectors']:>11,}{row['records_per_s']:>12,}{row['outputs']:>9,}{row['cpu_s']:>8.2f}"
            f"{cost:>11.2f}{loop:>8}{floor:>9}"
        )


@contextmanager
def _broker(cores: Cores) -> Iterator[tuple[Settings, Path]]:
    """A broker of its own in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="bench-pipeline-") as name:
        broker = LocalBroker(Settings(bootstrap_servers=""), Path(name) / "kafka")
        with pinned(cores.broker):
            broker.start()
        try:
            yield (
                Settings(bootstrap_servers=broker.bootstrap_servers, topic_prefix="bench-", commit_interval_ms=COMMIT_INTERVAL_MS),
                Path(name),
            )
        finally:
            broker.kill()


def _contenders(_context: click.Context, _option: click.Parameter, given: str) -> list[str]:
    names = given.split(",")
    if unknown := [name for name in names if name not in CONTENDERS]:
        raise click.BadParameter(f"unknown: {', '.join(unknown)}; there are {', '.join(CONTENDERS)}")
    return names


@click.command()
@click.option("--collectors", default="20,1000", help="How many collectors, comma separated.")
@click.option("--records", default=300_000, help="Predictions; every contender reads all of them, every round.")
@click.option("--contenders", default=",".join(CONTENDERS), callback=_contenders, help="Who takes part, comma separated.")
@click.option("--rounds", default=2, help="Rounds; the best of each contender counts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def main(collectors: str, records: int, contenders: list[str], rounds: int, as_json: bool) -> None:
    """Measure the whole pipeline beside others, on a broker that is started for it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as an interrupt: broker and contender must not outlive this process
    cores = choose()
    click.echo(str(cores), err=True)
    with _broker(cores) as (settings, folder):
        cluster, began = Cluster(settings, Schemas.checked_in()), time.monotonic()
        below = cluster.publish(records)
        click.echo(
            f"{records:,} predictions published in {time.monotonic() - began:.0f} s, {below:.0%} with a maximum below 0.95", err=True
        )
        race = Race(cluster, cores, folder, records)
        rows = [row for count in collectors.split(",") for row in race.rows(int(count), contenders, rounds)]
    with contextlib.suppress(OSError):
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        click.echo(f"load averages of this machine at the end: {load}", err=True)
    if as_json:
        click.echo(json.dumps(rows))
    else:
        click.echo("\n".join(_table(rows, records)))


if __name__ == "__main__":
    main()
