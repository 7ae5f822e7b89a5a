"""JSON that travels as text inside Avro: metadata, geo, region_info."""

from __future__ import annotations

import orjson

from processor.depth import DEPTH_MAX, deeper_than


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
