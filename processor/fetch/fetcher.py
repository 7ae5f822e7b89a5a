"""Inputs by URL: fetched with limits on size, time, redirects and content type."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from processor.fetch.exchange import Answer, Request, exchange, shown, web_url, within
from processor.fetch.failed import CallFailed, Failure
from processor.fetch.retries import Retries, RetryBudget
from processor.fetch.statuses import check_status

if TYPE_CHECKING:
    from processor.fetch.network import Pool
    from processor.fetch.outside import Outside

REDIRECTS_MAX = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BYTES = ("application/octet-stream", "binary/octet-stream")  # what object stores say when nobody told them better
IMAGE_TYPES = ("image/", *_BYTES)
TEXT_TYPES = ("text/", "application/json", *_BYTES)


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one input may take.

    Attributes:
        bytes_max: of the content.
        timeout_s: for one attempt with all its redirects; no second one begins later than this after the first.
        at_once: fetches under way at the same time.
    """

    bytes_max: int
    timeout_s: float
    at_once: int


class Fetcher:
    """Fetches what inputs refer to.

    Args:
        pool: guarded connections.
        limits: what one input may take.
        outside: the clock of the retries.
    """

    def __init__(self, pool: Pool, limits: FetchLimits, outside: Outside) -> None:
        self._pool = pool
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.at_once)
        self._retries = Retries(limits.timeout_s, RetryBudget(), outside)

    async def fetch(self, url: object, content_types: tuple[str, ...]) -> bytes:
        """The content behind a URL.

        Args:
            url: as it stands in the input.
            content_types: what it may say it is, by the beginning of the name.

        Raises:
            CallFailed: bad_input for a URL that is none; forbidden_address; and everything that can go wrong on the way.
        """
        try:
            start = web_url(url)
        except ValueError as error:
            raise CallFailed(Failure.BAD_INPUT, f"the input's URL cannot be fetched: {error}") from None
        return await self._retries(lambda: self._attempt(start, content_types), lambda _: True)

    async def _attempt(self, url: httpx.URL, content_types: tuple[str, ...]) -> bytes:
        async with self._slots, within(self._limits.timeout_s, shown(url)):
            answer, url = await self._follow(url)
        check_status(answer, shown(url))
        found = answer.headers.get("content-type", "").lower()
        if not found.startswith(content_types):
            raise CallFailed(
                Failure.BAD_INPUT, f"{shown(url)} is {found[:100] or 'of no content type'}, not one of {', '.join(content_types)}"
            )
        return answer.body

    async def _follow(self, url: httpx.URL) -> tuple[Answer, httpx.URL]:
        """Redirects are followed by hand: each is a URL that somebody wrote down, like the first."""
        for _ in range(REDIRECTS_MAX + 1):
            answer = await exchange(self._pool, Request(url, self._limits.bytes_max))
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer, url
            url = _next(url, answer.headers["location"])
        raise CallFailed(Failure.REFUSED, f"{shown(url)}: more than {REDIRECTS_MAX} redirects")


def _next(url: httpx.URL, location: str) -> httpx.URL:
    try:
        return web_url(str(url.join(location)))
    except (ValueError, httpx.InvalidURL) as error:
        raise CallFailed(Failure.REFUSED, f"{shown(url)} redirects to what cannot be fetched: {error}") from None
