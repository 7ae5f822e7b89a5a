"""What a workflow may ask for."""

from __future__ import annotations

from typing import Any

import pytest

from processor.catalog.limits import beyond_limits, beyond_post_queue_limits
from processor.engine.collector import Node, PostWorkflow, Step, Workflow
from processor.operators import parse_operator

NEAR = {"threshold": 0.5, "epsilon": 0.1}


def nodes(model_type_id: str, params: dict[str, Any], count: int = 1) -> tuple[Node, ...]:
    return tuple(Node(f"n{i}", parse_operator(model_type_id, {"params": params}, lambda _: None)) for i in range(count))


@pytest.mark.parametrize(("params", "refused"), [({**NEAR, "probability": 1}, True), ({**NEAR, "probability": 0.5}, True), (NEAR, False)])
def test_a_filter_with_a_probability_counts_as_a_sampler(params: dict[str, Any], refused: bool) -> None:
    """Whatever the probability, so that changing it never makes a workflow unfit."""
    branching = Workflow(nodes("close-to-threshold", params, 5))
    assert ("at most 4 samplers, this one 5" in beyond_limits(branching, sampled_before=False)) is refused
    assert not beyond_limits(Workflow(nodes("close-to-threshold", params, 4)), sampled_before=False)


def test_what_is_slow_waits_until_after_the_queue() -> None:
    slow = Workflow(nodes("language-id", {}))
    assert beyond_limits(slow, sampled_before=False) == (
        "node n0 runs language-id, which runs after the queue only: move it to a post-queue workflow"
    )


STREAMING = [("outlier", {"quantile": 0.9}), ("budget", {"share": 0.1})]


@pytest.mark.parametrize(("model_type_id", "params"), STREAMING)
def test_what_judges_by_what_came_before_waits_until_there_is_an_order(model_type_id: str, params: dict[str, Any]) -> None:
    assert "runs after the queue only" in beyond_limits(Workflow(nodes(model_type_id, params)), sampled_before=False)


def test_after_the_queue_samplers_of_every_kind_count_together() -> None:
    kinds = [*STREAMING, ("random-sample", {"keep_fraction": 0.5}), ("close-to-threshold", {**NEAR, "probability": 0.5})]
    four = tuple(Step(f"{name}-{node.id}", node.operator) for name, params in kinds for node in nodes(name, params))
    assert not beyond_post_queue_limits(PostWorkflow(four))
    five = (*four, Step("fifth", four[0].runs))
    assert "at most 4 samplers, this one 5" in beyond_post_queue_limits(PostWorkflow(five))
