"""The work that every contender of every benchmark is given.

Predictions of about 660 bytes with 20 concepts; collectors of one model with "maximum below 0.95, then sample" that collect a tenth
of the predictions in total.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.support.loop import MODEL, RING_MASK, LoopPlan
from processor.codec.predictions import PredictionDecoder
from processor.codec.records import encode
from processor.engine.collector import Collector, Node, Source, Watchers, Workflow
from processor.engine.plan import bound
from processor.operators import parse_operator
from processor.operators.probability import Extreme

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from processor.codec.registry import Schemas

COLLECTED = 0.1
THRESHOLD = 0.95
CONCEPTS = 20
DISTINCT_MAX = 20_000
FILTER_NODE = "unsure"
SAMPLE_NODE = "sampled"
ID_PREFIX = "prediction-"
ID_DIGITS = 12
_ID = f"{ID_PREFIX}%0{ID_DIGITS}d".encode()


def predictions(schemas: Schemas, records: int) -> Iterator[tuple[bytes, bytes]]:
    """Ids and framed predictions. The first ones are encoded; later ones are these again under new ids, so samples differ."""
    chosen = random.Random(7)  # noqa: S311 - a stream that is the same every time
    pool = [encode(schemas, "prediction", _prediction(chosen, i)) for i in range(min(records, DISTINCT_MAX))]
    for i in range(records):
        value, first, now = pool[i % DISTINCT_MAX], id_of(i % DISTINCT_MAX), id_of(i)
        yield now, value.replace(first, now, 1)


def share_below(schemas: Schemas, values: Sequence[bytes]) -> float:
    """The share of predictions whose maximum is below the threshold."""
    batch = PredictionDecoder(schemas).decode(values).batch
    keys = batch.content.keys(Extreme.LARGEST, batch.vocabulary)
    return float(np.mean(keys < np.uint64(np.float32(THRESHOLD).view(np.uint32))))


def keep_fraction(collectors: int, below: float) -> float:
    """What each collector samples of the predictions below the threshold, for a tenth of all in total."""
    return min(1.0, COLLECTED / (collectors * below))


def make_watchers(keys: Sequence[str], below: float) -> Watchers:
    """Collectors of one model that together collect a tenth of its predictions."""
    unsure = parse_operator("max-probability", {"params": {"value": THRESHOLD}}, lambda _: None)
    sample = parse_operator("random-sample", {"params": {"keep_fraction": keep_fraction(len(keys), below)}}, lambda _: None)
    workflow = Workflow((Node(FILTER_NODE, unsure), Node(SAMPLE_NODE, sample, (0,))))
    return Watchers(MODEL, tuple(Collector(key, Source(MODEL), workflow=workflow) for key in keys))


def loop_plan(collector: Collector) -> LoopPlan:
    """What a plain loop needs to know of a collector of `make_watchers`."""
    sampler: Any = bound(collector)[1][1][0]
    arc = sampler.arc()
    return LoopPlan(collector.key, sampler.group, -arc.start & RING_MASK, arc.length, float(np.float32(THRESHOLD)))


def id_of(number: int) -> bytes:
    """The id of a prediction."""
    return _ID % number


def number_of(prediction_id: bytes) -> int:
    """Which prediction it is, counted from 0."""
    return int(prediction_id[-ID_DIGITS:])


def _prediction(chosen: random.Random, number: int) -> dict[str, Any]:
    user_id, app_id, model_id = MODEL.split("/")
    top = 1 - chosen.random() ** 2 / 2
    rest = (chosen.random() * top for _ in range(CONCEPTS - 1))
    concepts = [
        {"id": f"ai_{n:06d}", "name": f"concept{n % 999}", "value": value}
        for n, value in zip((chosen.randrange(10_000) for _ in range(CONCEPTS)), (top, *rest), strict=True)
    ]
    return {
        "id": id_of(number).decode(),
        "model": {"user_id": user_id, "app_id": app_id, "id": model_id, "version_id": "aa7f35c01e0642fda5cf400f543e7c40"},
        "caller_user_id": f"user-{number % 97}",
        "input": {"data": {"image": {"url": f"https://samples.example/{number}.jpg"}, "metadata": '{"site": "nyc", "camera": 7}'}},
        "output": {"data": {"concepts": concepts}},
    }
