"""What the catalog keeps of every document: light, frozen, interned.

``output_info`` and ``output_info_override`` travel as JSON text and are kept so: they are parsed when a workflow is
resolved, not when it is stored.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, fields
from enum import StrEnum
from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeVar, cast

from processor.topics import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from processor.limits.rules import Duplicates, Quota

T = TypeVar("T")


class Kind(StrEnum):
    """The kinds of documents, as they are written."""

    APP = "App"
    COLLECTOR = "Collector"
    KEY = "Key"
    KNOWLEDGE_GRAPH = "KnowledgeGraph"
    MODEL = "Model"
    SPENT_QUOTA = "SpentQuota"
    WORKFLOW = "Workflow"


# What people write; the others are said by the system itself.
DOCUMENT_KINDS = tuple(kind for kind in Kind if kind is not Kind.SPENT_QUOTA)
TOPICS: Mapping[Kind, str] = {
    Kind.APP: names.APPS,
    Kind.COLLECTOR: names.COLLECTORS,
    Kind.KEY: names.KEYS,
    Kind.KNOWLEDGE_GRAPH: names.KNOWLEDGE_GRAPHS,
    Kind.MODEL: names.MODELS,
    Kind.SPENT_QUOTA: names.SPENT_QUOTAS,
    Kind.WORKFLOW: names.WORKFLOWS,
}
SCHEMAS: Mapping[Kind, str] = {
    Kind.APP: "app",
    Kind.COLLECTOR: "collector",
    Kind.KEY: "key",
    Kind.KNOWLEDGE_GRAPH: "knowledge_graph",
    Kind.MODEL: "model",
    Kind.SPENT_QUOTA: "spent_quota",
    Kind.WORKFLOW: "workflow",
}


@dataclass(frozen=True, slots=True)
class App:
    """An app: who owns it is in its key."""

    user_id: str
    id: str
    plan: str = ""
    collaborators: tuple[str, ...] = ()
    destination_url: str = ""
    description: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """An older version of a model; ``output_info`` is JSON text."""

    id: str
    output_info: str = ""
    description: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """A model in its newest version, with the older ones; ``output_info`` is JSON text."""

    user_id: str
    app_id: str
    id: str
    model_type_id: str = ""
    output_info: str = ""
    visibility: str = "PRIVATE"
    endpoint: str = ""
    model_version_id: str = ""
    name: str = ""
    versions: tuple[ModelVersion, ...] = ()
    description: str = ""
    created_at: str = ""

    def output_info_of(self, version_id: str) -> str | None:
        """The ``output_info`` of a version, blank for the newest; None: there is no such version."""
        if version_id in {"", self.model_version_id}:
            return self.output_info
        return next((version.output_info for version in self.versions if version.id == version_id), None)


@dataclass(frozen=True, slots=True)
class WorkflowNode:
    """One node; blank parts of the model reference are still blank, ``output_info_override`` is JSON text."""

    id: str
    model_user_id: str
    model_app_id: str
    model_id: str
    model_version_id: str = ""
    inputs: tuple[str, ...] = ()
    suppress_output: bool = False
    output_info_override: str = ""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow as it was written."""

    user_id: str
    app_id: str
    id: str
    nodes: tuple[WorkflowNode, ...] = ()
    description: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation of a knowledge graph."""

    subject_id: str
    predicate: str
    object_id: str
    object_name: str = ""
    subject_name: str = ""


@dataclass(frozen=True, slots=True)
class KnowledgeGraph:
    """A knowledge graph as it was written."""

    user_id: str
    app_id: str
    id: str
    relations: tuple[Relation, ...] = ()
    description: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Collector:
    """A collector as it was written; ``paused`` is a person's pause, never anything computed."""

    user_id: str
    app_id: str
    id: str
    description: str = ""
    pre_queue_workflow_id: str = ""
    pre_queue_random_sample: float | None = None
    post_queue_workflow_id: str = ""
    model_user_id: str = ""
    model_app_id: str = ""
    model_id: str = ""
    model_version_id: str = ""
    post_inputs_key_id: str = ""
    caller_user_id: str = ""
    paused: bool = False
    collect_outputs: bool = False
    quota: Quota | None = None
    duplicates: Duplicates | None = None
    queue_shards: int = 1
    tags: tuple[str, ...] = ()
    dataset_ids: tuple[str, ...] = ()
    created_at: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A key: the SHA-256 of its secret in hex, and what it may do. Without an app it is a personal access token."""

    user_id: str
    app_id: str
    id: str
    scopes: tuple[str, ...] = ()
    sha256: str = ""
    description: str = ""
    created_at: str = ""

    def __repr__(self) -> str:
        """Without the hash: a log is no place for it."""
        return f"Key({record_key(self)}, scopes={self.scopes})"


@dataclass(frozen=True, slots=True)
class SpentQuota:
    """A collector has collected as many inputs as its quota had in total; the second stage says so."""

    user_id: str
    app_id: str
    id: str
    total: int = 0
    created_at: str = ""


Record = App | Collector | Key | KnowledgeGraph | Model | SpentQuota | Workflow
Ref = tuple[str, Any]


def record_key(record: Record) -> str:
    """The key of a record in its topic."""
    return f"{record.user_id}/{record.id}" if isinstance(record, App) else f"{record.user_id}/{record.app_id}/{record.id}"


def kind_of(record: Record) -> Kind:
    """The kind of a record: its class is named so."""
    return Kind(type(record).__name__)


def key_parts(kind: Kind) -> int:
    """How many ids a key of this kind has."""
    return 2 if kind is Kind.APP else 3


def made_of(kind: type[T], count: int, columns: Mapping[str, Iterable[Any]]) -> list[T]:
    """Frozen instances by column, in a fifth of the time that their class takes to make them one by one.

    Args:
        kind: a dataclass with slots.
        count: how many.
        columns: the values of every field.

    Raises:
        TypeError: a field is missing, or there is no such field.
    """
    if columns.keys() != (names := {field.name for field in fields(cast("Any", kind))}):
        raise TypeError(f"{kind.__name__} has {sorted(names)}, not {sorted(columns)}")
    made = list(map(kind.__new__, repeat(kind, count)))
    for name, values in columns.items():
        deque(map(getattr(kind, name).__set__, made, values), maxlen=0)
    return made
