"""What the engine must come to, said the slow and plain way: one prediction at a time, over dicts.

Imports nothing of ``processor``. A prediction is a dict as in ``schemas/prediction.avsc``; a collector is::

    {"key": "user/app/id", "model": "user/app/model", "version": "", "caller": "", "active": True, "second_stage": False,
     "random_sample": None | float,
     "nodes": None | [{"id", "type": model_type_id, "output_info", "override", "inputs": [node id], "suppress": bool}]}

with every node after its inputs, and ``graphs`` is knowledge graph id → [(subject, predicate, object)].
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import xxhash

from tests.support.oracle_operators import beyond_the_contract, compares, float32, only

RING = 1 << 64
MISSING = ["missing"]


@dataclass
class Verdict:
    """What became of a stream for one collector: counts by outcome, by node that emptied, and what was taken with its probability."""

    counts: Counter[str] = field(default_factory=Counter)
    emptied: Counter[str] = field(default_factory=Counter)
    taken: dict[int, float] = field(default_factory=dict)


def evaluate(collector: dict[str, Any], predictions: list[dict[str, Any]], graphs: dict[str, list[tuple[str, str, str]]]) -> Verdict:
    """Judge a stream for one collector."""
    verdict = Verdict()
    for position, prediction in enumerate(predictions):
        outcome, node = judge(collector, prediction, graphs)
        if outcome:
            verdict.counts[outcome] += 1
        if node:
            verdict.emptied[node] += 1
        if outcome in {"collected", "queued"}:
            verdict.taken[position] = inclusion(collector, prediction, graphs)
    return verdict


def judge(collector: dict[str, Any], prediction: dict[str, Any], graphs: dict[str, Any]) -> tuple[str | None, str | None]:
    """(outcome, node that emptied it); no outcome: the collector does not see it."""
    model = prediction["model"]
    if f"{model['user_id']}/{model['app_id']}/{model['id']}" != collector["model"] or prediction["workflow_id"]:
        return None, None
    if collector["version"] and collector["version"] != model["version_id"]:
        return None, None
    if not collector["active"]:
        return "collector_inactive", None
    if collector["caller"] and collector["caller"] != prediction["caller_user_id"]:
        return "other_caller", None
    passed, reason, node = run(collector, prediction, graphs, draws(collector, prediction["id"]))
    return ("queued" if collector["second_stage"] else "collected", None) if passed else (reason, node)


def run(
    collector: dict[str, Any], prediction: dict[str, Any], graphs: dict[str, Any], kept: dict[str, bool]
) -> tuple[bool, str | None, str | None]:
    """(passes, reason, node that emptied it), given what each sampler decided; the random sample's name is the empty string."""
    if not kept.get("", True):
        return False, "not_sampled", None
    if collector["nodes"] is None:
        return True, None, None
    outputs: dict[str, Any] = {}
    causes: dict[str, str] = {}
    failed: list[str] = []
    for node in collector["nodes"]:
        given = [outputs[name] for name in node["inputs"]] if node["inputs"] else [original(prediction)]
        outputs[node["id"]] = apply(node, union(given) if len(given) > 1 else given[0], prediction, graphs, kept)
        if outputs[node["id"]] is not None:
            continue
        if any(one is not None for one in given):
            united = union(given) if len(given) > 1 else given[0]
            causes[node["id"]] = "sampler" if lost_the_draw(node, united, prediction, graphs, kept) else "other"
            failed.append(node["id"])
        else:
            causes[node["id"]] = "other" if "other" in [causes[name] for name in node["inputs"]] else "sampler"
    read = {name for node in collector["nodes"] for name in node["inputs"]}
    leaves = [node["id"] for node in collector["nodes"] if node["id"] not in read and not node["suppress"]]
    if any(outputs[leaf] is not None for leaf in leaves):
        return True, None, None
    if all(causes[leaf] == "sampler" for leaf in leaves):
        return False, "not_sampled", None
    behind = ancestors(collector["nodes"], leaves)
    return False, "workflow_empty", next(name for name in failed if causes[name] == "other" and name in behind)


def lost_the_draw(node: dict[str, Any], given: Any, prediction: dict[str, Any], graphs: dict[str, Any], kept: dict[str, bool]) -> bool:
    """Whether a node that gave nothing would have given something, had its draw been won."""
    return node["id"] in kept and apply(node, given, prediction, graphs, {**kept, node["id"]: True}) is not None


def ancestors(nodes: list[dict[str, Any]], leaves: list[str]) -> set[str]:
    """The leaves and everything they read."""
    by_id = {node["id"]: node for node in nodes}
    found: set[str] = set()

    def visit(name: str) -> None:
        found.add(name)
        for parent in by_id[name]["inputs"]:
            visit(parent)

    for leaf in leaves:
        visit(leaf)
    return found


