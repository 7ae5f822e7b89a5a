"""Which addresses may be connected to: those of the public internet, and the networks that ops allow.

The table stands here because ``ipaddress.is_global`` answers differently from one patch release of Python to the next. Sources: the IANA
registries of special-purpose addresses for IPv4 and IPv6 (RFC 6890 and its successors), and what clouds serve their metadata from.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

WEB_PORTS = frozenset({80, 443})
SYSTEM_PORTS = 1024  # below: mail, shells, databases of old; nothing there speaks HTTP, and a request may still do harm

_SPECIAL: Mapping[Network, str] = {
    ip_network(network): what
    for network, what in {
        "0.0.0.0/8": "an unspecified address",
        "10.0.0.0/8": "a private address",
        "100.64.0.0/10": "a carrier's private address",
        "127.0.0.0/8": "a loopback address",
        "168.63.129.16/32": "a cloud's own service",
        "169.254.0.0/16": "a link-local address, where clouds keep their metadata",
        "172.16.0.0/12": "a private address",
        "192.0.0.0/24": "a protocol's own address",
        "192.0.2.0/24": "an address for documentation",
        "192.88.99.0/24": "a relay's address",
        "192.168.0.0/16": "a private address",
        "198.18.0.0/15": "an address for benchmarks",
        "198.51.100.0/24": "an address for documentation",
        "203.0.113.0/24": "an address for documentation",
        "224.0.0.0/4": "a multicast address",
        "240.0.0.0/4": "a reserved address",
        "::/128": "an unspecified address",
        "::1/128": "a loopback address",
        "fc00::/7": "a unique local address",
        "fe80::/10": "a link-local address",
        "fec0::/10": "a site-local address",
        "ff00::/8": "a multicast address",
        "2001::/23": "a protocol's own address",
        "2001:db8::/32": "an address for documentation",
        "2002::/16": "a relay's address",
        "3fff::/20": "an address for documentation",
    }.items()
}
_UNICAST_IPV6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address, and that is where it leads


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Says what may be connected to.

    Attributes:
        allowed: networks that ops allow, whatever they are, on any port.
    """

    allowed: tuple[Network, ...] = ()

    def problem(self, text: str, port: int) -> str:
        """Why nothing may be connected to there; empty when it may be.

        Args:
            text: an IPv4 or IPv6 address, as a resolver gives it.
            port: the port on it.
        """
        address = ip_address(text)
        if any(address in network for network in self.allowed):
            return ""
        inner = _inner_ipv4(address)
        if inner is not None:
            return self.problem(str(inner), port)
        if what := _special(address):
            return f"{address} is {what}"
        if port < SYSTEM_PORTS and port not in WEB_PORTS:
            return f"port {port} of {address} is none for HTTP"
        return ""


def _inner_ipv4(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


def _special(address: Address) -> str:
    for network, what in _SPECIAL.items():
        if address in network:
            return what
    if isinstance(address, IPv6Address) and address not in _UNICAST_IPV6:
        return "a reserved address"
    return ""
