"""The registry's five bytes."""

from __future__ import annotations

import pytest

from processor.codec.bad import BadReason, BadRecordError
from processor.codec.framing import frame, unframe


def test_a_frame_is_a_zero_byte_and_the_id_big_endian() -> None:
    assert frame(258, b"body") == b"\x00\x00\x00\x01\x02body"


@pytest.mark.parametrize("schema_id", [0, 1, 2**32 - 1])
def test_what_was_framed_comes_back(schema_id: int) -> None:
    assert unframe(frame(schema_id, b"")) == (schema_id, b"")


@pytest.mark.parametrize("value", [b"", b"\x00", b"\x00\x00\x00\x00", b"\x01\x00\x00\x00\x01body"])
def test_anything_else_is_not_framed(value: bytes) -> None:
    with pytest.raises(BadRecordError) as raised:
        unframe(value)
    assert raised.value.reason is BadReason.NO_FRAMING
