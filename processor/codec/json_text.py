"""JSON that travels as text inside Avro: metadata, geo, region_info."""

from __future__ import annotations

from typing import Any

import orjson

# The JSON writer gives up at 254 levels, and what is collected adds a few of its own.
DEPTH_MAX = 100


def object_problem(text: str) -> str:
    """Why this is not the JSON text of an object nested at most DEPTH_MAX levels; empty when it is."""
    try:
        value = orjson.loads(text)
    except ValueError as error:
        return f"is not JSON: {error}"
    if not isinstance(value, dict):
        return f"is JSON but not an object: {text[:40]}"
    # Depth is measured only where the text is long and branched enough to reach it.
    if len(text) > 2 * DEPTH_MAX and text.count("{") + text.count("[") > DEPTH_MAX and deeper_than(value, DEPTH_MAX):
        return f"is nested deeper than {DEPTH_MAX} levels"
    return ""


def deeper_than(value: Any, levels: int) -> bool:
    """Whether containers are nested more than so many levels deep."""
    layer = [value]
    for _ in range(levels):
        layer = [inner for outer in layer for inner in inside(outer) if isinstance(inner, dict | list)]
    return bool(layer)


def inside(value: dict[str, Any] | list[Any]) -> list[Any]:
    """What a container holds."""
    return list(value.values()) if isinstance(value, dict) else value
