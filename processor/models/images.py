"""Images as tensors. What is decoded was sent by anybody: few formats, a bound on pixels before anything is unfolded."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from processor.fetch import CallFailed, Failure
from processor.limits.pictures import FORMATS, PIXELS_MAX
from processor.models.tensors import DTYPES, Tensor

if TYPE_CHECKING:
    from processor.models.params import ImageInput

_RESAMPLE = {"BILINEAR": Image.Resampling.BILINEAR, "BOX": Image.Resampling.BOX}


def image_tensor(content: bytes, wanted: ImageInput) -> Tensor:
    """The tensor of one image, without the axis of the batch.

    Args:
        content: the file, as it was sent.
        wanted: mode, size, layout, and what is done to a pixel's value.

    Raises:
        CallFailed: bad_input, for what is no image or too large.
    """
    pixels = _pixels(content, wanted).reshape(wanted.height, wanted.width, -1)
    if wanted.datatype != "UINT8":
        dtype = DTYPES[wanted.datatype]
        pixels = pixels.astype(dtype) * np.asarray(wanted.scale, dtype) + np.asarray(wanted.offset, dtype)
    if wanted.layout == "CHW":
        return pixels.transpose(2, 0, 1)
    return pixels.ravel() if wanted.layout == "FLAT" else pixels


def _pixels(content: bytes, wanted: ImageInput) -> Tensor:
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            _check_size(image)
            return np.asarray(image.convert(wanted.mode).resize((wanted.width, wanted.height), _RESAMPLE[wanted.resample]))
    except CallFailed:
        raise
    except Exception as error:  # noqa: BLE001 - decoders of hostile files raise whatever they stumble over
        raise CallFailed(Failure.BAD_INPUT, f"the image cannot be decoded as {', '.join(FORMATS)} ({type(error).__name__})") from None


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > PIXELS_MAX:
        raise CallFailed(Failure.BAD_INPUT, f"the image has {image.width} x {image.height} pixels, more than {PIXELS_MAX}")
