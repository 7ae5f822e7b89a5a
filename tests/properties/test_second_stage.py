"""The second stage equals a plain sequential evaluator, whatever is read at once, ends first, and however often it is started again."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.codec.records import decode
from processor.engine.collector import NO_SOURCE, Collector, PostWorkflow, Second, Served, Step
from processor.limits.rules import Duplicates, Quota, Sameness
from processor.operators import parse_operator
from processor.second.workflow import ModelGaveNothing
from processor.stages import restore
from processor.state.counters import Restoration
from tests.support.predictions import input_of, output_of, prediction
from tests.support.second_alone import SCHEMAS, Log, Process, Reader
from tests.support.second_oracle import PostWorkflowOracle, SecondOracle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

US = 1_000_000
BEGIN_S = 1_700_000_000
KEYS = ["u/app/one", "u/app/two"]
SAMPLERS = {"outlier", "budget", "random-sample"}

VALUES = [0.0, 0.25, 0.5, 0.75, 1.0]  # few, so that scores and distances are often equal


def stream_of(seed: int, size: int) -> list[dict[str, Any]]:
    """Many candidates at the cost of one draw: drawn one by one they would leave no room for workflows."""
    chosen = random.Random(seed)  # noqa: S311 - a test's data, the same for a seed

    def concepts() -> dict[str, float]:
        return {name: chosen.choice(VALUES) for name in chosen.sample(["x", "y", "z"], chosen.choice([0, 1, 2, 2, 3, 3]))}

    def embedding(odd: list[list[float]]) -> list[float]:
        usual = [float(chosen.randint(-3, 3)) for _ in range(2)]
        return chosen.choice(odd) if chosen.random() < 0.15 else usual

    def answer() -> dict[str, Any] | None:
        vector = {"embedding": embedding([[], [1.0]])} if chosen.random() < 0.7 else {}
        return None if chosen.random() < 0.1 else {"concepts": concepts(), **vector}

    def one(number: int) -> dict[str, Any]:
        return {
            "collector": chosen.choice(KEYS),
            "at_us": (BEGIN_S + number * 20 + chosen.randint(-30, 30)) * US,
            "content": chosen.randrange(30),
            "concepts": concepts(),
            "embedding": embedding([[], [1.0], [math.inf, 0.0]]),
            "answers": {f"n{node}": answer() for node in range(4)},
        }

    return [one(number) for number in range(size)]


def script_of(seed: int) -> list[tuple[str, int]]:
    """What a process does: read so many, let one of what is under way end, commit, start again with or without a commit before."""
    chosen = random.Random(seed)  # noqa: S311 - as above
    return [(chosen.choice(["read", "read", *["end"] * 12, "commit", "restart"]), chosen.randrange(12)) for _ in range(150)]


@st.composite
def spans(draw: st.DrawFn) -> dict[str, int]:
    window = draw(st.integers(1, 10))
    return {"window": window, "warm_up": draw(st.integers(1, window))}


@st.composite
def budgets(draw: st.DrawFn) -> dict[str, Any]:
    share = draw(st.sampled_from([0.1, 0.25, 0.5, 0.9, 1.0]))
    parts = {"floor": share * draw(st.sampled_from([0.1, 0.5, 1.0])), "tolerance": share * draw(st.sampled_from([0.1, 0.25, 1.0]))}
    return {"share": share, **parts, "score": draw(st.sampled_from(["entropy", "margin", "least_confidence"])), **draw(spans())}


PARAMS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "model": st.just({}),
    "concept-threshold": st.just({"value": 0.5}),
    "random-sample": st.sampled_from([0.25, 0.5, 0.75]).map(lambda share: {"keep_fraction": share}),
    "outlier": st.builds(lambda quantile, span: {"quantile": quantile, **span}, st.sampled_from([0.0, 0.3, 0.55, 0.9, 1.0]), spans()),
    "budget": budgets(),
}


@st.composite
def workflows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Nodes, each after its inputs, with a streaming sampler among them."""
    kinds = draw(st.lists(st.sampled_from([*sorted(PARAMS), "outlier", "budget"]), min_size=1, max_size=3))
    kinds.insert(draw(st.integers(0, len(kinds))), draw(st.sampled_from(["outlier", "budget"])))
    nodes: list[dict[str, Any]] = []
    for number, kind in enumerate(kinds):
        before = [node["id"] for node in nodes]
        last = st.just(before[-1:])
        inputs = draw(st.one_of(last, last, st.lists(st.sampled_from(before), max_size=2, unique=True)) if before else st.just([]))
        nodes.append({"id": f"n{number}", "type": kind, "params": draw(PARAMS[kind]), "inputs": sorted(inputs)})
    return nodes


limits = st.fixed_dictionaries(
    {
        "quota": st.none() | st.fixed_dictionaries({"per_minute": st.integers(1, 4)}, optional={"total": st.integers(1, 9)}),
        "duplicates": st.none()
        | st.fixed_dictionaries({"by": st.just(["content"]), "window_count": st.integers(1, 70), "window_seconds": st.just(100)}),
    }
)


def collector(key: str, nodes: list[dict[str, Any]], given: dict[str, Any]) -> Collector:
    """As the catalog would have it."""
    positions = {node["id"]: number for number, node in enumerate(nodes)}
    found = []
    for node in nodes:
        served = Served("m", "app", node["id"], "http://example.com", "")
        runs = served if node["type"] == "model" else parse_operator(node["type"], {"params": node["params"]}, lambda _: None)
        found.append(Step(node["id"], runs, tuple(positions[name] for name in node["inputs"])))
    quota = Quota(**given["quota"]) if given["quota"] else None
    duplicates = given["duplicates"]
    rule = Duplicates(**{**duplicates, "by": frozenset(map(Sameness, duplicates["by"]))}) if duplicates else None
    return Collector(key, NO_SOURCE, second=Second(PostWorkflow(tuple(found)), quota, rule))


