"""Records to and from the values of the catalog topics, and to the documents that people read.

A value is a mapping under the names of ``schemas/*.avsc``, which are the contract's.
"""

from __future__ import annotations

from dataclasses import asdict
from sys import intern
from typing import TYPE_CHECKING, Any

import orjson

from processor.catalog.records import (
    App,
    Collector,
    Key,
    Kind,
    KnowledgeGraph,
    Model,
    ModelVersion,
    Record,
    Relation,
    SpentQuota,
    Workflow,
    WorkflowNode,
    kind_of,
)
from processor.codec.json_text import object_problem
from processor.limits.rules import Duplicates, Quota, Sameness
from processor.resources import COLLECTOR_INACTIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from processor.resources import AnyDocument

Value = dict[str, Any]


def from_value(kind: Kind, value: Mapping[str, Any]) -> Record:
    """The record of a value that its schema has accepted."""
    return _READ[kind](value)


def to_value(record: Record) -> Value:
    """The value of a record."""
    return _WRITE[kind_of(record)](record)


def from_document(document: AnyDocument) -> Record:
    """The record of a document, without what only the catalog knows: ``created_at`` and a stored pause."""
    value = document.model_dump()
    return from_value(Kind(document.kind), with_json_text(value) | {"created_at": "", "status": None})


def with_json_text(value: Value) -> Value:
    """A document's mapping as a value: free-form objects become JSON text, canonical, so that equal ones are equal."""
    if "output_info" in value:
        value = value | {"output_info": json_text(value["output_info"])}
    if "versions" in value:
        value = value | {"versions": [version | {"output_info": json_text(version["output_info"])} for version in value["versions"]]}
    if "nodes" in value:
        value = value | {"nodes": [node | {"output_info_override": json_text(node["output_info_override"])} for node in value["nodes"]]}
    return value


def json_text(value: Mapping[str, Any] | None) -> str | None:
    """Canonical JSON; None for nothing."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode() if value else None


def with_objects(kind: Kind, value: Mapping[str, Any]) -> Value:
    """The reverse of `with_json_text`, for the rules.

    Raises:
        ValueError: some text is no JSON object.
    """
    if kind is Kind.MODEL:
        versions = [version | {"output_info": json_object(version["output_info"])} for version in value["versions"]]
        return {**value, "output_info": json_object(value["output_info"]), "versions": versions}
    if kind is Kind.WORKFLOW:
        return {**value, "nodes": [node | {"output_info_override": json_object(node["output_info_override"])} for node in value["nodes"]]}
    return dict(value)


def json_object(text: str | None) -> dict[str, Any]:
    """The object of a JSON text; none is an empty one.

    Raises:
        ValueError: it is no JSON, no object, or nested so deep that whoever walks through it would run out of stack.
    """
    if not text:
        return {}
    if problem := object_problem(text):
        raise ValueError(f"the text of an object {problem}")
    value: dict[str, Any] = orjson.loads(text)
    return value


def to_document(record: Record) -> Value:
    """The document of a record as a person would write it: what is left at its default is left out. No key's hash."""
    value = with_objects(kind_of(record), to_value(record))
    value.pop("sha256", None)
    if value.get("queue_shards") == 1:
        del value["queue_shards"]
    bare: Value = _bare(value)
    return {"kind": kind_of(record).value} | bare


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: item if name in _FREE else _bare(item) for name, item in value.items() if not _is_default(item)}
    return [_bare(item) for item in value] if isinstance(value, list) else value


_FREE = frozenset({"output_info", "output_info_override"})  # what stands below is the model's own: null and false mean something there


def _is_default(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {}, "PRIVATE")


def _texts(values: list[str]) -> tuple[str, ...]:
    return tuple(map(intern, values))


def _ids(value: Mapping[str, Any]) -> tuple[str, str, str]:
    return intern(value["user_id"]), intern(value["app_id"]), value["id"]


def _head(record: App | Collector | Key | KnowledgeGraph | Model | Workflow) -> Value:
    """What every value has."""
    app = {} if isinstance(record, App) else {"app_id": record.app_id}
    return {"user_id": record.user_id, **app, "id": record.id, "description": record.description, "created_at": record.created_at}


