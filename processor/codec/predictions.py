"""A batch of framed predictions into Arrow columns; what is bad is set aside, what is good flows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
import pyarrow as pa

from processor.codec.bad import Bad, BadReason, BadRecordError
from processor.codec.column_checks import faulty_rows
from processor.codec.columns import DAMAGED, READ, ColumnReader
from processor.codec.envelopes import NAME, Opener
from processor.codec.framing import HEADER_BYTES, RECORD_BYTES_MAX, header
from processor.codec.records import read_body, without_logical_types, write_body
from processor.engine.batch import PredictionBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from processor.codec.registry import Schemas

CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of a batch of values: every value is a row or is bad.

    Attributes:
        batch: the good ones, in the order given.
        positions: int64 [rows], position of each row among the values given.
        values: each row's value in our own schema, framed.
        bad: the others, in the order given.
    """

    batch: PredictionBatch
    positions: np.ndarray
    values: Sequence[bytes]
    bad: tuple[Bad, ...]

    def body(self, row: int) -> bytes:
        """A row's Avro body, without framing."""
        return self.values[row][HEADER_BYTES:]


def candidate_encoder(schemas: Schemas) -> Callable[[str, float, str, bytes], bytes]:
    """What makes a framed candidate of collector key, inclusion probability, catalog version and a prediction's body.

    The prediction is the candidate's last field, so its body is carried over as it is.
    """
    start = header(schemas.writer_id(CANDIDATE))
    fields = schemas.writer(CANDIDATE)["fields"]
    leading = {**schemas.writer(CANDIDATE), "fields": [field for field in fields if field["name"] != NAME]}

    def encode(collector: str, inclusion_probability: float, catalog_version: str, body: bytes) -> bytes:
        values = {"collector": collector, "inclusion_probability": inclusion_probability, "catalog_version": catalog_version}
        return start + write_body(leading, values) + body

    return encode


class Decoder(Protocol):
    """Anything that decodes predictions: the columnar decoder, and the reference that it is held equal to."""

    def decode(self, values: Sequence[bytes | None]) -> Decoded:
        """Decode a batch; never raises for bad values."""
        ...


class PredictionDecoder:
    """Decodes by column."""

    def __init__(self, schemas: Schemas, record_bytes_max: int = RECORD_BYTES_MAX) -> None:
        """Decode with these schemas.

        Args:
            schemas: ours, and the writers'.
            record_bytes_max: a larger value is bad.
        """
        self._opener = Opener(schemas, record_bytes_max)
        self._reader = ColumnReader(schemas.writer(NAME), header(schemas.writer_id(NAME)), record_bytes_max)
        self._parsed = without_logical_types(schemas.writer(NAME))

    def decode(self, values: Sequence[bytes | None]) -> Decoded:
        """Decode a batch of record values.

        Raises:
            FixCluster: the registry does not answer; nothing else is raised, whatever the values hold.
        """
        read, positions, bad = cast("Sequence[bytes]", values), np.arange(len(values)), list[Bad]()
        table, outcomes = self._reader.read(values)
        if outcomes.any():
            read, positions, bad = self._read_singly(values, outcomes)
            table, _ = self._reader.read(read)
        if faults := faulty_rows(table):
            bad += [fault.at(int(positions[row])) for row, fault in faults.items()]
            kept = np.setdiff1d(np.arange(len(read)), np.fromiter(faults, np.int64, len(faults)), assume_unique=True)
            read, positions, table = [read[row] for row in kept], positions[kept], table.take(pa.array(kept))
        return Decoded(PredictionBatch(table), positions, read, tuple(sorted(bad, key=lambda each: each.index)))

    def _read_singly(self, values: Sequence[bytes | None], outcomes: np.ndarray) -> tuple[list[bytes], np.ndarray, list[Bad]]:
        """What of a batch can be read in our own schema, where it stands, and why the rest cannot: told for what is not READ."""
        read, bad = {}, []
        for position, (value, outcome) in enumerate(zip(values, outcomes.tolist(), strict=True)):
            try:
                read[position] = cast("bytes", value) if outcome == READ else self._opened(value)
            except BadRecordError as error:
                bad.append(error.at(position))
        return list(read.values()), np.fromiter(read, np.int64, len(read)), bad

    def _opened(self, value: bytes | None) -> bytes:
        """A value that was not read, in our own schema.

        Raises:
            BadRecordError: why it cannot be read.
            FixCluster: the registry does not answer.
        """
        opened = self._opener.open(value)
        if self._reader.read([opened]).outcomes[0] == DAMAGED:
            read_body(opened[HEADER_BYTES:], self._parsed)
            # fastavro takes more than the specification has.
            why = "a number of more than ten bytes, a union's branch that there is not, or a block of -2**63 items"
            raise BadRecordError(BadReason.NOT_DECODABLE, why)
        return opened
