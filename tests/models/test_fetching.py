"""Inputs by URL, from real servers: limits on size, time, redirects and content type; what may pass is tried again."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Any

import pytest

from processor.fetch import CallFailed, Failure
from processor.fetch.fetcher import IMAGE_TYPES, REDIRECTS_MAX
from tests.support.served import Bench, Document, Given, bench, digits, run
from tests.support.sites import Asked, Site, always, answer, in_turn

if TYPE_CHECKING:
    from pathlib import Path

PNG = {"content_type": "image/png"}


async def refusal(there: Bench, url: str) -> CallFailed:
    with pytest.raises(CallFailed) as raised:
        await there.host.fetcher.fetch(url, IMAGE_TYPES)
    return raised.value


def test_the_content_is_fetched_without_cookies_or_anything_else_that_tells(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(always(answer(body=b"pixels", set_cookie="a=b", **PNG))) as site, bench(Given(tmp_path)) as there:
            for _ in range(2):
                assert await there.host.fetcher.fetch(site.url("/a.png?x=1"), IMAGE_TYPES) == b"pixels"
            assert [(asked.method, asked.target) for asked in site.asked] == [("GET", "/a.png?x=1")] * 2
            assert set(site.asked[1].headers) == {"host", "user-agent", "accept-encoding"}

    run(scenario())


@pytest.mark.parametrize("content_type", ["image/jpeg", "IMAGE/PNG; x=y", "application/octet-stream", "binary/octet-stream"])
def test_images_and_bytes_without_a_type_are_taken(content_type: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(always(answer(body=b"x", content_type=content_type))) as site, bench(Given(tmp_path)) as there:
            assert await there.host.fetcher.fetch(site.url(), IMAGE_TYPES) == b"x"

    run(scenario())


@pytest.mark.parametrize("content_type", ["text/html", "application/json", "", "video/mp4"])
def test_another_type_is_refused(content_type: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(always(answer(body=b"x", content_type=content_type))) as site, bench(Given(tmp_path)) as there:
            assert (await refusal(there, site.url())).reason is Failure.BAD_INPUT

    run(scenario())


async def endless(_: Asked) -> bytes:
    """A header that promises nothing, and more than anybody wants."""
    return b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n" + b"x" * 3_000_000


HOSTILE = [
    (answer(body=b"x" * 1_001, **PNG), Failure.BAD_ANSWER, "longer than 1000 bytes"),
    (answer(body=b"", content_length="99999999999", **PNG), Failure.UNREACHABLE, "cut off"),
    (answer(body=gzip.compress(b"0" * 1_000_000), content_encoding="gzip", **PNG), Failure.BAD_ANSWER, "compressed"),
    (answer(404), Failure.DENIED, "404"),
    (answer(410), Failure.DENIED, "410"),
    (answer(304), Failure.DENIED, "304"),
    (answer(302), Failure.DENIED, "302"),
    (b"220 mail.example ESMTP\r\n", Failure.UNREACHABLE, "no HTTP"),
    (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000 + b"\r\n\r\n", Failure.UNREACHABLE, "no HTTP"),
    (b"", Failure.UNREACHABLE, "no HTTP"),
]


@pytest.mark.parametrize(("content", "reason", "words"), HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_answers_are_refused_with_words(content: bytes, reason: Failure, words: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(always(content)) as site, bench(Given(tmp_path, {"fetch_bytes_max": 1_000})) as there:
            found = await refusal(there, site.url("/?signature=hidden"))
            assert (found.reason, words in found.detail, "hidden" in str(found)) == (reason, True, False), found

    run(scenario())


def test_no_more_is_read_than_is_allowed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(endless) as site, bench(Given(tmp_path, {"fetch_bytes_max": 1_000})) as there:
            assert "longer than 1000 bytes" in (await refusal(there, site.url())).detail

    run(scenario())


def test_redirects_are_followed_so_far_and_no_farther(tmp_path: Path) -> None:
    async def scenario() -> None:
        hops = [answer(302, location=f"/{hop}") for hop in range(REDIRECTS_MAX + 1)]
        async with Site(in_turn(*hops[1:], answer(body=b"there", **PNG))) as site, bench(Given(tmp_path)) as there:
            assert await there.host.fetcher.fetch(site.url("/start"), IMAGE_TYPES) == b"there"
        async with Site(in_turn(*hops)) as site, bench(Given(tmp_path)) as there:
            assert (await refusal(there, site.url())).reason is Failure.REFUSED
            assert len(site.asked) == REDIRECTS_MAX + 1

    run(scenario())


def test_what_answers_too_slowly_is_given_up_and_tried_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        asked = 0
        never = asyncio.Event()  # held here: a task that nothing refers to but what it waits for is collected with it

        async def slow_once(_: Asked) -> bytes:
            nonlocal asked
            asked += 1
            if asked == 1:
                await never.wait()
            return answer(body=b"late", **PNG)

        async with Site(slow_once) as site, bench(Given(tmp_path, {"fetch_timeout_ms": 2_000})) as there:
            assert await there.host.fetcher.fetch(site.url(), IMAGE_TYPES) == b"late"

    run(scenario())


def test_a_busy_server_is_asked_again_when_it_says(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Site(in_turn(answer(503, retry_after="3"), answer(body=b"x", **PNG))) as site, bench(Given(tmp_path)) as there:
            assert await there.host.fetcher.fetch(site.url(), IMAGE_TYPES) == b"x"
            assert 3 <= there.time.slept[0] <= 3.2

    run(scenario())


@pytest.mark.parametrize("url", [None, 7, "", "file:///etc/passwd", "http://user:word@127.0.0.1/x"])
def test_what_is_no_url_of_the_web_is_a_bad_input(url: Any, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(Given(tmp_path)) as there:
            found = await refusal(there, url)
            assert (found.reason, "word@" in str(found)) == (Failure.BAD_INPUT, False)

    run(scenario())


def test_a_url_that_fails_fails_its_own_input_only(tmp_path: Path) -> None:
    async def scenario() -> None:
        answers = {"outputs": [{"name": "p", "shape": [1, 10], "datatype": "FP32", "data": [0.1] * 10}]}
        bmp = b"BM" + (62).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little")
        bmp += (1).to_bytes(4, "little") + (1).to_bytes(4, "little") + (1).to_bytes(2, "little") + (24).to_bytes(2, "little") + bytes(28)

        async def pictures(asked: Asked) -> bytes:
            return answer(body=bmp, content_type="image/bmp") if asked.target == "/good" else answer(404)

        async with Site(pictures) as shop, Site(always(answer(body=answers))) as site, bench(Given(tmp_path)) as there:
            model = there(Document(f"open-inference+{site.url('/v2/models/m')}", digits("p")))
            bad, good = await model.predict([{"image": {"url": shop.url("/bad")}}, {"image": {"url": shop.url("/good")}}])
            assert bad.reason is Failure.DENIED
            assert len(good["concepts"]) == 10

    run(scenario())
