"""What a workflow asks of models, and what it leaves for later."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from processor.codec.arrow_schema import arrow_schema
from processor.codec.registry import Schemas
from processor.engine.collector import PostWorkflow, Second, Served, Step
from processor.limits.stream import Stream
from processor.operators import parse_operator
from processor.operators.random_sample import RandomSample
from processor.second.operate import Operate
from processor.second.tree import Failed, Fork, Leaf, Verdict, resolve
from processor.second.workflow import ModelGaveNothing, workflow_runner
from tests.support.predictions import output_of, prediction

if TYPE_CHECKING:
    from processor.operators import Operator
    from processor.second.tree import Tree

OPERATE = Operate(arrow_schema(Schemas.checked_in().writer("prediction")))
KEPT, DROPPED = RandomSample(0.999), RandomSample(0.001)


def model(name: str) -> Served:
    return Served("m", "app", name, "http://example.com", "")


def streaming(name: str, **params: Any) -> Operator:
    return parse_operator(name, {"params": params}, lambda _: None)


class Models:
    """Answers with concepts, except those that are broken; notes whom it asked."""

    def __init__(self, broken: tuple[str, ...] = ()) -> None:
        self.asked: list[str] = []
        self._broken = broken

    async def __call__(self, asked: Served, _: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(asked.id)
        if asked.id in self._broken:
            raise ModelGaveNothing(f"model {asked.key}: it is broken")
        return {"concepts": [{"id": asked.id, "name": "", "value": 0.5}]}


def tree_of(models: Models, *steps: Step, embedding: tuple[float, ...] = ()) -> Tree:
    output = output_of(embeddings=[{"vector": list(embedding)}] if embedding else [])
    return asyncio.run(workflow_runner(OPERATE, models)(Second(PostWorkflow(steps)), "u/app/c", prediction(output=output)))


def settled(tree: Tree, streams: dict[str, Stream] | None = None) -> Verdict:
    held = {} if streams is None else streams
    return resolve(tree, lambda part: held.setdefault(part, Stream()))


def test_a_model_behind_a_sample_that_dropped_is_not_asked() -> None:
    models = Models()
    verdict = settled(tree_of(models, Step("s", DROPPED), Step("m", model("a"), (0,))))
    assert (verdict.output, verdict.lost_in_samples, models.asked) == (None, True, [])


def test_it_is_asked_when_the_candidate_may_be_collected_all_the_same() -> None:
    """Its answer is part of the inclusion probability."""
    models = Models()
    empty = parse_operator("concept-threshold", {"params": {"value": 0.9}}, lambda _: None)
    tree = tree_of(models, Step("s", DROPPED), Step("m", model("a"), (0,)), Step("t", empty, (1,)), Step("k", KEPT))
    assert settled(tree).probability == pytest.approx(0.999)
    assert models.asked == ["a"]


def test_a_model_is_asked_once_about_the_same_data_even_when_it_fails() -> None:
    models = Models(broken=("b",))
    steps = (Step("s", KEPT), Step("r", KEPT), Step("a", model("a")), Step("b", model("b")))
    assert settled(tree_of(models, *steps)).failed == "model m/app/b: it is broken"
    assert models.asked == ["a", "b"]


def test_behind_a_streaming_sampler_it_goes_on_both_ways() -> None:
    models = Models()
    tree = tree_of(models, Step("o", streaming("outlier", quantile=0.5)), Step("m", model("a"), (0,)), embedding=(1.0,))
    assert isinstance(tree, Fork)
    assert isinstance(tree.kept, Leaf)
    assert isinstance(tree.dropped, Leaf)
    assert (tree.kept.output is None, tree.dropped.output) == (False, None)
    assert models.asked == ["a"]


def test_a_model_that_fails_behind_a_sampler_that_drops_does_no_harm() -> None:
    steps = (Step("o", streaming("outlier", quantile=0.5)), Step("m", model("a"), (0,)))
    verdict = settled(tree_of(Models(broken=("a",)), *steps, embedding=(1.0,)))
    assert verdict == Verdict(None, lost_in_samples=True)


def test_where_the_probability_depends_on_a_model_that_failed_the_candidate_fails_and_leaves_no_trace() -> None:
    streams: dict[str, Stream] = {}
    steps = (Step("b", streaming("budget", share=0.001)), Step("m", model("a"), (0,)), Step("k", KEPT))
    tree = tree_of(Models(broken=("a",)), *steps)
    assert settled(tree, streams).failed == "model m/app/a: it is broken"
    assert [stream.count for stream in streams.values()] == [0]
    whole = tree_of(Models(), *steps)
    assert settled(whole, streams).probability == pytest.approx(1 - 0.999 * 0.001)
    assert [stream.count for stream in streams.values()] == [1]


def test_what_cannot_be_run_fails_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    tree = tree_of(Models(), Step("o", streaming("outlier", quantile=0.5)), embedding=("one",))  # type: ignore[arg-type]  # that is it
    assert isinstance(tree, Failed)
    assert "could not be run: ValueError" in tree.why
    assert "u/app/c" in caplog.text


def test_the_steps_own_embedding_comes_before_the_predictions() -> None:
    async def ask(_: Served, __: dict[str, Any]) -> dict[str, Any]:
        return {"embeddings": [{"vector": [5.0]}]}

    output = output_of(embeddings=[{"vector": [1.0]}])
    outlier = streaming("outlier", quantile=0.5)
    workflow = PostWorkflow((Step("first", outlier), Step("m", model("a"), (0,)), Step("second", outlier, (1,))))
    tree = asyncio.run(workflow_runner(OPERATE, ask)(Second(workflow), "u/app/c", prediction(output=output)))
    assert isinstance(tree, Fork)
    assert isinstance(tree.kept, Fork)
    measured = [fork.sampler.measured for fork in (tree, tree.kept)]  # type: ignore[union-attr]  # outliers stream
    assert [vector.tolist() for vector in measured if vector is not None] == [[1.0], [5.0]]
