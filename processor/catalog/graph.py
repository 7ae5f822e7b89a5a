"""The shape of a workflow: what makes it a graph that can run, and the order its nodes run in."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from processor.resources import NODES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One node by its id; ``inputs`` are the ids of the nodes it reads."""

    id: str
    inputs: tuple[str, ...] = ()
    suppressed: bool = False


def graph_problems(nodes: Sequence[GraphNode]) -> Iterator[tuple[str, str]]:
    """Yield (field path, message) for everything that keeps these nodes from being a runnable graph."""
    if not nodes:
        yield "nodes", "a workflow has at least one node"
    if len(nodes) > NODES_MAX:
        yield "nodes", f"a workflow has at most {NODES_MAX} nodes, this one {len(nodes)}: split it"
        return
    yield from _repeated(nodes)
    yield from _unknown_inputs(nodes)
    by_id: dict[str, GraphNode] = {}
    for node in nodes:
        by_id.setdefault(node.id, node)
    if cycle := find_cycle(by_id):
        position = next(i for i, node in enumerate(nodes) if node.id == cycle[0])
        yield (
            f"nodes[{position}].node_inputs",
            f"the nodes feed each other in a circle: {' -> '.join([*cycle, cycle[0]])}; remove one of these inputs",
        )
    elif (ends := leaves(nodes)) and all(node.suppressed for node in ends):
        yield "nodes", "the outputs of all leaves are suppressed, so nothing could ever pass: take suppress_output off one of them"


def _repeated(nodes: Sequence[GraphNode]) -> Iterator[tuple[str, str]]:
    first: dict[str, int] = {}
    for position, node in enumerate(nodes):
        if first.setdefault(node.id, position) != position:
            yield f"nodes[{position}].id", f"nodes[{first[node.id]}] already has the id {node.id!r}: give each node its own"


def _unknown_inputs(nodes: Sequence[GraphNode]) -> Iterator[tuple[str, str]]:
    known = {node.id for node in nodes}
    for position, node in enumerate(nodes):
        for i, name in enumerate(node.inputs):
            if name not in known:
                yield f"nodes[{position}].node_inputs[{i}].node_id", f"there is no node {name!r} in this workflow"


def leaves(nodes: Sequence[GraphNode]) -> list[GraphNode]:
    """The nodes that no node reads."""
    read = {name for node in nodes for name in node.inputs}
    return [node for node in nodes if node.id not in read]


def find_cycle(by_id: Mapping[str, GraphNode]) -> list[str]:
    """Ids along one cycle, each reading the next one; empty without one. Inputs that do not exist are passed over."""
    done: set[str] = set()
    for start in by_id:
        path = [start] if start not in done else []
        while path:
            ahead = next((name for name in by_id[path[-1]].inputs if name in by_id and name not in done), None)
            if ahead is None:
                done.add(path.pop())
            elif ahead in path:
                return path[path.index(ahead) :]
            else:
                path.append(ahead)
    return []


def running_order(nodes: Sequence[GraphNode]) -> list[int]:
    """Positions of the nodes, every node after its inputs, document order where that leaves a choice (Kahn, 1962)."""
    position = {node.id: i for i, node in enumerate(nodes)}
    waiting = [{position[name] for name in node.inputs} for node in nodes]
    ready = [i for i, inputs in enumerate(waiting) if not inputs]
    order: list[int] = []
    while ready:
        done = heapq.heappop(ready)
        order.append(done)
        for i, inputs in enumerate(waiting):
            if done in inputs:
                inputs.discard(done)
                if not inputs:
                    heapq.heappush(ready, i)
    return order
