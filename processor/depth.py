"""How deep JSON values are nested. A reader takes a thousand levels and a writer gives up at 254, so what comes in is looked at."""

from __future__ import annotations

from typing import Any

# What is collected adds a few levels of its own.
DEPTH_MAX = 100


def deeper_than(value: Any, levels: int) -> bool:
    """Whether containers are nested more than so many levels deep."""
    layer = [value]
    for _ in range(levels):
        layer = [inner for outer in layer for inner in inside(outer) if isinstance(inner, dict | list)]
    return bool(layer)


def inside(value: dict[str, Any] | list[Any]) -> list[Any]:
    """What a container holds."""
    return list(value.values()) if isinstance(value, dict) else value
