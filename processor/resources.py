"""The documents people write: App, Model, Workflow, KnowledgeGraph, Collector. Parsed once, at the edge.

Field names are the public contract's own JSON names, so an API body can be applied as a file. What a single field may
hold stands here; rules over several fields stand in `processor.catalog.rules`, which checks catalog records as well.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
ID_LENGTH_MAX = 80  # three of them and their separators fit a file name, two an inputs topic
TEXT_LENGTH_MAX = 10_000
VERSIONS_MAX = 1_000
NODES_MAX = 64
RELATIONS_MAX = 100_000
FIELDS_MAX = 32  # twice what the largest part has
PORTION = 1_000
WINDOW_COUNT_MAX = 100_000
QUEUE_SHARDS_MAX = 64
TAGS_MAX = 32
DATASETS_MAX = 32
TAG_PATTERN = re.compile(r"[A-Za-z0-9_.:/@<>{}[\]-]{1,64}")  # what labelling tools take as well
WINDOW_SECONDS_MAX = 31 * 86_400

COLLECTOR_ACTIVE = 52001
COLLECTOR_INACTIVE = 52002
PAUSED = "paused"
INVALID_REQUEST = 11102

UNIQUE: dict[str, Any] = {"uniqueItems": True}

POST_INPUTS = "PostInputs"
POST_INPUTS_SCOPES = (
    "Annotations_Add",
    "Annotations_Get",
    "Apps_Get",
    "Concepts_Get",
    "Inputs_Add",
    "Inputs_Get",
    "Models_Get",
    "Predict",
    "Workflows_Get",
)
_SCOPED = ("Annotations", "Apps", "Collectors", "Concepts", "Inputs", "Keys", "KnowledgeGraphs", "Models", "Workflows")
SCOPES = frozenset({POST_INPUTS, "Predict", *(f"{what}_{verb}" for what in _SCOPED for verb in ("Add", "Get", "Delete"))})


def id_problem(text: str) -> str:
    """Why this is no id; empty when it is one."""
    if not ID_PATTERN.fullmatch(text):
        return "an id starts with a letter or digit and goes on with letters, digits, '_' and '-'"
    if len(text) > ID_LENGTH_MAX:
        return f"an id has at most {ID_LENGTH_MAX} characters, this one {len(text)}"
    return ""


def _id(text: str) -> str:
    if problem := id_problem(text):
        raise PydanticCustomError("rule", "{problem}", {"problem": problem})
    return text


def _id_or_blank(text: str) -> str:
    return _id(text) if text else text


def _url_or_blank(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if text and (parts.scheme not in {"http", "https"} or not parts.netloc):
        raise PydanticCustomError("rule", "a URL starting with http:// or https:// is wanted")
    return text


def _tag(text: str) -> str:
    if not TAG_PATTERN.fullmatch(text):
        raise PydanticCustomError("rule", "{problem}", {"problem": "a tag is 1 to 64 letters, digits and any of -_.:/@<>{}[]"})
    return text


Count = Annotated[int, Field(ge=1, le=1 << 53)]
Id = Annotated[
    str, AfterValidator(_id), WithJsonSchema({"type": "string", "pattern": f"^{ID_PATTERN.pattern}$", "maxLength": ID_LENGTH_MAX})
]
OptionalId = Annotated[
    str,
    AfterValidator(_id_or_blank),
    WithJsonSchema({"type": "string", "pattern": f"^({ID_PATTERN.pattern})?$", "maxLength": ID_LENGTH_MAX}),
]
Tag = Annotated[str, AfterValidator(_tag), WithJsonSchema({"type": "string", "pattern": f"^{TAG_PATTERN.pattern}$"})]
Text = Annotated[str, Field(max_length=TEXT_LENGTH_MAX)]
Url = Annotated[Text, AfterValidator(_url_or_blank)]


def _gettable(given: Any) -> Any:
    """The contract's own form too: ``{gettable: PUBLIC}``, by name or by number."""
    if not isinstance(given, dict) or given.keys() != {"gettable"}:
        return given
    value = given["gettable"]
    return GETTABLE.get(value, value) if isinstance(value, int) and not isinstance(value, bool) else value


