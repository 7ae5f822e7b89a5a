"""Streams of documents to resources, and every problem of a call with document and field path.

Limits: `FILE_BYTES_MAX` a stream, `DOCUMENTS_MAX` documents a call, and `processor.yaml_streams`' own a document.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from processor.catalog.rules import Broken, broken_rules
from processor.errors import PROBLEMS_MAX, Problem
from processor.resources import DOCUMENTS, INVALID_REQUEST, PARTS
from processor.yaml_streams import checked, read_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

    from processor.resources import AnyDocument

FILE_BYTES_MAX = 64 * 1024 * 1024
DOCUMENTS_MAX = 20_000
KINDS = ", ".join(DOCUMENTS)
OUTPUT_ONLY = frozenset({"created_at", "status_reason"})
NAME_LENGTH_MAX = 80  # of an unknown field that is compared with the known ones
FIELDS = sorted({name for part in (*DOCUMENTS.values(), *PARTS) for name in part.model_fields} - OUTPUT_ONLY)


@dataclass(frozen=True, slots=True)
class Located:
    """A document and where it was found: ``file.yaml#2 Collector acme/quality/a-tenth``."""

    where: str
    document: AnyDocument


@dataclass(frozen=True, slots=True)
class Documents:
    """What one call was given: the documents that are right, and all that is wrong with the others."""

    located: list[Located] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_documents(streams: Sequence[tuple[str, bytes]]) -> Documents:
    """Parse the streams of one call.

    Args:
        streams: (name for people, bytes) of every file.

    Returns:
        Documents in order; one with a problem is not among them. Never raises for what is in a stream.
    """
    found = Documents()
    first: dict[str, str] = {}
    for name, data in streams:
        before = len(found.located) + len(found.problems)
        for number, (value, problems) in enumerate(_documents(data), start=1):
            _take(f"{name}#{number}", value, problems, found, first)
        if len(found.located) + len(found.problems) == before:
            found.problems.append(Problem(name, "", "there is no document in it", INVALID_REQUEST))
    if len(found.located) > DOCUMENTS_MAX:
        found.problems.append(
            Problem("this call", "", f"at most {DOCUMENTS_MAX} documents a call, not {len(found.located)}: split it", INVALID_REQUEST)
        )
    return found


def read_values(named: Sequence[tuple[str, Any]]) -> Documents:
    """The same for JSON values that somebody has parsed already.

    Args:
        named: (name for people, value) of every document, as in ``file.yaml#2``.
    """
    found = Documents()
    first: dict[str, str] = {}
    for name, value in named:
        _take(name, *checked(value), found, first)
    return found


def _documents(data: bytes) -> Iterator[tuple[Any, tuple[tuple[str, str], ...]]]:
    if len(data) > FILE_BYTES_MAX:
        yield None, (("", f"larger than {FILE_BYTES_MAX} bytes: split it"),)
    else:
        yield from read_stream(data)


def _take(where: str, value: Any, problems: tuple[tuple[str, str], ...], found: Documents, first: dict[str, str]) -> None:
    label = _label(where, value)
    document, broken = (None, [Broken(*problem) for problem in problems]) if problems else parse_document(value)
    name = _identity(value)
    if name and (earlier := first.setdefault(name, label)) != label:
        broken.append(Broken("", f"{earlier} is the same document: a call changes a document once"))
    found.problems.extend(Problem(label, rule.path, rule.message, rule.code) for rule in broken)
    if document is not None and not broken:
        found.located.append(Located(label, document))


def _label(where: str, value: Any) -> str:
    if not isinstance(value, dict):
        return where
    ids = [value.get(name) for name in ("user_id", "app_id", "id")]
    return f"{where} {value.get('kind', '(no kind)')!s:.40} {'/'.join(str(part)[:80] for part in ids if part is not None)}".rstrip()


