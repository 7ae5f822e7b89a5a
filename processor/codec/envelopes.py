"""Framed predictions, whichever schema they were written with, to predictions framed and written in our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processor.codec.bad import BadReason, BadRecordError
from processor.codec.framing import RECORD_BYTES_MAX, header, unframe
from processor.codec.records import read_body, write_body

if TYPE_CHECKING:
    from processor.codec.registry import Schemas

NAME = "prediction"


class Opener:
    """Opens predictions of one set of schemas."""

    def __init__(self, schemas: Schemas, record_bytes_max: int = RECORD_BYTES_MAX) -> None:
        self._schemas = schemas
        self._ours = schemas.writer(NAME)
        self._header = header(schemas.writer_id(NAME))
        self._record_bytes_max = record_bytes_max

    def open(self, value: bytes | None) -> bytes:
        """One value in our own schema, framed.

        Raises:
            BadRecordError: tombstone, too_large, no_framing, unknown_schema_id; not_decodable or invalid_utf8 for other schemas.
            FixCluster: the registry does not answer.
        """
        if value is None:
            raise BadRecordError(BadReason.TOMBSTONE, "the record has no value")
        self._check_size(value)
        if value.startswith(self._header):
            return value
        schema_id, body = unframe(value)
        resolved = self._resolve(read_body(body, self._schemas.by_id(schema_id), self._ours))
        self._check_size(resolved)  # fields that the writer did not know come with their defaults
        return resolved

    def _check_size(self, value: bytes) -> None:
        if len(value) > self._record_bytes_max:
            raise BadRecordError(BadReason.TOO_LARGE, f"{len(value)} bytes, and {self._record_bytes_max} are allowed")

    def _resolve(self, prediction: dict[str, object]) -> bytes:
        try:
            return self._header + write_body(self._ours, prediction)
        except Exception as error:  # noqa: BLE001 - fastavro raises errors of several kinds
            raise BadRecordError(BadReason.NOT_DECODABLE, f"does not fit our schema: {error}") from None
