"""The contract's JSON to documents: proto3 JSON in either spelling, enums by name or by number, output-only fields passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError

from processor.catalog.records import Kind
from processor.catalog.rules import Broken
from processor.depth import deeper_than, inside
from processor.rest.json_body import proto_names
from processor.yaml_streams import DEPTH_MAX, VALUES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value = dict[str, Any]

READ_DEPTH_MAX = 2 * DEPTH_MAX  # of an item before it is a document, which is shorter
# Whatever stands below these is the model's own: its names are not the contract's.
FREE = frozenset({"params", "metadata", "fields_map", "presets"})
OUTPUT_ONLY = frozenset({"created_at", "modified_at", "status_reason"})
# Of a model that a node refers to, a client may send all it knows; what says which model it is counts.
SAID_OF_A_MODEL = frozenset(
    {"name", "created_at", "modified_at", "model_type_id", "output_info", "visibility", "description", "display_name", "task", "status"}
)
# And of a version, where it stands in its model; what is the version itself is its id, and its output_info.
VERSION_SAID = frozenset({"created_at", "status", "visibility", "app_id", "user_id"})
VERSION_FIELDS = VERSION_SAID | {"output_info", "description"}
STATUS_NAMES = {"COLLECTOR_ACTIVE": 52001, "COLLECTOR_INACTIVE": 52002}


def to_names(value: Any) -> Any:
    """A JSON value with all names of the contract in snake_case.

    Raises:
        ValueError: it is nested too deeply, has too many values, or a field is given twice.
    """
    if problem := _size_problem(value):
        raise ValueError(problem)
    return _named(value)


def _size_problem(value: Any) -> str:
    """Why a value is too large to be walked through; looked at layer by layer, as it may be nested deeper than the stack."""
    layer, left = [value], VALUES_MAX
    for _ in range(READ_DEPTH_MAX):
        layer = [inner for outer in layer if isinstance(outer, dict | list) for inner in inside(outer)]
        left -= len(layer)
        if left < 0:
            return f"more than {VALUES_MAX} values"
        if not layer:
            return ""
    return f"nested deeper than {DEPTH_MAX} levels"


def _named(value: Any) -> Any:
    if isinstance(value, list):
        return [_named(each) for each in value]
    if not isinstance(value, dict):
        return value
    try:
        named = proto_names(value)
    except PydanticCustomError as error:
        raise ValueError(error.message()) from None
    return {name: item if name in FREE else _named(item) for name, item in named.items()}


def to_document(kind: Kind, ids: Mapping[str, str], item: Any) -> tuple[Any, list[Broken]]:
    """The document of an item, as a person would have written it.

    Args:
        kind: of what.
        ids: ``user_id`` and ``app_id`` as the path has them; an app has no ``app_id``.
        item: JSON.

    Returns:
        A value for `parse_document`, and what is wrong already.
    """
    try:
        value = to_names(item)
    except ValueError as error:
        return None, [Broken("", str(error))]
    if not isinstance(value, dict):
        return None, [Broken("", "an object is wanted")]
    broken = [
        Broken(name, f"{value[name]!r:.80} is not the one of the path, {given}")
        for name, given in ids.items()
        if value.get(name, given) not in (given, "", "me")
    ]
    if value.get("kind", kind.value) != kind.value:  # what a call may write goes by its path
        broken.append(Broken("kind", f"{value['kind']!r:.80} is not what this call is about, {kind.value}"))
    kept = {name: field for name, field in value.items() if name not in OUTPUT_ONLY | ids.keys() | {"kind"}}
    shaped = SHAPE[kind](kept)
    if deeper_than(shaped, DEPTH_MAX):
        return None, [*broken, Broken("", f"nested deeper than {DEPTH_MAX} levels")]
    return {"kind": kind.value, **ids, **shaped}, broken


def _collector(value: Value) -> Value:
    if isinstance(status := value.get("status"), dict):
        code = status.get("code")
        value = value | {"status": status | {"code": STATUS_NAMES.get(code, code)}} if isinstance(code, str) else value
    if isinstance(sample := value.get("pre_queue_random_sample"), str):
        value = value | {"pre_queue_random_sample": _number(sample)}
    return value


def _number(text: str) -> Any:
    """Proto3 JSON takes a number as text too; what is none stays as it is, and is refused as such."""
    try:
        return float(text) if text.strip() == text and text.isascii() and "_" not in text else text
    except ValueError:
        return text


def _model(value: Value) -> Value:
    value = _without_status(value)
    version = value.get("model_version")
    if not isinstance(version, dict):
        return value
    inner = {name: field for name, field in version.items() if name not in VERSION_SAID}
    if "output_info" in inner and value.get("output_info", inner["output_info"]) == inner["output_info"]:
        value = value | {"output_info": inner.pop("output_info")}
    return value | {"model_version": inner}


def _workflow(value: Value) -> Value:
    value = _without_status(value)
    nodes = value.get("nodes")
    return value | {"nodes": [_node(node) for node in nodes]} if isinstance(nodes, list) else value


def _node(node: Any) -> Any:
    model = node.get("model") if isinstance(node, dict) else None
    if not isinstance(model, dict):
        return node
    model = {name: field for name, field in model.items() if name not in SAID_OF_A_MODEL}
    if isinstance(version := model.get("model_version"), dict):
        model = model | {"model_version": {name: field for name, field in version.items() if name == "id" or name not in VERSION_FIELDS}}
    return node | {"model": model}


def _without_status(value: Value) -> Value:
    """Of everything but a collector, the status is an answer's."""
    return {name: field for name, field in value.items() if name != "status"}


SHAPE: Mapping[Kind, Callable[[Value], Value]] = {
    Kind.APP: _without_status,
    Kind.COLLECTOR: _collector,
    Kind.KNOWLEDGE_GRAPH: _without_status,
    Kind.MODEL: _model,
    Kind.WORKFLOW: _workflow,
}