def inclusion(collector: dict[str, Any], prediction: dict[str, Any], graphs: dict[str, Any]) -> float:
    """The probability that it passes, over all the draws of the collector's samplers."""
    shares = {name: share for name, _, share in samplers(collector)}
    total = 0.0
    for outcome in itertools.product([False, True], repeat=len(shares)):
        kept = dict(zip(shares, outcome, strict=True))
        chance = math.prod(shares[name] if keeps else 1 - shares[name] for name, keeps in kept.items())
        if chance and run(collector, prediction, graphs, kept)[0]:
            total += chance
    return total


# Sampling


def samplers(collector: dict[str, Any]) -> list[tuple[str, str, float]]:
    """(node, sampler key, fraction as a 32-bit float) in the order in which they choose groups."""
    found = []
    if collector["random_sample"] is not None:
        found.append(("", collector["key"], float32(collector["random_sample"])))
    for node in collector["nodes"] or []:
        params = merged(node).get("params", {})
        name = {"random-sample": "keep_fraction", "close-to-threshold": "probability"}.get(node["type"])
        if name in params:
            found.append((node["id"], f"{collector['key']}/pre-queue/{node['id']}", float32(params[name])))
    return found


def draws(collector: dict[str, Any], prediction_id: str) -> dict[str, bool]:
    """What each sampler of a collector decides about a prediction."""
    taken: set[int] = set()
    kept = {}
    for name, key, fraction in samplers(collector):
        salt = xxhash.xxh3_64_intdigest(key.encode())
        group = salt % 16
        while group in taken:
            group = (group + 1) % 16
        taken.add(group)
        kept[name] = (group_hash(prediction_id, group) + salt) % RING < math.floor(fraction * RING)
    return kept


def group_hash(prediction_id: str, group: int) -> int:
    """A prediction's hash in one of the 16 groups: MurmurHash3's 64-bit finalizer over the id's xxh3_64 XOR the group's key."""
    h = xxhash.xxh3_64_intdigest(prediction_id.encode()) ^ xxhash.xxh3_64_intdigest(f"collectors/group/{group}".encode())
    h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCD % RING
    h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53 % RING
    return h ^ (h >> 33)


# Outputs: None is empty; otherwise {"concepts": [(key, id, value), …], "regions": [(key, concepts), …], "text": "" or a text}. What has
# no id is like nothing else, so its position stands in for the id when outputs are united.


def original(prediction: dict[str, Any]) -> dict[str, Any]:
    """A model's own output, never empty."""
    data = prediction["output"]["data"] or {}
    regions = []
    for place, region in enumerate(data.get("regions") or []):
        inside = concepts_of((region.get("data") or {}).get("concepts"), f"region {place} concept")
        regions.append((region["id"] or ("no id", place), inside))
    text = (data.get("text") or {}).get("raw") or ""
    return {"concepts": concepts_of(data.get("concepts"), "concept"), "regions": regions, "text": text}


def concepts_of(concepts: list[dict[str, Any]] | None, where: str) -> list[tuple[Any, str, float]]:
    """(key, id, value) of each concept."""
    return [(one["id"] or (where, place), one["id"], float32(one["value"])) for place, one in enumerate(concepts or [])]


