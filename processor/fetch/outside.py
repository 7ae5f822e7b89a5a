"""What the outside is to this process: name servers, certificate authorities, the clock. Handed in, so that a test brings its own."""

from __future__ import annotations

import asyncio
import functools
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

    Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
    """The addresses of a host, as text. Raises OSError or UnicodeError where there are none."""

RESOLVER_THREADS = 32


class SystemResolver:
    """Asks the system's resolver, in threads of its own: one slow name server does not keep other work from the event loop's threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, "resolver")

    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of a host, each once, in the system's order."""
        ask = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything a call needs that is not its own.

    Attributes:
        resolver: makes what turns host names into addresses. Everybody who connects has one, so that names of inputs that are slow to
            resolve keep no model from being found.
        certificates: who is trusted for HTTPS.
        clock: seconds that only go forward.
        sleep: waits that many seconds.
    """

    resolver: Callable[[], Resolve] = SystemResolver
    certificates: ssl.SSLContext = field(default_factory=httpx.create_ssl_context)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
