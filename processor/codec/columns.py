"""Avro bodies of one schema into Arrow columns, about 2 µs a prediction, by pyruhvro.

pyruhvro refuses a whole batch for one bad body, and takes strings that are not UTF-8 as they are: both are found here. One thing is
not: a list that says it has -2^63 items is read as one without any, where fastavro refuses the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from processor.codec.bad import BadReason, BadRecordError

if TYPE_CHECKING:
    from collections.abc import Sequence

try:
    import pyruhvro

    IS_AVAILABLE = True
except ImportError:  # a compiled extension: there are machines without a wheel, see `decoder`
    IS_AVAILABLE = False

_CONTINUATION_MASK = 0xC0
_CONTINUATION = 0x80


def read_columns(bodies: Sequence[bytes], schema: str) -> pa.RecordBatch:
    """All bodies as one batch, one row a body.

    Args:
        bodies: Avro without framing; together below 2 GiB, which is what Arrow's string columns hold.
        schema: JSON text of the schema that they were written with.

    Raises:
        BadRecordError: at least one body is not_decodable or has invalid_utf8; it is not known which.
    """
    try:
        table = pyruhvro.deserialize_array(bodies, schema)
    except ValueError as error:
        raise BadRecordError(BadReason.NOT_DECODABLE, str(error)) from None
    except BaseException as error:
        # A panic inside the extension. Its class derives from BaseException and cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise BadRecordError(BadReason.NOT_DECODABLE, f"the decoder gave up: {error}") from None
    for field, column in zip(table.schema, table.columns, strict=True):
        _check_utf8(field.name, column)
    return table


def _check_utf8(path: str, array: pa.Array) -> None:
    """Raise invalid_utf8 when a string anywhere in an array is not UTF-8. Cost: a copy of the text, by column."""
    if array.null_count == len(array):
        return
    if pa.types.is_struct(array.type):
        for i in range(array.type.num_fields):
            _check_utf8(f"{path}.{array.type.field(i).name}", array.field(i))
    elif pa.types.is_list(array.type):
        _check_utf8(f"{path}[]", array.values)
    elif pa.types.is_string(array.type):
        _check_strings(path, array)


def _check_strings(path: str, strings: pa.Array) -> None:
    """Decode all strings of a column as one text, then see that none begins in the middle of a character.

    Validating string by string, as Arrow does, takes three times as long.
    """
    offsets = np.frombuffer(strings.buffers()[1], np.int32, len(strings) + 1)
    data = memoryview(strings.buffers()[2] or b"")[: offsets[-1]]
    try:
        text = str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise BadRecordError(BadReason.INVALID_UTF8, f"{path}: {error.reason}") from None
    if text.isascii():
        return
    starts = np.frombuffer(data, np.uint8)[offsets[:-1][np.diff(offsets) > 0]]
    if ((starts & _CONTINUATION_MASK) == _CONTINUATION).any():
        raise BadRecordError(BadReason.INVALID_UTF8, f"{path}: invalid continuation byte at the start")
