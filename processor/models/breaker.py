"""A circuit breaker for one model: after a run of failures it is left alone for a while, then asked once.

The states and the counting are pybreaker's, which is kept and made for threads and the wall clock. What it lacks is added through its own
seams: a storage that answers by the clock that is handed in, and one trial at a time, where calls run side by side.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pybreaker

from processor.fetch import CallFailed, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAILURES_IN_A_ROW = 5
OPEN_S = 30.0
TRIAL_S = 1.0  # when to come back while a trial is under way

# The model is well: it is the input that is wrong, or we that ask too often.
_NOT_ILL = frozenset({Failure.BAD_INPUT, Failure.REFUSED, Failure.THROTTLED})


class Breaker:
    """Lets calls through as long as they do not keep failing.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._storage = _Storage(clock)
        self._circuit = pybreaker.CircuitBreaker(
            FAILURES_IN_A_ROW, OPEN_S, exclude=[_is_no_illness], state_storage=self._storage, throw_new_error_on_trip=False
        )
        self._trying = False
        self._last = ""

    @contextlib.contextmanager
    def calling(self) -> Iterator[None]:
        """Around one call.

        Raises:
            CallFailed: circuit_open, before the call is made.
        """
        trial = self._circuit.current_state != pybreaker.STATE_CLOSED
        if trial:
            self._check_trial()
        self._trying = self._trying or trial
        try:
            with self._circuit.calling():
                yield
        except CallFailed as failure:
            self._last = str(failure)
            raise
        finally:
            self._trying = self._trying and not trial

    def _check_trial(self) -> None:
        left = max(OPEN_S - self._storage.open_for_s, 0.0)
        if left or self._trying:
            until = f"for another {left:.0f} s" if left else "until the trial under way is through"
            after = f"after {FAILURES_IN_A_ROW} failures in a row, the last of them {self._last}"
            raise CallFailed(Failure.CIRCUIT_OPEN, f"not asked {until}, {after}", left or TRIAL_S)


class _Storage(pybreaker.CircuitMemoryStorage):
    """Says when the circuit was opened so that the wall clock and the clock handed in agree on how long ago that was."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(pybreaker.STATE_CLOSED)
        self._clock = clock
        self._opened_at_s = 0.0

    @property
    def open_for_s(self) -> float:
        """How long ago the circuit was opened."""
        return self._clock() - self._opened_at_s

    @property
    def opened_at(self) -> datetime:
        """When the circuit was opened."""
        return datetime.now(UTC) - timedelta(seconds=self.open_for_s)

    @opened_at.setter
    def opened_at(self, _: datetime) -> None:
        self._opened_at_s = self._clock()


def _is_no_illness(error: BaseException) -> bool:
    return not isinstance(error, CallFailed) or error.reason in _NOT_ILL
