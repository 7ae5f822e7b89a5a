"""What every collector must collect, worked out one record at a time, from the published rules alone.

Nothing of the processor is imported here (an import contract says so): if the two agree, they agree because both are right. It
knows what the demo's documents use, says so when given anything else, and prefers being plainly right to being quick.
The rules: docs/operators.md.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Json = Mapping[str, Any]

PAUSED = 52002
MASK = 2**64 - 1
GROUPS = 16
MISSING = object()
SECOND_STAGE = {"post_queue_workflow_id", "quota", "duplicates"}


@dataclass
class Expected:
    """What one collector must come to.

    Attributes:
        seen: predictions of its model.
        collected: prediction id → probability that the collector takes it.
        reasons: why the others were left.
        emptied_by: of those left by the workflow, by which node.
        candidates: prediction id → prediction of what goes to the second stage.
        found: prediction id → what a post-queue workflow added, value by concept id.
        tags: that all of its inputs carry.
        dataset_ids: of the datasets that they go into.
    """

    seen: int = 0
    collected: dict[str, float] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    emptied_by: Counter[str] = field(default_factory=Counter)
    candidates: dict[str, Json] = field(default_factory=dict)
    found: dict[str, Mapping[str, float]] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    dataset_ids: list[str] = field(default_factory=list)


class Evaluation:
    """Documents, and what the predictions so far came to.

    Args:
        documents: as they are applied, parsed YAML.
    """

    def __init__(self, documents: Iterable[Json]) -> None:
        self._documents = {(d["kind"], d["user_id"], d.get("app_id", ""), d["id"]): d for d in documents}
        self.collectors = [d for d in self._documents.values() if d["kind"] == "Collector"]
        self.expected = {key(d): Expected(tags=d.get("tags", []), dataset_ids=d.get("dataset_ids", [])) for d in self.collectors}
        self._chains = {key(collector): self._chain(collector) for collector in self.collectors}

    def add(self, prediction: Json) -> None:
        """Judge one prediction, as NDJSON has it."""
        for collector in self.collectors:
            source, expected = source_of(collector), self.expected[key(collector)]
            if watched_model(source) != model_of(prediction) or prediction.get("workflow_id"):
                continue
            expected.seen += 1
            reason, node = self._judge(collector, prediction)
            if reason:
                expected.reasons[reason] += 1
                expected.emptied_by.update([node] if node else [])
            elif SECOND_STAGE & collector.keys():
                expected.candidates[prediction["id"]] = prediction
            else:
                expected.collected[prediction["id"]] = self._share(key(collector))

    def settle(self, collector: str, prediction_id: str, judge: Callable[[str, Json], tuple[str, Mapping[str, float]]]) -> None:
        """Judge one candidate again, in the second stage; in the order in which they are there."""
        expected = self.expected[collector]
        reason, found = judge(collector, expected.candidates[prediction_id])
        if reason:
            expected.reasons[reason] += 1
        else:
            expected.collected[prediction_id] = self._share(collector)
            expected.found[prediction_id] = found

    def _judge(self, collector: Json, prediction: Json) -> tuple[str, str]:
        """Why a prediction is left, and the node that left it; empty: it is collected."""
        if collector.get("status", {}).get("code") == PAUSED:
            return "collector_inactive", ""
        if source_of(collector).get("caller_user_id") not in {None, "", prediction["caller_user_id"]}:
            return "other_caller", ""
        output = prediction["output"]["data"]
        for node, model, sampler in self._chains[key(collector)]:
            if model["model_type_id"] == "random-sample":
                if not sampled(prediction["id"], *sampler, fraction_of(model)):
                    return "not_sampled", ""
            else:
                output = self._apply(model, output, prediction)
                if output is None:
                    return "workflow_empty", node
        return "", ""

    def _share(self, collector: str) -> float:
        fractions = [float(fraction_of(model)) for _, model, _ in self._chains[collector] if model["model_type_id"] == "random-sample"]
        return float(np.prod(fractions))

    def _chain(self, collector: Json) -> list[tuple[str, Json, tuple[str, int]]]:
        """Node id, model and (for samplers) key and group of all steps: the collector's own sample, then its workflow's nodes."""
        steps: list[tuple[str, Json]] = []
        if "pre_queue_random_sample" in collector:
            params = {"keep_fraction": collector["pre_queue_random_sample"]}
            steps.append(("", {"model_type_id": "random-sample", "output_info": {"params": params}}))
        if "pre_queue_workflow_id" in collector:
            workflow = self._get("Workflow", collector, collector["pre_queue_workflow_id"])
            steps += [(node["id"], self._get("Model", collector, node["model"]["id"])) for node in line_of(workflow)]
        return [(node, model, sampler) for (node, model), sampler in zip(steps, samplers(key(collector), steps), strict=True)]

    def _get(self, kind: str, near: Json, id_: str) -> Json:
        return self._documents[kind, near["user_id"], near["app_id"], id_]

    def _apply(self, model: Json, output: Json, prediction: Json) -> Json | None:
        """What an operator gives; None when it is empty."""
        operator, info = OPERATORS[model["model_type_id"]], model["output_info"]
        params = dict(info.get("params", {}))
        if "knowledge_graph_id" in params:
            params["graph"] = self._get("KnowledgeGraph", model, params["knowledge_graph_id"])
        return operator(params, info.get("data", {}).get("concepts", []), output, prediction)


def key(document: Json) -> str:
    """``user/app/id``."""
    return f"{document['user_id']}/{document['app_id']}/{document['id']}"


def source_of(collector: Json) -> Json:
    """Whose calls of which model it watches."""
    source: Json = collector["collector_source"]["api_post_model_outputs_collector_source"]
    return source


def watched_model(source: Json) -> tuple[str, str, str]:
    """The model that a source names."""
    if source.get("model_version_id"):
        raise NotImplementedError("this evaluation knows no collectors of one model version")
    return source["model_user_id"], source["model_app_id"], source["model_id"]


def model_of(prediction: Json) -> tuple[str, str, str]:
    """The model that was called."""
    model = prediction["model"]
    return model["user_id"], model["app_id"], model["id"]


def line_of(workflow: Json) -> list[Json]:
    """The nodes of a workflow in which each reads the one before."""
    nodes: list[Json] = workflow["nodes"]
    wanted = [[], *([{"node_id": node["id"]}] for node in nodes[:-1])]
    if [node.get("node_inputs", []) for node in nodes] != wanted or any(
        "output_info_override" in n or "suppress_output" in n for n in nodes
    ):
        raise NotImplementedError(f"this evaluation knows plain lines of nodes, not workflow {key(workflow)}")
    return nodes


# Sampling


def samplers(collector: str, steps: Iterable[tuple[str, Json]]) -> list[tuple[str, int]]:
    """Key and group of every step that samples, in order; no two of one collector share a group."""
    found: list[tuple[str, int]] = []
    taken: set[int] = set()
    for node, model in steps:
        sampler_key = f"{collector}/pre-queue/{node}" if node else collector
        group = hash_of(sampler_key) % GROUPS
        if model["model_type_id"] == "random-sample":
            while group in taken:
                group = (group + 1) % GROUPS
            taken.add(group)
        found.append((sampler_key, group))
    return found


def sampled(prediction_id: str, sampler_key: str, group: int, fraction: np.float32) -> bool:
    """Whether a sampler keeps a prediction."""
    drawn = mix(hash_of(prediction_id) ^ hash_of(f"collectors/group/{group}"))
    return (drawn + hash_of(sampler_key)) % 2**64 < int(float(fraction) * 2**64)


def hash_of(text: str) -> int:
    """64 bits of xxHash 3."""
    return xxhash.xxh3_64_intdigest(text.encode())


def mix(x: int) -> int:
    """The 64-bit finalizer of MurmurHash3 (Austin Appleby, public domain)."""
    x = (x ^ (x >> 33)) * 0xFF51AFD7ED558CCD & MASK
    x = (x ^ (x >> 33)) * 0xC4CEB9FE1A85EC53 & MASK
    return x ^ (x >> 33)


def fraction_of(model: Json) -> np.float32:
    """A sampler's share, as it is compared."""
    return np.float32(model["output_info"]["params"]["keep_fraction"])


