"""Avro records of one schema into Arrow columns, less than a microsecond a prediction, by a reader in C (``avro_columns.c``).

Where it could not be compiled (`compiled`), everything is read by `reference` and `records`.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from weakref import finalize

import numpy as np
import pyarrow as pa

from processor.codec.arrow_schema import arrow_schema
from processor.codec.compiled import library, value_finder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from processor.codec.registry import ParsedSchema

# As in avro_columns.c.
READ, OTHER, DAMAGED = range(3)
_KINDS = {"string": 0, "float": 1, "double": 2, "int": 3, "long": 4, "boolean": 5, "array": 6, "record": 7}
_NO_UNION = -1


class _ArrowArray(ctypes.Structure):
    """Of the Arrow C data interface."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("length", "null_count", "offset", "n_buffers", "n_children")),
        *((name, ctypes.c_void_p) for name in ("buffers", "children", "dictionary", "release", "private_data")),
    )


class Columns(NamedTuple):
    """A batch that was read.

    Attributes:
        table: a row for each value that was read, in order.
        outcomes: uint8 [values]: READ, OTHER (not of this schema, too large, or None) or DAMAGED.
    """

    table: pa.RecordBatch
    outcomes: np.ndarray


class ColumnReader:
    """Reads values of one schema. One thread at a time.

    Args:
        schema: a record, parsed by fastavro, of types that `arrow_schema` knows; unions are of null and one other.
        header: what every value of the schema begins with.
        value_bytes_max: a larger value is not looked at.
    """

    def __init__(self, schema: ParsedSchema, header: bytes, value_bytes_max: int) -> None:
        self._library = library()
        self._find = value_finder()
        self._arrow = arrow_schema(schema)
        self._header = header
        self._value_bytes_max = value_bytes_max
        program = np.fromiter(_program(schema), np.int32)
        self._reader = self._library.reader_new(program.ctypes.data)
        if not self._reader:
            raise MemoryError
        finalize(self, self._library.reader_free, self._reader)

    def read(self, values: Sequence[bytes | None]) -> Columns:
        """Read a batch; each value is looked at by itself, so a bad one costs its neighbours nothing.

        Args:
            values: framed; together below 2 GiB, which is what Arrow's string columns hold.

        Raises:
            MemoryError: there is not enough of it.
        """
        count = len(values)
        addresses, lengths, outcomes = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.uint8)
        told = addresses.ctypes.data, lengths.ctypes.data
        there = cast("list[bytes]", values if isinstance(values, list) else list(values))
        try:
            self._find(there, *told)
        except TypeError:  # a tombstone, which is found by nothing as cheaply
            there = [value or b"" for value in there]
            self._find(there, *told)
        out = _ArrowArray()
        made, bounds = ctypes.addressof(out), (len(self._header), self._value_bytes_max)
        rows = self._library.reader_read_values(self._reader, *told, count, self._header, *bounds, outcomes.ctypes.data, made)
        if rows < 0:
            raise MemoryError(f"no room for the columns of {count} records of {lengths.sum()} bytes")
        return Columns(pa.RecordBatch._import_from_c(made, self._arrow), outcomes)  # noqa: SLF001 - Arrow's name for it


def _program(schema: ParsedSchema) -> Iterator[int]:
    """The schema as the reader is told it: kind, branch of null, whether it may be null, children; then these."""
    return _Program().of(schema, _NO_UNION, may_be_null=False)


class _Program:
    def __init__(self) -> None:
        self._named: dict[str, dict[str, Any]] = {}

    def of(self, type_: Any, null_branch: int, *, may_be_null: bool) -> Iterator[int]:
        if isinstance(type_, list):
            null = type_.index("null")
            yield from self.of(type_[1 - null], null, may_be_null=True)
            return
        full = self._named.get(type_, {"type": type_}) if isinstance(type_, str) else type_
        inner = list(self._inner(full))
        yield from (_KINDS[full["type"]], null_branch, may_be_null, len(inner))
        for each in inner:
            # What a list holds is there or is not; what a record that may be null holds, is null with it.
            yield from self.of(each, _NO_UNION, may_be_null=may_be_null and full["type"] == "record")

    def _inner(self, type_: dict[str, Any]) -> Iterator[Any]:
        if type_["type"] == "record":
            self._named[type_["name"]] = type_
            yield from (field["type"] for field in type_["fields"])
        elif type_["type"] == "array":
            yield type_["items"]
