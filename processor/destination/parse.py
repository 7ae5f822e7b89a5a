"""A request's body to inputs: proto3 JSON, both spellings of a name, nothing unknown, nothing half.

An item that is wrong is refused alone, with everything that is wrong with it; a body that cannot be told into items is
refused whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from pydantic import ValidationError

from processor.destination.media import MEDIA, content_type, decode_base64, decoded_size, known_types
from processor.destination.shapes import NAME_LENGTH_MAX, PostedInput
from processor.resources import id_problem
from processor.rest.json_body import PROBLEMS_SHOWN, has_control
from processor.rest.status import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processor.destination.limits import Limits
    from processor.destination.shapes import Data, JsonObject

_WORDS = {"string_pattern_mismatch": "control characters are not allowed here", "extra_forbidden": "this destination knows no such field"}


class Conflict(Enum):
    """What becomes of an input whose id is taken."""

    SKIP = "SKIP"
    SUFFIX = "SUFFIX"


_CONFLICTS: Mapping[Any, Conflict] = {
    None: Conflict.SKIP,
    "INPUT_ID_CONFLICT_RESOLUTION_NOT_SET": Conflict.SKIP,
    0: Conflict.SKIP,
    "SKIP": Conflict.SKIP,
    1: Conflict.SKIP,
    "SUFFIX": Conflict.SUFFIX,
    2: Conflict.SUFFIX,
}


@dataclass(frozen=True, slots=True)
class Stored:
    """One medium as it is stored: which of an input's, its content type, its bytes."""

    medium: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class NewInput:
    """One input that can be stored.

    Attributes:
        position: among the inputs of the request.
        id: empty: to be made up.
        data: JSON text, without the bytes of media.
        collector: who collected it, ``user/app/collector``; None where it does not say.
        concepts: ids of all concepts, the regions' included.
        media: the bytes.
        dataset_ids: datasets that it is put into, each once.
    """

    position: int
    id: str
    data: str
    collector: str | None
    concepts: frozenset[str]
    media: tuple[Stored, ...]
    dataset_ids: tuple[str, ...] = ()


class Problem(NamedTuple):
    """An input that is refused."""

    position: int
    id: str
    code: Code
    details: str


@dataclass(frozen=True, slots=True)
class Posted:
    """A body, told into items."""

    inputs: tuple[NewInput, ...]
    problems: tuple[Problem, ...]
    conflict: Conflict


class _Unfit(Exception):
    """An item's content is not to be stored."""

    def __init__(self, code: Code, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


def parse_inputs(body: Mapping[str, Any], limits: Limits) -> Posted:
    """Tell a body into items.

    Raises:
        Refused: there is no list of inputs in it, or one of too many.
    """
    given = body.get("inputs")
    if not isinstance(given, list) or not given:
        raise Refused(Code.INVALID_REQUEST, "inputs: a list of one input or more is wanted")
    if len(given) > limits.inputs_max:
        raise Refused(Code.INPUT_OVER_LIMIT, f"{len(given)} inputs, and at most {limits.inputs_max} fit one request")
    conflict = body.get("input_id_conflict_resolution")
    if isinstance(conflict, bool) or not isinstance(conflict, str | int | None) or conflict not in _CONFLICTS:
        raise Refused(Code.INVALID_REQUEST, "input_id_conflict_resolution: SKIP or SUFFIX is wanted")
    items = [_parse_item(position, item, limits) for position, item in enumerate(given)]
    return Posted(
        tuple(item for item in items if isinstance(item, NewInput)),
        tuple(item for item in items if isinstance(item, Problem)),
        _CONFLICTS[conflict],
    )


def _parse_item(position: int, given: Any, limits: Limits) -> NewInput | Problem:
    try:
        posted = PostedInput.model_validate(given)
        return _new_input(position, posted, limits)
    except ValidationError as error:
        return Problem(position, _id_of(given), Code.INPUT_INVALID_ARGUMENT, _told(error))
    except _Unfit as error:
        return Problem(position, _id_of(given), error.code, error.details)


def _id_of(given: Any) -> str:
    """The id to answer with, where it can be answered with."""
    found = given.get("id") if isinstance(given, dict) else None
    return found if isinstance(found, str) and not id_problem(found) else ""


def _told(error: ValidationError) -> str:
    """What is wrong, with paths, and never a value: it may be anything, and of any length."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [f"{_path(problem['loc'])}: {_WORDS.get(problem['type'], problem['msg'])}" for problem in problems[:PROBLEMS_SHOWN]]
    more = [f"and {len(problems) - PROBLEMS_SHOWN} more"] if len(problems) > PROBLEMS_SHOWN else []
    return "; ".join([*lines, *more])


def _path(parts: tuple[str | int, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part[:80]}" for part in parts)
    return path.removeprefix(".") or "input"


def _new_input(position: int, posted: PostedInput, limits: Limits) -> NewInput:
    media = tuple(_stored(medium, given.base64, limits) for medium in MEDIA if (given := getattr(posted.data, medium)) and given.base64)
    text = _json(posted.data)
    if len(text) > limits.media_bytes_max:
        raise _Unfit(Code.INPUT_OVER_LIMIT, f"data: {len(text)} bytes without media, and at most {limits.media_bytes_max} are allowed")
    concepts = [*posted.data.concepts, *(concept for region in posted.data.regions for concept in region.data.concepts)]
    ids = frozenset(concept.id for concept in concepts)
    datasets = tuple(dict.fromkeys(posted.dataset_ids))
    return NewInput(position, posted.id, text.decode(), _collector(posted.data.metadata), ids, media, datasets)


def _stored(medium: str, text: str, limits: Limits) -> Stored:
    if decoded_size(text) > limits.media_bytes_max:
        size = f"about {decoded_size(text)} bytes, and at most {limits.media_bytes_max} are allowed"
        raise _Unfit(Code.INPUT_OVER_LIMIT, f"data.{medium}.base64: {size}")
    content = decode_base64(text)
    if not content:
        raise _Unfit(Code.INPUT_INVALID_ARGUMENT, f"data.{medium}.base64: this is no base64 text")
    found = content_type(medium, content)
    if found is None:
        known = ", ".join(known_types(medium))
        raise _Unfit(Code.INPUT_UNSUPPORTED_FORMAT, f"data.{medium}.base64: the content is none of the formats {known}")
    return Stored(medium, found, content)


def _json(data: Data) -> bytes:
    """What was given, and nothing else; the bytes of media are kept elsewhere."""
    try:
        return orjson.dumps(data.model_dump(exclude_unset=True, exclude={medium: {"base64"} for medium in MEDIA}))
    except (TypeError, ValueError):
        raise _Unfit(Code.INPUT_INVALID_ARGUMENT, "data: nested too deeply, or a number too large") from None


def _collector(metadata: JsonObject | None) -> str | None:
    """Who collected the input, as it says itself; metadata is free, so that anything may stand there."""
    collected = (metadata or {}).get("collected")
    found = collected.get("collector") if isinstance(collected, dict) else None
    return found if isinstance(found, str) and 0 < len(found) <= NAME_LENGTH_MAX and not has_control(found) else None