# Operators: (params, data.concepts, output, prediction) → output, None when it is empty

COMPARE: Mapping[str, Callable[[np.float32, np.float32], Any]] = {
    "GREATER_THAN": lambda value, limit: value > limit,
    "GREATER_THAN_OR_EQUAL": lambda value, limit: value >= limit,
    "LESS_THAN": lambda value, limit: value < limit,
    "LESS_THAN_OR_EQUAL": lambda value, limit: value <= limit,
    "EQUAL": lambda value, limit: value == limit,
}


def passes(value: float, limit: float, comparison: str) -> bool:
    """Compare as 32-bit floats."""
    return bool(COMPARE[comparison](np.float32(value), np.float32(limit)))


def concepts_above(params: Json, listed: list[Json], concepts: list[Json]) -> list[Json]:
    """Of the listed concepts (of all, where none are listed), those that compare as asked."""
    limits = {concept["id"]: concept["value"] for concept in listed or [{**c, "value": params["value"]} for c in concepts]}
    comparison = params.get("concept_threshold_type", "GREATER_THAN")
    return [c for c in concepts if c["id"] in limits and passes(c["value"], limits[c["id"]], comparison)]


def concept_threshold(params: Json, listed: list[Json], output: Json, _prediction: Json) -> Json | None:
    """Top-level concepts by their value."""
    kept = concepts_above(params, listed, output.get("concepts", []))
    return {"concepts": kept} if kept else None