def _identity(value: Any) -> str:
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in DOCUMENTS:
        return ""
    ids = [value.get(name) for name in DOCUMENTS[kind].keyed_by]
    return "/".join([kind, *ids]) if all(isinstance(part, str) for part in ids) else ""


def parse_document(value: Any) -> tuple[AnyDocument | None, list[Broken]]:
    """One document from its JSON value: the resource, or every rule it breaks."""
    if not isinstance(value, dict):
        return None, [Broken("", f"a document is a mapping with a kind, not {_named(value)}")]
    kind = value.get("kind")
    if kind == "Key":
        return None, [Broken("kind", "a key's secret does not belong into a document: use `collectors keys create` or `keys import`")]
    if not isinstance(kind, str) or kind not in DOCUMENTS:
        return None, [Broken("kind", f"one of {KINDS} is wanted, not {_named(kind)}" if "kind" in value else f"is missing: one of {KINDS}")]
    broken = broken_rules(kind, value)
    try:
        return DOCUMENTS[kind].model_validate(value), broken
    except ValidationError as error:
        ruled = {rule.path for rule in broken}
        # How long a list may be is a rule's to say, where there is one: it knows the code.
        details = [each for each in error.errors(include_url=False) if each["type"] != "too_long" or _path(each["loc"]) not in ruled]
    covered = {_path(each["loc"]) for each in details}
    told = [_broken(each, kind) for each in details[:PROBLEMS_MAX]] + [rule for rule in broken if rule.path not in covered]
    return None, _with_the_rest(told, len(details) - PROBLEMS_MAX)


def _with_the_rest(broken: list[Broken], more: int) -> list[Broken]:
    return [*broken, Broken("", f"and {more} more problems")] if more > 0 else broken


def _path(location: Sequence[int | str]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _broken(detail: ErrorDetails, kind: str) -> Broken:
    explain = EXPLAIN.get(detail["type"])
    return Broken(_path(detail["loc"]), explain(detail, kind) if explain else detail["msg"])


def _named(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value!s:.40}"
        case _:
            return f"{value!r:.80}"


def _unknown(detail: ErrorDetails, kind: str) -> str:
    inside = detail["loc"][:-1]
    near = [name for name in difflib.get_close_matches(str(detail["loc"][-1])[:NAME_LENGTH_MAX], FIELDS, 1) if name != detail["loc"][-1]]
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"unknown field{hint}" if inside else f"{kind} has no such field{hint or f'; it has {_fields(kind)}'}"


def _fields(kind: str) -> str:
    return ", ".join(name for name in DOCUMENTS[kind].model_fields if name not in OUTPUT_ONLY)


def _text_wanted(detail: ErrorDetails, kind: str) -> str:  # noqa: ARG001 - all explanations take the same
    value = detail["input"]
    hint = "; put it in quotes" if isinstance(value, bool | int | float) else ""
    return f"a string is wanted, not {_named(value)}{hint}"


def _wanted(what: str) -> Callable[[ErrorDetails, str], str]:
    return lambda detail, _: f"{what} is wanted, not {_named(detail['input'])}"


def _limit(what: str, name: str) -> Callable[[ErrorDetails, str], str]:
    return lambda detail, _: f"{what} {detail['ctx'][name]}"


EXPLAIN: Mapping[str, Callable[[ErrorDetails, str], str]] = {
    "missing": lambda _detail, _kind: "is missing",
    "extra_forbidden": _unknown,
    "string_type": _text_wanted,
    "bool_type": _wanted("true or false"),
    "int_type": _wanted("a whole number"),
    "float_type": _wanted("a number"),
    "dict_type": _wanted("a mapping"),
    "model_type": _wanted("a mapping"),
    "list_type": _wanted("a list"),
    "literal_error": lambda detail, _: f"one of {detail['ctx']['expected']} is wanted, not {_named(detail['input'])}",
    "string_too_short": _limit("characters wanted, at least", "min_length"),
    "string_too_long": _limit("characters allowed, at most", "max_length"),
    "too_long": _limit("items allowed, at most", "max_length"),
}
