"""The engine (decode + decide, no broker) beside a plain fastavro loop, in one process and one run, equal outputs checked.

Work: predictions of about 660 bytes with 20 concepts, N collectors of one model with "maximum below 0.95, then sample", a tenth of
the predictions collected in total. Contenders take turns; the best of several rounds counts.
"""

from __future__ import annotations

import io
import json
import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import fastavro
import numpy as np
import xxhash

from processor.codec.predictions import PredictionDecoder
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.engine.collector import Collector, Node, Source, Watchers, Workflow
from processor.engine.decide import decide
from processor.engine.plan import bound
from processor.engine.reasons import OUTCOMES
from processor.operators import parse_operator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MODEL = "clarifai/main/general-image-recognition"
COLLECTED = 0.1
THRESHOLD = 0.95
CONCEPTS = 20
HEADER_BYTES = 5
RING_MASK = (1 << 64) - 1


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


def make_values(schemas: Schemas, records: int) -> list[bytes]:
    """Framed predictions."""
    chosen = random.Random(7)  # noqa: S311 - a stream that is the same every time
    user_id, app_id, model_id = MODEL.split("/")
    values = []
    for i in range(records):
        top = 1 - chosen.random() ** 2 / 2
        rest = (chosen.random() * top for _ in range(CONCEPTS - 1))
        numbers = (chosen.randrange(10_000) for _ in range(CONCEPTS))
        concepts = [
            {"id": f"ai_{n:06d}", "name": f"concept{n % 999}", "value": value} for n, value in zip(numbers, (top, *rest), strict=True)
        ]
        prediction = {
            "id": f"prediction-{i:012d}",
            "model": {"user_id": user_id, "app_id": app_id, "id": model_id, "version_id": "aa7f35c01e0642fda5cf400f543e7c40"},
            "caller_user_id": f"user-{i % 97}",
            "input": {"data": {"image": {"url": f"https://samples.example/{i}.jpg"}, "metadata": '{"site": "nyc", "camera": 7}'}},
            "output": {"data": {"concepts": concepts}},
        }
        values.append(encode(schemas, "prediction", prediction))
    return values


def make_watchers(collectors: int, share_below: float) -> Watchers:
    """Collectors of one model that together collect a tenth of its predictions."""
    below = parse_operator("max-probability", {"params": {"value": THRESHOLD}}, lambda _: None)
    fraction = min(1.0, COLLECTED / (collectors * share_below))
    sample = parse_operator("random-sample", {"params": {"keep_fraction": fraction}}, lambda _: None)
    workflow = Workflow((Node("unsure", below), Node("sampled", sample, (0,))))
    return Watchers(MODEL, tuple(Collector(f"acme/quality/c{i}", Source(MODEL), workflow=workflow) for i in range(collectors)))


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
    """One record at a time: each is decoded once; its maximum, its hash and each group's hash are computed at most once."""
    schema = work.schemas.writer("prediction")
    plans = [_loop_plan(collector) for collector in work.watchers.collectors]
    groups = sorted({plan[1] for plan in plans})
    group_keys = [(group, xxhash.xxh3_64_intdigest(f"collectors/group/{group}".encode())) for group in groups]

    def run() -> Totals:
        empty, unsampled, kept = Counter[str](), Counter[str](), Counter[str]()
        taken: list[tuple[str, str]] = []
        for values in work.batches:
            for value in values:
                prediction = fastavro.schemaless_reader(io.BytesIO(value[HEADER_BYTES:]), schema, schema)
                _judge(prediction, plans, group_keys, (empty, unsampled, kept), taken)
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


def _judge(
    prediction: Any,
    plans: Sequence[tuple[str, int, int, int, float]],
    group_keys: Sequence[tuple[int, int]],
    counters: tuple[Counter[str], Counter[str], Counter[str]],
    taken: list[tuple[str, str]],
) -> None:
    empty, unsampled, kept = counters
    model = prediction["model"]
    if prediction["workflow_id"] or f"{model['user_id']}/{model['app_id']}/{model['id']}" != MODEL:
        return
    data = prediction["output"]["data"]
    values = [concept["value"] for concept in data["concepts"]]
    values += [concept["value"] for region in data["regions"] for concept in region["data"]["concepts"]]
    largest = max(values, default=1.0)
    hashes: list[int] = []
    for key, group, salt, limit, threshold in plans:
        if largest >= threshold:
            empty[key] += 1
            continue
        if not hashes:
            hashes = _draws(prediction["id"], group_keys)
        if ((hashes[group] + salt) & RING_MASK) < limit:
            kept[key] += 1
            taken.append((prediction["id"], key))
        else:
            unsampled[key] += 1