def region_threshold(params: Json, listed: list[Json], output: Json, _prediction: Json) -> Json | None:
    """Regions that keep a concept."""
    regions = [(region, concepts_above(params, listed, region["data"].get("concepts", []))) for region in output.get("regions", [])]
    kept = [{**region, "data": {"concepts": concepts}} for region, concepts in regions if concepts]
    return {"regions": kept} if kept else None


def max_probability(params: Json, _listed: list[Json], output: Json, _prediction: Json) -> Json | None:
    """The whole output, by the largest value among top-level and region concepts."""
    concepts = [*output.get("concepts", []), *(c for region in output.get("regions", []) for c in region["data"].get("concepts", []))]
    if not concepts:
        return None
    largest = max(float(concept["value"]) for concept in concepts)
    return output if passes(largest, params["value"], params.get("concept_threshold_type", "LESS_THAN")) else None


def concept_synonym_mapper(params: Json, listed: list[Json], output: Json, _prediction: Json) -> Json | None:
    """Top-level concepts in the words of another model."""
    targets = {concept["id"] for concept in listed}
    values: dict[str, float] = {}
    for concept in output.get("concepts", []):
        reached = reachable(concept["id"], params["graph"]["concept_relations"])
        for image in reached & targets if targets else reached - {concept["id"]}:
            values[image] = max(values.get(image, 0.0), concept["value"])
    return {"concepts": [{"id": image, "value": value} for image, value in values.items()]} if values else None


def reachable(start: str, relations: Iterable[Json]) -> set[str]:
    """A concept and all its synonyms and broader concepts, however far."""
    reached, before = {start}, 0
    while len(reached) > before:
        before = len(reached)
        for relation in relations:
            subject, target = relation["subject_concept"]["id"], relation["object_concept"]["id"]
            if relation["predicate"] in {"synonym", "hyponym"} and subject in reached:
                reached.add(target)
            if relation["predicate"] in {"synonym", "hypernym"} and target in reached:
                reached.add(subject)
    return reached


def metadata_filter(params: Json, _listed: list[Json], output: Json, prediction: Json) -> Json | None:
    """The whole output, by the input's metadata."""
    return output if matches(prediction["input"]["data"].get("metadata", {}), params["metadata"]) else None


def matches(value: Any, wanted: Any) -> bool:
    """Whether a value is as wanted: an operator object, an object to be a subset, or a plain value."""
    if isinstance(wanted, dict) and any(name.startswith("$") for name in wanted):
        return all(TESTS[name](value, operand) for name, operand in wanted.items())
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(matches(value.get(name, MISSING), inner) for name, inner in wanted.items())
    return same(value, wanted)


def same(left: Any, right: Any) -> bool:
    """Equal, and true is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def ordered(left: Any, right: Any) -> bool:
    """Whether two values can be put in order: two numbers or two strings."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (left, right))
    return numbers or (isinstance(left, str) and isinstance(right, str))


TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$ne": lambda value, operand: not same(value, operand),
    "$gte": lambda value, operand: ordered(value, operand) and bool(value >= operand),
    "$lt": lambda value, operand: ordered(value, operand) and bool(value < operand),
    "$in": lambda value, operand: any(same(value, item) for item in operand),
    "$exists": lambda value, operand: (value is not MISSING) == operand,
}

OPERATORS: Mapping[str, Callable[[Json, list[Json], Json, Json], Json | None]] = {
    "concept-synonym-mapper": concept_synonym_mapper,
    "concept-threshold": concept_threshold,
    "max-probability": max_probability,
    "metadata-filter": metadata_filter,
    "region-threshold": region_threshold,
}


def input_id(collector: str, prediction_id: str) -> str:
    """The id of what a collector takes from a prediction."""
    return hashlib.sha256(f"{collector}\0{prediction_id}".encode()).hexdigest()[:32]
