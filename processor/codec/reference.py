"""The reference decoder: one prediction at a time, by fastavro and plain Python.

It says what the columnar decoder must give, and stands in for it where that could not be compiled. About 50 times slower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from processor.codec.arrow_schema import arrow_schema
from processor.codec.bad import Bad, BadRecordError
from processor.codec.envelopes import NAME, Opener
from processor.codec.framing import HEADER_BYTES, RECORD_BYTES_MAX
from processor.codec.prediction_rules import faults
from processor.codec.predictions import Decoded
from processor.codec.records import read_body, without_logical_types, write_body
from processor.codec.strict import check_numbers
from processor.engine.batch import PredictionBatch

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        for fault in faults(prediction):
            raise fault
        return prediction
