"""A batch of predictions as columns, each derived when it is first asked for and then kept.

The Arrow layout is that of ``schemas/prediction.avsc``. Whatever is null there counts as absent: no concepts, no regions, an
empty string. Only collected rows ever become Python objects (:meth:`PredictionBatch.take`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from processor.operators.content import Content, Elements, Vocabulary
from processor.operators.random_sample import draws

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of strings: ``names[codes[row]]``."""

    names: list[str]
    codes: np.ndarray


@dataclass(frozen=True, slots=True)
class FlatConcepts:
    """Concepts of all rows, one after another.

    Attributes:
        offsets: int64 [rows + 1]; row i owns ``offsets[i]:offsets[i + 1]``.
        values: float32 [concepts].
        ids: Arrow strings [concepts].
        regions: Arrow strings [concepts], the id of the region that each stands in, and int64 [concepts], the position of that
            region among all regions of the batch; None for top-level concepts.
    """

    offsets: np.ndarray
    values: np.ndarray
    ids: pa.Array
    regions: tuple[pa.Array, np.ndarray] | None = None


class PredictionBatch:
    """Predictions as columns.

    Attributes:
        table: the Arrow columns, one row a prediction.
        rows: how many predictions there are.
    """

    def __init__(self, table: pa.RecordBatch) -> None:
        self.table = table
        self.rows: int = table.num_rows
        self.vocabulary = Vocabulary()
        self._documents: dict[int, Mapping[str, Any]] = {}
        self._draws: dict[int, np.ndarray] = {}

    @cached_property
    def ids(self) -> pa.Array:
        """Prediction ids, Arrow strings [rows]."""
        return self.table.column("id")

    @cached_property
    def hashes(self) -> np.ndarray:
        """xxh3_64 of each id's UTF-8, uint64 [rows]."""
        keys = self.ids.cast(pa.binary()).to_numpy(zero_copy_only=False)
        return np.fromiter(map(xxhash.xxh3_64_intdigest, keys), np.uint64, self.rows)

    @cached_property
    def models(self) -> Coded:
        """``user/app/model`` of each row."""
        parts = [coded(self._strings("model", name)) for name in ("user_id", "app_id", "id")]
        if all(len(part.names) == 1 for part in parts):
            return Coded(["/".join(part.names[0] for part in parts)], parts[0].codes)
        stacked = np.stack([part.codes for part in parts])
        distinct, codes = np.unique(stacked, axis=1, return_inverse=True)
        names = ["/".join(part.names[code] for part, code in zip(parts, triple, strict=True)) for triple in distinct.T.tolist()]
        return Coded(names, codes)

    @cached_property
    def versions(self) -> Coded:
        """The model version of each row."""
        return coded(self._strings("model", "version_id"))

    @cached_property
    def callers(self) -> Coded:
        """Who called the model."""
        return coded(self._strings("caller_user_id"))

    @cached_property
    def in_workflow(self) -> np.ndarray:
        """Bool [rows]: made while somebody's workflow ran, so seen by no collector."""
        return np.diff(string_offsets(self._strings("workflow_id"))) > 0

    @cached_property
    def concepts(self) -> FlatConcepts:
        """Top-level concepts of the output."""
        offsets, flat = flatten(self._field("output", "data", "concepts"))
        return FlatConcepts(offsets, floats(flat), strings(pc.struct_field(flat, "id")))

    @cached_property
    def region_concepts(self) -> FlatConcepts:
        """Concepts inside the output's regions; regions without any do not show."""
        region_offsets, regions = flatten(self._field("output", "data", "regions"))
        if not len(regions):
            empty = pa.array([], pa.string())
            return FlatConcepts(region_offsets, np.zeros(0, np.float32), empty, (empty, np.zeros(0, np.int64)))
        offsets, flat = flatten(pc.struct_field(regions, ["data", "concepts"]))
        place = np.repeat(np.arange(len(regions)), np.diff(offsets))
        ids = strings(pc.struct_field(regions, "id")).take(pa.array(place))
        return FlatConcepts(offsets[region_offsets], floats(flat), strings(pc.struct_field(flat, "id")), (ids, place))

    @cached_property
    def content(self) -> Content:
        """The outputs, as operators look at them."""
        return Content(
            self.rows,
            lambda: self._elements(self.concepts),
            lambda: self._elements(self.region_concepts),
            self._objects,
            lambda: self._strings("output", "data", "text", "raw"),
        )

    def draws(self, group: int) -> np.ndarray:
        """The hashes of one sampling group, uint64 [rows]."""
        if group not in self._draws:
            self._draws[group] = draws(self.hashes, group)
        return self._draws[group]

    @cached_property
    def metadata(self) -> Coded:
        """The inputs' metadata as JSON texts, empty where there is none; equal texts are one."""
        return coded(self._strings("input", "data", "metadata"))

    def document(self, code: int) -> Mapping[str, Any]:
        """The metadata of a code, parsed at most once; no metadata is an empty object."""
        if code not in self._documents:
            self._documents[code] = orjson.loads(self.metadata.names[code] or b"{}") or {}
        return self._documents[code]

    def take(self, rows: np.ndarray, fields: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Rows as Python dicts, fields as in the Avro schema.

        Args:
            rows: which.
            fields: only these; none named: all. Whatever is made an object costs, and the output most.
        """
        table = self.table.select(list(fields)) if fields else self.table
        taken: list[dict[str, Any]] = table.take(pa.array(rows, pa.int64())).to_pylist()
        return taken

    def _elements(self, flat: FlatConcepts) -> Elements:
        def codes() -> np.ndarray:
            return numbers(flat.ids, np.arange(len(flat.ids)), self.vocabulary)

        def owners() -> np.ndarray:
            return numbers(*flat.regions, self.vocabulary) if flat.regions else np.zeros(len(flat.ids), np.int64)

        return Elements.at(flat.offsets, flat.values, codes, owners if flat.regions else None)

    def _objects(self) -> Elements:
        offsets, regions = flatten(self._field("output", "data", "regions"))
        if not len(regions):
            return Elements.nothing(self.rows)
        places = np.arange(len(regions))
        owners = numbers(strings(pc.struct_field(regions, "id")), places, self.vocabulary)
        return Elements.at(offsets, np.zeros(len(places), np.float32), lambda: places, lambda: owners).objects()

    def _field(self, name: str, *path: str) -> pa.Array:
        column = self.table.column(name)
        return pc.struct_field(column, list(path)) if path else column

    def _strings(self, name: str, *path: str) -> pa.Array:
        return strings(self._field(name, *path))


def strings(column: pa.Array) -> pa.Array:
    """The column with empty strings for nulls."""
    return pc.fill_null(column, "") if column.null_count else column


def floats(concepts: pa.Array) -> np.ndarray:
    """Values of an array of concepts, float32, with no negative zero (so that equal values have equal bits)."""
    values: np.ndarray = pc.struct_field(concepts, "value").to_numpy(zero_copy_only=False) + np.float32(0)
    return values


def flatten(lists: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Offsets (int64 [rows + 1], from 0) and items of a list column; a null list has no items."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    offsets = np.zeros(len(lists) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets, lists.flatten()


def string_offsets(column: pa.Array) -> np.ndarray:
    """Where each string of a column without nulls begins and the last one ends in its bytes, int32 [rows + 1]."""
    return np.frombuffer(column.buffers()[1], np.int32, len(column) + 1, offset=4 * column.offset)


def is_constant(column: pa.Array) -> bool:
    """Whether all strings of a non-empty column without nulls are the same; a fifth of the cost of finding distinct ones."""
    offsets = string_offsets(column)
    length = offsets[1] - offsets[0]
    if (np.diff(offsets) != length).any():
        return False
    if not length:
        return True
    # Each string is the one before it: one long comparison, where a row of a matrix each would be thousands of short ones.
    characters = np.frombuffer(column.buffers()[2], np.uint8, length * len(column), offset=offsets[0])
    return bool((characters[length:] == characters[:-length]).all())


def coded(column: pa.Array) -> Coded:
    """Dictionary codes of a column of strings."""
    if len(column) and is_constant(column):
        return Coded([column[0].as_py()], np.zeros(len(column), np.int32))
    encoded = column.dictionary_encode()
    return Coded(encoded.dictionary.to_numpy(zero_copy_only=False).tolist(), encoded.indices.to_numpy(zero_copy_only=False))


def numbers(ids: pa.Array, places: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """Vocabulary numbers of ids, int64; an empty id is like no other, so it gets a negative number after its place."""
    distinct = coded(ids)
    codes: np.ndarray = vocabulary.codes(distinct.names)[distinct.codes]
    return np.where(distinct.codes == distinct.names.index(""), -1 - places, codes) if "" in distinct.names else codes
