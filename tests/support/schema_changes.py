"""Whether one Avro schema reads what another wrote, by the rules of Avro's own library."""

from __future__ import annotations

import json
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse


def why_unreadable(reader: str, writer: str) -> list[str]:
    """Why records of ``writer`` cannot be read with ``reader`` (both JSON text); nothing when they can."""
    result = ReaderWriterCompatibilityChecker().get_compatibility(parse(reader), parse(writer))
    if result.compatibility is SchemaCompatibilityType.compatible:
        return _changed_units(json.loads(reader), json.loads(writer))
    return [
        f"{kind.value}: {', '.join(sorted(result.messages))} at {', '.join(sorted(result.locations))}" for kind in result.incompatibilities
    ]


def incompatibilities(newer: str, older: str) -> list[str]:
    """What forbids a new version of a schema: it must read all that older ones wrote, and be read by them.

    Processors and upstream teams change to a new version one after the other, so both ways are needed at all times.
    """
    backward = [f"the new version cannot read the old: {reason}" for reason in why_unreadable(newer, older)]
    forward = [f"the old version cannot read the new: {reason}" for reason in why_unreadable(older, newer)]
    return backward + forward


def _changed_units(one: Any, other: Any) -> list[str]:
    """Avro resolves a long to a long whatever both mean: a change of a field's logical type would go unseen."""
    ours, theirs = dict(_logical_types(one)), dict(_logical_types(other))
    return [f"{path} changes from {theirs[path]} to {ours[path]}" for path in ours.keys() & theirs.keys() if ours[path] != theirs[path]]


def _logical_types(schema: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(schema, list):
        return [found for each in schema for found in _logical_types(each, path)]
    if not isinstance(schema, dict):
        return [(path, str(schema))] if schema in {"int", "long"} else []
    if "fields" in schema:
        return [found for field in schema["fields"] for found in _logical_types(field["type"], f"{path}.{field['name']}")]
    if "items" in schema:
        return _logical_types(schema["items"], f"{path}[]")
    return [(path, schema["logicalType"])] if "logicalType" in schema else _logical_types(schema["type"], path)
