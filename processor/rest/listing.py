"""Which documents an app has, in order: what a list call pages through without looking at everybody's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from processor.catalog.changes import Change

Owner = tuple[str, str]
"""A kind, and the key of what its documents are in: ``user/app``, or ``user`` for apps."""


class Listing:
    """Keys of documents by kind and app, sorted when somebody asks."""

    def __init__(self) -> None:
        self._keys: dict[Owner, set[str]] = {}
        self._sorted: dict[Owner, tuple[str, ...]] = {}

    def take(self, changes: Iterable[Change]) -> None:
        """Take in what was written."""
        for change in changes:
            owner = (change.kind, change.key.rpartition("/")[0])
            self._sorted.pop(owner, None)
            if change.record is not None:
                self._keys.setdefault(owner, set()).add(change.key)
            elif owner in self._keys:
                self._keys[owner].discard(change.key)
                if not self._keys[owner]:
                    del self._keys[owner]

    def keys(self, kind: str, owner: str) -> Sequence[str]:
        """All keys of a kind in an app, sorted."""
        found = self._sorted.get((kind, owner))
        if found is None:
            found = tuple(sorted(self._keys.get((kind, owner), ())))
            self._sorted[kind, owner] = found
        return found
