"""What one request, and all of them together, may take."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the contract, and of the memory that requests may hold.

    Attributes:
        inputs_max: inputs, or ids to delete, in one request.
        body_bytes_max: size of one request.
        media_bytes_max: size of one image, video or sound, and of the rest of an input.
        held_bytes_max: size of all requests that are being worked on; one that does not fit is asked to come again.
        body_timeout_s: how long a request may take to arrive.
        page_size_max: inputs on one page of a list.
        threads: requests that are worked on at once.
    """

    inputs_max: int = 128
    body_bytes_max: int = 128 * MEBIBYTE
    media_bytes_max: int = 20 * MEBIBYTE
    held_bytes_max: int = 256 * MEBIBYTE
    body_timeout_s: float = 60.0
    page_size_max: int = 1_000
    threads: int = 8
