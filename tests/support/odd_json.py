"""JSON as nobody writes it on purpose: of any type, nested, huge, with characters that are none; and things that are nearly right."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from hypothesis import strategies as st

# Nested deeper than a writer goes: written as a mark first, and put into the text afterwards.
_MARK = re.compile(rb'"\$nested-([0-9]+)-(list|object)"')
LEVELS = (60, 66, 130, 260, 1100)

texts = st.text(max_size=8)
any_characters = st.text(st.characters(exclude_categories=()), max_size=8)  # halves of characters, and those that control something
odd_texts = any_characters | st.builds(
    lambda character, length: character * length, st.sampled_from("aé\x00A"), st.sampled_from([81, 10_001])
)
odd_numbers = st.integers() | st.floats() | st.sampled_from([10**30, -(10**400), 2**64 - 1, -(2**63), 1e308, 5e-324])
nested = st.builds(lambda levels, what: f"$nested-{levels}-{what}", st.sampled_from(LEVELS), st.sampled_from(["list", "object"]))

anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda deeper: st.lists(deeper, max_size=4) | st.dictionaries(texts, deeper, max_size=4),
    max_leaves=12,
)
odd = st.recursive(
    st.none() | st.booleans() | odd_numbers | odd_texts | nested,
    lambda deeper: st.lists(deeper, max_size=4) | st.dictionaries(odd_texts, deeper, max_size=4),
    max_leaves=8,
)
objects = st.dictionaries(texts, anything, max_size=4)


def written(value: Any) -> bytes:
    """JSON text of a value, with whatever else writers write: ``NaN``, numbers of any length, halves of characters as escapes."""
    return _MARK.sub(lambda mark: _nested(int(mark[1]), mark[2]), json.dumps(value).encode())


def _nested(levels: int, what: bytes) -> bytes:
    before, after = (b"[", b"]") if what == b"list" else (b'{"in":', b"}")
    return before * levels + b"0" + after * levels


@st.composite
def nearly(draw: st.DrawFn, right: st.SearchStrategy[dict[str, Any]], wrong: st.SearchStrategy[Any] = anything) -> dict[str, Any]:
    """Something right, in which often one thing somewhere is something else, missing, or too much."""
    found = copy.deepcopy(draw(right))  # what was drawn may be drawn again
    here, path = found, draw(st.lists(st.integers(0, 7), max_size=3))
    for step in path:
        below = [
            inner for each in here.values() for inner in (each if isinstance(each, list) else [each]) if isinstance(inner, dict) and inner
        ]
        here = below[step % len(below)] if below else here
    change = draw(st.sampled_from(["nothing", "nothing", "replace", "remove", "add"]))
    name = draw(st.sampled_from(sorted(here))) if here else ""
    if change == "replace" and here:
        here[name] = draw(wrong)
    elif change == "remove" and here:
        del here[name]
    elif change == "add":
        here[draw(texts)] = draw(wrong)
    return found