def _version(value: Mapping[str, Any]) -> str:
    version = value["model_version"]
    return version["id"] if version else ""


def _version_value(version_id: str) -> Value | None:
    return {"id": version_id} if version_id else None


def _read_app(value: Mapping[str, Any]) -> App:
    return App(
        intern(value["user_id"]),
        value["id"],
        intern(value["plan"]),
        _texts(value["collaborators"]),
        intern(value["destination_url"]),
        value["description"],
        value["created_at"],
    )


def _write_app(app: App) -> Value:
    return _head(app) | {
        "plan": app.plan,
        "collaborators": list(app.collaborators),
        "destination_url": app.destination_url,
    }


def _read_model(value: Mapping[str, Any]) -> Model:
    return Model(
        *_ids(value),
        intern(value["model_type_id"]),
        value["output_info"] or "",
        intern(value["visibility"]),
        value["endpoint"],
        _version(value),
        value["name"],
        tuple(_read_version(version) for version in value["versions"]),
        value["description"],
        value["created_at"],
    )


def _read_version(value: Mapping[str, Any]) -> ModelVersion:
    return ModelVersion(value["id"], value["output_info"] or "", value["description"], value["created_at"])


def _write_version(version: ModelVersion) -> Value:
    return {
        "id": version.id,
        "description": version.description,
        "output_info": version.output_info or None,
        "created_at": version.created_at,
    }


def _write_model(model: Model) -> Value:
    return _head(model) | {
        "model_type_id": model.model_type_id,
        "output_info": model.output_info or None,
        "visibility": model.visibility,
        "endpoint": model.endpoint,
        "model_version": _version_value(model.model_version_id),
        "name": model.name,
        "versions": [_write_version(version) for version in model.versions],
    }


def _read_workflow(value: Mapping[str, Any]) -> Workflow:
    return Workflow(*_ids(value), tuple(_read_node(node) for node in value["nodes"]), value["description"], value["created_at"])


def _read_node(node: Mapping[str, Any]) -> WorkflowNode:
    model = node["model"]
    return WorkflowNode(
        intern(node["id"]),
        intern(model["user_id"]),
        intern(model["app_id"]),
        intern(model["id"]),
        _version(model),
        _texts([given["node_id"] for given in node["node_inputs"]]),
        node["suppress_output"],
        node["output_info_override"] or "",
    )


def _write_workflow(workflow: Workflow) -> Value:
    return _head(workflow) | {
        "nodes": [_write_node(node) for node in workflow.nodes],
    }


def _write_node(node: WorkflowNode) -> Value:
    model = {
        "user_id": node.model_user_id,
        "app_id": node.model_app_id,
        "id": node.model_id,
        "model_version": _version_value(node.model_version_id),
    }
    return {
        "id": node.id,
        "model": model,
        "node_inputs": [{"node_id": name} for name in node.inputs],
        "suppress_output": node.suppress_output,
        "output_info_override": node.output_info_override or None,
    }


def _read_knowledge_graph(value: Mapping[str, Any]) -> KnowledgeGraph:
    relations = tuple(
        Relation(
            intern(relation["subject_concept"]["id"]),
            intern(relation["predicate"]),
            intern(relation["object_concept"]["id"]),
            relation["object_concept"]["name"],
            relation["subject_concept"]["name"],
        )
        for relation in value["concept_relations"]
    )
    return KnowledgeGraph(*_ids(value), relations, value["description"], value["created_at"])


def _write_knowledge_graph(graph: KnowledgeGraph) -> Value:
    relations = [
        {
            "subject_concept": {"id": relation.subject_id, "name": relation.subject_name},
            "predicate": relation.predicate,
            "object_concept": {"id": relation.object_id, "name": relation.object_name},
        }
        for relation in graph.relations
    ]
    return _head(graph) | {
        "concept_relations": relations,
    }


