"""What a call would write, what forbids it and what it warns of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from processor.catalog.plan import Result, plan_delete, plan_write
from processor.catalog.records import Collector, Kind
from processor.catalog.store import Catalog
from processor.documents import read_documents
from tests.support.documents import ACME, FIRST_COLLECTOR, change, collector, document, everything, source

if TYPE_CHECKING:
    from processor.catalog.plan import Plan

NOW = "2026-11-22T00:00:00Z"


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(("professional",))


def planned(catalog: Catalog, *documents: Any) -> Plan:
    found = read_documents([("f", b"\n---\n".join(orjson.dumps(each) for each in documents))])
    assert found.problems == []
    return plan_write(catalog, found.located, NOW)


def write(catalog: Catalog, *documents: Any) -> list[Result]:
    plan = planned(catalog, *documents)
    assert plan.problems == ()
    catalog.apply(plan.changes)
    return [each.result for each in plan.documents]


def collector_document(**fields: Any) -> dict[str, Any]:
    return document("Collector", id="c", collector_source=source(), pre_queue_workflow_id="sample", **fields)


def workflow_document(model_id: str = "keep-a-tenth", **node: Any) -> dict[str, Any]:
    return document("Workflow", id="sample", nodes=[{"id": "sampler", "model": {"id": model_id}, **node}])


def test_documents_are_created_then_unchanged_then_changed(catalog: Catalog) -> None:
    assert write(catalog, document("App")) == [Result.CREATED]
    assert write(catalog, document("App", collaborators=[])) == [Result.UNCHANGED]
    assert write(catalog, document("App", plan="free")) == [Result.CHANGED]
    assert planned(catalog, document("App", plan="free")).changes == []


def test_the_order_of_keys_in_parameters_is_no_change(catalog: Catalog) -> None:
    first = document("Model", model_type_id="t", output_info={"params": {"a": 1, "b": {"x": 1, "y": 2}}})
    second = document("Model", model_type_id="t", output_info={"params": {"b": {"y": 2, "x": 1}, "a": 1}})
    assert [*write(catalog, first), *write(catalog, second)] == [Result.CREATED, Result.UNCHANGED]


def test_created_at_is_set_once_whatever_a_document_says(catalog: Catalog) -> None:
    catalog.apply([change(replace(ACME, created_at="2020-01-01T00:00:00Z"))])
    plan = planned(catalog, document("App", id="quality", plan="free", created_at="1999"), document("App", id="new", created_at="1999"))
    assert [each.record.created_at for each in plan.documents] == ["2020-01-01T00:00:00Z", NOW]


@pytest.mark.parametrize(
    ("stored", "fields", "paused"),
    [
        (True, {}, True),
        (False, {}, False),
        (None, {}, False),
        (None, {"status": {"code": 52002}}, True),
        (False, {"status": {"code": 52002}}, True),
        (True, {"status": {"code": 52001}}, False),
        (True, {"status": {"code": 52002}, "status_reason": "app acme/quality does not exist"}, True),
        (False, {"status": {"code": 52002}, "status_reason": "app acme/quality does not exist"}, False),
    ],
)
def test_a_document_that_says_nothing_of_a_pause_keeps_the_stored_one(
    catalog: Catalog, stored: bool | None, fields: dict[str, Any], paused: bool
) -> None:
    if stored is not None:
        catalog.apply([change(collector(paused=stored))])
    record = planned(catalog, collector_document(**fields)).documents[0].record
    assert isinstance(record, Collector)
    assert record.paused is paused


def test_references_that_do_not_resolve_are_warnings_with_document_field_and_code(catalog: Catalog) -> None:
    warnings = planned(catalog, collector_document(), workflow_document()).warnings
    key = "collector_source.api_post_model_outputs_collector_source.post_inputs_key_id"
    assert [(each.document, each.path, each.code) for each in warnings] == [
        ("f#1 Collector acme/quality/c", "app_id", 11102),
        ("f#1 Collector acme/quality/c", key, 11009),
        ("f#1 Collector acme/quality/c", "pre_queue_workflow_id", 21200),
        ("f#2 Workflow acme/quality/sample", "nodes[0].model.id", 21200),
    ]


def test_references_within_a_call_resolve_whatever_their_order(catalog: Catalog) -> None:
    found = read_documents([("f", b"---\n".join(reversed(FIRST_COLLECTOR.split(b"---\n"))))])
    (warning,) = plan_write(catalog, found.located, NOW).warnings
    assert warning.message.startswith("key acme/quality/ingest does not exist")


def test_a_pause_that_was_asked_for_is_no_warning(catalog: Catalog) -> None:
    catalog.apply(everything())
    assert planned(catalog, collector_document(status={"code": 52002})).warnings == ()


def test_a_served_model_before_the_queue_is_refused_on_the_collector(catalog: Catalog) -> None:
    served = document("Model", id="keep-a-tenth", model_type_id="visual-classifier")
    ((where, path, code),) = [
        (each.document, each.path, each.code) for each in planned(catalog, served, workflow_document(), collector_document()).problems
    ]
    assert (where, path, code) == ("f#3 Collector acme/quality/c", "pre_queue_workflow_id", 22107)


def test_a_served_model_in_a_workflow_that_runs_before_the_queue_is_refused_on_the_workflow(catalog: Catalog) -> None:
    catalog.apply(everything())
    served = document("Model", id="faces", model_type_id="visual-classifier")
    (problem,) = planned(catalog, served, workflow_document("faces")).problems
    assert (problem.document, problem.path, problem.code) == ("f#2 Workflow acme/quality/sample", "nodes", 22107)
    assert "collector acme/quality/c runs it before the queue" in problem.message


def test_operators_that_do_not_chain_and_overrides_that_make_no_sense_are_refused(catalog: Catalog) -> None:
    regions = document("Model", id="r", model_type_id="region-threshold", output_info={"params": {"value": 0.5}})
    concepts = document("Model", id="c", model_type_id="concept-threshold", output_info={"params": {"value": 0.5}})
    nodes = [{"id": "a", "model": {"id": "r"}}, {"id": "b", "model": {"id": "c"}, "node_inputs": [{"node_id": "a"}]}]
    override = {"id": "a", "model": {"id": "r"}, "output_info_override": {"params": {"value": 5}}}
    plan = planned(catalog, regions, concepts, document("Workflow", id="w", nodes=nodes), document("Workflow", id="v", nodes=[override]))
    assert [(each.document, each.path, each.code) for each in plan.problems] == [
        ("f#3 Workflow acme/quality/w", "nodes[1].node_inputs", 22107),
        ("f#4 Workflow acme/quality/v", "nodes[0].output_info_override", 22107),
    ]


def test_collectors_that_would_stop_are_warned_of(catalog: Catalog) -> None:
    catalog.apply(everything(collector("other", paused=True)))
    (warning,) = planned(catalog, document("App", id="quality", plan="free")).warnings
    assert str(warning) == "Collector acme/quality/c: becomes INACTIVE: plan free does not include collectors; these do: professional"
    deletion, (same,) = plan_delete(catalog, Kind.APP, "acme/quality")
    assert (deletion.record, same.document) == (None, warning.document)
    assert plan_delete(catalog, Kind.COLLECTOR, "acme/quality/c")[1] == ()


def test_the_apps_of_all_collectors_in_a_call_are_named_changed_or_not(catalog: Catalog) -> None:
    write(catalog, collector_document())
    plan = planned(catalog, collector_document(), document("App"))
    assert (plan.apps, [each.result for each in plan.documents]) == ({("acme", "quality")}, [Result.UNCHANGED, Result.CREATED])


def test_planning_changes_nothing(catalog: Catalog) -> None:
    planned(catalog, collector_document(), workflow_document())
    assert (catalog.watchers, list(catalog.collector_states()), catalog.records(Kind.WORKFLOW)) == ({}, [], [])


def test_a_knowledge_graph_that_leads_to_too_much_is_refused(catalog: Catalog) -> None:
    relations = [{"subject_concept": {"id": f"c{i}"}, "predicate": "hyponym", "object_concept": {"id": f"c{i + 1}"}} for i in range(1001)]
    (problem,) = planned(catalog, document("KnowledgeGraph", id="kg", concept_relations=relations)).problems
    assert (problem.document, problem.path) == ("f#1 KnowledgeGraph acme/quality/kg", "concept_relations")
    assert "concept 'c0' leads to more than 1,000 others: take out relations" in problem.message
