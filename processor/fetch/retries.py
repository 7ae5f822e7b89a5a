"""Trying again: only what may succeed later, after a random wait, within a time and within a budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception
from tenacity.wait import wait_random_exponential

from processor.fetch.failed import CallFailed, Failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from processor.fetch.outside import Outside

    T = TypeVar("T")

ATTEMPTS_MAX = 4
FIRST_WAIT_S = 0.2
WAIT_S_MAX = 5.0
BUDGET_MAX = 10.0
BUDGET_A_CALL = 0.2


class RetryBudget:
    """At most one retry for every five calls in the long run, ten in a row: a service in trouble is not asked four times as often.

    The idea is Finagle's: every call puts a fifth of a retry aside, every retry takes a whole one.
    """

    def __init__(self) -> None:
        self._left = BUDGET_MAX

    def deposit(self) -> None:
        """A call is made for the first time."""
        self._left = min(self._left + BUDGET_A_CALL, BUDGET_MAX)

    def take(self) -> bool:
        """Whether one more retry is covered; it is taken then."""
        covered = self._left >= 1
        self._left -= covered
        return covered


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long something is tried.

    The wait is random between nothing and a bound that doubles ("full jitter"), on top of what Retry-After asks for: callers that were sent
    away together do not come back together.

    Attributes:
        total_s: no attempt begins later than this after the first.
        budget: shared by all calls to one service.
        outside: its clock, and how to wait.
    """

    total_s: float
    budget: RetryBudget
    outside: Outside

    async def __call__(self, attempt: Callable[[], Awaitable[T]], worth: Callable[[CallFailed], bool]) -> T:
        """Try until an attempt gives something.

        Args:
            attempt: one try; raises CallFailed.
            worth: whether trying again can help, of failures that are transient.

        Raises:
            CallFailed: of the last attempt.
        """

        async def once() -> T:
            """A coroutine function, by which tenacity tells that there is something to await."""
            return await attempt()

        self.budget.deposit()
        last = self.outside.clock() + self.total_s
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: _may_pass(error) and isinstance(error, CallFailed) and worth(error)),
            wait=_wait,
            stop=lambda state: self._enough(state, last),
            sleep=self.outside.sleep,
            reraise=True,
        )
        return await retrying(once)

    def _enough(self, state: RetryCallState, last: float) -> bool:
        if state.attempt_number >= ATTEMPTS_MAX or self.outside.clock() + state.upcoming_sleep > last:
            return True
        return not self.budget.take()


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, CallFailed) and error.transient and error.reason is not Failure.CIRCUIT_OPEN


_jitter = wait_random_exponential(multiplier=FIRST_WAIT_S, max=WAIT_S_MAX)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, CallFailed) else None
    return (asked or 0.0) + _jitter(state)
