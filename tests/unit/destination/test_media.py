"""Base64 as clients write it, and content types by first bytes."""

from __future__ import annotations

import base64

import pytest

from processor.destination.media import content_type, decode_base64, decoded_size


@pytest.mark.parametrize("content", [bytes(range(size)) for size in range(1, 8)] + [b"\xfb\xff\xfe" * 5])
def test_both_alphabets_with_and_without_padding_are_the_same_bytes(content: bytes) -> None:
    for encoded in (base64.b64encode(content).decode(), base64.urlsafe_b64encode(content).decode()):
        assert decode_base64(encoded) == decode_base64(encoded.rstrip("=")) == content


@pytest.mark.parametrize("text", ["A", "AAAA=", "AA=A", "AA\nAA", "AA AA", "data:image/png;base64,AAAA", "ÄÄÄÄ", "====", "AAAAA"])
def test_what_is_no_base64_has_no_bytes(text: str) -> None:
    assert decode_base64(text) is None


def test_the_size_is_told_without_decoding() -> None:
    for size in (1, 2, 3, 1_000_001):
        assert size <= decoded_size(base64.b64encode(bytes(size)).decode()) <= size + 2


@pytest.mark.parametrize(
    ("medium", "content", "expected"),
    [
        ("image", b"\x89PNG\r\n\x1a\n...", "image/png"),
        ("image", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("image", b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        ("image", b"RIFF\x10\0\0\0WAVEfmt ", None),
        ("image", b"<svg xmlns='http://www.w3.org/2000/svg'>", None),
        ("image", b"\0\0\0\x18ftypheic", "image/heic"),
        ("video", b"\0\0\0\x18ftypmp42", "video/mp4"),
        ("video", b"\0\0\0\x14ftypqt  ", "video/quicktime"),
        ("audio", b"\0\0\0\x18ftypM4A ", "audio/mp4"),
        ("audio", b"RIFF\x10\0\0\0WAVEfmt ", "audio/wav"),
        ("audio", b"ID3\x04", "audio/mpeg"),
        ("image", b"", None),
    ],
)
def test_the_first_bytes_tell_the_type(medium: str, content: bytes, expected: str | None) -> None:
    assert content_type(medium, content) == expected
