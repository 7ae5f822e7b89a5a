"""A small world for tests of the second stage: documents, a stream of candidates, and what must come of them by the oracle."""

from __future__ import annotations

import math
import random
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from processor.codec.predictions import candidate_encoder
from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.kafka.client import producer
from processor.topics.names import QUEUE, inputs_topic, prefixed
from tests.support.processes import give
from tests.support.second_oracle import PostWorkflowOracle, SecondOracle
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
# Streaming samplers, with limits behind them: the collector's workflow, and its limits.
STREAMED: dict[str, tuple[list[dict[str, Any]], dict[str, int] | None]] = {
    "unsure": (
        [
            {
                "id": "budget",
                "type": "budget",
                "params": {"share": 0.3, "floor": 0.05, "tolerance": 0.1, "window": 100, "warm_up": 20, "score": "margin"},
                "inputs": [],
            }
        ],
        {"per_minute": 4},
    ),
    "far": (
        [
            {"id": "outlier", "type": "outlier", "params": {"quantile": 0.8, "window": 90, "warm_up": 30}, "inputs": []},
            {
                "id": "budget",
                "type": "budget",
                "params": {"share": 0.5, "floor": 0.1, "tolerance": 0.2, "window": 70, "warm_up": 5, "score": "least_confidence"},
                "inputs": [],
            },
        ],
        None,
    ),
}


def limited(name: str) -> str:
    """The document of a collector with limits."""
    fields = [f"{field}: {orjson.dumps(value).decode()}" for field, value in zip(("quota", "duplicates"), LIMITS[name], strict=True)]
    return collector("quality", name, "\n".join(["pre_queue_random_sample: 1.0", *fields]))


def streamed(name: str) -> list[str]:
    """The documents of a collector with streaming samplers."""
    nodes, quota = STREAMED[name]
    made = [operator("quality", f"{name}-{node['id']}", node["type"], orjson.dumps({"params": node["params"]}).decode()) for node in nodes]
    listed = "\n".join(f"- id: {node['id']}\n  model: {{id: {name}-{node['id']}}}" for node in nodes)
    limits = f"\nquota: {orjson.dumps(quota).decode()}" if quota else ""
    both = f"kind: Workflow\nuser_id: acme\napp_id: quality\nid: {name}\nnodes:\n{listed}\n"
    return [*made, both, collector("quality", name, f"post_queue_workflow_id: {name}{limits}")]


DOCUMENTS = "---\n".join(
    [
        "kind: App\nuser_id: acme\nid: quality\nplan: professional\n",
        operator("quality", "nyc", "metadata-filter", NEW_YORK),
        operator("quality", "half", "random-sample", "{params: {keep_fraction: 0.5}}"),
        workflow("quality", "nyc", "nyc", "half"),
        collector("quality", "filtered", "post_queue_workflow_id: nyc"),
        collector("quality", "paused", "pre_queue_random_sample: 1.0\npost_queue_workflow_id: nyc\nstatus: {code: 52002}"),
        *map(limited, LIMITS),
        *(document for name in STREAMED for document in streamed(name)),
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
        name = rng.choice((*LIMITS, *STREAMED, "filtered", "paused", "deleted"))
        vector = [rng.gauss(0, 1) for _ in range(8)] if rng.random() < 0.9 else []
        prediction["output"]["data"]["embeddings"] = [{"vector": as_floats32(vector)}] if vector else []
        yield (
            f"acme/quality/{name}",
            prediction
            | {
                "input": {"id": f"in-{rng.randrange(300)}", "data": data},
                "predicted_at": 1_700_000_000 * US + number * 2 * US,
            },
        )


def as_floats32(numbers: list[float]) -> list[float]:
    """As they are once they have been in a record."""
    return list(struct.unpack(f"{len(numbers)}f", struct.pack(f"{len(numbers)}f", *numbers)))


def publish(settings: Settings, stream: list[tuple[str, dict[str, Any]]]) -> None:
    encode_candidate, out = candidate_encoder(SCHEMAS), producer(settings)
    for key, prediction in stream:
        value = encode_candidate(key, 0.5, "0" * 24, encode(SCHEMAS, "prediction", prediction)[5:])
        out.produce(prefixed(settings, QUEUE), value=value, key=key.encode())
        out.poll(0)
    out.flush()


@dataclass
class Expected:
    """What must come of a stream.

    Attributes:
        counts: outcomes by collector.
        taken: the prediction ids that each collects; of samples those that the filter lets through.
        chances: by collector and prediction id, of what streaming samplers keep.
    """

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    taken: dict[str, list[str]] = field(default_factory=dict)
    chances: dict[tuple[str, str], float] = field(default_factory=dict)


def expected(stream: list[tuple[str, dict[str, Any]]]) -> Expected:
    """Ask the oracles, one candidate after the other."""
    found = Expected()
    limits = {
        name: SecondOracle(*given) for name, given in (LIMITS | {name: (quota, None) for name, (_, quota) in STREAMED.items()}).items()
    }
    workflows = {name: PostWorkflowOracle(f"acme/quality/{name}", nodes) for name, (nodes, _) in STREAMED.items()}
    for key, prediction in stream:
        name, data = key.rpartition("/")[2], prediction["input"]["data"]
        if name == "filtered":
            outcome = "sampled" if orjson.loads(data["metadata"])["site"] == "nyc" else "post_queue_empty"
        else:
            outcome = "passed" if name in limits else "collector_inactive"
        if name in workflows:
            outcome, found.chances[key, prediction["id"]] = workflows[name].judge(_plain(prediction))
        if outcome == "passed":
            compared = {"input_id": prediction["input"]["id"], "content": data["image"]["url"]}
            outcome = limits[name].judge(compared, prediction["predicted_at"])
        found.counts.setdefault(key, Counter())[outcome] += 1
        if outcome in {"collected", "sampled"}:
            found.taken.setdefault(key, []).append(prediction["id"])
    return found


def _plain(prediction: dict[str, Any]) -> dict[str, Any]:
    """As the oracle of workflows reads it."""
    said = prediction["output"]["data"]
    concepts = {concept["id"]: as_floats32([concept["value"]])[0] for concept in said["concepts"]}
    return {"id": prediction["id"], "concepts": concepts, "embedding": next((each["vector"] for each in said["embeddings"]), [])}


def assert_exact(settings: Settings, stream: list[tuple[str, dict[str, Any]]]) -> int:
    """Inputs and counts are the oracle's; returns how many inputs there are."""
    wanted_of_all = expected(stream)
    counts, taken = wanted_of_all.counts, wanted_of_all.taken
    found: dict[str, list[str]] = {}
    for record in records(settings, inputs_topic("acme", "quality")):
        headers = dict(record.headers)
        place = key, prediction_id = headers["collector"].decode(), headers["prediction-id"].decode()
        found.setdefault(key, []).append(prediction_id)
        if place in wanted_of_all.chances:
            assert math.isclose(float(headers["inclusion-probability"]), 0.5 * wanted_of_all.chances[place]), place
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
