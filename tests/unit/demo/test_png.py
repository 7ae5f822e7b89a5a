"""A picture in a prediction is a PNG that any viewer opens."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from processor.demo.png import SIGNATURE, png


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Name and content of every chunk; checks the checksums on the way."""
    found, at = [], len(SIGNATURE)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(name + content),)
        found.append((name, content))
        at += 12 + length
    return found


def test_the_pixels_come_back_row_by_row() -> None:
    pixels = np.array([[0, 128, 255], [1, 2, 3]], np.uint8)
    encoded = png(pixels)
    (_, header), (_, rows), (last, nothing) = chunks(encoded)
    assert encoded.startswith(SIGNATURE)
    assert struct.unpack(">IIBBBBB", header) == (3, 2, 8, 0, 0, 0, 0)
    assert zlib.decompress(rows) == b"\x00" + bytes([0, 128, 255]) + b"\x00" + bytes([1, 2, 3])
    assert (last, nothing) == (b"IEND", b"")
