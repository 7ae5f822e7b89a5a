"""Quotas by fixed windows of UTC. Pure: the same candidates in the same order decide alike, whenever that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processor.limits.rules import Quota

US = 1_000_000
WINDOWS_KEPT = 2


class QuotaState:
    """What one collector has collected: ever, and in the last two windows of each length.

    Attributes:
        total: ever.
        is_changed: since it was last written down.
    """

    def __init__(self) -> None:
        self.total = 0
        self.is_changed = False
        self._windows: dict[int, dict[int, int]] = {}

    def allows(self, quota: Quota, at_us: int) -> bool:
        """Whether one more may be collected; nothing changes.

        A candidate older than the last two windows kept is not allowed: how many there were is no longer known.

        Args:
            quota: the limits as they are now.
            at_us: the candidate's time, microseconds since 1970 UTC.
        """
        if quota.total is not None and self.total >= quota.total:
            return False
        return all(self._count(seconds, at_us) < limit for seconds, limit in quota.windows)

    def add(self, quota: Quota, at_us: int) -> None:
        """Count one that is collected."""
        self.total += 1
        self.is_changed = True
        for seconds, _ in quota.windows:
            counts = self._windows.setdefault(seconds, {})
            window = at_us // (seconds * US)
            counts[window] = counts.get(window, 0) + 1
            for old in sorted(counts)[:-WINDOWS_KEPT]:
                del counts[old]

    def _count(self, seconds: int, at_us: int) -> float:
        """Collected in the candidate's window; infinite where that is no longer known."""
        counts = self._windows.get(seconds, {})
        window = at_us // (seconds * US)
        if counts and window <= max(counts) - WINDOWS_KEPT:
            return float("inf")
        return counts.get(window, 0)

    def as_dict(self) -> dict[str, Any]:
        """For the changelog."""
        windows = {str(seconds): {str(window): count for window, count in counts.items()} for seconds, counts in self._windows.items()}
        return {"total": self.total, "windows": windows}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> QuotaState:
        """The reverse of `as_dict`.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: it is not what that gives.
        """
        state = cls()
        state.total = int(given["total"])
        for seconds, counts in given["windows"].items():
            state._windows[int(seconds)] = {int(window): int(count) for window, count in counts.items()}
        return state
