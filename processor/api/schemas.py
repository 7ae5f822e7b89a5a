"""JSON Schemas of what the calls take and what they give, made of the documents' own types, so that they cannot say anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processor.api.keys import PASSED_OVER
from processor.api.proto_json import SAID_OF_A_MODEL, STATUS_NAMES, VERSION_FIELDS, VERSION_SAID
from processor.api.versions import PASSED_OVER as VERSION_PASSED_OVER
from processor.api.versions import VERSION
from processor.catalog.records import Kind
from processor.resources import DOCUMENTS, GETTABLE, ID_LENGTH_MAX, ID_PATTERN, SCOPES, TEXT_LENGTH_MAX
from processor.rest.status import DETAILS_MAX, Code

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from processor.api.kinds import Resource

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/"
ANYTHING: Schema = {}
ID: Schema = {"type": "string", "pattern": f"^{ID_PATTERN.pattern}$", "maxLength": ID_LENGTH_MAX}
OPTIONAL_ID: Schema = {"type": "string", "pattern": f"^({ID_PATTERN.pattern})?$", "maxLength": ID_LENGTH_MAX}
TEXT: Schema = {"type": "string", "maxLength": TEXT_LENGTH_MAX}
OBJECT: Schema = {"type": "object"}
OPERATORS_OWN = ("plan", "destination_url")
# What only answers say; whoever sends back what was read may send it too.
OF_ANSWERS = ("created_at", "modified_at", "status_reason")


def ref(name: str) -> Schema:
    """A named schema."""
    return {"$ref": REFERENCE + name}


def array(items: Schema, **limits: int) -> Schema:
    """A list."""
    return {"type": "array", "items": items, **limits}


def closed(properties: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    """An object that has no other fields than these."""
    return {"type": "object", "properties": dict(properties), "required": sorted(required), "additionalProperties": False}


def sent(resource: Resource, *, patch: bool) -> Schema:
    """One item of a body."""
    return ref("ModelVersionSent" if resource is VERSION else f"{resource.kind}{'Change' if patch else ''}")


def shown(resource: Resource) -> Schema:
    """One item of an answer."""
    return ref("ModelVersionShown" if resource is VERSION else f"{resource.kind}Shown")


def named_schemas() -> Schema:
    """All that the others refer to."""
    found: Schema = {
        "AnswerStatus": closed(_STATUS | {"req_id": {"type": "string"}}, ("code", "description", "req_id")),
        "ItemStatus": closed(_STATUS, ("code", "description")),
        "Refusal": closed({"id": {"type": "string"}, "status": ref("ItemStatus")}, ("status",)),
        "Gettable": closed({"gettable": {"enum": list(GETTABLE.values())}}, ("gettable",)),
        "ModelVersionSent": closed(nullable(_VERSION | dict.fromkeys(VERSION_PASSED_OVER, ANYTHING))),
        "ModelVersionShown": closed(_VERSION | _PLACED | _SHOWN | {"visibility": ref("Gettable")}, ("status",)),
        "Key": closed(nullable(_KEY | dict.fromkeys(PASSED_OVER, ANYTHING), ("scopes",)), ("scopes",)),
        "KeyShown": closed(_KEY | _SHOWN | {"apps": array(closed(_PLACED | {"id": ID})), "secret": {"type": "string"}}, ("id", "status")),
    }
    for kind in map(Kind, DOCUMENTS):
        found |= _of_kind(kind)
    return found


def _of_kind(kind: Kind) -> Schema:
    """A document as it is sent, as it is changed, as it is shown; and its parts."""
    schema = DOCUMENTS[kind].model_json_schema(ref_template=REFERENCE + "{model}")
    parts = {name: _part(name, part) for name, part in schema.pop("$defs", {}).items()}
    required = {*schema["required"]} - {"kind", "user_id", "app_id"}
    fields = {name: field for name, field in _untitled(schema["properties"]).items() if name not in OF_ANSWERS}
    fields |= {"kind": {"const": kind.value}}
    given = (
        fields
        | {name: {"type": "string"} for name in ("user_id", "app_id") if name in fields}
        | _SENT.get(kind, {"status": ANYTHING})
        | _ANSWERED
    )
    given = {name: field for name, field in given.items() if kind is not Kind.APP or name not in OPERATORS_OWN}
    answered = {name: field for name, field in fields.items() if name not in {"kind", "versions"}} | _SHOWN | _ANSWERS.get(kind, {})
    text = {"description": schema["description"]}
    return {
        **parts,
        kind.value: closed(nullable(given, required), required) | text,
        f"{kind}Change": closed(nullable(given, ("id",)), ("id",)) | text,
        f"{kind}Shown": closed(answered, ("id", "status")) | text,
    }


def _part(name: str, part: Schema) -> Schema:
    properties, required = _untitled(part["properties"]), part.get("required", [])
    if name == "NodeModel":
        properties |= dict.fromkeys(SAID_OF_A_MODEL, ANYTHING) | {"model_version": _NODE_VERSION}
    return closed(nullable(properties, required), required) | {"description": part["description"]}


def nullable(properties: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    """Fields of proto3 JSON: a null is a field left out, so it may stand wherever nothing has to."""
    return {name: schema if name in required or not schema else _or_null(schema) for name, schema in properties.items()}


def _or_null(schema: Schema) -> Schema:
    options = schema.get("anyOf", [schema])
    return schema if {"type": "null"} in options else {"anyOf": [*options, {"type": "null"}]}


def _untitled(properties: Mapping[str, Schema]) -> Schema:
    return {name: {key: value for key, value in schema.items() if key != "title"} for name, schema in properties.items()}


_STATUS: Schema = {
    "code": {"type": "integer", "enum": [int(code) for code in Code]},
    "description": {"type": "string", "enum": sorted({code.words for code in Code})},
    "details": {"type": "string", "maxLength": DETAILS_MAX},
}
_ANSWERED: Schema = dict.fromkeys(OF_ANSWERS, ANYTHING)
_SHOWN: Schema = {"created_at": {"type": "string"}, "status": ref("ItemStatus")}
_PLACED: Schema = {"user_id": ID, "app_id": ID}
_VERSION: Schema = {"id": OPTIONAL_ID, "output_info": OBJECT, "description": TEXT}
_NODE_VERSION: Schema = closed(nullable({"id": OPTIONAL_ID} | dict.fromkeys(VERSION_FIELDS, ANYTHING)))
_MODEL_VERSION: Schema = closed(nullable({"id": OPTIONAL_ID, "output_info": OBJECT} | dict.fromkeys(VERSION_SAID, ANYTHING)))
_KEY: Schema = {
    "id": OPTIONAL_ID,
    "description": TEXT,
    "scopes": array({"type": "string", "enum": sorted(SCOPES)}, minItems=1),
    "apps": array({"type": "object", "required": ["id"], "properties": {"id": ID}}, maxItems=1),
}
_PAUSE: Schema = {
    "code": {"enum": [*STATUS_NAMES.values(), *STATUS_NAMES]},
    "description": {"type": "string"},
    "details": {"type": "string"},
}
_SHARE: Schema = {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 1}, {"type": "string", "pattern": "^[0-9.eE+-]+$"}]}
_VISIBILITY: Schema = {
    "anyOf": [{"enum": list(GETTABLE.values())}, closed({"gettable": {"enum": [*GETTABLE, *GETTABLE.values()]}}, ("gettable",))]
}
_SENT: Mapping[Kind, Schema] = {
    Kind.COLLECTOR: {"status": closed(nullable(_PAUSE, ("code",)), ("code",)), "pre_queue_random_sample": _SHARE},
    Kind.MODEL: {"status": ANYTHING, "visibility": _VISIBILITY, "model_version": _MODEL_VERSION},
}
_ANSWERS: Mapping[Kind, Schema] = {
    Kind.MODEL: {"visibility": ref("Gettable"), "model_version": ref("ModelVersionShown")},
}
