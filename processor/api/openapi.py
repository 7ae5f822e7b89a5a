"""The OpenAPI description of the API: made of the calls and of the documents' own types, so that it cannot say anything else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from processor.api.documents import ITEMS_MAX, OVERWRITE
from processor.api.kinds import MODEL
from processor.api.schemas import ID, OPTIONAL_ID, array, closed, named_schemas, nullable, ref, sent, shown
from processor.api.versions import VERSION
from processor.rest.query import COMMON, PAGE_MAX
from processor.rest.status import Code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from processor.api.routes import Route
    from processor.api.schemas import Schema

PAGE_SIZE_MAX = 1_000
# No control characters, as in `processor.rest.query`.
TEXT: Schema = {"type": "string", "pattern": r"^[^\x00-\x1f\x7f]*$"}
# In a body, as the published client names the app in every request.
USER_APP_ID: Schema = {"anyOf": [closed(nullable({"user_id": OPTIONAL_ID, "app_id": OPTIONAL_ID})), {"type": "null"}]}
WHERE = ("user_app_id.user_id", "user_app_id.app_id")
# What a request is refused with, whole or as all of its items were.
REFUSED: Mapping[int, str] = {
    400: "something about the request is wrong: the status says what, and each item has its own",
    401: "no key, or one that does not open this app",
    403: "the key lacks scopes, or its user may not do this here",
    404: "there is none",
}
OF_BODIES = {408: "the body did not arrive", 413: "the body is too large"}
TRY_AGAIN = {
    429: "too many requests: try again, as Retry-After says",
    503: "the cluster does not answer: try again, as Retry-After says",
}


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
            "schemas": named_schemas(),
            "responses": {str(http): _answer(text, closed({})) for http, text in (OF_BODIES | TRY_AGAIN).items()},
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Key <secret>`"}},
        },
        "security": [{"key": []}],
    }


def _operation(call: Route, path: str, number: int) -> Schema:
    found: Schema = {
        "operationId": f"{call.name}{'Short' * number}",
        "tags": [call.resource.plural],
        "summary": call.name,
        "parameters": [*_path_parameters(path), *_query_parameters(call, path)],
        "responses": dict(_answers(call)),
    }
    if body := _body(call):
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return found


def _answers(call: Route) -> Iterator[tuple[str, Schema]]:
    done = _done(call)
    refused = closed(done["properties"])  # what was refused whole has no items
    yield str(Code.SUCCESS.http), _answer("done", done)
    if call.has_body:
        yield str(Code.MIXED_STATUS.http), _answer("some items failed: each has its own status", done)
    for http, text in REFUSED.items():
        yield str(http), _answer(text, refused)
    for http in [*(OF_BODIES if call.has_body else ()), *TRY_AGAIN]:
        yield str(http), {"$ref": f"#/components/responses/{http}"}


def _answer(text: str, below: Schema) -> Schema:
    schema = below | {"properties": {"status": ref("AnswerStatus"), **below["properties"]}, "required": ["status", *below["required"]]}
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _done(call: Route) -> Schema:
    """What an answer has below its status when something was done."""
    if "answer" in call.schemas:
        return dict(call.schemas["answer"])
    below = _below(call)
    return closed(below, below)


def _below(call: Route) -> Mapping[str, Schema]:
    resource, one = call.resource, shown(call.resource)
    if call.method == "GET":
        return {resource.plural: array(one)} if call.many else {resource.singular: one}
    if resource is VERSION:
        return {} if call.method == "DELETE" else {MODEL.singular: shown(MODEL)}
    if call.method == "DELETE":
        return {resource.plural: array(ref("Refusal"))}
    item: Schema = {"anyOf": [one, ref("Refusal")]}
    first = {resource.singular: item} if resource is MODEL and call.method == "POST" else {}
    return {resource.plural: array(item), **first}


def _path_parameters(path: str) -> Iterable[Schema]:
    for name in re.findall(r"{(\w+)}", path):
        yield {"name": name, "in": "path", "required": True, "schema": ID}


def _query_parameters(call: Route, path: str) -> Iterable[Schema]:
    if call.method == "GET" and call.many:
        for name, most in (("page", PAGE_MAX), ("per_page", PAGE_SIZE_MAX)):
            yield {"name": name, "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": most}}
    for name in call.query:
        schema = call.schemas.get(name, TEXT)
        yield {"name": name, "in": "query", "schema": schema} | ({"required": True} if name in call.required else {})
    for name in WHERE:
        if f"{{{COMMON[name]}}}" not in path and not call.need.anywhere:
            yield {"name": name, "in": "query", "schema": ID}


def _body(call: Route) -> Schema:
    if "body" in call.schemas:
        return dict(call.schemas["body"])
    plural = call.resource.plural
    if call.method == "DELETE" and any("{id}" in path for path in call.paths):
        return {}
    if call.method == "DELETE":
        ids = array({"type": "string"}, minItems=1, maxItems=ITEMS_MAX)
        some = closed({"ids": ids, "delete_all": {"const": False}, "user_app_id": USER_APP_ID}, ["ids"])
        return {"oneOf": [some, closed({"delete_all": {"const": True}, "user_app_id": USER_APP_ID}, ["delete_all"])]}
    if call.method in {"POST", "PATCH"}:
        items = array(sent(call.resource, patch=call.method == "PATCH"), minItems=1, maxItems=1 if call.resource is VERSION else ITEMS_MAX)
        action: Schema = {"action": {"const": OVERWRITE}} if call.method == "PATCH" else {}
        return closed({plural: items, **action, "user_app_id": USER_APP_ID}, [plural, *action])
    return {}
