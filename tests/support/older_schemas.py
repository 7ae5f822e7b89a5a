"""Schemas as writers of other releases have them: a prediction schema older than ours, and one newer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from processor.codec.registry import Schemas
from processor.codec.schema_files import SchemaFile, newest, read_index

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parents[2] / "schemas"

# Ids that the index will not reach soon. The others' names keep them from being taken for ours.
OLDER_ID = 900
NEWER_ID = 901


def schemas_of_three_releases() -> Schemas:
    """The schemas checked in, and two more ids for predictions."""
    return Schemas(read_index(FOLDER) | {each.id: each for each in other_releases()})


def other_releases() -> tuple[SchemaFile, SchemaFile]:
    """The prediction schema of an older release and of a newer one."""
    ours = json.loads(newest(read_index(FOLDER), "prediction").text)
    older, newer = _records(ours, _without_later_fields), _records(ours, _with_a_new_field)
    return SchemaFile(OLDER_ID, "older", json.dumps(older)), SchemaFile(NEWER_ID, "newer", json.dumps(newer))


def older(prediction: dict[str, Any]) -> dict[str, Any]:
    """What is left of a prediction that was written with the older schema, as ours reads it."""
    output = prediction["output"]["data"] | {"geo": None, "embeddings": []}
    data = prediction["input"]["data"] | {"geo": None}
    return prediction | {"workflow_id": "", "input": {"id": "", "data": data}, "output": {"data": output}}


def _records(schema: Any, change: Callable[[list[Any]], list[Any]]) -> Any:
    """A schema with the fields of every record changed."""
    if isinstance(schema, list):
        return [_records(each, change) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {key: _records(value, change) for key, value in schema.items()}
    return inside | {"fields": change(inside["fields"])} if inside.get("type") == "record" else inside


def _without_later_fields(fields: list[Any]) -> list[Any]:
    names = {field["name"] for field in fields}
    gone = {"geo", "embeddings", "workflow_id"} | ({"id"} if names == {"id", "data"} else set())
    return [field for field in fields if field["name"] not in gone]


def _with_a_new_field(fields: list[Any]) -> list[Any]:
    return [{"name": "new", "type": ["null", "string", "long"], "default": None}, *fields]
