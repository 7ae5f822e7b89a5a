"""Which documents an app has, in order: what a list call pages through without looking at everybody's."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from processor.catalog.changes import Change

Owner = tuple[str, str]
"""A kind, and the key of what its documents are in: ``user/app``, or ``user`` for apps."""


class Listing:
    """Keys of documents by kind and app, sorted when somebody first asks, and kept so from then on."""

    def __init__(self) -> None:
        self._keys: dict[Owner, set[str]] = {}
        self._sorted: dict[Owner, list[str]] = {}

    def take(self, changes: Iterable[Change]) -> None:
        """Take in what was written."""
        for change in changes:
            owner = (change.kind, change.key.rpartition("/")[0])
            keys = self._keys.setdefault(owner, set())
            if change.record is not None and change.key not in keys:
                keys.add(change.key)
                if owner in self._sorted:
                    insort(self._sorted[owner], change.key)
            elif change.record is None and change.key in keys:
                keys.remove(change.key)
                if owner in self._sorted:
                    del self._sorted[owner][bisect_left(self._sorted[owner], change.key)]
            if not keys:
                del self._keys[owner]
                self._sorted.pop(owner, None)

    def keys(self, kind: str, owner: str) -> Sequence[str]:
        """All keys of a kind in an app, sorted; they are those of this moment as long as nothing is taken in."""
        found = self._sorted.get((kind, owner))
        if found is not None:
            return found
        keys = self._keys.get((kind, owner))
        if keys is None:
            return ()
        self._sorted[kind, owner] = sorted(keys)
        return self._sorted[kind, owner]
