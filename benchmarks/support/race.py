"""Contenders in turns on one cluster: the best of several rounds, and all their outputs equal."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from benchmarks.contenders.registry import CONTENDERS
from benchmarks.support.cluster import PARTITIONS, Cluster, Outputs
from benchmarks.support.cores import Cores, pinned
from benchmarks.support.meter import Meter, Speed, Stalled, TooShort, speed
from benchmarks.support.table import Row, differing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.support.job import Job

STOP_TIMEOUT_S = 60.0
LAST_WORDS_CHARS = 3_000


@dataclass(frozen=True, slots=True)
class Turn:
    """What one contender did in one round."""

    contender: str
    collectors: int
    records: int
    speed: Speed
    outputs: Outputs

    def row(self) -> Row:
        """As it is shown."""
        exactly_once = CONTENDERS[self.contender].exactly_once
        counts = round(self.speed.records_per_s), self.outputs.records, round(self.speed.cpu_s, 2)
        return Row(self.contender, self.collectors, *counts, self.records, exactly_once)


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

    def rows(self, collectors: int, names: Sequence[str], rounds: int) -> list[Row]:
        """One row a contender, best of the rounds."""
        turns: dict[str, list[Turn]] = {name: [] for name in names}
        for number in range(rounds):
            for name in names:
                turn = self.turn(name, collectors, self._sizes(collectors, names))
                turns[name].append(turn)
                rate = f"{turn.speed.records_per_s:,.0f} records/s, {turn.outputs.records:,} outputs"
                click.echo(f"round {number + 1} of {rounds}, {collectors} collectors, {name}: {rate}", err=True)
        if problems := differing([(name, turn.outputs.sets) for name in names for turn in turns[name]]):
            raise click.ClickException("\n".join([f"the contenders came to different outputs with {collectors} collectors:", *problems]))
        return [max(turns[name], key=lambda turn: turn.speed.records_per_s).row() for name in names]

    def turn(self, name: str, collectors: int, sizes: Sequence[int] = ()) -> Turn:
        """Have one contender run to the end.

        Args:
            name: of the contender.
            collectors: how many watch.
            sizes: of the sets of first predictions whose outputs are told apart.
        """
        contender = CONTENDERS[name]
        records = contender.records(self._records, collectors)
        job = self._cluster.prepare(collectors, records)
        with pinned(self._cores.broker), self.running(name, job) as process:
            samples = Meter(job, PARTITIONS).follow(process.pid, lambda: process.poll() is None, records)
        try:
            measured = speed(samples, records, contender.warm_up)
        except TooShort:
            raise click.ClickException(f"{name} did {records} predictions in no time: ask for more --records") from None
        outputs = self._cluster.outputs(job, [size for size in sizes if size <= records] if contender.decides else [])
        return Turn(name, collectors, records, measured, outputs)

    def _sizes(self, collectors: int, names: Sequence[str]) -> list[int]:
        return sorted({CONTENDERS[name].records(self._records, collectors) for name in names if CONTENDERS[name].decides})

    @contextmanager
    def running(self, name: str, job: Job) -> Iterator[subprocess.Popen[bytes]]:
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
