"""Trying again: what, how often, how long, and never more than the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from processor.fetch import CallFailed, Failure, Outside
from processor.fetch.retries import ATTEMPTS_MAX, BUDGET_MAX, Retries, RetryBudget
from tests.support.served import Names, Time, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def failing(*failures: CallFailed) -> tuple[Callable[[], Awaitable[str]], list[int]]:
    """An attempt that fails so often, then succeeds; and how often it was made."""
    left, made = list(failures), [0]

    async def attempt() -> str:
        made[0] += 1
        if left:
            raise left.pop(0)
        return "done"

    return attempt, made


def retries(time: Time, total_s: float = 60.0, budget: RetryBudget | None = None) -> Retries:
    return Retries(total_s, budget or RetryBudget(), Outside(Names, clock=time, sleep=time.sleep))


@pytest.mark.parametrize("reason", [Failure.UNREACHABLE, Failure.TIMED_OUT, Failure.THROTTLED, Failure.UNAVAILABLE, Failure.MODEL_ERROR])
def test_what_may_pass_is_tried_again_after_a_random_wait(reason: Failure) -> None:
    async def scenario() -> None:
        time = Time()
        attempt, made = failing(CallFailed(reason, "once"), CallFailed(reason, "twice"))
        assert await retries(time)(attempt, lambda _: True) == "done"
        assert made == [3]
        first, second = time.slept
        assert 0 <= first <= 0.2
        assert 0 <= second <= 0.4

    run(scenario())


@pytest.mark.parametrize("reason", [reason for reason in Failure if not CallFailed(reason, "").transient] + [Failure.CIRCUIT_OPEN])
def test_what_will_not_pass_is_not_tried_again(reason: Failure) -> None:
    async def scenario() -> None:
        attempt, made = failing(CallFailed(reason, "no"))
        with pytest.raises(CallFailed, match="no"):
            await retries(Time())(attempt, lambda _: True)
        assert made == [1]

    run(scenario())


def test_attempts_end() -> None:
    async def scenario() -> None:
        attempt, made = failing(*(CallFailed(Failure.UNREACHABLE, str(turn)) for turn in range(10)))
        with pytest.raises(CallFailed, match=str(ATTEMPTS_MAX - 1)):
            await retries(Time())(attempt, lambda _: True)
        assert made == [ATTEMPTS_MAX]

    run(scenario())


def test_what_was_asked_for_is_waited_and_a_little_more() -> None:
    async def scenario() -> None:
        time = Time()
        attempt, _ = failing(CallFailed(Failure.THROTTLED, "wait", 7.0))
        assert await retries(time)(attempt, lambda _: True) == "done"
        assert 7.0 <= time.slept[0] <= 7.2

    run(scenario())


def test_no_attempt_begins_after_the_total() -> None:
    async def scenario() -> None:
        time = Time()
        attempt, made = failing(CallFailed(Failure.THROTTLED, "wait", 7.0))
        with pytest.raises(CallFailed, match="wait"):
            await retries(time, total_s=6.0)(attempt, lambda _: True)
        assert (made, time.slept) == ([1], [])

    run(scenario())


def test_the_budget_bounds_retries_of_all_calls_together() -> None:
    async def scenario() -> None:
        calls, made_in_all, shared = 40, 0, RetryBudget()
        for _ in range(calls):
            attempt, made = failing(*[CallFailed(Failure.UNREACHABLE, "down")] * ATTEMPTS_MAX)
            with pytest.raises(CallFailed):
                await retries(Time(), budget=shared)(attempt, lambda _: True)
            made_in_all += made[0]
        assert calls < made_in_all <= calls * 1.2 + BUDGET_MAX

    run(scenario())