def _read_collector(value: Mapping[str, Any]) -> Collector:
    source = value["collector_source"]["api_post_model_outputs_collector_source"]
    if source is None:
        raise ValueError("collector_source names no source that this version knows")
    status = value["status"]
    return Collector(
        *_ids(value),
        description=value["description"],
        pre_queue_workflow_id=intern(value["pre_queue_workflow_id"]),
        pre_queue_random_sample=value["pre_queue_random_sample"],
        post_queue_workflow_id=intern(value["post_queue_workflow_id"]),
        model_user_id=intern(source["model_user_id"]),
        model_app_id=intern(source["model_app_id"]),
        model_id=intern(source["model_id"]),
        model_version_id=intern(source["model_version_id"]),
        post_inputs_key_id=intern(source["post_inputs_key_id"]),
        caller_user_id=intern(source["caller_user_id"]),
        paused=bool(status) and status["code"] == COLLECTOR_INACTIVE,
        collect_outputs=value["collect_outputs"],
        quota=Quota(**value["quota"]) if value["quota"] else None,
        duplicates=_read_duplicates(value["duplicates"]) if value["duplicates"] else None,
        queue_shards=value["queue_shards"],
        tags=_texts(value["tags"]),
        dataset_ids=_texts(value["dataset_ids"]),
        created_at=value["created_at"],
    )


def _write_collector(collector: Collector) -> Value:
    source = {
        "model_user_id": collector.model_user_id,
        "model_app_id": collector.model_app_id,
        "model_id": collector.model_id,
        "model_version_id": collector.model_version_id,
        "post_inputs_key_id": collector.post_inputs_key_id,
        "caller_user_id": collector.caller_user_id,
    }
    return _head(collector) | {
        "pre_queue_workflow_id": collector.pre_queue_workflow_id,
        "pre_queue_random_sample": collector.pre_queue_random_sample,
        "post_queue_workflow_id": collector.post_queue_workflow_id,
        "collector_source": {"api_post_model_outputs_collector_source": source},
        "status": {"code": COLLECTOR_INACTIVE, "description": ""} if collector.paused else None,
        "collect_outputs": collector.collect_outputs,
        "quota": asdict(collector.quota) if collector.quota else None,
        "duplicates": asdict(collector.duplicates) | {"by": sorted(collector.duplicates.by)} if collector.duplicates else None,
        "queue_shards": collector.queue_shards,
        "tags": list(collector.tags),
        "dataset_ids": list(collector.dataset_ids),
    }


def _read_duplicates(value: Mapping[str, Any]) -> Duplicates:
    return Duplicates(**{**value, "by": frozenset(map(Sameness, value["by"]))})


def _read_key(value: Mapping[str, Any]) -> Key:
    return Key(*_ids(value), _texts(value["scopes"]), value["sha256"], value["description"], value["created_at"])


def _write_key(key: Key) -> Value:
    return _head(key) | {
        "scopes": list(key.scopes),
        "sha256": key.sha256,
    }


def _read_spent_quota(value: Mapping[str, Any]) -> SpentQuota:
    return SpentQuota(*_ids(value), value["total"])


def _write_spent_quota(spent: SpentQuota) -> Value:
    return {"user_id": spent.user_id, "app_id": spent.app_id, "id": spent.id, "total": spent.total}


_READ: Mapping[Kind, Callable[[Mapping[str, Any]], Record]] = {
    Kind.APP: _read_app,
    Kind.COLLECTOR: _read_collector,
    Kind.KEY: _read_key,
    Kind.KNOWLEDGE_GRAPH: _read_knowledge_graph,
    Kind.MODEL: _read_model,
    Kind.SPENT_QUOTA: _read_spent_quota,
    Kind.WORKFLOW: _read_workflow,
}
_WRITE: Mapping[Kind, Callable[[Any], Value]] = {
    Kind.APP: _write_app,
    Kind.COLLECTOR: _write_collector,
    Kind.KEY: _write_key,
    Kind.KNOWLEDGE_GRAPH: _write_knowledge_graph,
    Kind.MODEL: _write_model,
    Kind.SPENT_QUOTA: _write_spent_quota,
    Kind.WORKFLOW: _write_workflow,
}
