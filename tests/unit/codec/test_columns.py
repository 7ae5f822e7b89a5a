"""The columnar reader by itself, on a schema that has every kind of type: what it reads, and what it refuses, value by value."""

from __future__ import annotations

import gc
from typing import Any, cast

import fastavro
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from processor.codec.arrow_schema import arrow_schema
from processor.codec.bad import BadRecordError
from processor.codec.columns import DAMAGED, OTHER, READ, ColumnReader
from processor.codec.framing import HEADER_BYTES, frame, header
from processor.codec.records import read_body, write_body
from processor.codec.strict import check_numbers

ID = 7
VALUE_BYTES_MAX = 4_000
INNER = {"type": "record", "name": "Inner", "fields": [{"name": "text", "type": ["null", "string"]}, {"name": "number", "type": "long"}]}
SCHEMA: Any = fastavro.parse_schema(
    {
        "type": "record",
        "name": "Everything",
        "fields": [
            {"name": "text", "type": "string"},
            {"name": "narrow", "type": "int"},
            {"name": "wide", "type": "long"},
            {"name": "single", "type": "float"},
            {"name": "double", "type": "double"},
            {"name": "flag", "type": "boolean"},
            {"name": "maybe", "type": ["null", INNER]},
            {"name": "rather", "type": ["boolean", "null"]},
            {"name": "several", "type": {"type": "array", "items": "Inner"}},
            {"name": "lists", "type": ["null", {"type": "array", "items": {"type": "array", "items": "float"}}]},
        ],
    }
)
texts = st.text(max_size=20) | st.text("é€😀a", max_size=40)
longs = st.integers(-(2**63), 2**63 - 1)
inners = st.fixed_dictionaries({"text": st.none() | texts, "number": longs})
rows = st.fixed_dictionaries(
    {
        "text": texts,
        "narrow": st.integers(-(2**31), 2**31 - 1),
        "wide": longs,
        "single": st.floats(width=32, allow_nan=False),
        "double": st.floats(allow_nan=False),
        "flag": st.booleans(),
        "maybe": st.none() | inners,
        "rather": st.none() | st.booleans(),
        "several": st.lists(inners, max_size=4),
        "lists": st.none() | st.lists(st.lists(st.floats(width=32, allow_nan=False), max_size=3), max_size=3),
    }
)
READER = ColumnReader(SCHEMA, header(ID), VALUE_BYTES_MAX)


def encoded(row: dict[str, Any]) -> bytes:
    return frame(ID, write_body(SCHEMA, row))


def fits(value: bytes) -> bool:
    """Whether a framed value is a record, as the reference says."""
    try:
        row = read_body(value[HEADER_BYTES:], SCHEMA)
        check_numbers(value[HEADER_BYTES:], SCHEMA)
    except BadRecordError:
        return False
    return -(2**31) <= row["narrow"] < 2**31  # fastavro reads an int like a long


@given(st.lists(rows, max_size=20))
def test_what_was_written_is_read(written: list[dict[str, Any]]) -> None:
    table, outcomes = READER.read([encoded(row) for row in written])
    assert outcomes.tolist() == [READ] * len(written)
    table.validate(full=True)
    assert table.to_pylist() == written
    assert table.schema == arrow_schema(SCHEMA)


@given(st.lists(rows, min_size=1, max_size=6), st.data())
def test_a_damaged_value_is_told_and_its_neighbours_are_read(written: list[dict[str, Any]], data: st.DataObject) -> None:
    values = [encoded(row) for row in written]
    place = data.draw(st.integers(0, len(values) - 1))
    whole = values[place]
    at = data.draw(st.integers(HEADER_BYTES, len(whole) - 1))
    values[place] = data.draw(st.sampled_from([whole[:at], whole[:at] + data.draw(st.binary(min_size=1, max_size=12)) + whole[at + 1 :]]))
    table, outcomes = READER.read(values)
    assert (outcomes[place] == READ) == fits(values[place])
    expected = [read_body(value[HEADER_BYTES:], SCHEMA) for value, outcome in zip(values, outcomes, strict=True) if outcome == READ]
    table.validate(full=True)
    # Equal as text: a NaN equals itself.
    assert repr(table.to_pylist()) == repr(pa.Table.from_pylist(expected, arrow_schema(SCHEMA)).to_pylist())


GOOD = {
    "text": "a", "narrow": 1, "wide": 2, "single": 0.5, "double": 0.25, "flag": True, "maybe": {"text": "b", "number": 3},
    "rather": False, "several": [{"text": None, "number": 4}], "lists": [[1.0], []],
}  # fmt: skip


def test_what_is_not_of_the_schema_is_not_looked_at() -> None:
    large = encoded(GOOD | {"text": "x" * VALUE_BYTES_MAX})
    table, outcomes = READER.read([None, b"", b"\x00", frame(8, encoded(GOOD)[HEADER_BYTES:]), large, encoded(GOOD)])
    assert outcomes.tolist() == [OTHER] * 5 + [READ]
    assert table.to_pylist() == [GOOD]


def test_values_may_be_any_sequence_with_tombstones_among_them() -> None:
    value = encoded(GOOD)
    for values in ([value, None, value], (value, None, value), (value,)):
        table, outcomes = READER.read(values)
        assert outcomes.tolist() == [OTHER if each is None else READ for each in values]
        assert table.to_pylist() == [GOOD] * sum(each is not None for each in values)


def test_what_is_no_bytes_object_is_refused_and_the_reader_goes_on() -> None:
    for values in (["text"], [encoded(GOOD), 7], [bytearray(encoded(GOOD))]):
        with pytest.raises(TypeError, match="expected bytes"):
            READER.read(cast("Any", values))
    assert READER.read([encoded(GOOD)]).table.to_pylist() == [GOOD]


def test_nothing_is_a_table_without_rows() -> None:
    table, outcomes = READER.read([])
    assert (table.num_rows, table.schema, len(outcomes)) == (0, arrow_schema(SCHEMA), 0)


@pytest.mark.parametrize("length", [7, 8, 9, 15, 16, 17, 33])
@pytest.mark.parametrize("ending", [b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\xff"])
def test_text_that_is_no_utf8_is_damaged_wherever_it_stands(length: int, ending: bytes) -> None:
    plain = "x" * length
    good = encoded(GOOD | {"text": plain})
    bad = good.replace(plain.encode(), plain.encode()[: -len(ending)] + ending)
    assert READER.read([good, bad, good]).outcomes.tolist() == [READ, DAMAGED, READ]


@pytest.mark.parametrize("length", range(1, 20))
def test_what_stands_behind_a_short_text_is_no_part_of_it(length: int) -> None:
    row = GOOD | {"text": "x" * length, "narrow": -(2**31), "wide": -(2**63)}
    assert READER.read([encoded(row)]).table.to_pylist() == [row]


def test_a_table_outlives_its_reader() -> None:
    reader = ColumnReader(SCHEMA, header(ID), VALUE_BYTES_MAX)
    tables = [reader.read([encoded(GOOD | {"wide": n})] * 100).table for n in range(3)]
    del reader
    gc.collect()
    assert [table.column("wide").to_pylist() for table in tables] == [[n] * 100 for n in range(3)]


@given(st.lists(st.binary(max_size=60), max_size=10))
@example([b"\x02a" + b"\xff" * 9 + b"\x01"])
def test_noise_is_damaged_or_a_record(bodies: list[bytes]) -> None:
    values = [frame(ID, body) for body in bodies]
    table, outcomes = READER.read(values)
    assert [outcome == READ for outcome in outcomes] == list(map(fits, values))
    table.validate(full=True)
