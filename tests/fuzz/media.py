"""Boundaries where files of anybody are opened: images that models see, and images that are compared."""

from __future__ import annotations

import base64
import io
import warnings
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from processor.fetch.failed import CallFailed
from processor.limits.fingerprints import fingerprint
from processor.limits.pictures import FORMATS
from processor.limits.rules import Sameness
from processor.models.images import image_tensor
from processor.models.params import ImageInput
from tests.fuzz.machine import Boundary, one_by_one
from tests.support.predictions import input_of, prediction

SIDE = 8
WANTED = ImageInput.model_validate({"from": "image", "name": "i", "width": 4, "height": 4, "mode": "RGB"})
# Formats that Pillow knows and nobody asked for; one of them would start another program.
OTHERS = [
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n%%EOF\n",
    b"P6 8 8 255\n" + b"\0" * 192,
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",
    b"icns\x00\x00\x00\x10ic07\x00\x00\x00\x08",
    b"8BPS\x00\x01" + b"\0" * 20,
]  # fmt: skip


@cache
def images() -> list[bytes]:
    """A small picture in every format, and one that claims to be enormous."""
    made = []
    picture = Image.fromarray(np.arange(SIDE * SIDE * 3, dtype=np.uint8).reshape(SIDE, SIDE, 3))
    for name in FORMATS:
        for mode in ("RGB", "L", "P"):
            file = io.BytesIO()
            picture.convert("RGB" if name in {"JPEG", "WEBP"} and mode == "P" else mode).save(file, name)
            made.append(file.getvalue())
    png = next(each for each in made if each.startswith(b"\x89PNG"))
    return [*made, *OTHERS, png[:16] + b"\x00\x00\xff\xff\x00\x00\xff\xff" + png[24:]]


def check_image(case: bytes) -> str:
    """A tensor of the size that is wanted, or a failure of the input."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tensor = image_tensor(case, WANTED)
        except CallFailed as failure:
            return f"{failure.reason}: {failure.detail[-24:]}"
    assert tensor.shape == (4, 4, 3)
    assert np.isfinite(tensor).all()
    return "tensor"


def check_compared(case: bytes) -> str:
    """A hash, or none."""
    image: Any = {"url": None, "base64": base64.b64encode(case).decode()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = fingerprint(prediction(input=input_of(image=image)), {Sameness.IMAGE}).image
    assert 0 <= found < 2**64
    return "hash" if found else "none"


MEDIA_BOUNDARIES = [
    Boundary("images", images, one_by_one(check_image)),
    Boundary("compared-images", images, one_by_one(check_compared)),
]
