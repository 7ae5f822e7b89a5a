"""Who looked at what."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from processor.catalog.records import Ref


class Dependencies:
    """For every user the refs it looked at, and the reverse; found or not makes no difference."""

    def __init__(self) -> None:
        self._uses: dict[Ref, tuple[Ref, ...]] = {}  # a set takes four times the memory, and there is one for every collector
        self._used_by: dict[Ref, set[Ref]] = {}

    def users(self, ref: Ref) -> AbstractSet[Ref]:
        """Who looked at a ref the last time they looked."""
        return self._used_by.get(ref, frozenset())

    def looked_at(self, kind: str) -> Iterator[str]:
        """Keys of one kind that somebody looked at."""
        return (key for of, key in self._used_by if of == kind)

    def remember(self, user: Ref, used: Iterable[Ref]) -> list[Ref]:
        """Replace what a user looked at.

        Returns:
            Refs that nobody looks at any more.
        """
        after, before = set(used), self._uses.pop(user, ())
        if after:
            self._uses[user] = tuple(after)
        for ref in after.difference(before):
            users = self._used_by.get(ref)
            if users is None:
                self._used_by[ref] = {user}
            else:
                users.add(user)
        return [ref for ref in before if ref not in after and self._unused(ref, user)]

    def remember_new(self, users: Collection[Ref], used: tuple[Ref, ...]) -> None:
        """What several users looked at, all of them the same, and none of them at anything before."""
        self._uses.update(dict.fromkeys(users, used))
        for ref in used:
            self._used_by.setdefault(ref, set()).update(users)

    def _unused(self, ref: Ref, user: Ref) -> bool:
        users = self._used_by[ref]
        users.discard(user)
        if not users:
            del self._used_by[ref]
        return not users