GETTABLE = {10: "PRIVATE", 50: "PUBLIC"}
Visibility = Annotated[Literal["PRIVATE", "PUBLIC"], BeforeValidator(_gettable)]


class Part(BaseModel):
    """A piece of a document: nothing unknown, nothing converted; a null is a field left out, as in proto3 JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        if len(given) > FIELDS_MAX:
            raise PydanticCustomError("rule", "{count} fields, and none has more than {most}", {"count": len(given), "most": FIELDS_MAX})
        return {name: value for name, value in given.items() if value is not None}


class Document(Part):
    """What identifies every document. ``created_at`` is read and ignored: the catalog keeps the time of the first write."""

    keyed_by: ClassVar[tuple[str, ...]] = ("user_id", "app_id", "id")

    user_id: Id
    id: Id
    description: Text = ""
    created_at: str = ""

    @property
    def key(self) -> str:
        """The catalog key: ``user/app/id``, ``user/id`` for an app."""
        return "/".join(getattr(self, name) for name in self.keyed_by)


class App(Document):
    """Who owns an app, what it pays for, who works on it, where its inputs are posted."""

    keyed_by: ClassVar[tuple[str, ...]] = ("user_id", "id")

    kind: Literal["App"]
    plan: OptionalId = ""
    collaborators: list[Id] = Field([], max_length=10_000)
    destination_url: Url = ""


class VersionRef(Part):
    """One version of a model; blank is the newest."""

    id: OptionalId = ""


class ModelVersion(Part):
    """An older version of a model."""

    id: Id
    description: Text = ""
    output_info: dict[str, Any] = {}
    created_at: str = ""


class Model(Document):
    """A model: an operator with its parameters, or one served elsewhere; older versions stay for workflows that name them."""

    kind: Literal["Model"]
    app_id: Id
    model_type_id: Id
    output_info: dict[str, Any] = {}
    visibility: Visibility = "PRIVATE"
    endpoint: Text = ""
    model_version: VersionRef | None = None
    name: Text = ""
    versions: list[ModelVersion] = Field([], max_length=VERSIONS_MAX)


class NodeModel(Part):
    """Which model a node runs; a blank user or app is the workflow's own."""

    user_id: OptionalId = ""
    app_id: OptionalId = ""
    id: Id
    model_version: VersionRef | None = None


class NodeInput(Part):
    """A node that feeds this one."""

    node_id: Id


class WorkflowNode(Part):
    """One node: a model, run on the workflow's input or on other nodes' outputs."""

    id: Id
    model: NodeModel
    node_inputs: list[NodeInput] = Field([], max_length=NODES_MAX)
    suppress_output: bool = False
    output_info_override: dict[str, Any] = {}


class Workflow(Document):
    """A graph of models."""

    kind: Literal["Workflow"]
    app_id: Id
    nodes: list[WorkflowNode] = Field(max_length=NODES_MAX)


class ConceptRef(Part):
    """A concept by id; concept ids are free text."""

    id: Annotated[str, Field(min_length=1, max_length=TEXT_LENGTH_MAX)]
    name: Text = ""


class ConceptRelation(Part):
    """Subject is a <predicate> of object."""

    subject_concept: ConceptRef
    predicate: Literal["synonym", "hypernym", "hyponym"]
    object_concept: ConceptRef


