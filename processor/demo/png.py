"""Grey pictures as PNG files, with nothing but the standard library."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY_8_BITS = (8, 0, 0, 0, 0)  # bit depth, colour type, compression, filter, interlace
NO_FILTER = b"\x00"


def png(pixels: np.ndarray) -> bytes:
    """Encode a picture.

    The format is the PNG specification's (W3C, third edition), sections 5 and 11: signature, header, one compressed stream of rows.

    Args:
        pixels: uint8 [height, width], 0 is black.
    """
    height, width = pixels.shape
    rows = b"".join(NO_FILTER + row.tobytes() for row in pixels)
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, *GREY_8_BITS)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
