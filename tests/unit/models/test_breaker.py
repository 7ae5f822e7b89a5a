"""The circuit breaker, on a clock that moves when it is told."""

from __future__ import annotations

import contextlib

import pytest

from processor.fetch import CallFailed, Failure
from processor.models.breaker import FAILURES_IN_A_ROW, OPEN_S, Breaker
from tests.support.served import Time


def fail(breaker: Breaker, reason: Failure = Failure.UNREACHABLE, times: int = 1) -> None:
    for _ in range(times):
        with contextlib.suppress(CallFailed), breaker.calling():
            raise CallFailed(reason, "down")


def opened(breaker: Breaker) -> CallFailed | None:
    try:
        with breaker.calling():
            return None
    except CallFailed as error:
        return error


def test_it_opens_after_a_run_of_failures_and_says_for_how_long_and_why() -> None:
    time = Time()
    breaker = Breaker(time)
    fail(breaker, times=FAILURES_IN_A_ROW - 1)
    assert opened(breaker) is None  # and this success ends the run
    fail(breaker, times=FAILURES_IN_A_ROW)
    time.now += 10
    found = opened(breaker)
    assert found is not None
    assert (found.reason, found.retry_after_s, found.transient) == (Failure.CIRCUIT_OPEN, OPEN_S - 10, True)
    assert "unreachable: down" in found.detail


def test_it_lets_one_through_afterwards_and_closes_when_that_succeeds() -> None:
    time = Time()
    breaker = Breaker(time)
    fail(breaker, times=FAILURES_IN_A_ROW)
    time.now += OPEN_S
    assert opened(breaker) is None
    fail(breaker, times=FAILURES_IN_A_ROW - 1)
    assert opened(breaker) is None


def test_it_stays_open_when_the_trial_fails() -> None:
    time = Time()
    breaker = Breaker(time)
    fail(breaker, times=FAILURES_IN_A_ROW)
    time.now += OPEN_S
    fail(breaker)
    time.now += OPEN_S - 1
    assert opened(breaker) is not None
    time.now += 1
    assert opened(breaker) is None


def test_there_is_one_trial_at_a_time() -> None:
    time = Time()
    breaker = Breaker(time)
    fail(breaker, times=FAILURES_IN_A_ROW)
    time.now += OPEN_S
    with breaker.calling():
        second = opened(breaker)
    assert second is not None
    assert "trial" in second.detail
    assert opened(breaker) is None


@pytest.mark.parametrize("reason", [Failure.BAD_INPUT, Failure.REFUSED, Failure.THROTTLED])
def test_what_is_not_the_models_illness_does_not_open_it(reason: Failure) -> None:
    breaker = Breaker(Time())
    fail(breaker, reason, times=3 * FAILURES_IN_A_ROW)
    assert opened(breaker) is None


@pytest.mark.parametrize(
    "reason", [Failure.TIMED_OUT, Failure.UNAVAILABLE, Failure.MODEL_ERROR, Failure.BAD_ANSWER, Failure.NOT_LOADED, Failure.DENIED]
)
def test_what_is_opens_it(reason: Failure) -> None:
    breaker = Breaker(Time())
    fail(breaker, reason, times=FAILURES_IN_A_ROW)
    assert opened(breaker) is not None


def test_other_errors_go_through_and_count_for_nothing() -> None:
    breaker = Breaker(Time())
    for _ in range(FAILURES_IN_A_ROW):
        with pytest.raises(KeyError), breaker.calling():
            raise KeyError
    assert opened(breaker) is None
