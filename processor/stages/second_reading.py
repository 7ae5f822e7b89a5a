"""What was passed over because its model had no room: read again, in order, as room comes. The topic itself is where it waits.

A key that was passed over stays so until this reading has come to where the partition is read for the first time, so its candidates
keep their order. Candidates of several models wait in one partition: where the next one has no room and one of another model has,
reading goes on, and comes back for what it left. While nothing has room nothing is read; what was read and has no room any more waits
here, which is never more than a client fetches ahead.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from processor.kafka.again import Message
    from processor.stages.room import Models, Room
    from processor.state.progress import Progress


class Reader(Protocol):
    """Reads one partition from where it is told, as `processor.kafka.again.PartitionReader` does."""

    def go_to(self, offset: int) -> None:
        """Read on from there."""

    def poll(self, max_records: int) -> list[Message]:
        """What is there already; waits for nothing."""

    def rest(self) -> None:
        """Read nothing until told where."""

    def close(self) -> None:
        """Give the connections back."""


class SecondReading:
    """The second reading of one partition.

    Args:
        reader: of the partition.
        progress: of the partition.
    """

    def __init__(self, reader: Reader, progress: Progress) -> None:
        self._reader = reader
        self._progress = progress
        self._at: int | None = None
        self._held: deque[Message] = deque()
        self._waits_for: dict[bytes, Models] = {}
        self._sorts: set[Models] = set()
        self._left: set[bytes] = set()

    def pass_over(self, message: Message, models: Models) -> None:
        """A candidate has to wait for these models, and so has everything of its key that follows."""
        offset, key = place_of(message)
        self._progress.pass_over(offset, key)
        self._note(key, models)
        if self._at is None:
            self._go_to(offset)

    def turn(self, room: Room, begin: Callable[[Message], Models | None]) -> None:
        """Begin what there is room for and what has been read by now.

        Args:
            room: places for candidates.
            begin: begins one; gives the models that it has to wait for, or None when it is begun.
        """
        if self._at is None or not self._any_room(room):
            return
        if not self._held:
            self._held.extend(self._reader.poll(max(1, room.free)))
        while self._held:
            if not self._passed_by(self._held[0], room, begin):
                return
            self._at = (self._held.popleft().offset() or 0) + 1
        if self._at >= self._progress.position:
            self._arrive()

    def close(self) -> None:
        """Give the connections back."""
        self._reader.close()

    def _passed_by(self, message: Message, room: Room, begin: Callable[[Message], Models | None]) -> bool:
        """Deal with the next record; False: reading stops before it until there is room."""
        offset, key = place_of(message)
        if key in self._left or not self._progress.read_again(offset, key):
            return True
        models = begin(message)
        if models is not None:
            self._note(key, models)
            if not self._any_room(room):
                return False
            self._left.add(key)
        return True

    def _note(self, key: bytes, models: Models) -> None:
        self._waits_for[key] = models
        self._sorts.add(models)

    def _any_room(self, room: Room) -> bool:
        return any(map(room.has, self._sorts))

    def _arrive(self) -> None:
        """This reading has come to the first one: whoever was not left on the way is no longer passed over."""
        for key in self._waits_for.keys() - self._left:
            self._progress.catch_up(key)
            del self._waits_for[key]
        self._left.clear()
        self._sorts = set(self._waits_for.values())
        if self._waits_for:
            self._go_to(min(self._progress.passed.values()))
        else:
            self._at = None
            self._reader.rest()

    def _go_to(self, offset: int) -> None:
        self._at = offset
        self._reader.go_to(offset)


def place_of(message: Message) -> tuple[int, bytes]:
    """Offset and key; no key is an empty one."""
    return message.offset() or 0, message.key() or b""
