"""Compiling collectors: what is shared, what is matched through the index, which group each sampler draws from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from processor.engine.collector import Watchers
from processor.engine.plan import bound, compiled, path_of
from processor.operators.random_sample import GROUPS, RandomSample
from tests.support.building import collector, node, watchers


def compile_them(*collectors: dict[str, Any]) -> Any:
    return compiled(watchers(list(collectors))["m/app/one"])


def below(node_id: str, *inputs: str, value: float = 0.5) -> dict[str, Any]:
    return node(node_id, "max-probability", {"value": value}, *inputs)


def sampler(node_id: str, *inputs: str, fraction: float = 0.5) -> dict[str, Any]:
    return node(node_id, "random-sample", {"keep_fraction": fraction}, *inputs)


def close(node_id: str, *inputs: str, **params: float) -> dict[str, Any]:
    return node(node_id, "close-to-threshold", {"threshold": 0.5, "epsilon": 0.1, **params}, *inputs)


def only(plan: Any) -> Any:
    return plan.versions[""].groups[""]


def test_one_path_is_a_chain_whatever_hangs_beside_it() -> None:
    beside = below("beside")
    beside["suppress"] = True
    group = only(compile_them(collector("u/app/a", [below("a"), sampler("b", "a"), beside]), collector("u/app/b", random_sample=0.1)))
    assert [len(bucket.collectors) for bucket in group.buckets] == [1, 1]
    assert not group.graphs


def test_branches_make_a_graph() -> None:
    group = only(compile_them(collector(nodes=[below("a"), sampler("b")]), collector("u/app/d", [below("a"), sampler("b", "a", "a")])))
    assert not group.buckets
    assert len(group.graphs) == 2


def test_equal_sub_plans_have_one_number() -> None:
    """Fifty collectors with the same two filters ask for two evaluations, not a hundred."""
    nodes = [node("site", "metadata-filter", {"metadata": {"site": "nyc"}}), node("dog", "concept-threshold", {"value": 0.5}, "site")]
    plan = compile_them(*(collector(f"u/app/c{i}", [*nodes, sampler("s", "dog")]) for i in range(50)))
    assert len([column for column in plan.columns if column.kind == "mask"]) == 2


def test_collectors_of_one_shape_share_a_bucket() -> None:
    group = only(
        compile_them(*(collector(f"u/app/c{i}", [below("a", value=i / 100), sampler("b", "a", fraction=0.01)]) for i in range(90)))
    )
    (bucket,) = group.buckets
    assert bucket.driver == 1
    assert len(bucket.distinct[0][0].starts) == 90
    assert sorted(bucket.collectors.tolist()) == list(range(90))


@pytest.mark.parametrize(
    ("fractions", "driver"), [([0.1], 0), ([0.5, 0.1], 1), ([0.1, 0.5], 0), ([0.5, 0.1, 0.01], 1), ([1.0, 0.5], 0), ([1.0], 0)]
)
def test_the_narrower_of_two_samplers_is_looked_up(fractions: list[float], driver: int) -> None:
    nodes = [sampler(f"s{i}", *([f"s{i - 1}"] if i else []), fraction=fraction) for i, fraction in enumerate(fractions)]
    (bucket,) = only(compile_them(collector(nodes=nodes))).buckets
    assert bucket.driver == driver


def test_inactive_collectors_are_not_compiled() -> None:
    plan = compile_them(collector("u/app/a", active=False), collector("u/app/b", active=False, caller="bob", version="v1"))
    assert plan.versions[""].inactive.tolist() == [0]
    assert plan.versions["v1"].inactive.tolist() == [1]
    assert not any(version.groups for version in plan.versions.values())


def test_a_plan_is_compiled_once() -> None:
    known = watchers([collector(random_sample=0.5)])["m/app/one"]
    assert compiled(known) is compiled(known)
    assert compiled(Watchers(known.model, known.collectors)) is not compiled(known)


def test_samplers_of_one_collector_never_share_a_group() -> None:
    """As many as there are groups, in any order; one more is refused, which the catalog does before."""
    nodes = [sampler(f"s{i}", *([f"s{i - 1}"] if i else [])) for i in range(GROUPS)]
    full = watchers([collector(nodes=nodes)])["m/app/one"].collectors[0]
    _, nodes_parts = bound(full)
    assert {part.group for parts in nodes_parts for part in parts if isinstance(part, RandomSample)} == set(range(GROUPS))
    with pytest.raises(ValueError, match="more than 16 samplers"):
        bound(replace(full, random_sample=0.5))


def test_keys_tell_samplers_apart() -> None:
    nodes = [sampler("a"), close("b", "a", probability=0.5), close("c", "b")]
    one = watchers([collector(nodes=nodes, random_sample=0.5)])["m/app/one"].collectors[0]
    gate, operators = bound(one)
    keys = [part.key for part in (gate, *(part for parts in operators for part in parts)) if isinstance(part, RandomSample)]
    assert keys == ["u/app/c", "u/app/c/pre-queue/a", "u/app/c/pre-queue/b"]


def test_a_filter_with_a_probability_is_a_filter_and_a_sampler() -> None:
    """One filter is evaluated for all who have it, whatever share of what it keeps they take."""
    plan = compile_them(*(collector(f"u/app/c{i}", [close("a", probability=i / 10)]) for i in range(1, 10)), collector(nodes=[close("a")]))
    group = only(plan)
    assert sorted(len(bucket.steps) for bucket in group.buckets) == [1, 2]
    assert len([column for column in plan.columns if column.kind == "mask"]) == 1
    assert sorted(share for bucket in group.buckets for share in bucket.shares.tolist()) == pytest.approx([i / 10 for i in range(1, 11)])


def test_bounds_of_one_measure_are_arcs_of_one_column() -> None:
    nodes = [[node("a", "uncertainty", {"strategy": "entropy", "value": i / 100})] for i in range(50)]
    nodes += [[node("a", "object-count", {"min": i})] for i in range(50)]
    plan = compile_them(*(collector(f"u/app/c{i}", each) for i, each in enumerate(nodes)))
    assert [column.kind for column in plan.columns] == ["measure", "measure"]


def test_the_path_of_a_workflow() -> None:
    def path(*nodes: dict[str, Any]) -> tuple[int, ...] | None:
        workflow = watchers([collector(nodes=list(nodes))])["m/app/one"].collectors[0].workflow
        assert workflow
        return path_of(workflow)

    assert path(below("a"), below("b", "a"), below("c", "b")) == (0, 1, 2)
    assert path(below("a"), below("b", "a"), below("c", "a")) is None
    assert path(below("a"), below("b"), below("c", "a", "b")) is None
