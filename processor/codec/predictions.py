"""A batch of framed predictions into Arrow columns; what is bad is set aside, what is good flows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa

from processor.codec.bad import Bad, BadRecordError
from processor.codec.column_checks import faulty_rows
from processor.codec.columns import read_columns
from processor.codec.envelopes import NAME, Opener
from processor.codec.framing import RECORD_BYTES_MAX, header
from processor.codec.records import read_body, without_logical_types, write_body
from processor.engine.batch import PredictionBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from processor.codec.registry import Schemas

# From so few on, reading one by one (40 µs each) is quicker than halving on: every columnar call costs 200 µs, however small.
ONE_BY_ONE_MAX = 32
CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of a batch of values: every value is a row or is bad.

    Attributes:
        batch: the good ones, in the order given.
        positions: int64 [rows], position of each row among the values given.
        bodies: each row's Avro body in our own schema, without framing.
        bad: the others, in the order given.
    """

    batch: PredictionBatch
    positions: np.ndarray
    bodies: list[bytes]
    bad: tuple[Bad, ...]


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
        self._schema = schemas.text(NAME)
        self._parsed = without_logical_types(schemas.writer(NAME))

    def decode(self, values: Sequence[bytes | None]) -> Decoded:
        """Decode a batch of record values.

        Raises:
            FixCluster: the registry does not answer; nothing else is raised, whatever the values hold.
        """
        opened = self._opener.open_all(values)
        bodies, positions, bad = opened.bodies, opened.positions, opened.bad
        try:
            table = read_columns(bodies, self._schema)
        except BadRecordError:
            faults = self._unreadable(bodies)
            bad += [fault.at(int(positions[row])) for row, fault in faults.items()]
            kept = _others(len(bodies), faults)
            bodies, positions = [bodies[row] for row in kept], positions[kept]
            table = read_columns(bodies, self._schema)
        if faults := faulty_rows(table):
            bad += [fault.at(int(positions[row])) for row, fault in faults.items()]
            kept = _others(len(bodies), faults)
            bodies, positions, table = [bodies[row] for row in kept], positions[kept], table.take(pa.array(kept))
        return Decoded(PredictionBatch(table), positions, bodies, tuple(sorted(bad, key=lambda each: each.index)))

    def _unreadable(self, bodies: Sequence[bytes]) -> dict[int, BadRecordError]:
        """The bodies that cannot be read, by position, found by halving."""
        if len(bodies) <= ONE_BY_ONE_MAX:
            return self._unreadable_singly(bodies)
        middle = len(bodies) // 2
        faults = {}
        for start, half in ((0, bodies[:middle]), (middle, bodies[middle:])):
            if self._fault(half) is not None:
                faults.update({start + row: fault for row, fault in self._unreadable(half).items()})
        return faults

    def _unreadable_singly(self, bodies: Sequence[bytes]) -> dict[int, BadRecordError]:
        faults = {}
        for row, body in enumerate(bodies):
            try:
                read_body(body, self._parsed)
            except BadRecordError as error:
                faults[row] = error
        kept = _others(len(bodies), faults)
        if self._fault([bodies[row] for row in kept]) is not None:
            # fastavro takes a negative union branch and a number of more than ten bytes; the columns do not.
            faults.update({row: fault for row in kept if (fault := self._fault([bodies[row]]))})
        return faults

    def _fault(self, bodies: Sequence[bytes]) -> BadRecordError | None:
        try:
            read_columns(bodies, self._schema)
        except BadRecordError as error:
            return error
        return None


def _others(count: int, faults: dict[int, BadRecordError]) -> np.ndarray:
    """Rows without a fault, in order."""
    return np.setdiff1d(np.arange(count), np.fromiter(faults, np.int64, len(faults)), assume_unique=True)
