"""The walk over a body that the reference decoder takes where a body is not written in the usual way."""

from __future__ import annotations

import pytest

from processor.codec.bad import BadRecordError
from processor.codec.strict import check_numbers

SCHEMA = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}, {"name": "b", "type": ["null", "long"]}]}


def test_a_string_is_passed_over_with_its_length() -> None:
    check_numbers(b"\x04ab" + b"\x80\x00", SCHEMA)
    with pytest.raises(BadRecordError, match="invalid union branch -1"):
        check_numbers(b"\x04ab" + b"\x01", SCHEMA)


def test_a_block_of_the_one_count_without_an_opposite_is_refused() -> None:
    """Fastavro takes it for an empty block; the walk took it for 2**63 items, and never ended."""
    schema = {"type": "array", "items": "float"}
    check_numbers(b"\x03\x08" + bytes(8) + b"\x00", schema)
    with pytest.raises(BadRecordError, match="a block of -9223372036854775808 items"):
        check_numbers(b"\xff" * 9 + b"\x01\x00\x00", schema)
