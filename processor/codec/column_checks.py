"""Rules that a decoded prediction must keep, checked by column; only what breaks one is looked at by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from processor.codec.bad import BadReason, BadRecordError
from processor.codec.json_text import object_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    Fault = tuple[int, BadReason, str]

# Microseconds since 1970 of the first and the last moment that Python's and most other calendars know: years 1 to 9999.
PREDICTED_AT_MIN_US = -62_135_596_800_000_000
PREDICTED_AT_MAX_US = 253_402_300_799_999_999

MODEL_PARTS = ("user_id", "app_id", "id")
JSON_FIELDS = (("input", "metadata"), ("input", "geo"), ("output", "metadata"), ("output", "geo"))


def faulty_rows(table: pa.RecordBatch) -> dict[int, BadRecordError]:
    """The first fault of each row that has one, in the order of BadReason."""
    faults: dict[int, BadRecordError] = {}
    if table.num_rows:
        for check in (_ids, _models, _times, _values, _json_texts):
            for row, reason, detail in check(table):
                faults.setdefault(row, BadRecordError(reason, detail))
    return faults


def value_problem(path: str, value: float) -> str:
    """How a bad value is told."""
    return f"{path}.value is {value:.9g}, not a probability from 0 to 1"


def _ids(table: pa.RecordBatch) -> Iterator[Fault]:
    for row in _empty(table.column("id")):
        yield row, BadReason.MISSING_ID, "id is empty"


def _models(table: pa.RecordBatch) -> Iterator[Fault]:
    for part in MODEL_PARTS:
        for row in _empty(table.column("model").field(part)):
            yield row, BadReason.MISSING_MODEL, f"model.{part} is empty"


def _times(table: pa.RecordBatch) -> Iterator[Fault]:
    column = table.column("predicted_at")
    if column.null_count == len(column):
        return
    times = column.cast("int64").fill_null(0).to_numpy()
    for row in _outside(times, PREDICTED_AT_MIN_US, PREDICTED_AT_MAX_US):
        yield row, BadReason.VALUE_OUT_OF_RANGE, f"predicted_at is {times[row]} µs, outside the years 1 to 9999"


def _values(table: pa.RecordBatch) -> Iterator[Fault]:
    data = table.column("output").field("data")
    concepts, regions = data.field("concepts"), data.field("regions")
    for row, place, value in _bad_values(concepts):
        yield row, BadReason.VALUE_OUT_OF_RANGE, value_problem(f"output.data.concepts[{place}]", value)
    starts = regions.offsets.to_numpy()
    for region, place, value in _bad_values(regions.values.field("data").field("concepts")):
        row = _owner(starts, region)
        path = f"output.data.regions[{region - starts[row]}].data.concepts[{place}]"
        yield row, BadReason.VALUE_OUT_OF_RANGE, value_problem(path, value)


def _json_texts(table: pa.RecordBatch) -> Iterator[Fault]:
    for side, field in JSON_FIELDS:
        for row, problem in _bad_json(table.column(side).field("data").field(field)):
            yield row, BadReason.METADATA_NOT_JSON, f"{side}.data.{field} {problem}"
    regions = table.column("output").field("data").field("regions")
    starts = regions.offsets.to_numpy()
    for region, problem in _bad_json(regions.values.field("region_info")):
        row = _owner(starts, region)
        yield row, BadReason.METADATA_NOT_JSON, f"output.data.regions[{region - starts[row]}].region_info {problem}"


def _empty(strings: pa.Array) -> list[int]:
    """Rows whose string is empty."""
    offsets = np.frombuffer(strings.buffers()[1], np.int32, len(strings) + 1)
    return np.flatnonzero(offsets[1:] == offsets[:-1]).tolist()


def _outside(values: np.ndarray, low: float, high: float) -> list[int]:
    """Positions of values that are not from low to high; NaN is not."""
    # Two passes without a temporary array settle almost every batch; a NaN makes both comparisons false.
    if not len(values) or (values.min() >= low and values.max() <= high):
        return []
    return np.flatnonzero(~((values >= low) & (values <= high))).tolist()


def _bad_values(concepts: pa.Array) -> Iterator[tuple[int, int, float]]:
    """(row, position in the row, value) of every value that is no probability, in a list column of concepts."""
    values = concepts.values.field("value").to_numpy()
    starts = concepts.offsets.to_numpy()
    for flat in _outside(values, 0, 1):
        row = _owner(starts, flat)
        yield row, flat - int(starts[row]), float(values[flat])


def _bad_json(texts: pa.Array) -> Iterator[tuple[int, str]]:
    """(position, problem) of every text that is not the JSON of an object; each distinct text is parsed once."""
    if texts.null_count == len(texts):
        return
    coded = texts.dictionary_encode()
    problems = [object_problem(text) for text in coded.dictionary.to_pylist()]
    if any(problems):
        for position, code in enumerate(coded.indices.to_pylist()):
            if code is not None and problems[code]:
                yield position, problems[code]


def _owner(starts: np.ndarray, flat: int) -> int:
    """The row of a list column that an item of its flat values belongs to."""
    return int(np.searchsorted(starts, flat, side="right")) - 1
