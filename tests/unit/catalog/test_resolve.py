"""What makes a collector inactive, in words, and what an active one comes to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from processor.catalog.records import App, Key, KnowledgeGraph, Model, ModelVersion, Relation, Workflow, WorkflowNode
from processor.catalog.store import Catalog
from processor.limits.rules import Quota
from processor.operators import RandomSample
from processor.resources import POST_INPUTS_SCOPES
from tests.support.documents import ACME, GENERAL, INGEST, SAMPLE, TENTH, change, collector, everything, gone

if TYPE_CHECKING:
    from processor.catalog.records import Record
    from processor.engine.collector import Collector

PLANS = ("professional",)


def resolved(*others: Record, without: Record | None = None) -> Collector:
    """The collector ``c`` as it is when some records are replaced or missing."""
    catalog = Catalog(PLANS)
    catalog.apply([*everything(*others), *([gone(without)] if without else [])])
    (found,) = (each for watchers in catalog.watchers.values() for each in watchers.collectors if each.key == "acme/quality/c")
    return found


def model(model_id: str, model_type: str, **output_info: Any) -> Model:
    return Model("acme", "quality", model_id, model_type, orjson.dumps(output_info).decode())


def workflow(*nodes: WorkflowNode) -> Workflow:
    return replace(SAMPLE, nodes=nodes)


def test_a_collector_with_all_it_refers_to_is_active() -> None:
    found = resolved()
    assert (found.inactive_reason, found.source.model) == ("", GENERAL)
    assert found.workflow is not None
    assert [(node.id, node.operator) for node in found.workflow.nodes] == [("sampler", RandomSample(0.1))]


def test_what_a_collector_marks_its_inputs_with_is_known_to_both_stages() -> None:
    marked = replace(collector("c"), tags=("night",), dataset_ids=("relabel",))
    for each in (marked, replace(marked, quota=Quota(per_day=1))):
        found = resolved(each)
        assert (found.inactive_reason, found.tags, found.dataset_ids) == ("", ("night",), ("relabel",))


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        (ACME, "app acme/quality does not exist"),
        (INGEST, "key acme/quality/ingest does not exist: create it with `collectors keys create`"),
        (SAMPLE, "workflow acme/quality/sample does not exist"),
        (TENTH, "workflow acme/quality/sample: node sampler: model acme/quality/keep-a-tenth does not exist"),
    ],
)
def test_a_missing_reference_is_named(missing: Record, reason: str) -> None:
    assert resolved(without=missing).inactive_reason == reason


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (replace(ACME, plan="free"), "plan free does not include collectors; these do: professional"),
        (replace(ACME, plan=""), "app acme/quality has no plan; these do: professional"),
        (replace(INGEST, scopes=POST_INPUTS_SCOPES[1:]), "key acme/quality/ingest lacks scopes Annotations_Add"),
        (replace(INGEST, scopes=("Collectors_Add",)), f"key acme/quality/ingest lacks scopes {', '.join(POST_INPUTS_SCOPES)}"),
        (collector(paused=True), "paused"),
        (collector(model_user_id="bob"), "model bob/main/general-image-recognition does not exist"),
        (collector(post_queue_workflow_id="later"), "workflow acme/quality/later does not exist"),
    ],
)
def test_what_is_there_and_does_not_do_is_named(other: Record, reason: str) -> None:
    assert resolved(other).inactive_reason == reason


def test_all_reasons_are_told_together() -> None:
    assert resolved(collector(paused=True, model_user_id="bob"), without=ACME).inactive_reason == (
        "paused; app acme/quality does not exist; model bob/main/general-image-recognition does not exist"
    )


def test_posting_scopes_one_by_one_do_as_well_as_the_one_that_stands_for_them() -> None:
    assert resolved(replace(INGEST, scopes=POST_INPUTS_SCOPES)).inactive_reason == ""


def test_a_personal_access_token_of_the_owner_does_where_the_app_has_no_such_key() -> None:
    token = Key("acme", "", "ingest", scopes=("PostInputs",))
    assert resolved(token, without=INGEST).inactive_reason == ""
    assert resolved(replace(token, user_id="bob"), without=INGEST).inactive_reason != ""
    assert "acme/quality/ingest lacks" in resolved(token, replace(INGEST, scopes=())).inactive_reason


PRIVATE = Model("bob", "vision", "faces", "visual-classifier")
WATCHING = collector(model_user_id="bob", model_app_id="vision", model_id="faces")


@pytest.mark.parametrize(
    ("others", "active"),
    [
        ([PRIVATE], False),
        ([replace(PRIVATE, visibility="PUBLIC")], True),
        ([PRIVATE, App("bob", "vision")], False),
        ([PRIVATE, App("bob", "vision", collaborators=("eve", "acme"))], True),
        ([PRIVATE, App("bob", "other", collaborators=("acme",))], False),
    ],
)
def test_a_private_source_model_is_for_its_owner_and_the_collaborators_of_its_app(others: list[Record], active: bool) -> None:
    reason = resolved(WATCHING, *others).inactive_reason
    assert reason == ("" if active else "model bob/vision/faces is private, and acme is no collaborator of app bob/vision")


def test_an_owner_watches_any_of_the_own_models() -> None:
    assert (
        resolved(collector(model_user_id="acme", model_app_id="other", model_id="m"), Model("acme", "other", "m", "t")).inactive_reason
        == ""
    )


def test_ids_resolve_close_to_home() -> None:
    own = workflow(WorkflowNode("n", "", "", "keep-a-tenth"))
    other = workflow(WorkflowNode("n", "bob", "", "keep-a-tenth"))
    assert resolved(own).inactive_reason == ""
    assert "model bob/quality/keep-a-tenth does not exist" in resolved(other).inactive_reason


def test_an_older_version_runs_with_the_parameters_that_it_had() -> None:
    older = ModelVersion("v1", '{"params":{"keep_fraction":0.5}}')
    model = replace(TENTH, model_version_id="v2", versions=(older,))
    for version, fraction in (("", 0.1), ("v2", 0.1), ("v1", 0.5)):
        found = resolved(workflow(WorkflowNode("n", "", "", "keep-a-tenth", model_version_id=version)), model)
        assert found.workflow is not None
        (node,) = found.workflow.nodes
        assert isinstance(node.operator, RandomSample)
        assert node.operator.keep_fraction == pytest.approx(fraction)
    missing = resolved(workflow(WorkflowNode("n", "", "", "keep-a-tenth", model_version_id="v3")), model)
    assert "has no version v3: it has v1, v2" in missing.inactive_reason


def test_a_version_must_be_the_one_that_the_model_document_names() -> None:
    node = WorkflowNode("n", "", "", "keep-a-tenth", model_version_id="v2")
    assert "has no version v2: it names no version" in resolved(workflow(node)).inactive_reason
    assert "has no version v2: it has v1" in resolved(workflow(node), replace(TENTH, model_version_id="v1")).inactive_reason
    assert resolved(workflow(node), replace(TENTH, model_version_id="v2")).inactive_reason == ""


def test_a_served_model_may_run_after_the_queue_only() -> None:
    served = replace(TENTH, model_type_id="visual-classifier")
    assert "node sampler runs model acme/quality/keep-a-tenth of type visual-classifier" in resolved(served).inactive_reason
    found = resolved(served, collector(pre_queue_workflow_id="", post_queue_workflow_id="sample"))
    assert (found.inactive_reason, found.second_stage, found.workflow) == ("", True, None)


def test_nodes_come_in_running_order_with_the_positions_of_their_inputs() -> None:
    nodes = (
        WorkflowNode("join", "", "", "keep-a-tenth", inputs=("right", "left", "right")),
        WorkflowNode("left", "", "", "keep-a-tenth", suppress_output=True),
        WorkflowNode("right", "", "", "keep-a-tenth", inputs=("left",)),
    )
    found = resolved(workflow(*nodes)).workflow
    assert found is not None
    assert [(node.id, node.inputs, node.suppressed) for node in found.nodes] == [
        ("left", (), True),
        ("right", (0,), False),
        ("join", (1, 0), False),
    ]


def test_an_override_replaces_single_parameters_of_the_model() -> None:
    found = resolved(workflow(WorkflowNode("n", "", "", "keep-a-tenth", output_info_override='{"params":{"keep_fraction":0.5}}'))).workflow
    assert found is not None
    assert found.nodes[0].operator == RandomSample(0.5)


def test_an_override_that_makes_no_sense_is_named_with_its_field() -> None:
    reason = resolved(
        workflow(WorkflowNode("n", "", "", "keep-a-tenth", output_info_override='{"params":{"keep_fraction":7}}'))
    ).inactive_reason
    assert "workflow acme/quality/sample: node n: model acme/quality/keep-a-tenth: params.keep_fraction: " in reason


def test_a_knowledge_graph_is_looked_for_in_the_app_of_the_model() -> None:
    mapper = Model("dora", "graphs", "mapper", "concept-synonym-mapper", '{"params":{"knowledge_graph_id":"kg"}}')
    run = workflow(WorkflowNode("n", "dora", "graphs", "mapper"))
    assert resolved(run, mapper).inactive_reason == "workflow acme/quality/sample: node n: knowledge graph dora/graphs/kg does not exist"
    graph = KnowledgeGraph("dora", "graphs", "kg", (Relation("dog", "hyponym", "animal"),))
    assert resolved(run, mapper, graph).inactive_reason == ""
    assert resolved(run, mapper, replace(graph, user_id="acme", app_id="quality")).inactive_reason != ""


def test_operators_whose_fields_never_meet_are_told() -> None:
    regions = model("regions", "region-threshold", params={"value": 0.5})
    concepts = model("concepts", "concept-threshold", params={"value": 0.5})
    nodes = WorkflowNode("r", "", "", "regions"), WorkflowNode("c", "", "", "concepts", inputs=("r",))
    reason = resolved(regions, concepts, workflow(*nodes)).inactive_reason
    assert "node c: concept-threshold takes concepts, and r gives regions" in reason
    through = replace(nodes[0], model_id="keep-a-tenth"), nodes[1]
    assert resolved(concepts, workflow(*through)).inactive_reason == ""


def samplers(count: int) -> list[WorkflowNode]:
    return [WorkflowNode(f"s{i}", "", "", "keep-a-tenth") for i in range(count)]


def test_a_collector_has_at_most_sixteen_samplers_on_a_straight_path() -> None:
    chain = [replace(node, inputs=(f"s{i - 1}",) if i else ()) for i, node in enumerate(samplers(16))]
    assert resolved(workflow(*chain)).inactive_reason == ""
    assert "at most 16 samplers" in resolved(workflow(*chain), collector(pre_queue_random_sample=0.5)).inactive_reason


def test_a_workflow_that_branches_has_at_most_four_samplers() -> None:
    """Each one doubles the outcomes that an inclusion probability sums over, in every process and for all collectors."""
    assert resolved(workflow(*samplers(4))).inactive_reason == ""
    reason = resolved(workflow(*samplers(5))).inactive_reason
    assert "a workflow with branches has at most 4 samplers, this one 5: give it fewer" in reason


def test_outcomes_times_nodes_and_inputs_are_limited_where_a_workflow_branches() -> None:
    threshold = model("t", "max-probability", params={"value": 0.5})
    path = [WorkflowNode(f"t{i}", "", "", "t", inputs=(f"t{i - 1}",) if i else ("s0", "s1", "s2", "s3")) for i in range(29)]
    within = workflow(*samplers(4), *path[:28])  # 16 outcomes times 32 nodes and 31 inputs: 1,008
    assert resolved(threshold, within).inactive_reason == ""
    beyond = workflow(*samplers(4), *path)
    reason = resolved(threshold, beyond).inactive_reason
    assert "takes at most 1,024 steps, this one 1,040: 16 outcomes of its 4 samplers, times 33 nodes and 32 node_inputs" in reason


def test_an_inputs_topic_that_is_missing_makes_the_apps_collectors_inactive_until_it_is_there() -> None:
    catalog = Catalog(PLANS)
    catalog.apply(everything())
    for existing, reason in [(frozenset[str](), True), (frozenset({"inputs.acme.quality"}), False), (frozenset({"inputs.a.b"}), True)]:
        catalog.set_topics(existing)
        ((_, active, why),) = catalog.collector_states()
        assert active is not reason
        assert ("inputs topic inputs.acme.quality does not exist" in why) is reason


def test_obstacles_carry_the_field_and_the_code_of_the_contract() -> None:
    catalog = Catalog(PLANS)
    catalog.apply([change(collector(model_user_id="bob", paused=True))])
    source = "collector_source.api_post_model_outputs_collector_source"
    assert [(each.path, each.code) for each in catalog.obstacles("acme/quality/c")] == [
        ("status", 52002),
        ("app_id", 11102),
        (f"{source}.model_id", 21200),
        (f"{source}.post_inputs_key_id", 11009),
        ("pre_queue_workflow_id", 22102),
    ]


def test_a_knowledge_graph_that_leads_to_too_much_makes_collectors_inactive() -> None:
    mapper = model("mapper", "concept-synonym-mapper", params={"knowledge_graph_id": "kg"})
    graph = KnowledgeGraph("acme", "quality", "kg", tuple(Relation(f"c{i}", "hyponym", f"c{i + 1}") for i in range(1001)))
    run = workflow(WorkflowNode("n", "", "", "mapper"))
    assert "knowledge graph 'kg' is too large for a mapper: concept 'c0' leads to" in resolved(run, mapper, graph).inactive_reason
    assert resolved(run, mapper, replace(graph, relations=graph.relations[:-1])).inactive_reason == ""


def test_a_post_queue_workflow_has_so_many_samplers_at_most() -> None:
    def found(count: int) -> str:
        nodes = [WorkflowNode(f"n{i}", "", "", "keep-a-tenth", inputs=(f"n{i - 1}",) if i else ()) for i in range(count)]
        return resolved(collector(post_queue_workflow_id="many"), Workflow("acme", "quality", "many", tuple(nodes))).inactive_reason

    assert found(4) == ""
    assert found(5) == "workflow acme/quality/many: a post-queue workflow has at most 4 samplers, this one 5: give it fewer"