def _in_portions(given: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Look at a long list up to the first portion with something wrong in it, so that what is wrong has an end."""
    if not isinstance(given, list) or not PORTION < len(given) <= RELATIONS_MAX:
        return validate(given)
    found: list[Any] = []
    for start in range(0, len(given), PORTION):
        try:
            found += validate(given[start : start + PORTION])
        except ValidationError as error:
            raise _moved(error, start) from None
    return found


def _moved(error: ValidationError, by: int) -> ValidationError:
    """The same problems of a portion, at their places in the whole list."""
    moved = [
        InitErrorDetails(
            type=_type_of(each), loc=(int(each["loc"][0]) + by, *each["loc"][1:]), input=each["input"], ctx=each.get("ctx", {})
        )
        for each in error.errors(include_url=False)
    ]
    return ValidationError.from_exception_data(error.title, moved)


def _type_of(detail: ErrorDetails) -> str | PydanticCustomError:
    return PydanticCustomError("rule", "{problem}", {"problem": detail["msg"]}) if detail["type"] == "rule" else detail["type"]


class KnowledgeGraph(Document):
    """How the concepts of one model relate to another's."""

    kind: Literal["KnowledgeGraph"]
    app_id: Id
    concept_relations: Annotated[list[ConceptRelation], WrapValidator(_in_portions)] = Field([], max_length=RELATIONS_MAX)


class ModelOutputsSource(Part):
    """Whose calls of which model are watched, and the key their inputs are posted with."""

    model_user_id: Id
    model_app_id: Id
    model_id: Id
    model_version_id: OptionalId = ""
    post_inputs_key_id: Id
    caller_user_id: OptionalId = ""


class CollectorSource(Part):
    """Exactly one source; the contract knows one sort."""

    api_post_model_outputs_collector_source: ModelOutputsSource


class Status(Part):
    """The contract's status; a pause is code 52002."""

    code: Literal[52001, 52002]
    description: str = ""
    details: str = ""


class Quota(Part):
    """How many inputs a collector collects in each window of UTC, and ever."""

    per_minute: Count | None = None
    per_hour: Count | None = None
    per_day: Count | None = None
    total: Count | None = None


class Duplicates(Part):
    """What is left because it, or its like, was collected before."""

    by: list[Literal["input_id", "content", "image", "text"]] = Field(min_length=1, max_length=4)
    window_count: int = Field(10_000, ge=1, le=WINDOW_COUNT_MAX)
    window_seconds: int = Field(86_400, ge=1, le=WINDOW_SECONDS_MAX)
    image_distance: int = Field(4, ge=0, le=16)
    text_similarity: float = Field(0.8, ge=0, le=1)


class Collector(Document):
    """What to collect, of which model's predictions."""

    kind: Literal["Collector"]
    app_id: Id
    pre_queue_workflow_id: OptionalId = ""
    pre_queue_random_sample: float | None = None
    post_queue_workflow_id: OptionalId = ""
    collector_source: CollectorSource
    status: Status | None = None
    status_reason: str = ""
    collect_outputs: bool = False
    quota: Quota | None = None
    duplicates: Duplicates | None = None
    queue_shards: int = Field(1, ge=1, le=QUEUE_SHARDS_MAX)
    tags: Annotated[list[Tag], Field(max_length=TAGS_MAX, json_schema_extra=UNIQUE)] = []
    dataset_ids: Annotated[list[Id], Field(max_length=DATASETS_MAX, json_schema_extra=UNIQUE)] = []

    @property
    def pause(self) -> bool | None:
        """Whether the document asks for a pause; None when it says nothing, and what is stored stays.

        A document as `collectors get` prints it carries the computed status. Only ``paused`` among its reasons is a
        pause: what was computed is never written back.
        """
        if self.status is None:
            return None
        if self.status.code == COLLECTOR_ACTIVE:
            return False
        reasons = (self.status_reason or self.status.details).split("; ")
        return True if reasons == [""] or PAUSED in reasons else None


AnyDocument = App | Model | Workflow | KnowledgeGraph | Collector
DOCUMENTS: dict[str, type[AnyDocument]] = {
    "App": App,
    "Collector": Collector,
    "KnowledgeGraph": KnowledgeGraph,
    "Model": Model,
    "Workflow": Workflow,
}
PARTS: tuple[type[Part], ...] = (
    CollectorSource,
    ConceptRef,
    ConceptRelation,
    Duplicates,
    ModelOutputsSource,
    ModelVersion,
    NodeInput,
    NodeModel,
    Quota,
    Status,
    VersionRef,
    WorkflowNode,
)
