"""Bodies as proto3 JSON: both spellings of a name, nulls are fields left out, nothing unknown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
from pydantic_core import PydanticCustomError

from processor.rest.status import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROBLEMS_SHOWN = 5
NAME_LENGTH_MAX = 80  # of a field: no longer one is known
_CAPITAL = re.compile(r"[A-Z]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def parse_object(body: bytes | bytearray) -> dict[str, Any]:
    """The JSON object that a body is, its names in snake_case; an empty body is an empty object.

    Raises:
        Refused: it is none.
    """
    try:
        found = proto_names(orjson.loads(body or b"{}"))
    except orjson.JSONDecodeError as error:
        raise Refused(Code.BAD_REQUEST_FORMAT, f"the body is not JSON: {error.msg} at character {error.pos}") from None
    except PydanticCustomError as error:
        raise Refused(Code.INVALID_REQUEST, error.message()) from None
    if not isinstance(found, dict):
        raise Refused(Code.BAD_REQUEST_FORMAT, "the body is no JSON object")
    return found


def proto_names(given: Any) -> Any:
    """Fields by their snake_case names, without nulls, which are fields left out."""
    # Nearly all are as they should be; this is asked of every concept of every input.
    if not isinstance(given, dict) or (all(map(str.islower, given)) and None not in given.values()):
        return given
    found = {_snake(name): value for name, value in given.items() if value is not None}
    if len(found) < sum(value is not None for value in given.values()):
        raise PydanticCustomError("rule", "a field is given twice, in both spellings")
    return found


def _snake(name: str) -> str:
    if len(name) > NAME_LENGTH_MAX:
        return name
    return _CAPITAL.sub(lambda letter: f"_{letter[0].lower()}", name)


def has_control(text: str) -> bool:
    """Whether a text holds control characters: no id does, and a database need not be asked for one."""
    return _CONTROL.search(text) is not None


def refuse_unknown(given: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse a field that nobody would look at.

    Raises:
        Refused: there is one.
    """
    if unknown := sorted(set(given) - set(known)):
        named = ", ".join(repr(name)[:80] for name in unknown[:PROBLEMS_SHOWN])
        raise Refused(Code.INVALID_REQUEST, f"unknown: {named}; known are {', '.join(known)}")
