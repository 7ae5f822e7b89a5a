"""Do the fields of a workflow chain: does every operator get at least one field that it works on?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.catalog.graph import running_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from processor.catalog.graph import GraphNode
    from processor.operators.base import Operator

EVERYWHERE = frozenset({"metadata"})  # the input's own, seen at any depth


def chain_problems(nodes: Sequence[GraphNode], operators: Mapping[str, Operator]) -> Iterator[tuple[str, str]]:
    """Yield (field path, message) for each operator whose inputs can never hold what it takes.

    Args:
        nodes: a runnable graph.
        operators: by node id; a node without one may give anything.
    """
    given: dict[str, frozenset[str] | None] = {}
    for position in running_order(nodes):
        node = nodes[position]
        operator = operators.get(node.id)
        reaching = _reaching(node, given)
        given[node.id] = _gives(operator, reaching) if operator else None
        if operator and reaching is not None and operator.takes and not operator.takes & (reaching | EVERYWHERE):
            takes = f"{operator.model_type_id} takes {_list(operator.takes)}"
            gives = f"{', '.join(node.inputs)} gives {_list(reaching)}"
            yield f"nodes[{position}].node_inputs", f"node {node.id}: {takes}, and {gives}: feed it something else"


def _reaching(node: GraphNode, given: Mapping[str, frozenset[str] | None]) -> frozenset[str] | None:
    """What a node's inputs can hold together; None: anything, as in the workflow's own input."""
    fields = [given[name] for name in node.inputs]
    if not fields or None in fields:
        return None
    return frozenset().union(*(some for some in fields if some is not None))


def _gives(operator: Operator, reaching: frozenset[str] | None) -> frozenset[str] | None:
    return reaching if operator.passes_through else operator.gives


def _list(fields: frozenset[str]) -> str:
    return ", ".join(sorted(fields)) or "nothing"
