"""The one place where connections to the outside are made: resolve once, check every address, connect to one that was checked.

The guard stands below the HTTP client, at the network backend: whatever makes the client connect (a first request, a redirect, a connection
that has to be made anew) comes through here, and no name is looked up a second time between the check and the connection. The client still
knows the host by its name, so the Host header, SNI and the certificate's check stay right.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NoReturn

import httpcore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from processor.fetch.addresses import AddressGuard
    from processor.fetch.outside import Outside, Resolve

    SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

KEEPALIVE_S = 30.0
ADDRESSES_MAX = 8


class ForbiddenAddress(Exception):
    """The host leads to an address that may not be connected to."""


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """TCP connections to addresses that the guard allows, and to nothing else.

    Args:
        guard: says what may be connected to.
        resolve: host names to addresses.
        tcp: makes the connections; a test counts them.
    """

    def __init__(self, guard: AddressGuard, resolve: Resolve, tcp: httpcore.AsyncNetworkBackend | None = None) -> None:
        self._guard = guard
        self._resolve = resolve
        self._tcp = tcp or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the backend's interface
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that answers.

        Raises:
            ForbiddenAddress: one of its addresses is forbidden, so none is used.
            httpcore.ConnectError: it has no address, or none answers.
        """
        connect = functools.partial(
            self._tcp.connect_tcp, port=port, timeout=timeout, local_address=local_address, socket_options=socket_options
        )
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in (await self._checked(host, port))[:ADDRESSES_MAX]:
            try:
                return await connect(address)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(self, path: str, *_: object, **__: object) -> NoReturn:
        """No socket of this machine is the outside."""
        raise ForbiddenAddress(f"{path} is no network address")

    async def sleep(self, seconds: float) -> None:
        """As the client asks between its own attempts; it is told to make none."""
        await self._tcp.sleep(seconds)

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = list(await self._resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the name cannot be resolved ({error})") from None
        for address in addresses:
            if problem := self._guard.problem(address, port):
                raise ForbiddenAddress(f"{problem}; allowed_networks (COLLECTORS_ALLOWED_NETWORKS) would have to name its network")
        return addresses


Pool = httpcore.AsyncConnectionPool


def guarded_pool(guard: AddressGuard, outside: Outside, connections_max: int) -> Pool:
    """Connections that are kept and used again, made by a `GuardedNetwork`."""
    return Pool(
        ssl_context=outside.certificates,
        max_connections=connections_max,
        keepalive_expiry=KEEPALIVE_S,
        network_backend=GuardedNetwork(guard, outside.resolver()),
    )
