"""The newest entries of something, numbered for ever, in segments so that a change costs a segment of the changelog. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

SEGMENT_ENTRIES = 64
# Of what is held, this part is left free when the buffer is moved: so an entry is copied this often at most, on average. And so many
# entries at least: most collectors hold a few.
ROOM = 4


class Ring:
    """Entries of one numpy type, the oldest forgotten segment by segment.

    What is held lies in one piece of one buffer, so that whoever looks at the newest entries looks at one array.

    Args:
        entry: the type of an entry.
    """

    def __init__(self, entry: np.dtype) -> None:
        self._buffer = np.zeros(0, entry)
        self._start = 0  # of what is held, in the buffer
        self._first = 0  # number of the oldest entry that is held; a segment begins with it
        self._next = 0
        self._changed: set[int] = set()
        self._dropped: set[int] = set()
        self._restored: dict[int, np.ndarray] = {}

    @property
    def count(self) -> int:
        """How many there ever were."""
        self._put_together()
        return self._next

    @property
    def size(self) -> int:
        """How many are held."""
        self._put_together()
        return self._next - self._first

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self._buffer.nbytes + sum(segment.nbytes for segment in list(self._restored.values()))

    def last(self, most: int) -> np.ndarray:
        """The newest entries, oldest first, ``most`` at most; a view that the next `add` makes stale."""
        end = self._start + self.size
        return self._buffer[max(self._start, end - most) : end]

    def add(self, entry: tuple[object, ...], keep: int) -> None:
        """Append one, and drop the segments that the newest ``keep`` entries do not reach any more."""
        self._put_together()
        first = max(self._first, max(0, self._next + 1 - keep) // SEGMENT_ENTRIES * SEGMENT_ENTRIES)
        self._drop_until(first)
        place = self._start + self._next - self._first
        if place == len(self._buffer):
            self._move()
            place = self._next - self._first
        self._buffer[place] = entry
        self._changed.add(self._next // SEGMENT_ENTRIES)
        self._next += 1

    def changes(self) -> Iterator[tuple[int, bytes | None]]:
        """(number, bytes) of every segment that changed since the last call; None: it is no more."""
        for number in sorted(self._changed):
            begin = self._start + number * SEGMENT_ENTRIES - self._first
            yield number, self._buffer[begin : min(begin + SEGMENT_ENTRIES, self._start + self._next - self._first)].tobytes()
        yield from ((number, None) for number in sorted(self._dropped))
        self._changed.clear()
        self._dropped.clear()

    def segments(self) -> list[int]:
        """Numbers of the segments that the changelog may hold of it."""
        self._put_together()
        oldest = min(self._dropped, default=self._first // SEGMENT_ENTRIES)
        return list(range(oldest, -(-self._next // SEGMENT_ENTRIES)))

    def restore(self, number: int, segment: bytes) -> None:
        """Take over a segment of the changelog, in any order.

        Raises:
            ValueError: these bytes are none.
        """
        entries = np.frombuffer(segment, self._buffer.dtype)
        if number < 0 or not 0 < len(entries) <= SEGMENT_ENTRIES:
            raise ValueError(f"segment {number} holds {len(entries)} entries; 1 to {SEGMENT_ENTRIES} are possible")
        self._restored[number] = entries

    def _put_together(self) -> None:
        """Make one array of what was restored: the newest segments without a gap, whatever somebody took out of the changelog."""
        if not self._restored:
            return
        restored, self._restored = self._restored, {}
        newest = max(restored)
        oldest = newest
        while len(restored.get(oldest - 1, ())) == SEGMENT_ENTRIES:
            oldest -= 1
        self._dropped = {number for number in restored if number < oldest}
        self._buffer, self._start = np.concatenate([restored[number] for number in range(oldest, newest + 1)]), 0
        self._first, self._next = oldest * SEGMENT_ENTRIES, newest * SEGMENT_ENTRIES + len(restored[newest])

    def _drop_until(self, first: int) -> None:
        gone = range(self._first // SEGMENT_ENTRIES, first // SEGMENT_ENTRIES)
        self._changed.difference_update(gone)
        self._dropped.update(gone)
        self._start += first - self._first
        self._first = first

    def _move(self) -> None:
        """Begin a new buffer with what is held, and room for more."""
        size = self._next - self._first
        held = self._buffer[self._start : self._start + size]
        self._buffer = np.zeros(size + max(ROOM, size // ROOM), held.dtype)
        self._buffer[:size] = held
        self._start = 0
