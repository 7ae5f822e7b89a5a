"""The demo's evaluation, rule by rule, on cases small enough to judge by eye."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xxhash
from ruamel.yaml import YAML

from processor.demo import evaluation, second_evaluation
from processor.demo.evaluation import Evaluation, Expected, input_id, matches, reachable, sampled, samplers

if TYPE_CHECKING:
    from types import ModuleType

DOCUMENTS = list(YAML(typ="safe", pure=True).load_all(Path(evaluation.__file__).with_name("documents.yaml")))
NAME = "acme/app/it"


def prediction(id_: str = "p-1", caller: str = "ben", metadata: Any = None, **output: Any) -> dict[str, Any]:
    """A prediction of the watched model."""
    data = {} if metadata is None else {"metadata": metadata}
    model = {"user_id": "lena", "app_id": "mail", "id": "reader"}
    return {"id": id_, "model": model, "caller_user_id": caller, "input": {"data": data}, "output": {"data": output}}


def concepts(**values: float) -> list[dict[str, Any]]:
    return [{"id": name, "value": value} for name, value in values.items()]


def regions(*values: float) -> list[dict[str, Any]]:
    return [{"id": str(i), "data": {"concepts": concepts(cat=value)}} for i, value in enumerate(values)]


def document(kind: str, id_: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "user_id": "acme", "app_id": "app", "id": id_, **fields}


def collector(caller: str = "", **fields: Any) -> dict[str, Any]:
    """A collector of the watched model."""
    source = {"model_user_id": "lena", "model_app_id": "mail", "model_id": "reader", "caller_user_id": caller}
    return document("Collector", "it", collector_source={"api_post_model_outputs_collector_source": source}, **fields)


def operators(*models: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """A workflow ``w`` of operators in a row, nodes ``n0``, ``n1`` …, and their models."""
    nodes = [
        {"id": f"n{i}", "model": {"id": f"m{i}"}, **({"node_inputs": [{"node_id": f"n{i - 1}"}]} if i else {})} for i in range(len(models))
    ]
    made = [document("Model", f"m{i}", model_type_id=name, output_info=info) for i, (name, info) in enumerate(models)]
    return [document("Workflow", "w", nodes=nodes), *made]


def expected(predictions: list[dict[str, Any]], *documents: dict[str, Any]) -> Expected:
    evaluated = Evaluation(documents)
    for each in predictions:
        evaluated.add(each)
    return evaluated.expected[NAME]


def kept(predictions: list[dict[str, Any]], *models: tuple[str, dict[str, Any]], **fields: Any) -> list[str]:
    """Ids that a collector with these operators collects."""
    return list(expected(predictions, collector(pre_queue_workflow_id="w", **fields), *operators(*models)).collected)


@pytest.mark.parametrize(("module", "needs"), [(evaluation, {"numpy", "xxhash"}), (second_evaluation, set())])
def test_it_imports_nothing_of_the_processor(module: ModuleType, needs: set[str]) -> None:
    """The import contract says the same; this one also runs where no linter does."""
    tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    imported += [node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in imported} - set(sys.stdlib_module_names) == needs


def test_predictions_of_other_models_and_within_workflows_are_not_seen() -> None:
    other = {**prediction(), "model": {"user_id": "lena", "app_id": "mail", "id": "other"}}
    inside = {**prediction(), "workflow_id": "nightly"}
    assert expected([other, inside, prediction()], collector(pre_queue_random_sample=1.0)).seen == 1


def test_a_pause_comes_before_a_caller_and_a_caller_before_a_sample() -> None:
    stream = [prediction(caller="anna"), prediction(caller="ben")]
    paused = expected(stream, collector("ben", pre_queue_random_sample=1.0, status={"code": 52002}))
    assert paused.reasons == {"collector_inactive": 2}
    awake = expected(stream, collector("ben", pre_queue_random_sample=1.0))
    assert (awake.reasons, len(awake.collected)) == ({"other_caller": 1}, 1)


def test_the_first_node_that_empties_gives_the_reason() -> None:
    sampler, doubt = ("random-sample", {"params": {"keep_fraction": 0.0}}), ("max-probability", {"params": {"value": 0.5}})
    stream = [prediction("a", concepts=concepts(cat=0.9)), prediction("b", concepts=concepts(cat=0.1))]
    doubt_first = expected(stream, collector(pre_queue_workflow_id="w"), *operators(doubt, sampler))
    assert (doubt_first.reasons, doubt_first.emptied_by) == ({"workflow_empty": 1, "not_sampled": 1}, {"n0": 1})
    sample_first = expected(stream, collector(pre_queue_workflow_id="w"), *operators(sampler, doubt))
    assert (sample_first.reasons, sample_first.emptied_by) == ({"not_sampled": 2}, {})


def test_values_are_compared_as_32_bit_floats() -> None:
    """0.7 as a double is larger than 0.7 as a float; as floats they are equal."""
    stream = [prediction("equal", concepts=concepts(cat=float(np.float32(0.7)))), prediction("above", concepts=concepts(cat=0.70001))]
    at_most = {"params": {"value": 0.7, "concept_threshold_type": "LESS_THAN_OR_EQUAL"}}
    assert kept(stream, ("max-probability", at_most)) == ["equal"]
    assert kept(stream, ("concept-threshold", {"data": {"concepts": concepts(cat=0.7)}})) == ["above"]


def test_max_probability_looks_at_regions_too_and_wants_at_least_one_concept() -> None:
    stream = [
        prediction("none"),
        prediction("low", concepts=concepts(cat=0.1), regions=regions(0.2)),
        prediction("high-region", concepts=concepts(cat=0.1), regions=regions(0.2, 0.9)),
    ]
    assert kept(stream, ("max-probability", {"params": {"value": 0.5}})) == ["low"]


def test_concept_threshold_sees_listed_top_level_concepts_only() -> None:
    stream = [
        prediction("cat", concepts=concepts(cat=0.9)),
        prediction("dog", concepts=concepts(dog=0.9)),
        prediction("region", regions=regions(0.9)),
    ]
    assert kept(stream, ("concept-threshold", {"data": {"concepts": concepts(cat=0.5)}})) == ["cat"]
    assert kept(stream, ("region-threshold", {"data": {"concepts": concepts(cat=0.5)}})) == ["region"]


def test_what_a_threshold_drops_the_next_operator_does_not_see() -> None:
    stream = [prediction(concepts=concepts(cat=0.3, dog=0.9))]
    low_cat = ("concept-threshold", {"data": {"concepts": concepts(cat=0.2)}})
    assert kept(stream, low_cat, ("max-probability", {"params": {"value": 0.5}})) == ["p-1"]
    assert kept(stream, ("max-probability", {"params": {"value": 0.5}}), low_cat) == []


def test_the_mapper_carries_the_largest_value_along_the_whole_graph() -> None:
    relations = [("cat", "synonym", "kitty"), ("kitty", "hyponym", "animal"), ("animal", "hypernym", "dog"), ("animal", "hyponym", "thing")]
    graph = document(
        "KnowledgeGraph",
        "g",
        concept_relations=[{"subject_concept": {"id": s}, "predicate": p, "object_concept": {"id": o}} for s, p, o in relations],
    )
    mapper = ("concept-synonym-mapper", {"params": {"knowledge_graph_id": "g"}, "data": {"concepts": [{"id": "animal"}]}})
    stream = [prediction(concepts=concepts(cat=0.2, dog=0.7, stone=0.9))]
    for limit, ids in ((0.69, ["p-1"]), (0.7, [])):
        threshold = ("concept-threshold", {"data": {"concepts": concepts(animal=limit)}})
        documents = (collector(pre_queue_workflow_id="w"), graph, *operators(mapper, threshold))
        assert list(expected(stream, *documents).collected) == ids
    assert reachable("cat", graph["concept_relations"]) == {"cat", "kitty", "animal", "thing"}
    assert reachable("animal", graph["concept_relations"]) == {"animal", "thing"}


@pytest.mark.parametrize(
    ("value", "wanted", "holds"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, True),
        ({"a": {"b": True}}, {"a": {"b": 1}}, False),
        ({}, {"a": {"b": {"$exists": False}}}, False),
        ({"a": {}}, {"a": {"b": {"$exists": False}}}, True),
        ({"a": None}, {"a": {"$exists": True}}, True),
        ({"a": 12}, {"a": {"$gte": 12, "$lt": 13}}, True),
        ({"a": "12"}, {"a": {"$gte": 12}}, False),
        ({"a": True}, {"a": {"$gte": 0}}, False),
        ({}, {"a": {"$ne": 1}}, True),
        ({"a": 1}, {"a": {"$in": [True, "1"]}}, False),
        ({"a": 1.0}, {"a": {"$in": [1]}}, True),
    ],
)
def test_metadata_match_as_documented(value: object, wanted: object, holds: bool) -> None:
    assert matches(value, wanted) == holds


def test_a_sample_is_as_large_as_asked_and_the_same_every_time() -> None:
    (sampler,) = samplers(NAME, [("", {"model_type_id": "random-sample"})])
    taken = [sampled(f"p-{i}", *sampler, np.float32(0.25)) for i in range(4000)]
    assert taken == [sampled(f"p-{i}", *sampler, np.float32(0.25)) for i in range(4000)]
    assert abs(sum(taken) - 1000) < 5 * (4000 * 0.25 * 0.75) ** 0.5


def test_two_samplers_of_one_collector_never_share_a_group() -> None:
    """Two that fall into one group by their keys: the second takes the next free one."""
    sampler = {"model_type_id": "random-sample"}
    group = xxhash.xxh3_64_intdigest(NAME.encode()) % 16
    rival = next(f"n{i}" for i in range(1000) if xxhash.xxh3_64_intdigest(f"{NAME}/pre-queue/n{i}".encode()) % 16 == group)
    (_, first), (_, second) = samplers(NAME, [("", sampler), (rival, sampler)])
    assert (first, second) == (group, (group + 1) % 16)


def test_the_share_is_the_product_of_the_fractions() -> None:
    keep_all = ("random-sample", {"params": {"keep_fraction": 1.0}})
    found = expected([prediction()], collector(pre_queue_workflow_id="w", pre_queue_random_sample=1.0), *operators(keep_all, keep_all))
    assert found.collected == {"p-1": 1.0}


def test_it_refuses_workflows_that_it_does_not_know() -> None:
    """Rather than be wrong about them."""
    two_leaves = document("Workflow", "w", nodes=[{"id": "a", "model": {"id": "m0"}}, {"id": "b", "model": {"id": "m0"}}])
    model = document("Model", "m0", model_type_id="max-probability", output_info={"params": {"value": 0.5}})
    with pytest.raises(NotImplementedError):
        Evaluation([collector(pre_queue_workflow_id="w"), two_leaves, model])


def test_input_ids_are_the_first_half_of_a_sha256() -> None:
    assert input_id("acme/app/it", "p-1") == "f7c5689d16a29925c0f92148a4683eeb"


def test_the_demos_documents_are_all_understood() -> None:
    assert len(Evaluation(DOCUMENTS).expected) == 12


@pytest.mark.parametrize("field", [{"quota": {"per_hour": 1}}, {"duplicates": {"by": ["content"]}}, {"post_queue_workflow_id": "w"}])
def test_what_has_a_second_stage_is_expected_in_the_queue_and_settled_there(field: dict[str, Any]) -> None:
    evaluated = Evaluation([collector(pre_queue_random_sample=1.0, tags=["night"], dataset_ids=["d"], **field)])
    for each in (prediction("a"), prediction("b")):
        evaluated.add(each)
    found = evaluated.expected[NAME]
    assert (found.collected, list(found.candidates), found.tags, found.dataset_ids) == ({}, ["a", "b"], ["night"], ["d"])
    evaluated.settle(NAME, "b", lambda _key, given: ("", {"cat": 0.5} if given["id"] == "b" else {}))
    evaluated.settle(NAME, "a", lambda _key, _given: ("duplicate", {}))
    assert (found.collected, found.found, found.reasons) == ({"b": 1.0}, {"b": {"cat": 0.5}}, {"duplicate": 1})


def test_a_threshold_without_a_list_compares_every_concept() -> None:
    stream = [prediction("clear", concepts=concepts(cat=0.6, dog=0.1)), prediction("dim", concepts=concepts(cat=0.5, dog=0.5))]
    assert kept(stream, ("concept-threshold", {"params": {"value": 0.5}})) == ["clear"]
