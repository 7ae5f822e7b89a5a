"""Queries on metadata with MongoDB's meaning, where that is not stretched by arrays: an array is one value like any other.

Source of the meaning: the query operator pages of the MongoDB manual. ``$ne``, ``$nin`` and ``$not`` are plain negations, so they
hold for a missing field; ``null`` is a value, unlike in MongoDB, where it also stands for a missing field.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import re2

if TYPE_CHECKING:
    from collections.abc import Callable

    Test = Callable[[Any], bool]
    """Whether a value (or :data:`MISSING`) matches."""
    Note = Callable[[str, str], None]
    """Takes a problem: its field path and what is wrong."""

MISSING = object()
_COMPARISONS = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}


def matches_all(path: str, query: dict[str, Any], note: Note) -> Test:
    """A test for an object in which every path of ``query`` holds; what is not there is missing, however high up it ends.

    So ``{camera: {id: {$ne: 7}}}`` holds where there is no camera. ``{camera: {}}`` wants an object of any content.

    Args:
        path: of ``query`` in its document, for problems.
        query: key → plain value, nested object or operator object.
        note: takes each problem.
    """
    fields = [(name, _test(f"{path}.{name}", value, note)) for name, value in query.items()]
    if not fields:
        return lambda value: isinstance(value, dict)
    return lambda value: all(test(_lookup(value, name)) for name, test in fields)


def same(left: Any, right: Any) -> bool:
    """Equality that tells booleans from numbers at any depth, but not 1 from 1.0; the order of an object's keys is no matter."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[name]) for name, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return _kind(left) is _kind(right) and left == right


def _kind(value: Any) -> type:
    return float if type(value) is int else type(value)


def _lookup(value: Any, name: str) -> Any:
    """The field of that very name, or else, where the name has dots, what its path leads to."""
    if not isinstance(value, dict):
        return MISSING
    if name in value or "." not in name:
        return value.get(name, MISSING)
    for part in name.split("."):
        value = value.get(part, MISSING) if isinstance(value, dict) else MISSING
    return value


def _test(path: str, wanted: Any, note: Note) -> Test:
    if not isinstance(wanted, dict):
        return _equals(wanted)
    operators = [name for name in wanted if str(name).startswith("$")]
    if not operators:
        return matches_all(path, wanted, note)
    if len(operators) < len(wanted):
        note(path, "mixes operators ($…) and plain fields; it is one or the other")
    return _operators(path, {name: wanted[name] for name in operators}, note)


def _operators(path: str, wanted: dict[str, Any], note: Note) -> Test:
    tests = []
    for name, operand in wanted.items():
        make = _OPERATORS.get(name)
        if make is None:
            note(f"{path}.{name}", f"unknown operator; known are {' '.join(_OPERATORS)}")
        else:
            tests.append(make(f"{path}.{name}", operand, note))
    return lambda value: all(test(value) for test in tests)


def _equals(wanted: Any) -> Test:
    return lambda value: same(value, wanted)


def _not(test: Test) -> Test:
    return lambda value: not test(value)


def _eq(_path: str, operand: Any, _note: Note) -> Test:
    return _equals(operand)


def _ne(_path: str, operand: Any, _note: Note) -> Test:
    return _not(_equals(operand))


def _comparison(path: str, operand: Any, note: Note) -> Test:
    compare, kind = _COMPARISONS[path.rpartition(".")[2]], _kind(operand)
    if kind not in {bool, float, str}:
        note(path, "a number, a string or a boolean is wanted")
    return lambda value: _kind(value) is kind and compare(value, operand)


def _in(path: str, operand: Any, note: Note) -> Test:
    if not isinstance(operand, list):
        note(path, "a list is wanted")
        operand = []
    return lambda value: any(same(value, item) for item in operand)


def _nin(path: str, operand: Any, note: Note) -> Test:
    return _not(_in(path, operand, note))


def _exists(path: str, operand: Any, note: Note) -> Test:
    if not isinstance(operand, bool):
        note(path, "true or false is wanted")
    return lambda value: (value is not MISSING) == operand


def _regex(path: str, operand: Any, note: Note) -> Test:
    options = re2.Options()
    options.log_errors = False
    if not isinstance(operand, str):
        note(path, "a string is wanted")
        return lambda _value: False
    try:
        search = re2.compile(operand, options).search
    except re2.error as error:
        note(path, f"no RE2 expression: {_text(error)}")
        return lambda _value: False
    return lambda value: isinstance(value, str) and search(value) is not None


def _text(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


def _negation(path: str, operand: Any, note: Note) -> Test:
    if isinstance(operand, dict) and operand and all(str(name).startswith("$") for name in operand):
        return _not(_operators(path, operand, note))
    note(path, "an operator object is wanted, as in {$not: {$gt: 3}}")
    return lambda _value: False


_OPERATORS: dict[str, Callable[[str, Any, Note], Test]] = {
    "$eq": _eq,
    "$ne": _ne,
    **dict.fromkeys(_COMPARISONS, _comparison),
    "$in": _in,
    "$nin": _nin,
    "$exists": _exists,
    "$regex": _regex,
    "$not": _negation,
}
