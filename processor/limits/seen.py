"""Which inputs were collected of late: a ring of fingerprints, in segments so that a change costs a segment. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.limits.rules import Duplicates

SEGMENT_ENTRIES = 64
TEXT_HASHES = 32
US = 1_000_000
# One row of a segment. A part that an input does not have is zero, and zero is like nothing.
ENTRY = np.dtype([("at_us", "<i8"), ("input_id", "<u8"), ("content", "<u8"), ("image", "<u8"), ("text", "<u4", TEXT_HASHES)])


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


class Seen:
    """The last collected inputs of one collector.

    Entries are numbered from 0 on, for ever; a segment holds SEGMENT_ENTRIES of them, and segments older than the window are dropped.
    """

    def __init__(self) -> None:
        self._segments: dict[int, np.ndarray] = {}
        self._next = 0
        self._changed: set[int] = set()
        self._dropped: set[int] = set()

    @property
    def size(self) -> int:
        """How many entries are held."""
        return sum(len(segment) for segment in self._segments.values())

    def holds(self, rule: Duplicates, print_: Fingerprint, at_us: int) -> bool:
        """Whether something like this was collected within the window; nothing changes.

        Args:
            rule: what counts as like it.
            print_: of the candidate.
            at_us: its time, microseconds since 1970 UTC.
        """
        return any(self._alike(segment[_within(segment, rule, at_us)], rule, print_) for segment in self._recent(rule))

    def add(self, rule: Duplicates, print_: Fingerprint, at_us: int) -> None:
        """Remember one that is collected, and forget what no window reaches any more."""
        number = self._next // SEGMENT_ENTRIES
        entry = np.zeros(1, ENTRY)
        entry["at_us"], entry["input_id"], entry["content"], entry["image"] = at_us, print_.input_id, print_.content, print_.image
        if print_.text is not None:
            entry["text"] = print_.text
        held = self._segments.get(number)
        self._segments[number] = entry if held is None else np.concatenate([held, entry])
        self._next += 1
        self._changed.add(number)
        oldest = max(0, self._next - rule.window_count) // SEGMENT_ENTRIES
        for old in [each for each in self._segments if each < oldest]:
            self._drop(old)

    def changes(self) -> Iterator[tuple[int, bytes | None]]:
        """(number, bytes) of every segment that changed since the last call; None: it is no more."""
        for number in sorted(self._changed):
            yield number, self._segments[number].tobytes()
        yield from ((number, None) for number in sorted(self._dropped))
        self._changed.clear()
        self._dropped.clear()

    def restore(self, number: int, segment: bytes) -> None:
        """Take over a segment of the changelog.

        Raises:
            ValueError: these bytes are none.
        """
        entries = np.frombuffer(segment, ENTRY)
        self._segments[number] = entries
        self._next = max(self._next, number * SEGMENT_ENTRIES + len(entries))

    def _drop(self, number: int) -> None:
        del self._segments[number]
        self._changed.discard(number)
        self._dropped.add(number)

    def _recent(self, rule: Duplicates) -> Iterator[np.ndarray]:
        """The last ``window_count`` entries, the newest segment first."""
        left = rule.window_count
        for number in sorted(self._segments, reverse=True):
            segment = self._segments[number]
            yield segment[-left:] if left < len(segment) else segment
            left -= len(segment)
            if left <= 0:
                return

    def _alike(self, entries: np.ndarray, rule: Duplicates, print_: Fingerprint) -> bool:
        same = np.zeros(len(entries), bool)
        for part in ("input_id", "content"):
            if part in rule.by and (wanted := getattr(print_, part)):
                same |= entries[part] == np.uint64(wanted)
        if "image" in rule.by and print_.image:
            differing = np.bitwise_count(entries["image"] ^ np.uint64(print_.image))
            same |= (entries["image"] != 0) & (differing <= rule.image_distance)
        if "text" in rule.by and print_.text is not None:
            shares = (entries["text"] == print_.text).mean(axis=1)
            same |= entries["text"].any(axis=1) & (shares >= rule.text_similarity)
        return bool(same.any())


def _within(entries: np.ndarray, rule: Duplicates, at_us: int) -> np.ndarray:
    """Bool [entries]: not further from the candidate, before or after it, than the window is long."""
    near: np.ndarray = np.abs(entries["at_us"] - at_us) <= rule.window_seconds * US
    return near
