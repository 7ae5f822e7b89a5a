"""How often one key may ask: a token bucket each, as in generic cell rate limiting, without a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HELD_MAX = 10_000
ROUNDING_S = 1e-9


class RateLimit:
    """Buckets by key. One event loop.

    Args:
        per_second: requests that one key may make in the long run.
        burst: requests that it may make at once after a rest.
        clock: seconds, monotonic.
    """

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float]) -> None:
        self._spacing_s = 1 / per_second
        self._slack_s = (burst - 1) / per_second + ROUNDING_S
        self._clock = clock
        self._due_s: dict[str, float] = {}

    def admits(self, key: str) -> bool:
        """Count one request; returns whether it is within the limit. One that is not costs nothing."""
        now = self._clock()
        due = max(self._due_s.get(key, now), now)
        if due - now > self._slack_s:
            return False
        self._due_s[key] = due + self._spacing_s
        if len(self._due_s) > HELD_MAX:
            self._due_s = {each: when for each, when in self._due_s.items() if when > now}
        return True
