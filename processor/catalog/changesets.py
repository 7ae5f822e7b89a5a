"""Holding the records of a call until all of them have come, because topics are read one after another.

Pure: time is handed in. Whatever order changesets become whole in, an older record of a document never replaces a newer
one: its offset says which it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from processor.catalog.changes import Change, Membership

GIVEN_UP_MAX = 1_000


class Arrived(NamedTuple):
    """One record of the catalog topics.

    Attributes:
        offset: its place in the log; a document's records are all in one partition.
        timestamp_ms: when it was written.
        change: what it says; None when it could not be read.
        member: its changeset; None when it was written without one.
    """

    offset: int
    timestamp_ms: int
    change: Change | None
    member: Membership | None


@dataclass(slots=True)
class _Held:
    deadline_s: float
    missing: int
    seen: set[int] = field(default_factory=set)
    arrived: list[Arrived] = field(default_factory=list)


class Changesets:
    """The changesets under way.

    Args:
        wait_s: how long one is waited for.

    Attributes:
        torn: how many were applied although they never became whole.
    """

    def __init__(self, wait_s: float) -> None:
        self.torn: list[str] = []
        self._wait_s = wait_s
        self._held: dict[str, _Held] = {}
        self._ready: list[Arrived] = []
        self._given_up: dict[str, None] = {}
        self._offsets: dict[tuple[str, str], int] = {}

    @property
    def waiting(self) -> bool:
        """Whether some changeset is not whole yet."""
        return bool(self._held)

    def add(self, record: Arrived, now_s: float) -> None:
        """Take one record in; records of one partition come in the order of their offsets."""
        member = record.member
        if member is None or member.of == 1 or member.id in self._given_up:
            self._ready.append(record)
            return
        held = self._held.setdefault(member.id, _Held(now_s + self._wait_s, member.of))
        held.arrived.append(record)
        held.missing -= member.number not in held.seen
        held.seen.add(member.number)
        if not held.missing:
            self._ready.extend(self._held.pop(member.id).arrived)

    def settle(self, before_ms: int) -> None:
        """Wait no longer for what was written before a time: compaction has taken the rest of it, and nothing is missing."""
        for changeset, held in list(self._held.items()):
            if max(record.timestamp_ms for record in held.arrived) < before_ms:
                self._ready.extend(self._held.pop(changeset).arrived)

    def take(self, now_s: float) -> list[Change]:
        """Changes of what is whole or has been waited for long enough, in an order in which the last one of a document counts."""
        for changeset, held in list(self._held.items()):
            if now_s >= held.deadline_s:
                self._give_up(changeset)
        changes = [record.change for record in self._ready if record.change is not None and self._is_newest(record.change, record.offset)]
        self._ready.clear()
        if not self._held:
            self._offsets.clear()
        return changes

    def _give_up(self, changeset: str) -> None:
        self._ready.extend(self._held.pop(changeset).arrived)
        self.torn.append(changeset)
        self._given_up[changeset] = None
        if len(self._given_up) > GIVEN_UP_MAX:
            del self._given_up[next(iter(self._given_up))]

    def _is_newest(self, change: Change, offset: int) -> bool:
        """Remember how far each document is, as long as something held could be older."""
        document = (change.kind, change.key)
        if offset < self._offsets.get(document, -1):
            return False
        self._offsets[document] = offset
        return True
