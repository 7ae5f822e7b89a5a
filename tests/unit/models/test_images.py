"""Images as tensors, exactly; and hostile files."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from processor.demo.data import _pixels as demo_pixels
from processor.demo.png import png
from processor.fetch import CallFailed, Failure
from processor.limits.pictures import PIXELS_MAX
from processor.models.images import image_tensor
from processor.models.params import ImageInput
from tests.support.served import DIGIT_INPUT


def wanted(**fields: Any) -> ImageInput:
    return ImageInput.model_validate({"name": "x", "from": "image", **fields})


def file_of(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


RED_BLUE = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)  # one row of two pixels


def test_a_digit_of_the_demo_becomes_the_ink_it_was_drawn_with() -> None:
    scan = np.arange(64, dtype=float).reshape(8, 8) % 17
    tensor = image_tensor(png(demo_pixels(scan)), wanted(**DIGIT_INPUT))
    assert (tensor.shape, tensor.dtype) == ((64,), np.float32)
    assert np.abs(tensor - scan.ravel() / 16).max() < 1 / 255


@pytest.mark.parametrize(
    ("layout", "shape", "values"),
    [
        ("HWC", (1, 2, 3), [255, 0, 0, 0, 0, 255]),
        ("CHW", (3, 1, 2), [255, 0, 0, 0, 0, 255]),
        ("FLAT", (6,), [255, 0, 0, 0, 0, 255]),
    ],
)
def test_layouts(layout: str, shape: tuple[int, ...], values: list[int]) -> None:
    tensor = image_tensor(file_of(RED_BLUE), wanted(width=2, height=1, layout=layout, datatype="UINT8"))
    assert (tensor.shape, tensor.dtype) == (shape, np.uint8)
    red, green, blue = ([255, 0], [0, 0], [0, 255])
    assert tensor.ravel().tolist() == (red + green + blue if layout == "CHW" else values)


def test_every_channel_has_its_own_scale_and_offset() -> None:
    fields = {"width": 2, "height": 1, "scale": [1 / 255, 1, 2 / 255], "offset": [0, 7, -1], "datatype": "FP64"}
    tensor = image_tensor(file_of(RED_BLUE), wanted(**fields))
    assert tensor.dtype == np.float64
    assert np.allclose(tensor, [[[1, 7, -1], [0, 7, 1]]])


def test_box_is_the_mean_of_the_pixels_that_fall_together() -> None:
    pixels = np.array([[0, 100, 10, 30], [100, 200, 20, 20]], np.uint8)
    tensor = image_tensor(file_of(pixels), wanted(mode="L", width=2, height=1, resample="BOX", layout="FLAT"))
    assert tensor.tolist() == [100.0, 20.0]


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "WEBP", "JPEG"])
def test_the_usual_formats_are_read(kind: str) -> None:
    tensor = image_tensor(file_of(np.full((4, 4), 100, np.uint8), kind), wanted(mode="L", width=1, height=1, layout="FLAT"))
    assert abs(float(tensor[0]) - 100) <= 2


def failure(content: bytes) -> CallFailed:
    with pytest.raises(CallFailed) as raised:
        image_tensor(content, wanted(width=1, height=1))
    return raised.value


def huge_png(side: int) -> bytes:
    """A picture whose header says it is huge, and that has no pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = [b"IHDR" + header, b"IDAT" + zlib.compress(b""), b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each)) for each in chunks)


@pytest.mark.parametrize("side", [int(PIXELS_MAX**0.5) + 1, 12_000, 60_000])
def test_a_huge_picture_is_refused_before_it_is_unfolded(side: int) -> None:
    assert failure(huge_png(side)).reason is Failure.BAD_INPUT


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        file_of(RED_BLUE)[:-30],
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
    ids=["empty", "text", "cut off", "postscript", "svg"],
)
def test_what_is_no_picture_of_these_formats_is_refused(content: bytes) -> None:
    assert failure(content).reason is Failure.BAD_INPUT


@given(st.integers(8, 60), st.integers(0, 255))
def test_a_damaged_picture_is_refused_or_read_and_raises_nothing_else(position: int, byte: int) -> None:
    content = bytearray(file_of(RED_BLUE))
    content[position % len(content)] = byte
    with contextlib.suppress(CallFailed):
        image_tensor(bytes(content), wanted(width=2, height=2))
