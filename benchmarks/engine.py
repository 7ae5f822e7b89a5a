"""The engine (decode + decide, no broker) beside a plain fastavro loop, in one process and one run, equal outputs checked.

Contenders take turns; the best of several rounds counts. The work is that of `benchmarks.support.work`.
"""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import fastavro
import numpy as np
import xxhash

from benchmarks.support.loop import MODEL, group_keys, judge
from benchmarks.support.work import THRESHOLD, loop_plan, make_watchers, predictions, share_below
from processor.codec.framing import HEADER_BYTES
from processor.codec.predictions import PredictionDecoder
from processor.codec.registry import Schemas
from processor.engine.decide import decide
from processor.engine.reasons import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from processor.engine.collector import Watchers


RATIOS = Path(__file__).with_name("ratios.json")
LEFT_AT_LEAST = 0.5


@dataclass(frozen=True, slots=True)
class Totals:
    """What a contender came to: counts by (collector, outcome), and a hash of the set of (prediction id, collector) taken."""

    counts: Mapping[tuple[str, str], int]
    taken: int
    digest: int


class Work(NamedTuple):
    """What every contender is given."""

    schemas: Schemas
    batches: list[list[bytes]]
    watchers: Watchers


def run_engine(work: Work) -> Callable[[], Totals]:
    """Decode and decide, as the stage does."""
    decoder = PredictionDecoder(work.schemas)
    watchers = {MODEL: work.watchers}

    def run() -> Totals:
        counts = np.zeros((len(work.watchers.collectors), len(OUTCOMES)), np.int64)
        taken: list[tuple[str, str]] = []
        for values in work.batches:
            batch = decoder.decode(values).batch
            for decided in decide(batch, watchers):
                counts += decided.counts
                ids = batch.ids.take(decided.rows).to_pylist()
                keys = [work.watchers.collectors[i].key for i in decided.collectors.tolist()]
                taken += zip(ids, keys, strict=True)
        return _totals(_named(work.watchers, counts), taken)

    return run


def run_loop(work: Work) -> Callable[[], Totals]:
    """One record at a time, each decoded once."""
    schema = work.schemas.writer("prediction")
    plans = [loop_plan(collector) for collector in work.watchers.collectors]
    keys = group_keys(plans)

    def run() -> Totals:
        empty, unsampled, kept = Counter[str](), Counter[str](), Counter[str]()
        taken: list[tuple[str, str]] = []
        for values in work.batches:
            for value in values:
                prediction = fastavro.schemaless_reader(io.BytesIO(value[HEADER_BYTES:]), schema, schema)
                judge(prediction, plans, keys, (empty, unsampled, kept), taken)
        counted = {"workflow_empty": empty, "not_sampled": unsampled, "collected": kept}
        return _totals({(key, reason): n for reason, by_key in counted.items() for key, n in by_key.items()}, taken)

    return run


def run_bare(work: Work) -> Callable[[], None]:
    """Nothing but fastavro's decoding: what no loop around it can beat."""
    schema = work.schemas.writer("prediction")

    def run() -> None:
        for values in work.batches:
            for value in values:
                fastavro.schemaless_reader(io.BytesIO(value[HEADER_BYTES:]), schema, schema)

    return run


def _named(watchers: Watchers, counts: np.ndarray) -> dict[tuple[str, str], int]:
    return {(watchers.collectors[i].key, OUTCOMES[j].value): int(counts[i, j]) for i, j in zip(*np.nonzero(counts), strict=True)}


def _totals(counts: Mapping[tuple[str, str], int], taken: list[tuple[str, str]]) -> Totals:
    digest = 0
    for prediction_id, key in taken:
        digest ^= xxhash.xxh3_64_intdigest(f"{prediction_id}\0{key}".encode())
    return Totals({name: n for name, n in counts.items() if n}, len(taken), digest)


def measure(schemas: Schemas, collectors: int, batches: list[list[bytes]], below: float, rounds: int) -> list[dict[str, Any]]:
    """One row a contender, best of the rounds."""
    work = Work(schemas, batches, make_watchers([f"acme/quality/c{i}" for i in range(collectors)], below))
    runs: dict[str, Callable[[], Any]] = {"ours": run_engine(work), "fastavro-loop": run_loop(work), "fastavro-bare": run_bare(work)}
    best: dict[str, float] = {}
    results: dict[str, Any] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            results[name] = run()
            best[name] = min(best.get(name, float("inf")), time.perf_counter() - start)
    if results["ours"] != results["fastavro-loop"]:
        raise click.ClickException(f"the contenders came to different outputs with {collectors} collectors: nothing here can be compared")
    records, outputs = sum(map(len, batches)), results["ours"].taken
    return [
        {
            "contender": name,
            "collectors": collectors,
            "records_per_s": round(records / seconds),
            "outputs": outputs if results[name] else 0,
            "ratio_to_loop": round(best["fastavro-loop"] / seconds, 2),
            "share_of_bare": round(best["fastavro-bare"] / seconds, 2),
        }
        for name, seconds in best.items()
    ]


def _check(rows: list[dict[str, Any]]) -> None:
    """Both run in one process, in turns, so the ratio says the same on any machine; noise takes a fifth of it, not half.

    Raises:
        click.ClickException: the engine has become slower, or nothing is known of so many collectors.
    """
    known = json.loads(RATIOS.read_text(encoding="utf-8"))["engine_to_loop"]
    for row in rows:
        if row["contender"] != "ours":
            continue
        expected = known.get(str(row["collectors"]))
        if expected is None:
            raise click.ClickException(f"{RATIOS.name} has no ratio for {row['collectors']} collectors, only for {', '.join(known)}")
        if row["ratio_to_loop"] < expected * LEFT_AT_LEAST:
            raise click.ClickException(
                f"with {row['collectors']} collectors the engine is {row['ratio_to_loop']} times as quick as the loop, and was {expected}: "
                "find out what a change costs (docs/benchmarks.md), or, if that is meant, change the ratio that is checked in"
            )


@click.command()
@click.option("--collectors", default="20,1000", help="How many collectors, comma separated.")
@click.option("--records", default=20_000, help="Predictions per round.")
@click.option("--batch", default=2_000, help="Predictions per batch.")
@click.option("--rounds", default=5, help="Rounds; the best of each contender counts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
@click.option("--check", is_flag=True, help="Fail when the engine has lost half of the ratio to the loop that is checked in.")
def main(collectors: str, records: int, batch: int, rounds: int, as_json: bool, check: bool) -> None:
    """Measure the engine beside a fastavro loop."""
    schemas = Schemas.checked_in()
    values = [value for _, value in predictions(schemas, records)]
    batches = [values[start : start + batch] for start in range(0, records, batch)]
    below = share_below(schemas, values)
    click.echo(f"{records} predictions of {sum(map(len, values)) // records} bytes, {below:.0%} below {THRESHOLD}", err=True)
    rows = [row for count in collectors.split(",") for row in measure(schemas, int(count), batches, below, rounds)]
    if check:
        _check(rows)
    if as_json:
        click.echo(json.dumps(rows))
        return
    click.echo(f"{'contender':<15}{'collectors':>11}{'records/s':>12}{'outputs':>9}{'x loop':>9}{'x bare decode':>15}")
    for row in rows:
        figures = f"{row['records_per_s']:>12,}{row['outputs']:>9,}{row['ratio_to_loop']:>9.2f}{row['share_of_bare']:>15.2f}"
        click.echo(f"{row['contender']:<15}{row['collectors']:>11,}{figures}")


if __name__ == "__main__":
    main()
