"""Candidates from bytes, one by one: the second stage has few of them, and does much with each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from processor.codec.bad import BadReason, BadRecordError
from processor.codec.framing import unframe
from processor.codec.prediction_rules import faults
from processor.codec.records import decode, read_body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from processor.codec.registry import ParsedSchema, Schemas

NAME = "candidate"


class DecodeCandidate(Protocol):
    """Makes fields, as in the Avro schema, of a record's value."""

    def __call__(self, value: bytes | None, wants_output: Callable[[str], bool] = ...) -> Mapping[str, Any]:
        """The fields.

        Args:
            value: the record's.
            wants_output: told a collector's key, whether what the model said is asked for. It is most of a candidate, and its last
                field: where nobody asks for it, reading may end before it, and what it holds is not looked at.

        Raises:
            BadRecordError: it is no candidate, or its prediction breaks a rule that those on `predictions` are held to.
        """


def candidate_decoder(schemas: Schemas) -> DecodeCandidate:
    """What decodes candidates."""
    ours = schemas.writer(NAME)
    head = _until(ours, "prediction")
    short = head | {"fields": [*head["fields"], _without_output(ours["fields"][-1])]}

    def read(value: bytes | None, wants_output: Callable[[str], bool] = lambda _: True) -> Mapping[str, Any]:
        if value is not None:
            schema_id, body = unframe(value)
            if schemas.by_id(schema_id) is ours and not wants_output(read_body(body, head)["collector"]):
                return _checked(read_body(body, short))
        return _checked(decode(schemas, NAME, value))

    return read


def _checked(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    for fault in faults(fields["prediction"]):
        raise fault
    if not 0 <= (probability := fields["inclusion_probability"]) <= 1:
        raise BadRecordError(BadReason.VALUE_OUT_OF_RANGE, f"inclusion_probability is {probability:.9g}, not from 0 to 1")
    if fields["collector"].count("/") != 2:  # noqa: PLR2004 - user, app and id
        raise BadRecordError(BadReason.NOT_DECODABLE, f"collector {fields['collector']!r:.200} is not user/app/id")
    return fields


def _until(schema: ParsedSchema, name: str) -> ParsedSchema:
    """A record's schema with the fields before this one: bytes after its end are ignored, so it reads the beginning of such a record."""
    end = next(position for position, field in enumerate(schema["fields"]) if field["name"] == name)
    return schema | {"fields": schema["fields"][:end]}


def _without_output(prediction: ParsedSchema) -> ParsedSchema:
    """The field ``prediction`` up to its own last field."""
    return prediction | {"type": _until(prediction["type"], "output")}