def _draws(prediction_id: str, group_keys: Sequence[tuple[int, int]]) -> list[int]:
    whole, found = xxhash.xxh3_64_intdigest(prediction_id.encode()), [0] * 16
    for group, key in group_keys:
        h = whole ^ key
        h = ((h ^ (h >> 33)) * 0xFF51AFD7ED558CCD) & RING_MASK
        h = ((h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53) & RING_MASK
        found[group] = h ^ (h >> 33)
    return found


def _loop_plan(collector: Collector) -> tuple[str, int, int, int, float]:
    """(key, group, salt, limit, threshold)."""
    sampler: Any = bound(collector)[1][1]
    arc = sampler.arc()
    return collector.key, sampler.group, -arc.start & RING_MASK, arc.length, float(np.float32(THRESHOLD))


def _named(watchers: Watchers, counts: np.ndarray) -> dict[tuple[str, str], int]:
    return {(watchers.collectors[i].key, OUTCOMES[j].value): int(counts[i, j]) for i, j in zip(*np.nonzero(counts), strict=True)}


def _totals(counts: Mapping[tuple[str, str], int], taken: list[tuple[str, str]]) -> Totals:
    digest = 0
    for prediction_id, key in taken:
        digest ^= xxhash.xxh3_64_intdigest(f"{prediction_id}\0{key}".encode())
    return Totals({name: n for name, n in counts.items() if n}, len(taken), digest)


def measure(schemas: Schemas, collectors: int, batches: list[list[bytes]], share_below: float, rounds: int) -> list[dict[str, Any]]:
    """One row a contender, best of the rounds."""
    work = Work(schemas, batches, make_watchers(collectors, share_below))
    runs: dict[str, Callable[[], Any]] = {"ours": run_engine(work), "fastavro-loop": run_loop(work), "fastavro-bare": run_bare(work)}
    best: dict[str, float] = {}
    cpu: dict[str, float] = {}
    results: dict[str, Any] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            start, cpu_start = time.perf_counter(), time.process_time()
            results[name] = run()
            best[name] = min(best.get(name, float("inf")), time.perf_counter() - start)
            cpu[name] = min(cpu.get(name, float("inf")), time.process_time() - cpu_start)
    if results["ours"] != results["fastavro-loop"]:
        raise click.ClickException(f"the contenders came to different outputs with {collectors} collectors: nothing here can be compared")
    records, outputs = sum(map(len, batches)), results["ours"].taken
    return [
        {
            "contender": name,
            "collectors": collectors,
            "records_per_s": round(records / seconds),
            "outputs": outputs if results[name] else 0,
            "cpu_s": round(cpu[name], 4),
            "ratio_to_loop": round(best["fastavro-loop"] / seconds, 2),
            "share_of_bare": round(best["fastavro-bare"] / seconds, 2),
        }
        for name, seconds in best.items()
    ]


@click.command()
@click.option("--collectors", default="20,1000", help="How many collectors, comma separated.")
@click.option("--records", default=20_000, help="Predictions per round.")
@click.option("--batch", default=2_000, help="Predictions per batch.")
@click.option("--rounds", default=5, help="Rounds; the best of each contender counts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def main(collectors: str, records: int, batch: int, rounds: int, as_json: bool) -> None:
    """Measure the engine beside a fastavro loop."""
    schemas = Schemas.checked_in()
    values = make_values(schemas, records)
    batches = [values[start : start + batch] for start in range(0, records, batch)]
    keys = PredictionDecoder(schemas).decode(values).batch.content.max_keys
    below = float(np.mean(keys < np.uint64(np.float32(THRESHOLD).view(np.uint32))))
    click.echo(f"{records} predictions of {sum(map(len, values)) // records} bytes, {below:.0%} below {THRESHOLD}", err=True)
    rows = [row for count in collectors.split(",") for row in measure(schemas, int(count), batches, below, rounds)]
    if as_json:
        click.echo(json.dumps(rows))
        return
    click.echo(f"{'contender':<15}{'collectors':>11}{'records/s':>12}{'outputs':>9}{'x loop':>9}{'x bare decode':>15}")
    for row in rows:
        figures = f"{row['records_per_s']:>12,}{row['outputs']:>9,}{row['ratio_to_loop']:>9.2f}{row['share_of_bare']:>15.2f}"
        click.echo(f"{row['contender']:<15}{row['collectors']:>11,}{figures}")


if __name__ == "__main__":
    main()
