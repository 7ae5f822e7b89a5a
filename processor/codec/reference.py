"""The reference decoder: one prediction at a time, by fastavro and plain Python.

It says what the columnar decoder must give, and stands in for it where that could not be compiled. About 50 times slower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from processor.codec.arrow_schema import arrow_schema
from processor.codec.bad import Bad, BadReason, BadRecordError
from processor.codec.column_checks import JSON_FIELDS, MODEL_PARTS, PREDICTED_AT_MAX_US, PREDICTED_AT_MIN_US, value_problem
from processor.codec.envelopes import NAME, Opener
from processor.codec.framing import HEADER_BYTES, RECORD_BYTES_MAX
from processor.codec.json_text import object_problem
from processor.codec.predictions import Decoded
from processor.codec.records import read_body, without_logical_types, write_body
from processor.codec.strict import check_numbers
from processor.engine.batch import PredictionBatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from processor.codec.registry import Schemas


class ReferenceDecoder:
    """Decodes one by one."""

    def __init__(self, schemas: Schemas, record_bytes_max: int = RECORD_BYTES_MAX) -> None:
        """As `PredictionDecoder`."""
        self._opener = Opener(schemas, record_bytes_max)
        self._parsed = without_logical_types(schemas.writer(NAME))
        self._arrow = arrow_schema(schemas.writer(NAME))

    def decode(self, values: Sequence[bytes | None]) -> Decoded:
        """Decode a batch of record values; raises FixCluster when the registry does not answer, and nothing else."""
        rows: dict[int, dict[str, Any]] = {}
        read, bad = [], list[Bad]()
        for position, value in enumerate(values):
            try:
                opened = self._opener.open(value)
                rows[position] = self._read(opened[HEADER_BYTES:])
                read.append(opened)
            except BadRecordError as error:
                bad.append(error.at(position))
        table = pa.RecordBatch.from_pylist(list(rows.values()), schema=self._arrow)
        return Decoded(PredictionBatch(table), np.fromiter(rows, np.int64, len(rows)), read, tuple(bad))

    def _read(self, body: bytes) -> dict[str, Any]:
        prediction = read_body(body, self._parsed)
        if not body.startswith(write_body(self._parsed, prediction)):
            # Not as we would have written it: a number in more bytes than it needs, or an array in several blocks.
            check_numbers(body, self._parsed)
        for fault in _faults(prediction):
            raise fault
        return prediction


def _faults(prediction: dict[str, Any]) -> Iterator[BadRecordError]:
    """Rules that a prediction breaks, in the order of BadReason."""
    if not prediction["id"]:
        yield BadRecordError(BadReason.MISSING_ID, "id is empty")
    for part in MODEL_PARTS:
        if not prediction["model"][part]:
            yield BadRecordError(BadReason.MISSING_MODEL, f"model.{part} is empty")
    time = prediction["predicted_at"]
    if time is not None and not PREDICTED_AT_MIN_US <= time <= PREDICTED_AT_MAX_US:
        yield BadRecordError(BadReason.VALUE_OUT_OF_RANGE, f"predicted_at is {time} µs, outside the years 1 to 9999")
    for path, concept in _concepts(prediction["output"]["data"]):
        if not 0 <= concept["value"] <= 1:
            yield BadRecordError(BadReason.VALUE_OUT_OF_RANGE, value_problem(path, concept["value"]))
    for path, text in _json_texts(prediction):
        if text is not None and (problem := object_problem(text)):
            yield BadRecordError(BadReason.METADATA_NOT_JSON, f"{path} {problem}")


def _concepts(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for i, concept in enumerate(data["concepts"]):
        yield f"output.data.concepts[{i}]", concept
    for i, region in enumerate(data["regions"]):
        for j, concept in enumerate(region["data"]["concepts"]):
            yield f"output.data.regions[{i}].data.concepts[{j}]", concept


def _json_texts(prediction: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    for side, field in JSON_FIELDS:
        yield f"{side}.data.{field}", prediction[side]["data"][field]
    for i, region in enumerate(prediction["output"]["data"]["regions"]):
        yield f"output.data.regions[{i}].region_info", region["region_info"]
