"""Documents for tests: the smallest that are right, and a set in which everything refers to everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processor.catalog.changes import Change
from processor.catalog.records import App, Collector, Key, Model, Workflow, WorkflowNode, kind_of, record_key

if TYPE_CHECKING:
    from processor.catalog.records import Record

FIRST_COLLECTOR = b"""
kind: App
user_id: acme
id: quality
plan: professional
---
kind: Model
user_id: acme
app_id: quality
id: keep-a-tenth
model_type_id: random-sample
output_info: {params: {keep_fraction: 0.1}}
---
kind: Workflow
user_id: acme
app_id: quality
id: sample
nodes:
- id: sampler
  model: {user_id: acme, app_id: quality, id: keep-a-tenth}
---
kind: Collector
user_id: acme
app_id: quality
id: a-tenth-of-general
description: One in ten calls of the public General model
pre_queue_workflow_id: sample
collector_source:
  api_post_model_outputs_collector_source:
    {model_user_id: clarifai, model_app_id: main, model_id: general-image-recognition, post_inputs_key_id: ingest, caller_user_id: ""}
"""
FIRST_KEY = "acme/quality/a-tenth-of-general"

ACME = App("acme", "quality", plan="professional")
INGEST = Key("acme", "quality", "ingest", scopes=("PostInputs",), sha256="00")
TENTH = Model("acme", "quality", "keep-a-tenth", "random-sample", '{"params":{"keep_fraction":0.1}}')
SAMPLE = Workflow("acme", "quality", "sample", (WorkflowNode("sampler", "", "", "keep-a-tenth"),))
GENERAL = "clarifai/main/general-image-recognition"


def collector(collector_id: str = "c", **fields: Any) -> Collector:
    """A collector of the public General model that runs the workflow ``sample``."""
    source = {"model_user_id": "clarifai", "model_app_id": "main", "model_id": "general-image-recognition", "post_inputs_key_id": "ingest"}
    given = {"pre_queue_workflow_id": "sample"} | source | fields
    return Collector("acme", "quality", collector_id, **given)


def change(record: Record, changeset: str = "") -> Change:
    """The change that writes a record."""
    return Change(kind_of(record), record_key(record), record, changeset)


def gone(record: Record) -> Change:
    """The change that deletes it."""
    return Change(kind_of(record), record_key(record), None)


def everything(*others: Record) -> list[Change]:
    """What one active collector needs, and more."""
    return [change(record) for record in (ACME, INGEST, TENTH, SAMPLE, collector(), *others)]


def document(kind: str, **fields: Any) -> dict[str, Any]:
    """A document with the ids that are not the point."""
    app = {} if kind == "App" else {"app_id": "quality"}
    return {"kind": kind, "user_id": "acme", **app, "id": "x", **fields}


def source(**fields: Any) -> dict[str, Any]:
    """``collector_source`` of the public General model."""
    given = {"model_user_id": "clarifai", "model_app_id": "main", "model_id": "general-image-recognition", "post_inputs_key_id": "ingest"}
    return {"api_post_model_outputs_collector_source": given | fields}
