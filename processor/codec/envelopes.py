"""Framed predictions, whichever schema they were written with, to bodies in our own schema."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter, methodcaller
from typing import TYPE_CHECKING, cast

import numpy as np

from processor.codec.bad import Bad, BadReason, BadRecordError
from processor.codec.framing import HEADER_BYTES, RECORD_BYTES_MAX, header, unframe
from processor.codec.records import read_body, write_body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processor.codec.registry import Schemas

NAME = "prediction"

_body_of = itemgetter(slice(HEADER_BYTES, None))


@dataclass(slots=True)
class Opened:
    """Bodies in our schema, where each stood among the values given (int64), and the values that could not be opened."""

    bodies: list[bytes]
    positions: np.ndarray
    bad: list[Bad]


class Opener:
    """Opens predictions of one set of schemas."""

    def __init__(self, schemas: Schemas, record_bytes_max: int = RECORD_BYTES_MAX) -> None:
        self._schemas = schemas
        self._ours = schemas.writer(NAME)
        self._header = header(schemas.writer_id(NAME))
        self._is_ours = methodcaller("startswith", self._header)
        self._record_bytes_max = record_bytes_max

    def open_all(self, values: Sequence[bytes | None]) -> Opened:
        """Open a batch, in 0.2 µs a value where all are in our own schema, as they nearly always are.

        Raises:
            FixCluster: the registry does not answer.
        """
        if self._all_ours(values):
            return Opened(list(map(_body_of, cast("Sequence[bytes]", values))), np.arange(len(values)), [])
        bodies, bad = {}, []
        for position, value in enumerate(values):
            try:
                bodies[position] = self.open(value)
            except BadRecordError as error:
                bad.append(error.at(position))
        return Opened(list(bodies.values()), np.fromiter(bodies, np.int64, len(bodies)), bad)

    def open(self, value: bytes | None) -> bytes:
        """One value's body in our own schema.

        Raises:
            BadRecordError: tombstone, too_large, no_framing, unknown_schema_id; not_decodable or invalid_utf8 for other schemas.
            FixCluster: the registry does not answer.
        """
        if value is None:
            raise BadRecordError(BadReason.TOMBSTONE, "the record has no value")
        if len(value) > self._record_bytes_max:
            raise BadRecordError(BadReason.TOO_LARGE, f"{len(value)} bytes, and {self._record_bytes_max} are allowed")
        if value.startswith(self._header):
            return value[HEADER_BYTES:]
        schema_id, body = unframe(value)
        return self._resolve(read_body(body, self._schemas.by_id(schema_id), self._ours))

    def _all_ours(self, values: Sequence[bytes | None]) -> bool:
        try:
            return all(map(self._is_ours, values)) and max(map(len, cast("Sequence[bytes]", values)), default=0) <= self._record_bytes_max
        except AttributeError:  # a tombstone
            return False

    def _resolve(self, prediction: dict[str, object]) -> bytes:
        try:
            return write_body(self._ours, prediction)
        except Exception as error:  # noqa: BLE001 - fastavro raises errors of several kinds
            raise BadRecordError(BadReason.NOT_DECODABLE, f"does not fit our schema: {error}") from None
