"""What the second stage must come to, said the slow and plain way: candidates of one collector one after another, over dicts.

Imports nothing of ``processor``. Limits are the documents' own mappings.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

US = 1_000_000
SECONDS = {"per_minute": 60, "per_hour": 3600, "per_day": 86400}


class SecondOracle:
    """One collector's limits.

    Args:
        quota: as in its document; None: none.
        duplicates: as in its document; None: none. Only ``input_id`` and ``content`` are known here.
    """

    def __init__(self, quota: dict[str, int] | None, duplicates: dict[str, Any] | None) -> None:
        self.quota = quota or {}
        self.duplicates = duplicates
        self.collected: list[tuple[int, dict[str, Any]]] = []
        self.newest: dict[str, int] = {}

    def judge(self, keys: dict[str, Any], at_us: int) -> str:
        """``collected``, ``duplicate`` or ``over_quota``.

        Args:
            keys: what it is compared by, by name; None is like nothing.
            at_us: its time.
        """
        if self.duplicates and self._is_duplicate(keys, at_us):
            return "duplicate"
        if self._is_over_quota(at_us):
            return "over_quota"
        self.collected.append((at_us, keys))
        for name, seconds in SECONDS.items():
            self.newest[name] = max(self.newest.get(name, 0), at_us // (seconds * US))
        return "collected"

    def _is_duplicate(self, keys: dict[str, Any], at_us: int) -> bool:
        assert self.duplicates is not None
        window = self.collected[-self.duplicates["window_count"] :]
        return any(
            keys[name] is not None and keys[name] == before[name] and abs(at_us - then) <= self.duplicates["window_seconds"] * US
            for then, before in window
            for name in self.duplicates["by"]
        )

    def _is_over_quota(self, at_us: int) -> bool:
        if len(self.collected) >= self.quota.get("total", 1 << 60):
            return True
        for name, limit in self.quota.items():
            if name == "total":
                continue
            window = at_us // (SECONDS[name] * US)
            if self.collected and window <= self.newest[name] - 2:
                return True
            counts = Counter(then // (SECONDS[name] * US) for then, _ in self.collected)
            if counts[window] >= limit:
                return True
        return False
