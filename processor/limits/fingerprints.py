"""What two inputs are compared by: hashes of their ids and contents, perceptual hashes of images, MinHash signatures of texts."""

from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import xxhash

from processor.limits.pictures import FORMATS, PIXELS_MAX
from processor.limits.rules import Sameness
from processor.limits.seen import TEXT_HASHES, Fingerprint

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MEDIA = ("image", "video", "audio")
SHINGLE_WORDS = 3
_WORD = re.compile(r"\w+")


def fingerprint(prediction: Mapping[str, Any], by: Collection[Sameness]) -> Fingerprint:
    """The fingerprint of a candidate's original input.

    Args:
        prediction: fields as in the Avro schema.
        by: what is compared; nothing else is worked out.
    """
    given = prediction["input"]
    return Fingerprint(
        input_id=_hash(given["id"]) if Sameness.INPUT_ID in by and given["id"] else 0,
        content=_content(given["data"]) if Sameness.CONTENT in by else 0,
        image=_image(given["data"]["image"]) if Sameness.IMAGE in by else 0,
        text=_text(given["data"]["text"]) if Sameness.TEXT in by else None,
    )


def _hash(text: str | bytes) -> int:
    """64 bits, never 0, which stands for nothing."""
    return xxhash.xxh3_64_intdigest(text.encode() if isinstance(text, str) else text) or 1


def _content(data: Mapping[str, Any]) -> int:
    """Of everything that the input holds: bytes where it holds them, else normalised URLs and texts."""
    parts = [f"{medium}:{found['base64'] or normalised_url(found['url'] or '')}" for medium in MEDIA if (found := data[medium])]
    if text := data["text"]:
        parts = [*parts, f"text:{normalised_text(text['raw']) if text['raw'] else normalised_url(text['url'] or '')}"]
    return _hash("\0".join(parts)) if parts else 0


def normalised_url(url: str) -> str:
    """Scheme and host in small letters, no default port and no fragment (RFC 3986, section 6.2)."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return url
    default = {"http": 80, "https": 443}.get(parts.scheme.lower())
    where = host if port in {None, default} else f"{host}:{port}"
    return urlunsplit((parts.scheme.lower(), where, parts.path or "/", parts.query, ""))


def normalised_text(text: str) -> str:
    """Small letters, one blank between words."""
    return " ".join(text.casefold().split())


def _image(image: Mapping[str, Any] | None) -> int:
    """A perceptual hash (DCT, 64 bits) of bytes that are here; an image by URL alone has none, nor has one that cannot be read."""
    if not image or not image["base64"]:
        return 0
    import imagehash  # noqa: PLC0415 - it brings scipy: loaded only where images are compared
    from PIL import Image  # noqa: PLC0415 - as above

    try:
        with Image.open(io.BytesIO(base64.b64decode(image["base64"])), formats=FORMATS) as found:
            if found.width * found.height > PIXELS_MAX:
                return 0
            bits = imagehash.phash(found.convert("L")).hash.flatten()
    except Exception:  # noqa: BLE001 - decoders of hostile files raise whatever they stumble over
        return 0
    return int(np.packbits(bits).view(">u8")[0]) or 1


def _text(text: Mapping[str, Any] | None) -> np.ndarray | None:
    """A MinHash signature (Broder, 1997) of shingles of words; None without words."""
    words = _WORD.findall(text["raw"].casefold()) if text and text["raw"] else []
    if not words:
        return None
    from datasketch import MinHash  # noqa: PLC0415 - it brings scipy: loaded only where texts are compared

    count = max(1, len(words) - SHINGLE_WORDS + 1)
    signature = MinHash(TEXT_HASHES, hashfunc=xxhash.xxh32_intdigest)
    signature.update_batch([" ".join(words[i : i + SHINGLE_WORDS]).encode() for i in range(count)])
    values: np.ndarray = signature.hashvalues.astype(np.uint32)
    return values
