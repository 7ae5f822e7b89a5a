"""Post-queue workflows equal the plain evaluation that the first stage's are held to: a model is asked, and operators judge its answer."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.codec.arrow_schema import arrow_schema
from processor.codec.registry import Schemas
from processor.engine.collector import PostWorkflow, Served, Step
from processor.operators import Relation, parse_operator
from processor.operators.output_info import merge_output_info
from processor.second.operate import DRAWN_AFTER, Operate
from processor.second.tree import resolve
from processor.second.workflow import Run
from tests.support import generate, oracle
from tests.support.predictions import input_of, output_of, prediction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processor.limits.stream import Stream

KEY = "u/app/c"


def remembers_nothing(part: str) -> Stream:
    raise AssertionError(f"{part}: no streaming sampler is here")


OPERATE = Operate(arrow_schema(Schemas.checked_in().writer("prediction")))
MODEL = Served("m", "app", "asked", "http://example.com", "")


def post_workflow(nodes: list[dict[str, Any]], graphs: dict[str, Any]) -> PostWorkflow:
    """The nodes, reading what a model says of the original input."""
    positions = {node["id"]: number for number, node in enumerate(nodes, start=1)}
    steps = [Step("asked", MODEL)]
    for node in nodes:
        info = merge_output_info(node["output_info"], node["override"] or {})
        operator = parse_operator(node["type"], info, lambda graph: tuple(Relation(*each) for each in graphs[graph]))
        inputs = tuple(dict.fromkeys(positions[name] for name in node["inputs"])) or (0,)
        steps.append(Step(node["id"], operator, inputs, node["suppress"]))
    return PostWorkflow(tuple(steps))


def draws(nodes: list[dict[str, Any]], prediction_id: str) -> dict[str, bool]:
    """What each sampler decides: as before the queue, of another hash, under keys of its own."""
    kept, taken = {}, set()
    for name, key, fraction in oracle.samplers({"key": KEY, "random_sample": None, "nodes": nodes}):
        salt = xxhash.xxh3_64_intdigest(key.replace("/pre-queue/", "/post-queue/").encode())
        group = next(each for i in range(16) if (each := (salt + i) % 16) not in taken)
        taken.add(group)
        drawn = oracle.group_hash(prediction_id + DRAWN_AFTER, group)
        kept[name] = (drawn + salt) % oracle.RING < math.floor(fraction * oracle.RING)
    return kept


def answer_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the model is to say: the generated output."""
    data = given["output"]["data"]
    return {"text": dict(data["text"]), **{name: list(data[name]) for name in ("concepts", "regions")}}


@settings(max_examples=150)
@given(nodes=generate.nodes(), relations=generate.relations, seed=st.integers(0, 10**6))
def test_a_workflow_passes_drops_and_weighs_as_the_oracle_does(nodes: list[dict[str, Any]], relations: list[Any], seed: int) -> None:
    graphs = {generate.GRAPH: relations}
    workflow = post_workflow(nodes, graphs)
    once = [node | {"inputs": list(dict.fromkeys(node["inputs"]))} for node in nodes]  # an input named twice is one, as in the catalog
    collector = {"key": KEY, "random_sample": None, "nodes": once}
    for seen in generate.stream(seed, 8):
        data = seen["output"]["data"]
        data["text"] = data["text"] if data["text"] and data["text"]["raw"] else {"raw": "said"}  # an answer is never empty

        async def ask(_model: Served, _data: dict[str, Any], seen: dict[str, Any] = seen) -> dict[str, Any]:
            return answer_of(seen)

        whole = prediction(id=seen["id"], input=input_of(**seen["input"]["data"]), output=output_of())
        verdict = resolve(asyncio.run(Run(workflow, KEY, whole, {"text": {"raw": "original"}}, OPERATE, ask).tree()), remembers_nothing)
        passed, reason, _ = oracle.run(collector, seen, graphs, draws(nodes, seen["id"]))
        assert (verdict.output is not None) == passed
        assert verdict.lost_in_samples == (reason == "not_sampled")
        if passed:
            assert verdict.probability == pytest.approx(oracle.inclusion(collector, seen, graphs))
            assert "\0" not in repr(verdict.output)
