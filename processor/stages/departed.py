"""Whose memory is of no use any more: collectors that were deleted, and shards that a collector no longer has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from processor.engine.collector import Collector

LOOK_S = 60.0
KEY_PARTS = 3


class Departed:
    """Looks for them now and then.

    The queue and the catalog are not in one order, and a catalog may be behind another process's: a memory goes when its collector
    is missing at two looks in a row. One that is made again before that begins anew all the same, by the time it was created.

    Args:
        collector: of a key, as the catalog has it; None: there is none.
        clock: monotonic seconds.
    """

    def __init__(self, collector: Callable[[str], Collector | None], clock: Callable[[], float]) -> None:
        self._collector = collector
        self._clock = clock
        self._next_s = clock() + LOOK_S
        self._missing: frozenset[str] = frozenset()

    def look(self, places: Callable[[], Iterable[str]]) -> frozenset[str]:
        """Those of some places that nobody has any more; none unless it is time to look.

        Args:
            places: of collectors or shards of whom something is remembered.
        """
        if self._clock() < self._next_s:
            return frozenset()
        self._next_s = self._clock() + LOOK_S
        before, self._missing = self._missing, frozenset(place for place in places() if not self._is_there(place))
        return self._missing & before

    def _is_there(self, place: str) -> bool:
        parts = place.split("/")
        collector = self._collector("/".join(parts[:KEY_PARTS]))
        if collector is None or collector.second is None:
            return collector is not None  # an inactive one does not say how many shards it has
        return collector.second.shards == (int(parts[KEY_PARTS]) if len(parts) > KEY_PARTS else 1)
