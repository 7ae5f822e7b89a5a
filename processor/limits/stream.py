"""What a streaming sampler remembers: of each of the newest candidates a number and its probability, and a running mean. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from processor.limits.ring import Ring

if TYPE_CHECKING:
    from collections.abc import Iterator

ENTRY = np.dtype([("value", "<f8"), ("probability", "<f8")])
MEAN_TYPE = np.dtype("<f8")
MEAN = -1
"""The segment of the changelog that holds the mean."""


class Stream(Ring):
    """The newest candidates that reached one sampler.

    Attributes:
        mean: float64 [dimensions] of their vectors; None: they have none.
    """

    def __init__(self) -> None:
        super().__init__(ENTRY)
        self.mean: np.ndarray | None = None
        self._mean_changed = False

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return super().nbytes + (0 if self.mean is None else self.mean.nbytes)

    def move_mean(self, mean: np.ndarray) -> None:
        """Take a new mean."""
        self.mean, self._mean_changed = mean, True

    def changes(self) -> Iterator[tuple[int, bytes | None]]:
        """As of a ring; the mean is a segment too."""
        if self._mean_changed and self.mean is not None:
            yield MEAN, self.mean.tobytes()
        self._mean_changed = False
        yield from super().changes()

    def segments(self) -> list[int]:
        """As of a ring; the mean is a segment too."""
        return [*super().segments(), *([] if self.mean is None else [MEAN])]

    def restore(self, number: int, segment: bytes) -> None:
        """As of a ring; the mean is a segment too.

        Raises:
            ValueError: these bytes are none.
        """
        if number == MEAN:
            self.mean = np.frombuffer(segment, MEAN_TYPE)
        else:
            super().restore(number, segment)
