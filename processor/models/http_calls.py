"""Calls of one model over HTTP: a place among all calls, a breaker, retries, and a Retry-After that every call obeys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from processor.fetch import CallFailed, Failure
from processor.fetch.exchange import Request, exchange, shown, within
from processor.fetch.retries import Retries, RetryBudget
from processor.fetch.statuses import check_status
from processor.models.breaker import Breaker

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from processor.fetch import Outside
    from processor.fetch.network import Pool

    T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CallLimits:
    """What one call may take.

    Attributes:
        attempt_s: seconds for one attempt, from its connection to its last byte.
        total_s: no attempt begins later than this after the first.
        answer_bytes_max: a longer answer is none.
    """

    attempt_s: float
    total_s: float
    answer_bytes_max: int


@dataclass(frozen=True, slots=True)
class Line:
    """What all models of a process share: connections, and places for calls under way."""

    pool: Pool
    places: asyncio.Semaphore
    limits: CallLimits
    outside: Outside


class HttpCalls:
    """The calls of one model.

    Args:
        line: shared with the other models.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._breaker = Breaker(line.outside.clock)
        self._retries = Retries(line.limits.total_s, RetryBudget(), line.outside)
        self._not_before_s = float("-inf")

    async def post(self, request: Request, inputs: int, read: Callable[[bytes], T]) -> T:
        """Post until there is an answer that can be read.

        Args:
            request: what is posted.
            inputs: how many it asks about. Several of them are not tried again after a fault of the model: one of them may be the cause.
            read: the answer's body as what is wanted; raises CallFailed, which counts as a failure of the model.

        Raises:
            CallFailed: of the last attempt.
        """
        return await self._retries(
            lambda: self._attempt(request, read), lambda failure: inputs == 1 or failure.reason is not Failure.MODEL_ERROR
        )

    async def _attempt(self, request: Request, read: Callable[[bytes], T]) -> T:
        self._check_patience()
        # The place is taken for an attempt and not for the waits between: a model in trouble holds none while it is left alone.
        async with self._line.places:
            with self._breaker.calling():
                return read(await self._exchanged(request))

    def _check_patience(self) -> None:
        left = self._not_before_s - self._line.outside.clock()
        if left > 0:
            raise CallFailed(Failure.THROTTLED, f"it asked to be left alone for another {left:.0f} s", left)

    async def _exchanged(self, request: Request) -> bytes:
        where = shown(request.url)
        async with within(self._line.limits.attempt_s, where):
            answer = await exchange(self._line.pool, request)
        try:
            check_status(answer, where)
        except CallFailed as failure:
            if failure.transient and failure.retry_after_s:
                self._not_before_s = self._line.outside.clock() + failure.retry_after_s
            raise
        return answer.body
