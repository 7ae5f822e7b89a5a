"""Batches, places and blame: one answer for each input, whatever the runtime does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from processor.fetch import CallFailed, Failure
from processor.models import ModelFailed
from processor.models.served import BatchingModel
from tests.support.served import run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from processor.models import Input, Output


class Doubler:
    """A runtime: answers with twice the input, unless told otherwise."""

    def __init__(self, fault: Callable[[Sequence[int]], CallFailed | None] = lambda _: None) -> None:
        self.calls: list[list[int]] = []
        self.fault = fault
        self.at_once = self.at_once_max = 0

    async def prepare(self, data: Input) -> int:
        if "n" not in data:
            raise CallFailed(Failure.BAD_INPUT, "no n")
        if data["n"] == "bug":
            raise KeyError("bug")
        return int(data["n"])

    async def call(self, batch: Sequence[int]) -> list[Output | CallFailed]:
        self.calls.append(list(batch))
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if found := self.fault(batch):
            raise found
        return [{"n": 2 * each} for each in batch]


def predictions(runtime: Doubler, inputs: list[dict[str, Any]], batch_max: int = 4, calls_max: int = 2) -> list[Any]:
    found: list[Any] = []

    async def scenario() -> None:
        found.extend(await BatchingModel("lena/mail/m", runtime, batch_max, calls_max).predict(inputs))

    run(scenario())
    return found


def numbers(count: int) -> list[dict[str, Any]]:
    return [{"n": n} for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, 4, 5, 23])
def test_every_input_has_its_answer_in_its_place(count: int) -> None:
    runtime = Doubler()
    assert predictions(runtime, numbers(count)) == [{"n": 2 * n} for n in range(count)]
    assert all(len(call) <= 4 for call in runtime.calls)
    assert len(runtime.calls) == -(-count // 4)


def test_calls_under_way_at_once_have_a_bound() -> None:
    runtime = Doubler()
    predictions(runtime, numbers(40), calls_max=3)
    assert runtime.at_once_max == 3


def test_a_bad_input_fails_alone_and_is_not_sent() -> None:
    runtime = Doubler()
    one, bad, two = predictions(runtime, [{"n": 1}, {}, {"n": 2}])
    assert (one, two, runtime.calls) == ({"n": 2}, {"n": 4}, [[1, 2]])
    assert isinstance(bad, ModelFailed)
    assert (bad.model, bad.reason, str(bad)) == ("lena/mail/m", Failure.BAD_INPUT, "bad_input: model lena/mail/m: no n")


@pytest.mark.parametrize("reason", [Failure.REFUSED, Failure.MODEL_ERROR])
def test_the_input_that_a_batch_fails_for_is_found(reason: Failure) -> None:
    runtime = Doubler(lambda batch: CallFailed(reason, "no 2s") if 2 in batch else None)
    found = predictions(runtime, numbers(4))
    assert [isinstance(each, ModelFailed) for each in found] == [False, False, True, False]
    assert runtime.calls == [[0, 1, 2, 3], [0], [1], [2], [3]]


@pytest.mark.parametrize("reason", [reason for reason in Failure if reason not in {Failure.REFUSED, Failure.MODEL_ERROR}])
def test_a_failure_that_is_no_inputs_fault_fails_the_batch_at_once(reason: Failure) -> None:
    runtime = Doubler(lambda batch: CallFailed(reason, "down", 3.0) if 0 in batch else None)
    found = predictions(runtime, numbers(6))
    assert [isinstance(each, ModelFailed) for each in found] == [True] * 4 + [False] * 2
    assert (found[0].reason, found[0].retry_after_s) == (reason, 3.0)
    assert len(runtime.calls) == 2


def test_a_fault_of_ours_in_reading_an_input_is_logged_and_fails_that_input_only(caplog: pytest.LogCaptureFixture) -> None:
    found = predictions(Doubler(), [{"n": 1}, {"n": "bug"}, *numbers(2)])
    assert [getattr(each, "reason", None) for each in found] == [None, Failure.UNEXPECTED, None, None]
    assert "KeyError" in caplog.text


def test_a_fault_of_ours_in_reading_an_answer_is_logged_and_fails_that_batch_only(caplog: pytest.LogCaptureFixture) -> None:
    class Forgets(Doubler):
        async def call(self, batch: Sequence[int]) -> list[Output | CallFailed]:
            return (await super().call(batch))[: None if 0 in batch else -1]

    found = predictions(Forgets(), numbers(8))
    assert [getattr(each, "reason", None) for each in found] == [None] * 4 + [Failure.UNEXPECTED] * 4
    assert "3 answers for 4 inputs" in caplog.text


def test_inputs_of_several_callers_go_along_in_one_call() -> None:
    async def scenario() -> None:
        runtime = Doubler()
        model = BatchingModel("m", runtime, 4, 2)
        found = await asyncio.gather(*(model.predict([each]) for each in numbers(6)))
        assert found == [[{"n": 2 * n}] for n in range(6)]
        assert runtime.calls == [[0, 1, 2, 3], [4, 5]]

    run(scenario())


def test_what_arrives_while_calls_are_under_way_waits_for_the_next_one() -> None:
    async def scenario() -> None:
        go = asyncio.Event()

        class Waits(Doubler):
            async def call(self, batch: Sequence[int]) -> list[Output | CallFailed]:
                answers = await super().call(batch)
                await go.wait()
                return answers

        runtime = Waits()
        model = BatchingModel("m", runtime, 4, 1)
        tasks = [asyncio.create_task(model.predict([each])) for each in numbers(7)]
        await asyncio.wait(tasks, timeout=0)
        tasks[5].cancel()
        go.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(each, asyncio.CancelledError) for each in found] == [False] * 5 + [True, False]
        assert [each for call in runtime.calls for each in call] == [0, 1, 2, 3, 4, 6]

    run(scenario())


def test_an_input_that_is_slow_to_prepare_holds_back_no_other() -> None:
    async def scenario() -> None:
        go = asyncio.Event()

        class Slow(Doubler):
            async def prepare(self, data: Input) -> int:
                if data["n"] == 0:
                    await go.wait()
                return await super().prepare(data)

        model = BatchingModel("m", Slow(), 4, 2)
        slow = asyncio.create_task(model.predict(numbers(1)))
        assert await model.predict(numbers(5)[1:]) == [{"n": 2 * n} for n in range(1, 5)]
        assert not slow.done()
        go.set()
        assert await slow == [{"n": 0}]

    run(scenario())


def test_a_cancelled_prediction_is_cancelled() -> None:
    async def scenario() -> None:
        class Waits(Doubler):
            async def call(self, batch: Sequence[int]) -> list[Output | CallFailed]:
                called.set()
                await asyncio.Event().wait()
                return [{}] * len(batch)

        called = asyncio.Event()
        task = asyncio.create_task(BatchingModel("m", Waits(), 4, 2).predict(numbers(1)))
        await called.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scenario())