def union(outputs: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Concepts by id, regions by id, the larger value; the first text that there is."""
    there = [output for output in outputs if output is not None]
    if not there:
        return None
    regions: dict[Any, list[Any]] = {}
    for output in there:
        for key, inside in output["regions"]:
            regions.setdefault(key, []).extend(inside)
    united = [(key, largest(inside)) for key, inside in regions.items()]
    text = next((output["text"] for output in there if output["text"]), "")
    return {"concepts": largest([one for output in there for one in output["concepts"]]), "regions": united, "text": text}


def largest(concepts: list[tuple[Any, str, float]]) -> list[tuple[Any, str, float]]:
    """Each concept once, with its largest value."""
    best: dict[Any, tuple[Any, str, float]] = {}
    for key, concept_id, value in concepts:
        if key not in best or value > best[key][2]:
            best[key] = (key, concept_id, value)
    return list(best.values())


# Operators


def merged(node: dict[str, Any]) -> dict[str, Any]:
    """The model's output_info with the node's override."""
    info = json.loads(json.dumps(node["output_info"]))
    for section, fields in (node.get("override") or {}).items():
        info.setdefault(section, {}).update(fields)
    return info


def apply(  # noqa: PLR0911 - a table of seven operators, and the others'
    node: dict[str, Any], given: Any, prediction: dict[str, Any], graphs: dict[str, Any], kept: dict[str, bool]
) -> Any:
    """What a node gives for a prediction; empty in, empty out."""
    if given is None:
        return None
    info = merged(node)
    params, listed = info.get("params", {}), info.get("data", {}).get("concepts", [])
    match node["type"]:
        case "random-sample":
            return given if kept[node["id"]] else None
        case "max-probability" | "min-probability":
            values = [value for _, _, value in given["concepts"]] + [value for _, inside in given["regions"] for _, _, value in inside]
            biggest = node["type"] == "max-probability"
            default = "LESS_THAN" if biggest else "GREATER_THAN"
            kind = params.get("concept_threshold_type", default)
            return given if values and compares(kind, max(values) if biggest else min(values), params["value"]) else None
        case "concept-threshold":
            return only([one for one in given["concepts"] if passes(one, listed, params)], [])
        case "region-threshold":
            regions = [(key, [one for one in inside if passes(one, listed, params)]) for key, inside in given["regions"]]
            return only([], [(key, inside) for key, inside in regions if inside])
        case "metadata-filter":
            text = ((prediction["input"] or {}).get("data") or {}).get("metadata")
            return given if matches(json.loads(text) if text else {}, params["metadata"]) else None
        case "concept-synonym-mapper":
            targets, graph = {one["id"] for one in listed}, graphs[params["knowledge_graph_id"]]
            mapped = [(image, image, value) for _, name, value in given["concepts"] for image in images(name, graph, targets)]
            return only(largest(mapped), [])
    return beyond_the_contract(node["type"], given, info) if kept.get(node["id"], True) else None


def passes(concept: tuple[Any, str, float], listed: list[dict[str, Any]], params: dict[str, Any]) -> bool:
    """Whether a concept compares so with its threshold."""
    kind = params.get("concept_threshold_type", "GREATER_THAN")
    if not listed:
        return compares(kind, concept[2], params["value"])
    return any(one["id"] == concept[1] and compares(kind, concept[2], one.get("value", params.get("value"))) for one in listed)


def images(concept_id: str, relations: list[tuple[str, str, str]], targets: set[str]) -> set[str]:
    """Everything a concept leads to, over and over until nothing new comes."""
    if not concept_id:
        return set()
    reached = {concept_id}
    while True:
        more = set(reached)
        for subject, predicate, target in relations:
            if predicate in ("synonym", "hyponym") and subject in reached:
                more.add(target)
            if predicate in ("synonym", "hypernym") and target in reached:
                more.add(subject)
        if more == reached:
            return reached & targets if targets else reached - {concept_id}
        reached = more


# Metadata


def matches(value: Any, wanted: Any) -> bool:
    """Whether a value (or MISSING) is as wanted."""
    if not isinstance(wanted, dict):
        return equal(value, wanted)
    if not wanted:
        return isinstance(value, dict)
    if any(name.startswith("$") for name in wanted):
        return all(holds(value, name, operand) for name, operand in wanted.items())
    return all(matches(field_of(value, name), inner) for name, inner in wanted.items())


def field_of(value: Any, name: str) -> Any:
    """A field by its name or, when there is none of that name, by the path that its dots make."""
    if not isinstance(value, dict):
        return MISSING
    if name in value:
        return value[name]
    first, dot, rest = name.partition(".")
    return field_of_path(value.get(first, MISSING), rest) if dot else MISSING


def field_of_path(value: Any, path: str) -> Any:
    """The end of a dotted path."""
    for name in path.split("."):
        value = value.get(name, MISSING) if isinstance(value, dict) else MISSING
    return value


def holds(value: Any, name: str, operand: Any) -> bool:  # noqa: PLR0911 - a table of eleven operators
    """One ``$`` operator."""
    match name:
        case "$eq":
            return equal(value, operand)
        case "$ne":
            return not equal(value, operand)
        case "$in":
            return any(equal(value, one) for one in operand)
        case "$nin":
            return not any(equal(value, one) for one in operand)
        case "$exists":
            return (value is not MISSING) is operand
        case "$not":
            return not matches(value, operand)
        case "$regex":
            return isinstance(value, str) and re.search(operand, value) is not None
    if kind_of(value) != kind_of(operand) or kind_of(value) not in ("number", "string", "boolean"):
        return False
    return {"$gt": value > operand, "$gte": value >= operand, "$lt": value < operand, "$lte": value <= operand}[name]


def equal(left: Any, right: Any) -> bool:
    """Equality of JSON values of the same kind, at every depth."""
    if left is MISSING or right is MISSING or kind_of(left) != kind_of(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(equal(*pair) for pair in zip(left, right, strict=True))
    if isinstance(left, dict):
        return set(left) == set(right) and all(equal(left[name], right[name]) for name in left)
    return bool(left == right)


def kind_of(value: Any) -> str:
    """The JSON kind of a value."""
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object", type(None): "null"}
    return "missing" if value is MISSING else kinds[type(value)]
