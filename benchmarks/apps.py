"""What it costs to write into many apps: a transaction touches every inputs topic that something was collected for.

The work is that of the pipeline benchmark, a tenth of the predictions in total, spread over more and more apps. What is measured, and
what is not: docs/benchmarks.md.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import click

from benchmarks.support.broker import running_broker
from benchmarks.support.cluster import Cluster
from benchmarks.support.cores import choose
from benchmarks.support.race import Race
from processor.codec.registry import Schemas

COLLECTORS = 1_000


class Row(NamedTuple):
    """So many apps, with transactions so far apart."""

    apps: int
    commit_interval_ms: int
    records_per_s: int
    cpu_us_per_record: float


def measure(apps: list[int], interval_ms: int, records: int) -> list[Row]:
    """One row a number of apps."""
    cores, rows = choose(), []
    with running_broker(cores, interval_ms) as (settings, folder):
        cluster = Cluster(settings, Schemas.checked_in())
        cluster.publish(records)
        for cluster.apps in apps:
            row = Race(cluster, cores, folder, records).rows(max(COLLECTORS, cluster.apps), ["ours"], rounds=1)[0]
            rows.append(Row(cluster.apps, interval_ms, row.records_per_s, round(row.cpu_s / records * 1e6, 2)))
    return rows


@click.command()
@click.option("--apps", default="10,100,1000", help="How many apps are collected for, comma separated.")
@click.option("--intervals", default="500,2000", help="Commit intervals in milliseconds, comma separated.")
@click.option("--records", default=500_000, help="Predictions.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def main(apps: str, intervals: str, records: int, *, as_json: bool) -> None:
    """Measure what many active inputs topics cost, on a broker that is started for it."""
    rows = [row for interval in intervals.split(",") for row in measure([int(each) for each in apps.split(",")], int(interval), records)]
    if as_json:
        click.echo(json.dumps([row._asdict() for row in rows]))
        return
    click.echo(f"{'apps':>6}{'interval ms':>13}{'records/s':>12}{'µs/record':>11}")
    for row in rows:
        click.echo(f"{row.apps:>6,}{row.commit_interval_ms:>13,}{row.records_per_s:>12,}{row.cpu_us_per_record:>11}")


if __name__ == "__main__":
    main()
