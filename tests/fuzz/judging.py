"""What the stages do with a value that was read: whatever is believed at a boundary has to get through all of it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from processor.codec.arrow_schema import arrow_schema
from processor.codec.predictions import candidate_encoder
from processor.codec.registry import Schemas
from processor.engine.collector import Collector, Node, PostWorkflow, Second, Served, Source, Step, Watchers, Workflow
from processor.engine.decide import decide
from processor.operators import OPERATORS, Operator, Relation, parse_operator
from processor.second.data import original_data
from processor.second.operate import Operate
from processor.second.tree import Verdict, resolve
from processor.second.workflow import Run
from processor.settings import Settings
from processor.stages.outputs import Outputs
from processor.state.windows import PartitionWindows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.codec.predictions import Decoded

SCHEMAS = Schemas.checked_in()
OUTPUTS = Outputs(Settings(), candidate_encoder(SCHEMAS))
OPERATE = Operate(arrow_schema(SCHEMAS.writer("prediction")))
MODEL, KEY = "u/a/m", "u/a/c"
OF_DOG: dict[str, Any] = {"data": {"concepts": [{"id": "dog", "value": 0.9}]}}
SPAN = {"window": 10, "warm_up": 1}
INFOS: Mapping[str, dict[str, Any]] = {
    "random-sample": {"params": {"keep_fraction": 0.5}},
    "concept-threshold": OF_DOG,
    "region-threshold": {"params": {"value": 0.1}},
    "max-probability": {"params": {"value": 0.6}},
    "min-probability": {"params": {"value": 0.1}},
    "metadata-filter": {
        "params": {
            "metadata": {"site": {"$regex": "^n", "$ne": "x"}, "a.b": {"$gt": 1}, "": {"$in": [1, "2", None]}, "b": {"$exists": False}}
        }
    },
    "concept-synonym-mapper": {"params": {"knowledge_graph_id": "zoo"}},
    "uncertainty": {"params": {"strategy": "entropy", "min": 0.1}},
    "close-to-threshold": {"params": {"threshold": 0.5, "epsilon": 0.4, "probability": 0.5}},
    "class-filter": {"data": {"concepts": [{"id": "dog"}, {"id": "ai_1"}]}},
    "object-count": {"params": {"value": 0}},
    "keyword-filter": {"params": {"keywords": ["dog", "été", "a"]}},
    "regex-classifier": {"params": {"pattern": "(?i)[a-z]"}, "data": {"concepts": [{"id": "letter"}]}},
    "language-id": {},
    "disagreement": {},
    "outlier": {"params": {"quantile": 0.5, **SPAN}},
    "budget": {"params": {"share": 0.5, **SPAN}},
}


def operators() -> dict[str, Operator]:
    """One of each."""
    graph = (Relation("dog", "hyponym", "animal"), Relation("cat", "synonym", "dog"))
    return {kind: parse_operator(kind, INFOS[kind], lambda _: graph) for kind in OPERATORS}


# The first stage.


def _collectors() -> Iterator[Collector]:
    first = {kind: operator for kind, operator in operators().items() if operator.before_queue}
    source = Source(MODEL)
    for number, (kind, operator) in enumerate(first.items()):
        workflow = Workflow((Node("n", operator),))
        yield Collector(f"u/a/{kind}", source, workflow=workflow, collect_outputs=number % 2 == 0)
    both = Workflow(
        (*(Node(kind, operator) for kind, operator in first.items()), Node("all", first["object-count"], tuple(range(len(first)))))
    )
    yield Collector("u/a/both", source, random_sample=0.9, workflow=both, second=Second(shards=2))
    yield Collector("u/a/alone", source, random_sample=0.5, tags=("é",), dataset_ids=("d",))
    yield Collector("u/a/bob", Source(MODEL, caller_user_id="bob"), random_sample=1.0)


class _OfAnyModel(Mapping[str, Watchers]):
    """The same collectors, whatever the model is called."""

    def __init__(self) -> None:
        self._watchers = Watchers(MODEL, tuple(_collectors()))

    def __contains__(self, _: object) -> bool:
        return True

    def __getitem__(self, _: str) -> Watchers:
        return self._watchers

    def __iter__(self) -> Iterator[str]:
        return iter([MODEL])

    def __len__(self) -> int:
        return 1


WATCHERS = _OfAnyModel()


def judge(decoded: Decoded, watchers: Mapping[str, Watchers] = WATCHERS) -> int:
    """Decide on a batch and make its records, each of which has to be one that others can read; returns how many there are."""
    decisions = decide(decoded.batch, watchers)
    records, too_large = OUTPUTS.records(decoded, decisions, "v1")
    for decided in decisions:
        assert len({int(seen) for seen in decided.counts.sum(axis=1)}) == 1, "each collector sees each prediction once"
        assert (decided.counts >= 0).all()
    assert len(records) + len(too_large) == sum(len(decided.rows) for decided in decisions)
    for record in records:
        assert record.topic == "queue" or isinstance(orjson.loads(record.value or b""), dict)
        assert all(isinstance(value, bytes) for _, value in record.headers)
    return len(records)


# The second.

WINDOWS = PartitionWindows(0)
ASKED = Served("m", "app", "asked", "http://example.com", "")
ALL = tuple(operators().items())
COLLECTED = Collector(KEY, Source(MODEL), collect_outputs=True)


def work(case: bytes, prediction: Mapping[str, Any], answer: dict[str, Any] | None = None) -> Verdict:
    """Run a workflow on a prediction's input, or on what a model said of it, and make the input's record.

    Two operators, one behind the other; which they are, the case says: all of them take a hundred times as long as reading it.
    """

    async def ask(_: Served, data: dict[str, Any]) -> dict[str, Any]:
        assert orjson.dumps(data) is not None
        return answer or {}

    tree: Any = None
    running = Run(_workflow(case, asks=answer is not None), KEY, prediction, original_data(prediction), OPERATE, ask).tree()
    try:
        running.send(None)  # nothing in it waits
    except StopIteration as done:
        tree = done.value
    verdict = resolve(tree, WINDOWS.memory(KEY).stream)
    assert not verdict.failed
    assert 0 <= verdict.probability <= 1
    if verdict.output is not None:
        record = OUTPUTS.input(COLLECTED, {**prediction, "model": MODEL}, 0.5 * verdict.probability, b"v1", verdict.output)
        assert isinstance(orjson.loads(record.value or b""), dict)
    return verdict


def _workflow(case: bytes, *, asks: bool) -> PostWorkflow:
    second, first = divmod(zlib.crc32(case), len(ALL))
    chosen = ALL[first], ALL[second % len(ALL)]
    steps = [
        Step(f"{number}-{kind}", operator, (number + asks - 1,) if number + asks else ()) for number, (kind, operator) in enumerate(chosen)
    ]
    return PostWorkflow((Step("asked", ASKED), *steps) if asks else tuple(steps))
