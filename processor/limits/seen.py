"""Which inputs were collected of late: a ring of fingerprints. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from processor.limits.ring import Ring

if TYPE_CHECKING:
    from processor.limits.rules import Duplicates

TEXT_HASHES = 32
US = 1_000_000
# A part that an input does not have is zero, and zero is like nothing.
ENTRY = np.dtype([("at_us", "<i8"), ("input_id", "<u8"), ("content", "<u8"), ("image", "<u8"), ("text", "<u4", TEXT_HASHES)])
NO_TEXT = np.zeros(TEXT_HASHES, "<u4")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What an input is compared by; 0 or None: it has no such part, or nobody asked.

    Attributes:
        input_id: 64 bits of a hash of the original input's id.
        content: 64 bits of a hash of its bytes, its normalised URL or its normalised text.
        image: 64 bits of a perceptual hash.
        text: uint32 [TEXT_HASHES], a MinHash signature.
    """

    input_id: int = 0
    content: int = 0
    image: int = 0
    text: np.ndarray | None = None


class Seen(Ring):
    """The last collected inputs of one collector."""

    def __init__(self) -> None:
        super().__init__(ENTRY)

    def holds(self, rule: Duplicates, print_: Fingerprint, at_us: int) -> bool:
        """Whether something like this was collected within the window; nothing changes.

        Args:
            rule: what counts as like it.
            print_: of the candidate.
            at_us: its time, microseconds since 1970 UTC.
        """
        entries = self.last(rule.window_count)
        alike = _alike(entries, rule, print_)
        # Few are alike, so their times alone are looked at.
        near = np.abs(entries["at_us"][alike] - at_us) <= rule.window_seconds * US
        return bool(near.any())

    def remember(self, rule: Duplicates, print_: Fingerprint, at_us: int) -> None:
        """Remember one that is collected, and forget what no window reaches any more."""
        text = NO_TEXT if print_.text is None else print_.text
        self.add((at_us, print_.input_id, print_.content, print_.image, text), rule.window_count)


def _alike(entries: np.ndarray, rule: Duplicates, print_: Fingerprint) -> np.ndarray:
    """Bool [entries]: has a part that counts as the same, whenever that was."""
    same = np.zeros(len(entries), bool)
    for part in ("input_id", "content"):
        if part in rule.by and (wanted := getattr(print_, part)):
            same |= entries[part] == np.uint64(wanted)
    if "image" in rule.by and print_.image:
        differing = np.bitwise_count(entries["image"] ^ np.uint64(print_.image))
        same |= (entries["image"] != 0) & (differing <= rule.image_distance)
    if "text" in rule.by and print_.text is not None:
        similar = np.flatnonzero(_equal_hashes(entries["text"], print_.text) / TEXT_HASHES >= rule.text_similarity)
        same[similar[entries["text"][similar].any(axis=1)]] = True
    return same


def _equal_hashes(signatures: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """How many of each signature's hashes are those wanted, uint8 [signatures]; counted as bits, five times quicker than as numbers."""
    counts: np.ndarray = np.bitwise_count(np.packbits(signatures == wanted, axis=1).view(f"u{TEXT_HASHES // 8}")).ravel()
    return counts
