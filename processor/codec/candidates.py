"""Candidates from bytes, one by one: the second stage has few of them, and does much with each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from processor.codec.bad import BadReason, BadRecordError
from processor.codec.json_text import object_problem
from processor.codec.records import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from processor.codec.registry import Schemas

NAME = "candidate"


def candidate_decoder(schemas: Schemas) -> Callable[[bytes | None], Mapping[str, Any]]:
    """What makes fields, as in the Avro schema, of a record's value.

    It raises BadRecordError for what is no candidate, or holds metadata or geo that are no JSON objects.
    """

    def read(value: bytes | None) -> Mapping[str, Any]:
        fields = decode(schemas, NAME, value)
        data = fields["prediction"]["input"]["data"]
        for name in ("metadata", "geo"):
            if data[name] and (problem := object_problem(data[name])):
                raise BadRecordError(BadReason.METADATA_NOT_JSON, f"input.data.{name} {problem}")
        if fields["collector"].count("/") != 2:  # noqa: PLR2004 - user, app and id
            raise BadRecordError(BadReason.NOT_DECODABLE, f"collector {fields['collector']!r:.200} is not user/app/id")
        return fields

    return read
