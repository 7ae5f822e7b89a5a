"""A small world for tests of the second stage: documents, a stream of candidates, and what must come of them by the oracle."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from processor.codec.predictions import candidate_encoder
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.kafka.client import producer
from processor.topics.names import QUEUE, inputs_topic, prefixed
from tests.support.processes import give
from tests.support.second_oracle import SecondOracle
from tests.support.stage import funnel, records
from tests.support.world import collector, operator, predictions, workflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.settings import Settings

SCHEMAS = Schemas.checked_in()
US = 1_000_000
NEW_YORK = "{params: {metadata: {site: nyc}}}"
LIMITS: dict[str, tuple[dict[str, int] | None, dict[str, Any] | None]] = {
    "minute": ({"per_minute": 3}, None),
    "capped": ({"per_hour": 40, "total": 60}, None),
    "once": (None, {"by": ["input_id", "content"], "window_count": 50, "window_seconds": 600}),
    "both": ({"per_minute": 2}, {"by": ["content"], "window_count": 1000, "window_seconds": 86400}),
}


def limited(name: str) -> str:
    """The document of a collector with limits."""
    fields = [f"{field}: {orjson.dumps(value).decode()}" for field, value in zip(("quota", "duplicates"), LIMITS[name], strict=True)]
    return collector("quality", name, "\n".join(["pre_queue_random_sample: 1.0", *fields]))


DOCUMENTS = "---\n".join(
    [
        "kind: App\nuser_id: acme\nid: quality\nplan: professional\n",
        operator("quality", "nyc", "metadata-filter", NEW_YORK),
        operator("quality", "half", "random-sample", "{params: {keep_fraction: 0.5}}"),
        workflow("quality", "nyc", "nyc", "half"),
        collector("quality", "filtered", "post_queue_workflow_id: nyc"),
        collector("quality", "paused", "pre_queue_random_sample: 1.0\npost_queue_workflow_id: nyc\nstatus: {code: 52002}"),
        *map(limited, LIMITS),
    ]
)


def set_up(settings: Settings) -> None:
    for arguments in (
        ("topics", "apply"),
        ("keys", "create", "--user", "acme", "--app", "quality", "--id", "ingest", "--scopes", "PostInputs"),
        ("apply", "-f", "-"),
    ):
        give(settings, *arguments, text=DOCUMENTS if arguments[0] == "apply" else None)


def candidates(count: int, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """(collector, prediction): a few sites, inputs that come again, seconds apart."""
    rng = random.Random(seed)  # noqa: S311 - a test's data, the same for a seed
    for number, prediction in enumerate(predictions(count, seed)):
        data = prediction["input"]["data"] | {"metadata": orjson.dumps({"site": rng.choice(("nyc", "rome"))}).decode()}
        data["image"] = {"url": f"https://example.com/{rng.randrange(200)}.jpg", "base64": None}
        name = rng.choice((*LIMITS, "filtered", "paused", "deleted"))
        yield (
            f"acme/quality/{name}",
            prediction
            | {
                "input": {"id": f"in-{rng.randrange(300)}", "data": data},
                "predicted_at": 1_700_000_000 * US + number * 2 * US,
            },
        )


def publish(settings: Settings, stream: list[tuple[str, dict[str, Any]]]) -> None:
    encode_candidate, out = candidate_encoder(SCHEMAS), producer(settings)
    for key, prediction in stream:
        value = encode_candidate(key, 0.5, "0" * 24, encode(SCHEMAS, "prediction", prediction)[5:])
        out.produce(prefixed(settings, QUEUE), value=value, key=key.encode())
        out.poll(0)
    out.flush()


def expected(stream: list[tuple[str, dict[str, Any]]]) -> tuple[dict[str, Counter[str]], dict[str, list[str]]]:
    """Outcomes by collector, and the prediction ids that each collects; of samples only what the filter lets through."""
    oracles = {f"acme/quality/{name}": SecondOracle(*limits) for name, limits in LIMITS.items()}
    counts: dict[str, Counter[str]] = {}
    taken: dict[str, list[str]] = {}
    for key, prediction in stream:
        data = prediction["input"]["data"]
        if key in oracles:
            outcome = oracles[key].judge(
                {"input_id": prediction["input"]["id"], "content": data["image"]["url"]}, prediction["predicted_at"]
            )
        elif key.endswith("filtered"):
            outcome = "sampled" if orjson.loads(data["metadata"])["site"] == "nyc" else "post_queue_empty"
        else:
            outcome = "collector_inactive"
        counts.setdefault(key, Counter())[outcome] += 1
        if outcome in {"collected", "sampled"}:
            taken.setdefault(key, []).append(prediction["id"])
    return counts, taken


def assert_exact(settings: Settings, stream: list[tuple[str, dict[str, Any]]]) -> int:
    """Inputs and counts are the oracle's; returns how many inputs there are."""
    counts, taken = expected(stream)
    found: dict[str, list[str]] = {}
    for record in records(settings, inputs_topic("acme", "quality")):
        headers = dict(record.headers)
        found.setdefault(headers["collector"].decode(), []).append(headers["prediction-id"].decode())
    rows = funnel(settings)
    for key, wanted in counts.items():
        if key.endswith("deleted"):
            continue
        row = rows[key]
        assert -row["queued"] == sum(wanted.values()), "the first stage, which was left out here, would have counted these"
        if key.endswith("filtered"):
            assert row["reasons"]["post_queue_empty"] == wanted["post_queue_empty"]
            assert row["collected"] + row["reasons"]["not_sampled"] == wanted["sampled"]
            assert set(found[key]) < set(taken[key])
            assert len(found[key]) == len(set(found[key])) == row["collected"]
        else:
            assert {"collected": row["collected"], **row["reasons"]} == {"collected": 0, **wanted}
            assert found.get(key, []) == taken.get(key, []), "each once, in the order of the queue"
    return sum(map(len, found.values()))
