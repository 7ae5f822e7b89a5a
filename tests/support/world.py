"""A small world for tests of the whole processor: documents, a stream of predictions, and what must come of them by the oracle."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from processor.codec.records import encode
from processor.codec.registry import Schemas
from processor.kafka.client import producer
from processor.topics.names import PREDICTIONS, inputs_topic, prefixed
from tests.support.oracle import evaluate
from tests.support.processes import give

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from processor.settings import Settings

MODEL = "clarifai/main/general"
NOTHING = dict.fromkeys(("image", "video", "audio", "text", "metadata", "geo"))
OUTCOMES_TAKEN = ("collected", "queued")


def operator(app: str, name: str, model_type: str, info: str) -> str:
    return f"kind: Model\nuser_id: acme\napp_id: {app}\nid: {name}\nmodel_type_id: {model_type}\noutput_info: {info}\n"


def workflow(app: str, name: str, *nodes: str) -> str:
    """A workflow whose nodes (node id = model id) follow one another."""
    lines = [f"- {{id: {n}, model: {{id: {n}}}" + (f", node_inputs: [{{node_id: {before}}}]" if before else "") + "}" for before, n in
             zip((None, *nodes), nodes, strict=False)]  # fmt: skip
    return f"kind: Workflow\nuser_id: acme\napp_id: {app}\nid: {name}\nnodes:\n" + "\n".join(lines) + "\n"


def collector(app: str, name: str, fields: str, caller: str = "") -> str:
    source = f"{{model_user_id: clarifai, model_app_id: main, model_id: general, post_inputs_key_id: ingest, caller_user_id: '{caller}'}}"
    head = f"kind: Collector\nuser_id: acme\napp_id: {app}\nid: {name}\n"
    return f"{head}{fields}\ncollector_source: {{api_post_model_outputs_collector_source: {source}}}\n"


DOCUMENTS = "---\n".join(
    [
        "kind: App\nuser_id: acme\nid: quality\nplan: professional\n",
        "kind: App\nuser_id: acme\nid: second\nplan: professional\n",
        operator("quality", "tenth", "random-sample", "{params: {keep_fraction: 0.1}}"),
        operator("quality", "half", "random-sample", "{params: {keep_fraction: 0.5}}"),
        operator("quality", "low", "max-probability", "{params: {value: 0.6}}"),
        operator("quality", "dogs", "concept-threshold", "{data: {concepts: [{id: dog, value: 0.9}]}}"),
        operator("second", "all", "random-sample", "{params: {keep_fraction: 1.0}}"),
        workflow("quality", "sample", "tenth"),
        workflow("quality", "unsure", "low", "half"),
        workflow("quality", "dogs", "dogs"),
        workflow("second", "all", "all"),
        collector("quality", "tenth", "pre_queue_workflow_id: sample"),
        collector("quality", "unsure", "pre_queue_workflow_id: unsure"),
        collector("quality", "dogs", "pre_queue_workflow_id: dogs\ncollect_outputs: true"),
        collector("second", "random", "pre_queue_random_sample: 0.05"),
        collector("second", "bob", "pre_queue_random_sample: 0.5", caller="bob"),
        collector("second", "queued", "pre_queue_random_sample: 0.1\npost_queue_workflow_id: all"),
        collector("second", "paused", "pre_queue_random_sample: 0.1\nstatus: {code: 52002}"),
    ]
)


def _node(name: str, model_type: str, info: dict[str, Any], inputs: list[str]) -> dict[str, Any]:
    return {"id": name, "type": model_type, "output_info": info, "override": None, "inputs": inputs, "suppress": False}


def plain(key: str, **fields: Any) -> dict[str, Any]:
    """A collector of acme as the oracle reads it."""
    usual = {"model": MODEL, "version": "", "caller": "", "active": True, "second_stage": False, "random_sample": None, "nodes": None}
    return {"key": f"acme/{key}"} | usual | fields


TENTH = _node("tenth", "random-sample", {"params": {"keep_fraction": 0.1}}, [])
LOW = _node("low", "max-probability", {"params": {"value": 0.6}}, [])
HALF = _node("half", "random-sample", {"params": {"keep_fraction": 0.5}}, ["low"])
DOGS = _node("dogs", "concept-threshold", {"data": {"concepts": [{"id": "dog", "value": 0.9}]}}, [])
COLLECTORS = (
    plain("quality/tenth", nodes=[TENTH]),
    plain("quality/unsure", nodes=[LOW, HALF]),
    plain("quality/dogs", nodes=[DOGS]),
    plain("second/random", random_sample=0.05),
    plain("second/bob", random_sample=0.5, caller="bob"),
    plain("second/queued", random_sample=0.1, second_stage=True),
    plain("second/paused", random_sample=0.1, active=False),
)


def set_up(settings: Settings) -> None:
    """Topics, documents and keys."""
    for arguments in (
        ("topics", "apply"),
        ("keys", "create", "--user", "acme", "--app", "quality", "--id", "ingest", "--scopes", "PostInputs"),
        ("keys", "create", "--user", "acme", "--app", "second", "--id", "ingest", "--scopes", "PostInputs"),
        ("apply", "-f", "-"),
    ):
        give(settings, *arguments, text=DOCUMENTS if arguments[0] == "apply" else None)


def predictions(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """A stream: mostly of the watched model, some inside workflows, with none to six concepts each."""
    rng = random.Random(seed)  # noqa: S311 - a test's data, the same for a seed
    for number in range(count):
        concepts = [
            {"id": name, "name": name, "value": rng.random()}
            for name in rng.sample(("dog", "cat", "cow", "owl", "fox", "bee"), rng.randint(0, 6))
        ]
        yield {
            "id": f"p-{seed}-{number}",
            "model": {"user_id": "clarifai", "app_id": "main", "id": rng.choice(("general",) * 9 + ("other",)), "version_id": "v1"},
            "caller_user_id": rng.choice(("bob", "eve", "")),
            "workflow_id": rng.choice(("",) * 19 + ("w",)),
            "predicted_at": 1_795_312_800_000_000 + number,
            "input": {"id": "", "data": NOTHING | {"image": {"url": f"https://example.com/{number}.jpg", "base64": None}}},
            "output": {"data": NOTHING | {"concepts": concepts, "regions": [], "embeddings": []}},
        }


class Publisher:
    """Publishes predictions as any Kafka client may: keyed by id, in the registry's framing."""

    def __init__(self, settings: Settings) -> None:
        self._topic = prefixed(settings, PREDICTIONS)
        self._schemas = Schemas.from_settings(settings)
        self._producer = producer(settings)

    def publish(self, batch: Iterable[dict[str, Any]], partition_of: Callable[[str], int] = lambda _: -1) -> None:
        for prediction in batch:
            value = encode(self._schemas, "prediction", prediction)
            self.publish_bytes(prediction["id"].encode(), value, partition=partition_of(prediction["id"]))
        self._producer.flush()

    def publish_bytes(self, key: bytes | None, value: bytes | None, headers: Any = (), partition: int = -1) -> None:
        self._producer.produce(self._topic, key=key, value=value, headers=list(headers), partition=partition)
        self._producer.poll(0)

    def flush(self) -> None:
        self._producer.flush()


@dataclass(frozen=True)
class Expectation:
    """What must come of a stream.

    Attributes:
        taken: (collector, prediction id) → how often, over inputs and queue.
        funnel: collector → its row of ``status``, without the state.
    """

    taken: Counter[tuple[str, str]]
    funnel: dict[str, dict[str, Any]]


def expectation(stream: list[dict[str, Any]]) -> Expectation:
    """Ask the oracle."""
    taken: Counter[tuple[str, str]] = Counter()
    rows = {}
    for one in COLLECTORS:
        verdict = evaluate(one, stream, {})
        taken.update((one["key"], stream[position]["id"]) for position in verdict.taken)
        rows[one["key"]] = {
            "seen": verdict.counts.total(),
            **{name: verdict.counts[name] for name in OUTCOMES_TAKEN},
            "reasons": {name: count for name, count in verdict.counts.items() if name not in OUTCOMES_TAKEN},
            "emptied_by": dict(verdict.emptied),
        }
    return Expectation(taken, rows)


def output_topics(settings: Settings) -> list[str]:
    """Where what is taken lands."""
    return [prefixed(settings, name) for name in (inputs_topic("acme", "quality"), inputs_topic("acme", "second"), "queue")]
