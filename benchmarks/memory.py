"""Whether the memory of a process stays what it is: its resident size after every so many predictions.

The work is that of the pipeline benchmark. What is measured, and what is not: docs/benchmarks.md.
"""

from __future__ import annotations

import json
import time
from typing import NamedTuple

import click

from benchmarks.support.broker import running_broker
from benchmarks.support.cluster import PARTITIONS, Cluster
from benchmarks.support.cores import choose, pinned
from benchmarks.support.meter import Meter
from benchmarks.support.race import Race
from processor.codec.registry import Schemas

COMMIT_INTERVAL_MS = 500
MB = 1024 * 1024


class Row(NamedTuple):
    """After so many predictions: seconds since the first look, and MiB resident, the supervisor's included."""

    predictions: int
    seconds: float
    resident_mb: float


def measure(records: int, every: int, collectors: int) -> list[Row]:
    """One row every so many predictions."""
    cores = choose()
    with running_broker(cores, COMMIT_INTERVAL_MS) as (settings, folder):
        cluster, began = Cluster(settings, Schemas.checked_in()), time.monotonic()
        cluster.publish(records)
        click.echo(f"{records:,} predictions published in {time.monotonic() - began:.0f} s", err=True)
        job = cluster.prepare(collectors, records)
        with pinned(cores.broker), Race(cluster, cores, folder, records).running("ours", job) as process:
            samples = Meter(job, PARTITIONS).follow(process.pid, lambda: process.poll() is None, records)
    rows, wanted = [], every
    for sample in samples:
        if sample.committed >= min(wanted, records) and len(rows) * every < records:
            rows.append(Row(sample.committed, round(sample.at_s - samples[0].at_s, 1), round(sample.resident_bytes / MB, 1)))
            wanted += every
    return rows


@click.command()
@click.option("--records", default=10_000_000, help="Predictions; a million takes 400 MB of disk.")
@click.option("--every", default=1_000_000, help="Predictions between two looks.")
@click.option("--collectors", default=1_000, help="How many collectors.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def main(records: int, every: int, collectors: int, *, as_json: bool) -> None:
    """Measure whether memory grows, on a broker that is started for it."""
    rows = measure(records, every, collectors)
    if as_json:
        click.echo(json.dumps([row._asdict() for row in rows]))
        return
    click.echo(f"{'predictions':>12}{'s':>8}{'MiB':>9}")
    for row in rows:
        click.echo(f"{row.predictions:>12,}{row.seconds:>8}{row.resident_mb:>9}")


if __name__ == "__main__":
    main()