def contract(answer: dict[str, Any]) -> dict[str, Any]:
    """A model's answer as the contract has it."""
    found: dict[str, Any] = {"concepts": [{"id": name, "name": "", "value": value} for name, value in answer["concepts"].items()]}
    return found | ({"embeddings": [{"vector": answer["embedding"]}]} if answer.get("embedding") else {})


def queued(number: int, seen: dict[str, Any]) -> dict[str, Any]:
    """The candidate's prediction."""
    said = contract(seen)
    where = {"url": f"https://example.com/{seen['content']}.jpg", "base64": None}
    metadata = orjson.dumps({"n": number}).decode()
    return prediction(
        id=f"p-{number}",
        predicted_at=seen["at_us"],
        input=input_of(image=where, metadata=metadata),
        output=output_of(concepts=said["concepts"], embeddings=said.get("embeddings", [])),
    )


def asking(stream: list[dict[str, Any]]) -> Callable[[Mapping[str, Any]], Any]:
    def ask_of(given: Mapping[str, Any]) -> Any:
        async def ask(model: Served, _: dict[str, Any]) -> dict[str, Any]:
            answer = stream[int(given["id"].removeprefix("p-"))]["answers"][model.id]
            if answer is None:
                raise ModelGaveNothing(f"model {model.key}: it is broken")
            return contract(answer)

        return ask

    return ask_of


def expected(
    stream: list[dict[str, Any]], made: dict[str, tuple[Any, Any]]
) -> tuple[dict[str, Counter[str]], list[tuple[str, str, float]]]:
    """Outcomes by collector; (collector, prediction, probability) of what is collected, in order."""
    oracles = {
        key: (PostWorkflowOracle(key, nodes), SecondOracle(given["quota"], given["duplicates"])) for key, (nodes, given) in made.items()
    }
    counts: dict[str, Counter[str]] = {key: Counter() for key in made}
    taken = []
    for number, seen in enumerate(stream):
        workflow, limited = oracles[seen["collector"]]
        plain = {**seen, "id": f"p-{number}", "answers": {name: answer and _plain(answer) for name, answer in seen["answers"].items()}}
        outcome, probability = workflow.judge(plain)
        if outcome == "passed":
            outcome = limited.judge({"content": seen["content"]}, seen["at_us"])
        if outcome == "collected":
            taken.append((seen["collector"], f"p-{number}", probability))
        counts[seen["collector"]][outcome] += 1
    return counts, taken


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if value}


def found(log: Log) -> tuple[dict[str, Counter[str]], list[tuple[str, str, float]]]:
    """The same of what was committed."""
    newest = {record.key: record.value for record in log.of("counters")}
    restoration = Restoration("post-queue")
    for value in newest.values():
        restoration.add(decode(SCHEMAS, "counters", value))
    counts: dict[str, Counter[str]] = {key: Counter() for key in KEYS}
    for _, slot, count in restoration.rows():
        if slot.outcome != "queued":
            counts[slot.collector][slot.outcome] += count
    inputs = [dict(record.headers) for record in log.records if record.topic.startswith("inputs.")]
    taken = [
        (headers["collector"].decode(), headers["prediction-id"].decode(), float(headers["inclusion-probability"])) for headers in inputs
    ]
    return counts, taken


def of_each(taken: list[tuple[str, str, float]]) -> dict[str, list[tuple[str, Any]]]:
    """By collector, in order: only of one collector there is one."""
    return {key: [(name, pytest.approx(chance)) for each, name, chance in taken if each == key] for key in KEYS}


def run(log: Log, collectors: dict[str, Collector], stream: list[dict[str, Any]], script: list[tuple[str, int]]) -> None:
    """Do what the script says, then whatever is left."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(restore, "TopicReader", lambda _, topics, __: Reader(log, topics[0]))
        process = Process(log, collectors, asking(stream), {})
        for step, what in script:
            if step == "read":
                process.read(what)
            elif step == "end":
                process.end(what)
            elif step == "commit" or what % 2:
                process.commit()
            if step == "restart":
                process.die()
                process = Process(log, collectors, asking(stream), {})
        while not process.is_done:
            process.read(100)
            process.end(0)
            process.commit()


@settings(max_examples=60)
@given(
    size=st.sampled_from([60, 60, 90, 5]),
    seed=st.integers(0, 10**6),
    first=st.tuples(workflows(), limits),
    second=st.tuples(workflows(), limits),
)
def test_samplers_windows_and_quotas_equal_the_oracles(size: int, seed: int, first: tuple[Any, Any], second: tuple[Any, Any]) -> None:
    made, stream, log = dict(zip(KEYS, (first, second), strict=True)), stream_of(seed, size), Log()
    for number, seen in enumerate(stream):
        log.put(seen["collector"], queued(number, seen))
    run(log, {key: collector(key, *what) for key, what in made.items()}, stream, script_of(seed))
    counts, taken = expected(stream, made)
    counted, collected = found(log)
    assert counted == counts
    assert of_each(taken) == {key: [(name, chance) for each, name, chance in collected if each == key] for key in KEYS}
    assert log.offset == len(stream)
