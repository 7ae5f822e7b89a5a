"""Which graphs can run, and in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from processor.catalog.graph import NODES_MAX, GraphNode, find_cycle, graph_problems, running_order


def node(spec: str) -> GraphNode:
    """``c<a,b`` is a node c that reads a and b; ``c!`` is suppressed."""
    name, _, inputs = spec.partition("<")
    return GraphNode(name.removesuffix("!"), tuple(inputs.split(",")) if inputs else (), name.endswith("!"))


def problems(text: str) -> list[tuple[str, str]]:
    return list(graph_problems([node(spec) for spec in text.split()]))


def test_chains_forks_and_joins_are_fine_in_any_order_of_writing() -> None:
    assert problems("a b<a c<a d<b,c e!<d f") == []
    assert problems("d<b,c c<a b<a a") == []


def test_every_problem_is_told_with_its_field() -> None:
    found = dict(problems("a b<x,a a c<c"))
    assert set(found) == {"nodes[2].id", "nodes[1].node_inputs[0].node_id", "nodes[3].node_inputs"}
    assert "c -> c" in found["nodes[3].node_inputs"]


def test_a_circle_is_told_as_a_way_round() -> None:
    ((path, message),) = problems("a b<d c<b d<c,a")
    assert path == "nodes[1].node_inputs"
    assert "b -> d -> c -> b" in message


def test_a_workflow_without_nodes_or_with_all_leaves_suppressed_is_refused() -> None:
    assert [path for path, _ in problems("")] == ["nodes"]
    assert "suppressed" in problems("a b!<a c!<a")[0][1]


def test_a_workflow_has_a_limit() -> None:
    assert problems(" ".join(f"n{i}" for i in range(NODES_MAX))) == []
    assert str(NODES_MAX) in problems(" ".join(f"n{i}" for i in range(NODES_MAX + 1)))[0][1]


def test_nodes_run_after_their_inputs_and_else_as_they_were_written() -> None:
    nodes = [node(spec) for spec in ("d<c", "c", "b<d", "a")]
    assert running_order(nodes) == [1, 0, 2, 3]


graphs = st.integers(1, 8).flatmap(
    lambda size: st.tuples(st.permutations(range(size)), st.lists(st.sets(st.integers(0, size - 1)), min_size=size, max_size=size))
)


@given(graphs)
def test_an_order_is_found_exactly_when_there_is_no_circle(graph: tuple[list[int], list[set[int]]]) -> None:
    order, inputs = graph
    nodes = [GraphNode(str(i), tuple(str(given) for given in sorted(inputs[i]))) for i in order]
    by_id = {each.id: each for each in nodes}
    found = running_order(nodes)
    cycle = find_cycle(by_id)
    assert bool(cycle) == (len(found) < len(nodes))
    for name, reads in zip(cycle, [*cycle[1:], *cycle[:1]], strict=True):
        assert reads in by_id[name].inputs
    place = {nodes[position].id: i for i, position in enumerate(found)}
    assert all(place[given] < place[nodes[position].id] for position in found for given in nodes[position].inputs)
