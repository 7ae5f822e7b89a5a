"""Media as it is posted: base64 text to bytes, and what sort of bytes they are."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA = ("image", "video", "audio")
_URL_SAFE = str.maketrans("-_", "+/")
_QUANTUM = 4

# Signatures as in the formats' own specifications: (offset, bytes) pairs that all have to be there -> content type.
_Signature = tuple[tuple[int, bytes], ...]
_IMAGES: Mapping[_Signature, str] = {
    ((0, b"\x89PNG\r\n\x1a\n"),): "image/png",
    ((0, b"\xff\xd8\xff"),): "image/jpeg",
    ((0, b"GIF87a"),): "image/gif",
    ((0, b"GIF89a"),): "image/gif",
    ((0, b"RIFF"), (8, b"WEBP")): "image/webp",
    ((0, b"BM"),): "image/bmp",
    ((0, b"II*\x00"),): "image/tiff",
    ((0, b"MM\x00*"),): "image/tiff",
    ((4, b"ftypavif"),): "image/avif",
    ((4, b"ftyphei"),): "image/heic",
    ((4, b"ftypmif1"),): "image/heif",
    ((0, b"\x00\x00\x00\x0cjP  "),): "image/jp2",
}
_VIDEOS: Mapping[_Signature, str] = {
    ((4, b"ftypqt"),): "video/quicktime",
    ((4, b"ftyp"),): "video/mp4",
    ((0, b"\x1a\x45\xdf\xa3"),): "video/webm",
    ((0, b"RIFF"), (8, b"AVI ")): "video/x-msvideo",
    ((0, b"\x00\x00\x01\xba"),): "video/mpeg",
    ((0, b"OggS"),): "video/ogg",
    ((0, b"FLV\x01"),): "video/x-flv",
    ((0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),): "video/x-ms-wmv",
    ((0, b"GIF89a"),): "image/gif",
}
_SOUNDS: Mapping[_Signature, str] = {
    ((0, b"RIFF"), (8, b"WAVE")): "audio/wav",
    ((0, b"fLaC"),): "audio/flac",
    ((0, b"OggS"),): "audio/ogg",
    ((0, b"ID3"),): "audio/mpeg",
    ((0, b"\xff\xf1"),): "audio/aac",
    ((0, b"\xff\xf9"),): "audio/aac",
    ((0, b"\xff\xfb"),): "audio/mpeg",
    ((0, b"\xff\xfa"),): "audio/mpeg",
    ((0, b"\xff\xf3"),): "audio/mpeg",
    ((0, b"\xff\xf2"),): "audio/mpeg",
    ((4, b"ftyp"),): "audio/mp4",
    ((0, b"FORM"), (8, b"AIFF")): "audio/aiff",
    ((0, b"#!AMR"),): "audio/amr",
    ((0, b"\x1a\x45\xdf\xa3"),): "audio/webm",
}
_SIGNATURES: Mapping[str, Mapping[_Signature, str]] = {"image": _IMAGES, "video": _VIDEOS, "audio": _SOUNDS}


def decoded_size(text: str) -> int:
    """How many bytes base64 text stands for, give or take its padding: enough to refuse it undecoded."""
    return len(text) * 3 // _QUANTUM


def decode_base64(text: str) -> bytes | None:
    """The bytes of base64 text; None when it is none. As in proto3 JSON: either alphabet, with or without padding."""
    if "-" in text or "_" in text:
        text = text.translate(_URL_SAFE)
    bare = text.rstrip("=")
    if bare != text and (len(text) % _QUANTUM or len(text) - len(bare) >= _QUANTUM - 1):
        return None
    try:
        return binascii.a2b_base64(bare + "=" * (-len(bare) % _QUANTUM), strict_mode=True)
    except ValueError:
        return None


def content_type(medium: str, content: bytes) -> str | None:
    """The content type that bytes tell by their first few; None for no format that is known.

    Args:
        medium: one of `MEDIA`: the same container is a video or a sound.
        content: the bytes.
    """
    for signature, found in _SIGNATURES[medium].items():
        if all(content.startswith(magic, offset) for offset, magic in signature):
            return found
    return None


def known_types(medium: str) -> list[str]:
    """The content types that are told apart, for people."""
    return sorted({name.partition("/")[2] for name in _SIGNATURES[medium].values()})
