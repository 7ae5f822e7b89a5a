"""Collectors by column, for the first load: a million of them are read in seconds. Whatever is not plain is left to `parse`."""

from __future__ import annotations

from itertools import repeat
from sys import intern
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processor.catalog.records import Collector, made_of
from processor.codec.columns import READ, ColumnReader
from processor.codec.compiled import IS_AVAILABLE
from processor.codec.framing import RECORD_BYTES_MAX, header
from processor.resources import ID_LENGTH_MAX, ID_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from processor.codec.registry import Schemas

NAME = "collector"
SOURCE = "api_post_model_outputs_collector_source"
SHARED = ("model_user_id", "model_app_id", "model_id", "model_version_id", "post_inputs_key_id", "caller_user_id")
WORKFLOWS = ("pre_queue_workflow_id", "post_queue_workflow_id")
KEY = ("user_id", "app_id", "id")
_KEYS = rf"\A{'/'.join([ID_PATTERN.pattern] * len(KEY))}\z"


class CollectorColumns:
    """Reads records of the collectors topic.

    Args:
        schemas: ours; a value of another schema is left to `parse`.
    """

    def __init__(self, schemas: Schemas) -> None:
        start = header(schemas.writer_id(NAME))
        self._reader = ColumnReader(schemas.writer(NAME), start, RECORD_BYTES_MAX) if IS_AVAILABLE else None

    def read(self, keys: Sequence[bytes | None], values: Sequence[bytes | None]) -> list[tuple[str, Collector] | None]:
        """The key and the collector of each record; None where `parse` has to look: it may be bad, or has what few have."""
        found: list[tuple[str, Collector] | None] = [None] * len(values)
        if self._reader is None:
            return found
        table, outcomes = self._reader.read(values)
        ours = np.flatnonzero(outcomes == READ).tolist()
        names = pc.binary_join_element_wise(*map(table.column, KEY), "/")
        plain = np.flatnonzero(_is_plain(table) & _are_ids(table, names) & _is_key(names, [keys[place] for place in ours]))
        for row, *read in zip(plain.tolist(), names.take(plain).to_pylist(), _collectors(table.take(plain)), strict=True):
            found[ours[row]] = cast("tuple[str, Collector]", tuple(read))
        return found


def _are_ids(table: pa.RecordBatch, names: pa.Array) -> np.ndarray:
    """Bool [rows]: each part of its name is an id."""
    are_ids: np.ndarray = pc.match_substring_regex(names, _KEYS).to_numpy(zero_copy_only=False)
    for part in KEY:
        are_ids = are_ids & (pc.binary_length(table.column(part)).to_numpy(zero_copy_only=False) <= ID_LENGTH_MAX)
    return are_ids


def _is_key(names: pa.Array, keys: Sequence[bytes | None]) -> np.ndarray:
    """Bool [rows]: the record's key is what its value says."""
    equal = pc.fill_null(pc.equal(names.cast(pa.binary()), pa.array(keys, pa.binary())), fill_value=False)
    is_key: np.ndarray = equal.to_numpy(zero_copy_only=False)
    return is_key


def _is_plain(table: pa.RecordBatch) -> np.ndarray:
    """Bool [rows]: keeps all rules of a collector, and has no pause, quota, duplicates, tags or datasets."""
    plain = table.column("collector_source").field(SOURCE).is_valid().to_numpy(zero_copy_only=False)
    for name in ("status", "quota", "duplicates"):
        plain &= table.column(name).is_null().to_numpy(zero_copy_only=False)
    for name in ("tags", "dataset_ids"):
        plain &= pc.list_value_length(table.column(name)).to_numpy(zero_copy_only=False) == 0
    workflows = [pc.binary_length(table.column(name)).to_numpy(zero_copy_only=False) for name in WORKFLOWS]
    sample = table.column("pre_queue_random_sample")
    share = pc.fill_null(sample, np.nan).to_numpy(zero_copy_only=False).clip(-2, 2).astype(np.float32)  # compared as `rules` does
    sampled = sample.is_valid().to_numpy(zero_copy_only=False)
    wanted = sampled | (workflows[0] > 0) | (workflows[1] > 0)
    is_plain: np.ndarray = plain & wanted & (~sampled | ((share > 0) & (share <= 1)))
    return is_plain


def _collectors(table: pa.RecordBatch) -> list[Collector]:
    """Plain ones."""
    source, count = table.column("collector_source").field(SOURCE), table.num_rows
    columns: dict[str, Iterable[Any]] = {name: _interned(source.field(name)) for name in SHARED}
    columns |= {name: _interned(table.column(name)) for name in ("user_id", "app_id", *WORKFLOWS)}
    own = ("id", "description", "pre_queue_random_sample", "collect_outputs", "queue_shards", "created_at")
    columns |= {name: table.column(name).to_pylist() for name in own}
    of_all = {"paused": False, "tags": (), "dataset_ids": (), "quota": None, "duplicates": None}
    return made_of(Collector, count, columns | {name: repeat(value) for name, value in of_all.items()})


def _interned(column: pa.Array) -> list[str]:
    """Texts of which many are the same."""
    coded = column.dictionary_encode()
    texts = list(map(intern, coded.dictionary.to_pylist()))
    return [texts[code] for code in coded.indices.to_pylist()]
