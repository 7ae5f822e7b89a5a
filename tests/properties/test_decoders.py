"""The columnar decoder and the reference decoder say the same of any bytes: the same rows, the same bad ones for the same reasons."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from processor.codec import records
from processor.codec.framing import frame
from processor.codec.predictions import PredictionDecoder, candidate_encoder
from processor.codec.reference import ReferenceDecoder
from tests.support.older_schemas import NEWER_ID, OLDER_ID, older, schemas_of_three_releases
from tests.support.predictions import predictions

if TYPE_CHECKING:
    from processor.codec.bad import BadReason
    from processor.codec.predictions import Decoded

SCHEMAS = schemas_of_three_releases()
COLUMNAR = PredictionDecoder(SCHEMAS, record_bytes_max=2_000)
REFERENCE = ReferenceDecoder(SCHEMAS, record_bytes_max=2_000)


def number(value: int) -> bytes:
    """Avro's zigzag number."""
    left = (value << 1) ^ (value >> 63)
    written = bytearray()
    while left > 0x7F:
        written.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*written, left])


# What decoders trip over: lengths out of all proportion, negative lengths, union branches and block counts, numbers too long, no UTF-8.
nasty_numbers = st.sampled_from([-(2**63), -(2**31), -167, -3, -2, -1, 1, 2, 3, 2**31, 2**40, 2**62, 2**63 - 1]).map(number)
nasty_bytes = st.sampled_from([b"\xff" * 9 + b"\x01", b"\xff" * 12, b"\x80\x00", b"\x80" * 10 + b"\x00", b"\xc3", b"\xa9", b"\xed\xa0\x80"])
nasty_floats = st.sampled_from([float("nan"), float("inf"), -float("inf"), -0.5, 1.5]).map(lambda value: struct.pack("<f", value))
nasty = nasty_numbers | nasty_bytes | nasty_floats | st.binary(min_size=1, max_size=3)


@st.composite
def damaged(draw: st.DrawFn, values: st.SearchStrategy[bytes]) -> bytes:
    """A value with a few bytes replaced, inserted, cut out or cut off."""
    value = draw(values)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(value)))
        cut = draw(st.sampled_from([0, 0, 1, 4, len(value)]))
        value = value[:at] + draw(st.just(b"") | nasty) + value[at + cut :]
    return value


def encoded(prediction: dict[str, Any]) -> bytes:
    return records.encode(SCHEMAS, "prediction", prediction)


def encoded_by(schema_id: int, prediction: dict[str, Any]) -> bytes:
    """As a writer of another release writes it."""
    return frame(schema_id, records.write_body(SCHEMAS.by_id(schema_id), prediction))


@st.composite
def out_of_rule(draw: st.DrawFn) -> bytes:
    """A well-formed value that breaks a rule: an empty id, no probability, no JSON, a time beyond all calendars."""
    prediction = draw(predictions)
    match draw(st.integers(0, 4)):
        case 0:
            prediction["id"] = ""
        case 1:
            prediction["model"][draw(st.sampled_from(["user_id", "app_id", "id"]))] = ""
        case 2:
            value = draw(st.floats(width=32))
            prediction["output"]["data"]["concepts"].append({"id": "c", "name": "", "value": value})
            region = {"id": "r", "region_info": draw(st.sampled_from([None, "{}", "[]"]))}
            prediction["output"]["data"]["regions"].append(
                region | {"data": {"concepts": [{"id": "c", "name": "", "value": value}], "text": None}}
            )
        case 3:
            side = draw(st.sampled_from(["input", "output"]))
            text = draw(st.sampled_from(["", "nil", "[1]", "3", '{"a":NaN}', '{"a":' * 101 + "1" + "}" * 101]))
            prediction[side]["data"][draw(st.sampled_from(["metadata", "geo"]))] = text
        case _:
            prediction["predicted_at"] = draw(st.integers(-(2**63), 2**63 - 1))
    return encoded(prediction)


good = predictions.map(encoded)
others = st.builds(encoded_by, st.sampled_from([OLDER_ID, NEWER_ID]), predictions)
values = st.one_of(
    good,
    good.map(lambda value: value + b"trailing"),
    others,
    damaged(good),
    damaged(others),
    out_of_rule(),
    st.sampled_from([None, b"", b"\x00", b"\x01" * 9, frame(1, b""), frame(4_000_000_000, b"x"), b"\x00" * 2_001]),
    st.binary(max_size=40),
)


def said(decoded: Decoded) -> tuple[pa.RecordBatch, list[int], list[bytes], list[tuple[int, BadReason]]]:
    """What must be equal; how a fault is told is each decoder's own."""
    return decoded.batch.table, decoded.positions.tolist(), list(decoded.values), [(bad.index, bad.reason) for bad in decoded.bad]


@given(st.lists(values, max_size=8))
@example([frame(1, b"\x02a" * 3 + b"\x03")])
def test_both_decoders_say_the_same(batch: list[bytes | None]) -> None:
    table, *rest = said(COLUMNAR.decode(batch))
    reference_table, *reference_rest = said(REFERENCE.decode(batch))
    assert rest == reference_rest
    assert table.schema == reference_table.schema
    # Equal as bytes: a NaN inside an embedding equals itself, and 0.0 is not -0.0.
    assert repr(table.to_pylist()) == repr(reference_table.to_pylist())


@given(st.lists(values, max_size=8))
def test_every_value_is_a_row_or_is_bad(batch: list[bytes | None]) -> None:
    decoded = COLUMNAR.decode(batch)
    assert sorted([*decoded.positions.tolist(), *(bad.index for bad in decoded.bad)]) == list(range(len(batch)))
    assert len(decoded.values) == decoded.batch.rows == len(decoded.positions)


@given(st.lists(predictions, max_size=6))
def test_what_was_encoded_comes_back(given_predictions: list[dict[str, Any]]) -> None:
    decoded = COLUMNAR.decode([encoded(prediction) for prediction in given_predictions])
    assert decoded.bad == ()
    table = decoded.batch.table
    times = table.column("predicted_at").cast(pa.int64()).to_pylist()
    assert [row | {"predicted_at": time} for row, time in zip(table.to_pylist(), times, strict=True)] == given_predictions


@given(predictions)
def test_writers_of_other_releases_are_understood(prediction: dict[str, Any]) -> None:
    ours, from_older, from_newer = (encoded(prediction), encoded_by(OLDER_ID, prediction), encoded_by(NEWER_ID, prediction))
    assert COLUMNAR.decode([from_newer]).values == COLUMNAR.decode([ours]).values
    assert COLUMNAR.decode([from_older]).values == COLUMNAR.decode([encoded(older(prediction))]).values


@given(st.lists(values, min_size=2, max_size=8), st.data())
def test_batch_boundaries_change_nothing(batch: list[bytes | None], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(batch)))
    whole, first, second = (COLUMNAR.decode(part) for part in (batch, batch[:cut], batch[cut:]))
    assert [*whole.values] == [*first.values, *second.values]
    assert [bad.index for bad in whole.bad] == [bad.index for bad in first.bad] + [bad.index + cut for bad in second.bad]
    assert repr(whole.batch.table.to_pylist()) == repr(first.batch.table.to_pylist() + second.batch.table.to_pylist())


@given(good)
def test_a_body_is_carried_into_a_candidate_unchanged(value: bytes) -> None:
    body = COLUMNAR.decode([value]).body(0)
    candidate = records.decode(SCHEMAS, "candidate", candidate_encoder(SCHEMAS)("u/a/c", 0.25, "v1", body))
    assert records.write_body(SCHEMAS.writer("prediction"), candidate["prediction"]) == body
