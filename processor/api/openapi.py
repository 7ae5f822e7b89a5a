"""The OpenAPI description of the API: made of the calls and of the documents' own types, so that it cannot say anything else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from processor.api.kinds import RESOURCES
from processor.resources import DOCUMENTS, ID_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from processor.api.routes import Route

Schema = dict[str, Any]

STATUS: Schema = {
    "type": "object",
    "required": ["code", "description"],
    "properties": {
        "code": {"type": "integer"},
        "description": {"type": "string"},
        "details": {"type": "string"},
        "req_id": {"type": "string"},
    },
}
KEY_FIELDS: Schema = {
    "id": {"type": "string"},
    "description": {"type": "string"},
    "scopes": {"type": "array", "items": {"type": "string"}},
    "apps": {"type": "array", "maxItems": 1, "items": {"type": "object", "properties": {"id": {"type": "string"}}}},
}
PLACED = ("kind", "user_id", "app_id")
REFERENCE = "#/components/schemas/"


def description(calls: Sequence[Route]) -> Schema:
    """The description as OpenAPI 3.1 wants it."""
    paths: dict[str, Schema] = {}
    for call in calls:
        for number, path in enumerate(call.paths):
            paths.setdefault(path, {})[call.method.lower()] = _operation(call, path, number)
    return {
        "openapi": "3.1.0",
        "info": {"title": "collectors", "version": "2", "description": "Collectors, and the documents that they refer to."},
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Key <secret>`"}},
        },
        "security": [{"key": []}],
    }


def _schemas() -> Schema:
    found: Schema = {"Status": STATUS, "Answer": {"type": "object", "required": ["status"], "properties": {"status": _ref("Status")}}}
    for name, document in DOCUMENTS.items():
        schema = document.model_json_schema(ref_template=REFERENCE + "{model}")
        found |= schema.pop("$defs", {})
        schema["properties"] = {field: value for field, value in schema["properties"].items() if field not in PLACED}
        schema["required"] = [field for field in schema.get("required", ()) if field not in PLACED]
        found[name] = schema
    return found | {"Key": {"type": "object", "properties": KEY_FIELDS, "required": ["scopes"]}}


def _ref(name: str) -> Schema:
    return {"$ref": REFERENCE + name}


def _operation(call: Route, path: str, number: int) -> Schema:
    found: Schema = {
        "operationId": f"{call.name}{'Short' * number}",
        "tags": [call.resource.plural],
        "summary": call.name,
        "parameters": [*_path_parameters(path), *_query_parameters(call)],
        "responses": {"200": _answer("done"), "default": _answer("anything else: its status says what and why")},
    }
    if call.has_body:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": _body(call)}}}
    return found


def _answer(text: str) -> Schema:
    return {"description": text, "content": {"application/json": {"schema": _ref("Answer")}}}


def _path_parameters(path: str) -> Iterable[Schema]:
    for name in re.findall(r"{(\w+)}", path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^{ID_PATTERN.pattern}$"}}


def _query_parameters(call: Route) -> Iterable[Schema]:
    if call.method == "GET" and call.many:
        for name in ("page", "per_page"):
            yield {"name": name, "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000}}
    for name in call.query:
        schema = call.schemas.get(name, {"type": "string"})
        yield {"name": name, "in": "query", "schema": schema} | ({"required": True} if name in call.required else {})


def _body(call: Route) -> Schema:
    if "body" in call.schemas:
        return dict(call.schemas["body"])
    if call.method == "DELETE":
        ids = {"type": "array", "items": {"type": "string"}, "maxItems": 128}
        return {"type": "object", "properties": {"ids": ids, "delete_all": {"type": "boolean"}}} if call.many else {"type": "object"}
    one = _ref(RESOURCES[call.resource.kind].kind) if call.resource.plural in _PLURALS else {"type": "object"}
    items = {"type": "array", "items": one, "minItems": 1, "maxItems": 128}
    action = {"action": {"const": "overwrite"}} if call.method == "PATCH" else {}
    return {"type": "object", "required": [call.resource.plural, *action], "properties": {call.resource.plural: items, **action}}


_PLURALS = frozenset(resource.plural for resource in RESOURCES.values())
