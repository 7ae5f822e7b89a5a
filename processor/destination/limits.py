"""What one request, and all of them together, may take."""

from __future__ import annotations

from dataclasses import dataclass, field

from processor.rest.body import BodyLimits

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the contract, and of the memory that requests may hold.

    Attributes:
        bodies: of requests that carry one.
        inputs_max: inputs, or ids to delete, in one request.
        media_bytes_max: size of one image, video or sound, and of the rest of an input.
        page_size_max: inputs on one page of a list.
        threads: requests that are worked on at once.
    """

    bodies: BodyLimits = field(default_factory=lambda: BodyLimits(128 * MEBIBYTE, 256 * MEBIBYTE))
    inputs_max: int = 128
    media_bytes_max: int = 20 * MEBIBYTE
    page_size_max: int = 1_000
    threads: int = 8
