"""Bodies of inputs, many at once: the same bytes as `processor.codec.inputs` makes of one, by a writer in C (``input_bodies.c``)."""

from __future__ import annotations

from array import array
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa

from processor.codec.compiled import library
from processor.codec.inputs import CONTENT, INPUT_ID_DIGITS, provenance_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from processor.codec.inputs import Collected

# Stands for the prediction's id in a collector's part. JSON has no such character unescaped, so no name of anything can hold it.
_PLACE = "\0"
_PLACE_JSON = orjson.dumps(_PLACE).decode()
_PARTS = 4
KEPT_BYTES = 4_000_000
_NOWHERE: list[int] = [0, 0, 0]


class Stamps:
    """Collectors' parts of bodies: what is the same in all of a collector's inputs of one inclusion probability. Only ever added to."""

    def __init__(self) -> None:
        self._texts = bytearray()
        self._ends: array[int] = array("q")
        self._told: tuple[bytes, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self._ends) // _PARTS

    def add(self, collected: Collected) -> int:
        """The place of a collector's part; whichever prediction ``collected`` names, it holds for all."""
        before, after = provenance_json(collected._replace(prediction_id=_PLACE)).split(_PLACE_JSON, 1)
        datasets = f',"dataset_ids":{orjson.dumps(collected.dataset_ids).decode()}' if collected.dataset_ids else ""
        for text in (f"{collected.collector}\0", datasets, f'"collected":{before}', f"{after}}}"):
            self._texts += text.encode()
            self._ends.append(len(self._texts))
        self._told = None
        return len(self) - 1

    def told(self) -> tuple[bytes, np.ndarray]:
        """All parts one behind the other, and where each ends: four a collector."""
        if self._told is None:
            self._told = bytes(self._texts), np.array(self._ends, np.int64)
        return self._told


class Made(NamedTuple):
    """Inputs: their ids, and their bodies; one that is empty has to be made by itself."""

    keys: list[bytes]
    bodies: list[bytes]


class InputWriter:
    """Writes bodies. One thread at a time: the room that they are written in is kept, up to `KEPT_BYTES`."""

    def __init__(self) -> None:
        self._library = library()
        self._room = np.empty(0, np.uint8)

    def write(self, table: pa.RecordBatch, rows: np.ndarray, places: np.ndarray, stamps: Stamps) -> Made:
        """Make inputs, in the order given.

        Args:
            table: predictions; their JSON texts have been checked.
            rows: which prediction each is of, int32.
            places: whose it is, int64, as `Stamps.add` said.
            stamps: what these are places of.
        """
        columns = _Columns(table)
        rows, places = np.ascontiguousarray(rows, np.int32), np.ascontiguousarray(places, np.int64)
        texts, text_ends = stamps.told()
        keys, ends = np.empty(INPUT_ID_DIGITS * len(rows), np.uint8), np.empty(len(rows), np.int64)
        given = (columns.addresses.ctypes.data, rows.ctypes.data, places.ctypes.data, len(rows), texts, text_ends.ctypes.data)
        while (needed := self._written(given, keys, ends)) > len(self._room):
            self._room = np.empty(needed, np.uint8)
        # Slices of bytes are quicker than those of a view, which needs no copy of the whole.
        bodies = self._room[:needed].tobytes() if needed <= KEPT_BYTES else self._room.data
        made = Made(_cut(keys.tobytes(), range(0, len(keys) + 1, INPUT_ID_DIGITS)), _cut(bodies, [0, *ends.tolist()]))
        if len(self._room) > KEPT_BYTES:
            self._room = np.empty(0, np.uint8)
        return made

    def _written(self, given: tuple[Any, ...], keys: np.ndarray, ends: np.ndarray) -> int:
        room = self._room.ctypes.data, len(self._room)
        return int(self._library.inputs_write(*given, keys.ctypes.data, *room, ends.ctypes.data))


class _Columns:
    """Where a batch's columns lie, as input_bodies.c has them; kept for as long as that is read.

    Attributes:
        addresses: int64.
    """

    def __init__(self, table: pa.RecordBatch) -> None:
        self._kept: list[Any] = []
        if table.column("input").offset:  # a part of a batch: its rows are counted from elsewhere
            table = table.take(pa.array(np.arange(table.num_rows)))
        data = table.column("input").field("data")
        of_contents = [address for name in CONTENT for address in self._content(data.field(name))]
        of_json = [*self._strings(data.field("metadata")), *self._strings(data.field("geo"))]
        self.addresses = np.array([*self._strings(table.column("id")), *of_contents, *of_json], np.int64)

    def _content(self, part: pa.StructArray) -> list[int]:
        if part.null_count == len(part):
            return [0] * (1 + len(_NOWHERE) * part.type.num_fields)
        valid = part.buffers()[0] if part.null_count else pa.py_buffer(b"\xff" * (len(part) // 8 + 1))
        self._kept.append(valid)
        return [valid.address, *(address for i in range(part.type.num_fields) for address in self._strings(part.field(i)))]

    def _strings(self, column: pa.StringArray) -> list[int]:
        if column.null_count == len(column):
            return _NOWHERE
        valid, ends, data = column.buffers()
        self._kept += (valid, ends, data)
        return [valid.address if column.null_count else 0, ends.address, data.address if data else 0]


def _cut(whole: bytes | memoryview, edges: Sequence[int]) -> list[bytes]:
    return [bytes(whole[start:end]) for start, end in pairwise(edges)]
