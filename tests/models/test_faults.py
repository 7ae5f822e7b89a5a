"""Models over HTTP that are slow, down, busy, or answer garbage: an answer for each input, words for every failure, nobody disturbed."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import socket
from typing import TYPE_CHECKING, Any

import pytest

from processor.fetch import Failure
from processor.fetch.retries import ATTEMPTS_MAX
from processor.models import ModelFailed
from processor.models.breaker import FAILURES_IN_A_ROW, OPEN_S
from tests.support.served import Document, Given, bench, number, run, tensors
from tests.support.sites import Asked, Site, always, answer, in_turn

if TYPE_CHECKING:
    from pathlib import Path


def document(site: Site, **params: Any) -> Document:
    return Document(f"open-inference+{site.url('/v2/models/m')}", tensors(**params))


def values(*rows: list[float]) -> bytes:
    shape = [len(rows), len(rows[0])]
    return answer(body={"outputs": [{"name": "y", "shape": shape, "datatype": "FP32", "data": [value for row in rows for value in row]}]})


async def halves(asked: Asked) -> bytes:
    """A model: its input, and what is left to 1."""
    (tensor,) = asked.json["inputs"]
    return values(*([x, 1 - x] for x in tensor["data"]))


def test_a_model_is_asked_by_the_batch_and_every_input_has_its_own_answer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(halves) as site, bench(Given(tmp_path)) as there:
            found = await there(document(site, max_batch=4)).predict([number(n / 16) for n in range(10)])
            assert [output["concepts"][0]["value"] for output in found] == [n / 16 for n in range(10)]
            assert sorted(asked.json["inputs"][0]["shape"][0] for asked in site.asked) == [2, 4, 4]
            assert {(asked.method, asked.target) for asked in site.asked} == {("POST", "/v2/models/m/infer")}

    run(scenario())


HUGE = b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 3_000_000
GARBAGE = [
    (answer(body=b"<html>welcome</html>"), Failure.BAD_ANSWER, "no JSON"),
    (answer(body=b'{"outputs": [{"name": "y", "shape": [1, 2], "data": [NaN, 0.5]}]}'), Failure.BAD_ANSWER, "no JSON"),
    (answer(body={"outputs": []}), Failure.BAD_ANSWER, "no tensor 'y'"),
    (values([0.1, 0.2, 0.7]), Failure.BAD_ANSWER, "3 values a row"),
    (values([0.1, 0.9], [0.1, 0.9]), Failure.BAD_ANSWER, "a row for each of 1 inputs"),
    (values([0.1, 1.9]), Failure.BAD_ANSWER, "no probabilities"),
    (answer(body={"outputs": [{"name": "y", "shape": [1, 2], "data": [None, 0.5]}]}), Failure.BAD_ANSWER, "no probabilities"),
    (answer(body=b"[" * 900_000), Failure.BAD_ANSWER, "no JSON"),
    (HUGE, Failure.BAD_ANSWER, "longer than 1000000 bytes"),
    (answer(body=gzip.compress(b"{}"), content_encoding="gzip"), Failure.BAD_ANSWER, "compressed"),
    (answer(400, b'{"error": "shape"}'), Failure.REFUSED, '400: {"error": "shape"}'),
    (answer(401), Failure.DENIED, "401"),
    (answer(404), Failure.DENIED, "404"),
]


@pytest.mark.parametrize(("content", "reason", "words"), GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_fails_with_words_and_is_not_asked_for_again(content: bytes, reason: Failure, words: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(always(content)) as site, bench(Given(tmp_path, {"model_answer_bytes_max": 1_000_000})) as there:
            (found,) = await there(document(site)).predict([number(0.5)])
            assert isinstance(found, ModelFailed)
            assert (found.reason, found.transient, words in found.detail) == (reason, False, True), found
            assert found.detail.startswith("model lena/mail/reader: ")
            assert len(site.asked) == 1

    run(scenario())


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_model_that_is_down_is_tried_again_and_then_given_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(Given(tmp_path)) as there:
            model = there(Document(f"open-inference+http://127.0.0.1:{closed_port()}/v2/models/m", tensors()))
            (found,) = await model.predict([number(0.5)])
            assert (found.reason, found.transient) == (Failure.UNREACHABLE, True)
            assert len(there.time.slept) == ATTEMPTS_MAX - 1

    run(scenario())


def test_a_model_that_comes_back_in_time_answers(tmp_path: Path) -> None:
    async def scenario() -> None:
        faults = [b"", answer(502), answer(500)]
        async with Site(in_turn(*faults, values([0.25, 0.75]))) as site, bench(Given(tmp_path)) as there:
            (found,) = await there(document(site)).predict([number(0.5)])
            assert found["concepts"][1]["value"] == 0.75

    run(scenario())


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(status: int, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(in_turn(answer(status, retry_after="7"), values([0.25, 0.75]))) as site, bench(Given(tmp_path)) as there:
            (found,) = await there(document(site)).predict([number(0.5)])
            assert found["concepts"]
            assert 7 <= there.time.slept[0] <= 7.2

    run(scenario())


@pytest.mark.parametrize("status", [429, 503])
def test_a_long_retry_after_fails_at_once_and_no_other_call_is_made_before_it_is_over(status: int, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(in_turn(answer(status, retry_after="120"), values([0.25, 0.75]))) as site, bench(Given(tmp_path)) as there:
            model = there(document(site))
            (found,) = await model.predict([number(0.5)])
            assert (found.transient, found.retry_after_s, there.time.slept) == (True, 120, [])
            there.time.now += 60
            (found,) = await model.predict([number(0.5)])
            assert (found.reason, found.retry_after_s, len(site.asked)) == (Failure.THROTTLED, 60, 1)
            there.time.now += 60
            (found,) = await model.predict([number(0.5)])
            assert found["concepts"]

    run(scenario())


def test_a_slow_model_holds_nobody_else_back(tmp_path: Path) -> None:
    """The slow one answers when the test lets it, so that how slow it is does not matter."""

    async def scenario() -> None:
        go, waiting = asyncio.Event(), asyncio.Semaphore(0)

        async def slow(asked: Asked) -> bytes:
            waiting.release()
            await go.wait()
            return await halves(asked)

        given = Given(tmp_path, {"model_calls": 2, "model_calls_total": 4, "model_attempt_timeout_ms": 60_000})
        async with Site(slow) as slow_site, Site(halves) as site, bench(given) as there:
            late = asyncio.create_task(there(document(slow_site, max_batch=1)).predict([number(0.5)] * 20))
            for _ in range(2):
                await waiting.acquire()
            found = await there(document(site, max_batch=1)).predict([number(0.25)] * 20)
            assert all(output["concepts"][0]["value"] == 0.25 for output in found)
            assert (late.done(), len(slow_site.asked)) == (False, 2)
            go.set()
            assert all(output["concepts"][0]["value"] == 0.5 for output in await late)

    run(scenario())


def test_calls_of_all_models_under_way_at_once_have_a_bound(tmp_path: Path) -> None:
    async def scenario() -> None:
        at_once, at_once_max, go, waiting = 0, 0, asyncio.Event(), asyncio.Semaphore(0)

        async def count(asked: Asked) -> bytes:
            nonlocal at_once, at_once_max
            at_once += 1
            at_once_max = max(at_once, at_once_max)
            waiting.release()
            await go.wait()
            at_once -= 1
            return await halves(asked)

        given = Given(tmp_path, {"model_calls": 4, "model_calls_total": 3, "model_attempt_timeout_ms": 60_000})
        async with Site(count) as one, Site(count) as two, Site(always(answer(content_type="image/png"))) as shop, bench(given) as there:
            models = [there(document(site, max_batch=1)) for site in (one, two)]
            found = asyncio.gather(*(model.predict([number(0.5)] * 6) for model in models))
            for _ in range(3):
                await waiting.acquire()
            for _ in range(5):  # as many round trips as a fourth call would need, and more
                await there.host.fetcher.fetch(shop.url(), ("image/",))
            go.set()
            assert all(output["concepts"] for outputs in await found for output in outputs)
            assert at_once_max == 3

    run(scenario())


def test_a_model_that_never_answers_is_given_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        nothing = asyncio.Event()  # held here: a task that nothing refers to but what it waits for is collected with it

        async def never(_: Asked) -> bytes:
            await nothing.wait()
            return b""

        async with Site(never) as site, bench(Given(tmp_path, {"model_attempt_timeout_ms": 50})) as there:
            (found,) = await there(document(site)).predict([number(0.5)])
            assert (found.reason, found.transient, "within 0.05 s" in found.detail) == (Failure.TIMED_OUT, True, True)
            assert len(there.time.slept) == ATTEMPTS_MAX - 1

    run(scenario())


def test_an_answer_that_trickles_is_given_up(tmp_path: Path) -> None:
    """Each byte in time, and the whole of it never: a time-out of a read alone would wait for ever."""

    async def scenario() -> None:
        async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            gone = asyncio.create_task(reader.read())
            try:
                while not gone.done():
                    writer.write(b" ")
                    await asyncio.wait([gone], timeout=0.01)  # the fault itself
            finally:
                writer.close()

        server = await asyncio.start_server(trickle, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2/models/m"
        async with server, bench(Given(tmp_path, {"model_attempt_timeout_ms": 100, "model_timeout_ms": 10})) as there:
            (found,) = await there(Document(f"open-inference+{url}", tensors())).predict([number(0.5)])
            assert found.reason is Failure.TIMED_OUT

    run(scenario())


def test_the_circuit_opens_after_failures_in_a_row_and_closes_when_a_trial_succeeds(tmp_path: Path) -> None:
    async def scenario() -> None:
        faults = [answer(body=b"garbage")] * FAILURES_IN_A_ROW
        async with Site(in_turn(*faults, values([0.25, 0.75]))) as site, bench(Given(tmp_path)) as there:
            model = there(document(site))
            found = [(await model.predict([number(0.5)]))[0] for _ in range(FAILURES_IN_A_ROW + 3)]
            assert [each.reason for each in found[:FAILURES_IN_A_ROW]] == [Failure.BAD_ANSWER] * FAILURES_IN_A_ROW
            assert [(each.reason, each.retry_after_s) for each in found[FAILURES_IN_A_ROW:]] == [(Failure.CIRCUIT_OPEN, OPEN_S)] * 3
            assert "bad_answer" in found[-1].detail
            assert len(site.asked) == FAILURES_IN_A_ROW
            there.time.now += OPEN_S
            for _ in range(2):
                assert (await model.predict([number(0.5)]))[0]["concepts"]

    run(scenario())


def test_one_models_circuit_is_its_own(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(always(answer(503))) as ill, Site(halves) as site, bench(Given(tmp_path)) as there:
            for _ in range(3):
                await there(document(ill)).predict([number(0.5)])
            assert (await there(document(ill)).predict([number(0.5)]))[0].reason is Failure.CIRCUIT_OPEN
            assert (await there(document(site)).predict([number(0.5)]))[0]["concepts"]

    run(scenario())


@pytest.mark.parametrize("status", [400, 422, 500])
def test_the_input_that_makes_a_model_fail_is_found_and_its_neighbours_are_answered(status: int, tmp_path: Path) -> None:
    async def scenario() -> None:
        async def poisoned(asked: Asked) -> bytes:
            return answer(status) if 0.75 in asked.json["inputs"][0]["data"] else await halves(asked)

        async with Site(poisoned) as site, bench(Given(tmp_path)) as there:
            found = await there(document(site)).predict([number(x) for x in (0.25, 0.5, 0.75, 1.0)])
            assert [isinstance(each, ModelFailed) for each in found] == [False, False, True, False]
            assert f"answered {status}" in found[2].detail
            assert len(json.loads(site.asked[0].body)["inputs"][0]["data"]) == 4

    run(scenario())


def test_a_model_in_trouble_is_not_asked_four_times_as_often(tmp_path: Path) -> None:
    async def scenario() -> None:
        calls = 60
        # Busy but not ill: 429 does not open the circuit, so that the budget alone holds the retries back.
        async with Site(always(answer(429))) as site, bench(Given(tmp_path)) as there:
            model = there(document(site, max_batch=1))
            found = await model.predict([number(0.5)] * calls)
            assert {each.reason for each in found} == {Failure.THROTTLED}
            assert calls < len(site.asked) <= math.ceil(calls * 1.2) + 10

    run(scenario())


def test_the_same_document_gives_the_same_model_and_another_one_another(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(halves) as site, bench(Given(tmp_path)) as there:
            assert there(document(site)) is there(document(site))
            assert there(document(site)) is not there(document(site, max_batch=2))

    run(scenario())
