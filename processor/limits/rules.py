"""What a collector allows: how many inputs in a while, and what it takes for the same again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Quota:
    """How many inputs a collector may collect; None: as many as there are.

    Attributes:
        per_minute, per_hour, per_day: in each fixed window of UTC.
        total: ever; a collector that has reached it is inactive.
    """

    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    total: int | None = None

    @property
    def windows(self) -> tuple[tuple[int, int], ...]:
        """(seconds, limit) of every window that is limited."""
        all_of_them = ((MINUTE_S, self.per_minute), (HOUR_S, self.per_hour), (DAY_S, self.per_day))
        return tuple((seconds, limit) for seconds, limit in all_of_them if limit is not None)

    def share(self, shard: int, shards: int) -> Quota:
        """What one of several shards may collect: whole numbers that add up to the limits, so that these are never exceeded."""
        limits = (self.per_minute, self.per_hour, self.per_day, self.total)
        return Quota(*(None if limit is None else limit // shards + (shard < limit % shards) for limit in limits))


class Sameness(StrEnum):
    """What makes an input the same as one before."""

    INPUT_ID = "input_id"
    CONTENT = "content"
    IMAGE = "image"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What is left because it was collected before.

    Attributes:
        by: what is compared; any of them is enough.
        window_count: how many collected inputs are remembered.
        window_seconds: for how long.
        image_distance: of 64 bits, how many may differ in near-duplicate images.
        text_similarity: estimated Jaccard similarity of word shingles from which texts are near-duplicates.
    """

    by: frozenset[Sameness]
    window_count: int
    window_seconds: int
    image_distance: int = 4
    text_similarity: float = 0.8

    def cut(self, window_count: int) -> Duplicates:
        """The same with no longer a window than this."""
        return self if self.window_count <= window_count else replace(self, window_count=window_count)
