"""The whole pipeline on a real broker, exactly once, beside others: one table, equal outputs checked.

Contenders take turns on the same predictions topic; each side is pinned to a core of its own where the system can do that; the best of
several rounds counts. What is measured, and what is not: docs/benchmarks.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

import click

from benchmarks.contenders.registry import CONTENDERS
from benchmarks.support.broker import running_broker
from benchmarks.support.cluster import Cluster
from benchmarks.support.cores import choose
from benchmarks.support.race import Race
from benchmarks.support.table import table
from processor.codec.registry import Schemas
from processor.errors import FixMachine

COMMIT_INTERVAL_MS = 500


def _names(_context: click.Context, _option: click.Parameter, given: str) -> list[str]:
    names = given.split(",")
    if unknown := [name for name in names if name not in CONTENDERS]:
        raise click.BadParameter(f"unknown: {', '.join(unknown)}; there are {', '.join(CONTENDERS)}")
    return names


def _prepared(names: list[str]) -> list[str]:
    """Those that can be had on this machine."""
    ready = []
    for name in names:
        try:
            (CONTENDERS[name].prepare or bool)()
        except FixMachine as error:
            click.echo(f"{name} takes no part: {error}", err=True)
        else:
            ready.append(name)
    return ready


def _counts(_context: click.Context, _option: click.Parameter, given: str) -> list[int]:
    try:
        return [int(each) for each in given.split(",")]
    except ValueError:
        raise click.BadParameter("whole numbers, comma separated") from None


@click.command()
@click.option("--collectors", default="20,1000,10000", callback=_counts, help="How many collectors, comma separated.")
@click.option("--records", default=1_000_000, help="Predictions; every contender reads all of them, every round, but for the slow ones.")
@click.option("--contenders", default=",".join(CONTENDERS), callback=_names, help="Who takes part, comma separated.")
@click.option("--rounds", default=2, help="Rounds; the best of each contender counts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def main(collectors: list[int], records: int, contenders: list[str], rounds: int, as_json: bool) -> None:
    """Measure the whole pipeline beside others, on a broker that is started for it."""
    names, cores = _prepared(contenders), choose()
    click.echo(str(cores), err=True)
    with running_broker(cores, COMMIT_INTERVAL_MS) as (settings, folder):
        cluster, began = Cluster(settings, Schemas.checked_in()), time.monotonic()
        below = cluster.publish(records)
        click.echo(
            f"{records:,} predictions published in {time.monotonic() - began:.0f} s, {below:.0%} with a maximum below 0.95", err=True
        )
        race = Race(cluster, cores, folder, records)
        rows = [row for count in collectors for row in race.rows(count, names, rounds)]
    with contextlib.suppress(OSError):
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        click.echo(f"load averages of this machine at the end: {load}", err=True)
    click.echo(json.dumps([row._asdict() for row in rows]) if as_json else "\n".join(table(rows)))


if __name__ == "__main__":
    main()
