"""The schema registry's framing: a zero byte, the schema id in four big-endian bytes, the Avro body."""

from __future__ import annotations

import struct

from processor.codec.bad import BadReason, BadRecordError

MAGIC = 0
HEADER_BYTES = 5
# What topics.yaml lets a prediction have, framing included; queue, inputs and dead letters may have twice that.
RECORD_BYTES_MAX = 8 * 1024 * 1024
_HEADER = struct.Struct(">BI")


def header(schema_id: int) -> bytes:
    """The five bytes in front of every body of one schema."""
    return _HEADER.pack(MAGIC, schema_id)


def frame(schema_id: int, body: bytes) -> bytes:
    """A body with its header."""
    return header(schema_id) + body


def unframe(value: bytes) -> tuple[int, bytes]:
    """Schema id and body of a framed value.

    Raises:
        BadRecordError: no_framing.
    """
    if len(value) < HEADER_BYTES or value[0] != MAGIC:
        start = value[:HEADER_BYTES].hex(" ") or "nothing"
        raise BadRecordError(BadReason.NO_FRAMING, f"a zero byte and a four-byte schema id are wanted at the start, not {start}")
    return _HEADER.unpack_from(value)[1], value[HEADER_BYTES:]
