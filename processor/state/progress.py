"""How far the candidates of one source partition are done. Pure.

Models answer when they answer, so candidates end out of order; and one whose model has no room is passed over, to be read again
later, with everything of its key that follows it. The offset that is committed is that of the first one that is not done. Which later
ones are not done either is told by few numbers, however many are: those under way, of which a process has a bounded number, and where
each key that was passed over stands. All others that were read are done, and a restart does none of them again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a partition is done, as its checkpoint has it.

    Attributes:
        next_offset: the first one that is not done, or ``end``.
        end: one after the last that was read.
        under_way: those below ``end`` that were begun and are not done.
        passed: of each key that was passed over the first offset; nothing of it was begun from there on.
    """

    next_offset: int
    end: int
    under_way: tuple[int, ...] = ()
    passed: Mapping[bytes, int] = field(default_factory=dict)


class Progress:
    """Which offsets of a partition are done. Control records leave gaps between offsets, so only those that were read count.

    Args:
        before: what a process before this one had done.
    """

    def __init__(self, before: Mark) -> None:
        self._before = before
        self._must = frozenset(before.under_way)
        self._position = before.next_offset
        self._under_way: set[int] = set()
        self._passed: dict[bytes, int] = {}

    @property
    def position(self) -> int:
        """One after the last that was read."""
        return self._position

    @property
    def passed(self) -> Mapping[bytes, int]:
        """Keys that were passed over, and where each stands."""
        return self._passed

    def read(self, offset: int, key: bytes) -> bool:
        """Note that an offset came, in ascending order; False: it was done before, or its key is passed over."""
        self._position = max(self._position, offset + 1)
        return key not in self._passed and not self._was_done(offset, key)

    def read_again(self, offset: int, key: bytes) -> bool:
        """Whether one that is read again is one that was passed over."""
        first = self._passed.get(key)
        return first is not None and first <= offset < self._position and not self._was_done(offset, key)

    def may_wait(self, offset: int) -> bool:
        """Whether it may be passed over: not if it was under way before, since later ones of its key may be done."""
        return offset not in self._must

    def begin(self, offset: int, key: bytes) -> None:
        """An offset is under way."""
        self._under_way.add(offset)
        if key in self._passed:
            self._passed[key] = offset + 1

    def finish(self, offset: int) -> None:
        """An offset that was under way is done."""
        self._under_way.remove(offset)

    def pass_over(self, offset: int, key: bytes) -> None:
        """Nothing of this key is begun from this offset on."""
        self._passed[key] = offset

    def catch_up(self, key: bytes) -> None:
        """All of a key that was passed over has been begun."""
        del self._passed[key]

    def mark(self) -> Mark:
        """How far it is done now. What a process before had read and this one has not yet come to is as it was then."""
        before, position = self._before, self._position
        under_way, passed = set(self._under_way), dict(self._passed)
        if position < before.end:
            under_way.update(offset for offset in before.under_way if offset >= position)
            passed = {key: max(first, position) for key, first in before.passed.items()} | passed
        next_offset = min([position, *under_way, *passed.values()])
        return Mark(next_offset, max(position, before.end), tuple(sorted(under_way)), passed)

    def _was_done(self, offset: int, key: bytes) -> bool:
        before = self._before
        return offset < before.end and offset not in self._must and offset < before.passed.get(key, before.end)
