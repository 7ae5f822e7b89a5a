"""Reading a request's body: no longer than it may be, no slower than it may be, and no more of them at once than memory holds."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from processor.rest.status import Code, Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

DRAINED_MAX_FACTOR = 2
LENGTH_DIGITS = 20  # of an announced length; one with more is as much too large, and Python converts no number of any length
TOO_LARGE, TOO_SLOW = 413, 408


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What bodies may take.

    Attributes:
        body_bytes_max: size of one.
        held_bytes_max: size of all that are being worked on; one that does not fit is asked to come again.
        body_timeout_s: how long one may take to arrive.
    """

    body_bytes_max: int
    held_bytes_max: int
    body_timeout_s: float = 60.0


class Bodies:
    """The bodies that are held at this moment. One event loop."""

    def __init__(self, limits: BodyLimits) -> None:
        self._limits = limits
        self._held_bytes = 0

    @contextlib.asynccontextmanager
    async def reading(self, request: Request) -> AsyncIterator[bytearray]:
        """The body, which counts as held until the block is left.

        Raises:
            Refused: it is too large, too slow, compressed, or more than fits beside the others now.
        """
        if request.headers.get("content-encoding", "identity") != "identity":
            raise Refused(Code.BAD_REQUEST_FORMAT, "the body is compressed: send it as it is")
        announced = request.headers.get("content-length", "")
        if announced.isdecimal():
            size = int(announced[:LENGTH_DIGITS])
            self._check(size, size)
        body = bytearray()
        try:
            await self._read(request, body)
            yield body
        finally:
            self._held_bytes -= len(body)

    async def drain(self, request: Request) -> None:
        """Read what still comes and forget it: a client that is cut off while it sends never sees why it was refused."""
        left = self._limits.body_bytes_max * DRAINED_MAX_FACTOR
        with contextlib.suppress(TimeoutError, ClientDisconnect, RuntimeError):
            async with asyncio.timeout(self._limits.body_timeout_s):
                async for chunk in request.stream():
                    left -= len(chunk)
                    if left < 0:
                        return

    async def _read(self, request: Request, body: bytearray) -> None:
        try:
            async with asyncio.timeout(self._limits.body_timeout_s):
                async for chunk in request.stream():
                    body += chunk
                    self._held_bytes += len(chunk)
                    self._check(len(body), 0)
        except TimeoutError:
            within = f"the body did not arrive within {self._limits.body_timeout_s:g} s"
            raise Refused(Code.BAD_REQUEST_FORMAT, within, TOO_SLOW) from None

    def _check(self, size: int, more: int) -> None:
        if size > self._limits.body_bytes_max:
            too_large = f"the body is larger than {self._limits.body_bytes_max} bytes: send fewer items at once"
            raise Refused(Code.EXCEEDS_LIMITS, too_large, TOO_LARGE)
        if self._held_bytes + more > self._limits.held_bytes_max:
            raise Refused(Code.THROTTLED, "so many large requests are under way that this one does not fit beside them: try again")
