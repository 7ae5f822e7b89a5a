"""Bodies that are too large, too slow, too many, or compressed: refused with words, and the client lives to read them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from starlette.requests import Request

from processor.rest.body import Bodies, BodyLimits
from processor.rest.status import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

LIMITS = BodyLimits(body_bytes_max=10, held_bytes_max=15, body_timeout_s=0.05)


class Sender:
    """A client that sends pieces, and then nothing more, or ends."""

    def __init__(self, *pieces: bytes, ends: bool = True, **headers: str) -> None:
        self._pieces = list(pieces)
        self._ends = ends
        headers_of = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        self.request = Request({"type": "http", "method": "POST", "headers": headers_of}, self._receive)
        self.unsent = len(pieces)

    async def _receive(self) -> dict[str, Any]:
        if not self._pieces and not self._ends:
            await asyncio.Event().wait()
        piece = self._pieces.pop(0) if self._pieces else b""
        self.unsent = len(self._pieces)
        return {"type": "http.request", "body": piece, "more_body": bool(self._pieces) or not self._ends}


async def read(bodies: Bodies, sender: Sender) -> bytearray:
    async with bodies.reading(sender.request) as body:
        return body


def refusal(work: Callable[[], Coroutine[Any, Any, Any]]) -> Refused:
    with pytest.raises(Refused) as raised:
        asyncio.run(work())
    return raised.value


def test_a_body_comes_in_pieces() -> None:
    assert asyncio.run(read(Bodies(LIMITS), Sender(b"ab", b"", b"cd"))) == b"abcd"


@pytest.mark.parametrize("pieces", [[b"x" * 11], [b"x" * 6, b"x" * 5, b"x"]])
def test_a_body_that_grows_too_large_is_refused_while_it_comes(pieces: Sequence[bytes]) -> None:
    sender = Sender(*pieces)
    error = refusal(lambda: read(Bodies(LIMITS), sender))
    assert (error.code, error.http) == (Code.EXCEEDS_LIMITS, 413)


@pytest.mark.parametrize("length", ["11", "9" * 5000])
def test_a_body_that_says_it_is_too_large_is_not_read(length: str) -> None:
    sender = Sender(b"x", content_length=length)
    assert refusal(lambda: read(Bodies(LIMITS), sender)).http == 413
    assert sender.unsent == 1


def test_a_body_that_does_not_arrive_is_given_up() -> None:
    error = refusal(lambda: read(Bodies(LIMITS), Sender(b"x", ends=False)))
    assert (error.code, error.http) == (Code.BAD_REQUEST_FORMAT, 408)


def test_a_compressed_body_is_refused() -> None:
    assert refusal(lambda: read(Bodies(LIMITS), Sender(b"x", content_encoding="gzip"))).code is Code.BAD_REQUEST_FORMAT


def test_no_more_is_held_at_once_than_there_is_room_for() -> None:
    async def together() -> list[bytearray]:
        bodies = Bodies(LIMITS)
        async with bodies.reading(Sender(b"x" * 9).request):
            with pytest.raises(Refused) as unannounced:
                await read(bodies, Sender(b"x" * 9))
            with pytest.raises(Refused) as announced:
                await read(bodies, Sender(b"x", content_length="9"))
            assert {unannounced.value.code, announced.value.code} == {Code.THROTTLED}
            fits = await read(bodies, Sender(b"x" * 6))
        return [fits, await read(bodies, Sender(b"x" * 9))]

    assert asyncio.run(together()) == [b"x" * 6, b"x" * 9]


def test_what_was_refused_is_read_to_its_end_so_that_the_client_sees_why() -> None:
    sender = Sender(b"x" * 5, b"x" * 5, b"x" * 5)
    asyncio.run(Bodies(LIMITS).drain(sender.request))
    assert sender.unsent == 0


def test_but_not_for_ever() -> None:
    sender = Sender(*[b"x" * 5] * 10)
    asyncio.run(Bodies(LIMITS).drain(sender.request))
    assert sender.unsent == 5
    asyncio.run(Bodies(LIMITS).drain(Sender(ends=False).request))
