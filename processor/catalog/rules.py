"""Rules over several fields of one document, whatever the other documents say.

They take the document as a mapping under the contract's names and put up with anything in it, so that a document whose
fields are also wrong shows all its problems at once. `processor.documents` asks before a write, the follower before a
record of the catalog topics is believed.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from processor.catalog.graph import GraphNode, graph_problems
from processor.errors import PROBLEMS_MAX
from processor.operators import OPERATORS, OperatorProblems, parse_operator
from processor.resources import INVALID_REQUEST, RELATIONS_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

WORKFLOW_INVALID = 22107
QUOTAS = ("per_minute", "per_hour", "per_day", "total")
EACH_ONCE = ("tags", "dataset_ids")
WAYS_TO_COLLECT = ("pre_queue_workflow_id", "pre_queue_random_sample", "post_queue_workflow_id")


class Broken(NamedTuple):
    """A rule that does not hold: the field, what to do, the contract's status code."""

    path: str
    message: str
    code: int = INVALID_REQUEST


def broken_rules(kind: str, document: Mapping[str, Any]) -> list[Broken]:
    """All rules that a document breaks by itself, as far as they are told."""
    rules = RULES.get(kind)
    return list(islice(rules(document), PROBLEMS_MAX)) if rules else []


def _model(document: Mapping[str, Any]) -> Iterator[Broken]:
    model_type, output_info = document.get("model_type_id"), document.get("output_info") or {}
    if isinstance(model_type, str) and model_type in OPERATORS and isinstance(output_info, dict):
        for path, message in operator_problems(model_type, output_info):
            yield Broken(f"output_info.{path}" if path else "output_info", message)
    yield from _served(document)
    versions = document.get("versions")
    yield from _versions(document, versions if isinstance(versions, list) else [])


def _served(document: Mapping[str, Any]) -> Iterator[Broken]:
    """A model that says how it is called has to say it rightly."""
    endpoint, output_info = document.get("endpoint"), document.get("output_info") or {}
    if not isinstance(endpoint, str) or not endpoint or not isinstance(output_info, dict) or document.get("model_type_id") in OPERATORS:
        return
    from processor.models.parse import ModelProblems, parse_served_model  # noqa: PLC0415 - few documents need what it brings along

    try:
        parse_served_model(endpoint, output_info)
    except ModelProblems as error:
        yield from (Broken(path, message) for path, message in error.problems)


def _versions(document: Mapping[str, Any], versions: Sequence[Any]) -> Iterator[Broken]:
    newest = document.get("model_version")
    seen = {newest.get("id", "")} if isinstance(newest, dict) and isinstance(newest.get("id", ""), str) else {""}
    for position, version in enumerate(versions):
        path = f"versions[{position}]"
        version_id, output_info = (version.get("id"), version.get("output_info") or {}) if isinstance(version, dict) else (None, None)
        if isinstance(version_id, str) and version_id in seen:
            yield Broken(f"{path}.id", f"version {version_id!r} is there already: give each its own id")
        elif isinstance(version_id, str):
            seen.add(version_id)
        if isinstance(output_info, dict) and isinstance(document.get("model_type_id"), str) and document["model_type_id"] in OPERATORS:
            for below, message in operator_problems(document["model_type_id"], output_info):
                yield Broken(".".join(filter(None, (path, "output_info", below))), message)


def operator_problems(model_type: str, output_info: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with an operator's parameters by themselves; a knowledge graph may still come."""
    try:
        parse_operator(model_type, output_info, lambda _: ())
    except OperatorProblems as error:
        return list(error.problems)
    return []


def _workflow(document: Mapping[str, Any]) -> Iterator[Broken]:
    if isinstance(nodes := document.get("nodes"), list):
        graph = [_graph_node(node) for node in nodes if isinstance(node, dict) and isinstance(node.get("id"), str)]
        if len(graph) == len(nodes):
            yield from (Broken(path, message, WORKFLOW_INVALID) for path, message in graph_problems(graph))


def _graph_node(node: Mapping[str, Any]) -> GraphNode:
    inputs = node.get("node_inputs")
    ids = [given.get("node_id") for given in inputs if isinstance(given, dict)] if isinstance(inputs, list) else []
    return GraphNode(node["id"], tuple(name for name in ids if isinstance(name, str)), node.get("suppress_output") is True)


def _collector(document: Mapping[str, Any]) -> Iterator[Broken]:
    if not any(map(document.get, WAYS_TO_COLLECT)) and document.get("pre_queue_random_sample") != 0:
        yield Broken("", f"at least one of {', '.join(WAYS_TO_COLLECT)} is wanted: without one nothing says which predictions to collect")
    quota = document.get("quota")
    if isinstance(quota, dict) and all(value is None for value in quota.values()):
        yield Broken("quota", f"at least one of {', '.join(QUOTAS)} is wanted")
    sample = document.get("pre_queue_random_sample")
    if isinstance(sample, int | float) and not isinstance(sample, bool) and not 0 < _float32(sample) <= 1:
        yield Broken(
            "pre_queue_random_sample", f"a share above 0 and up to 1 is wanted, not {sample}; to collect nothing, pause the collector"
        )
    for name in EACH_ONCE:
        if (given := document.get(name)) and isinstance(given, list):
            yield from _repeated(name, given)


def _repeated(path: str, given: Sequence[Any]) -> Iterator[Broken]:
    """What stands in a list of texts again."""
    seen: set[str] = set()
    for position, text in enumerate(given):
        if isinstance(text, str) and text in seen:
            yield Broken(f"{path}[{position}]", f"{text!r:.80} is there already: name each once")
        seen.update([text] if isinstance(text, str) else [])


def _float32(value: float) -> np.float32:
    """A number as it is compared with shares; one beyond all 32-bit floats stays beyond all shares."""
    return np.float32(min(max(value, -2), 2))


def _knowledge_graph(document: Mapping[str, Any]) -> Iterator[Broken]:
    relations = document.get("concept_relations")
    if isinstance(relations, list) and len(relations) > RELATIONS_MAX:
        yield Broken("concept_relations", f"at most {RELATIONS_MAX} relations, not {len(relations)}: split the graph")


RULES: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Broken]]] = {
    "Collector": _collector,
    "KnowledgeGraph": _knowledge_graph,
    "Model": _model,
    "Workflow": _workflow,
}
