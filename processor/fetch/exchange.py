"""One request and its whole answer, of limited size and within limited time; everything that can go wrong is a `CallFailed`."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpcore
import httpx

from processor.fetch.failed import CallFailed, Failure
from processor.fetch.network import ForbiddenAddress, Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

URL_LENGTH_MAX = 8192
SAID_LENGTH_MAX = 300
AGENT = "collectors"


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent.

    Attributes:
        url: checked by `web_url`.
        headers: further ones.
        content: the body; None for a GET.
        answer_bytes_max: a longer answer is none.
    """

    url: httpx.URL
    answer_bytes_max: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> str:
        """The beginning of the body, for people: one line, printable."""
        text = " ".join(self.body[: SAID_LENGTH_MAX * 4].decode("utf-8", "replace").split())
        return "".join(each for each in text if each.isprintable())[:SAID_LENGTH_MAX]


def web_url(text: object) -> httpx.URL:
    """Read a URL that somebody wrote down.

    Raises:
        ValueError: it is none that may be asked; the text says why.
    """
    if not isinstance(text, str) or not text or len(text) > URL_LENGTH_MAX:
        raise ValueError(f"a URL of at most {URL_LENGTH_MAX} characters is wanted")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ValueError(f"it is no URL ({error})") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("a URL starting with http:// or https:// is wanted")
    if url.userinfo:
        raise ValueError("it holds a user or a password, which belong into no URL")
    return url


def shown(url: httpx.URL) -> str:
    """A URL for people: without its query, which may be a secret."""
    return str(url.copy_with(query=None, fragment=None))


@contextlib.asynccontextmanager
async def within(timeout_s: float, where: str) -> AsyncIterator[None]:
    """Give up on what takes longer.

    Raises:
        CallFailed: timed_out.
    """
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise CallFailed(Failure.TIMED_OUT, f"{where} did not answer within {timeout_s:g} s") from None


async def exchange(pool: Pool, request: Request) -> Answer:
    """Send a request and read the whole answer, whatever its status.

    Raises:
        CallFailed: forbidden_address, unreachable, timed_out, or bad_answer for one that is too long or compressed.
    """
    where = shown(request.url)
    try:
        return await _exchange(pool, request, where)
    except ForbiddenAddress as error:
        raise CallFailed(Failure.FORBIDDEN_ADDRESS, f"{where}: {error}") from None
    except httpcore.TimeoutException:
        raise CallFailed(Failure.TIMED_OUT, f"{where}: the connection timed out") from None
    except httpcore.NetworkError as error:
        raise CallFailed(Failure.UNREACHABLE, f"{where}: {str(error) or type(error).__name__}") from None
    except httpcore.ProtocolError as error:
        # Without the error's words, which quote headers, and so a secret.
        raise CallFailed(Failure.UNREACHABLE, f"{where}: the answer is no HTTP, or was cut off ({type(error).__name__})") from None


async def _exchange(pool: Pool, request: Request, where: str) -> Answer:
    url = httpcore.URL(scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path)
    headers = {"host": request.url.netloc.decode("ascii"), "user-agent": AGENT, "accept-encoding": "identity", **request.headers}
    method = "GET" if request.content is None else "POST"
    async with pool.stream(method, url, headers=list(headers.items()), content=request.content) as response:
        got = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        if got.get("content-encoding", "identity") != "identity":
            # A few kilobytes may unfold to gigabytes, and nobody asked for it.
            raise CallFailed(Failure.BAD_ANSWER, f"{where}: the answer is compressed, which was not asked for")
        return Answer(response.status, got, await _read(response, request.answer_bytes_max, where))


async def _read(response: httpcore.Response, bytes_max: int, where: str) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_stream():
        body += chunk
        if len(body) > bytes_max:
            raise CallFailed(Failure.BAD_ANSWER, f"{where}: the answer is longer than {bytes_max} bytes")
    return bytes(body)
