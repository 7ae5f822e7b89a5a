"""Which addresses may be connected to: whatever the spelling, as the guard sees it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.fetch import AddressGuard

FORBIDDEN = [
    ("0.0.0.0", "unspecified"),  # noqa: S104 - an address that is looked at
    ("0.1.2.3", "unspecified"),
    ("10.0.0.1", "private"),
    ("100.64.0.1", "carrier"),
    ("100.100.100.200", "carrier"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("168.63.129.16", "cloud"),
    ("169.254.169.254", "link-local"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.192", "protocol"),
    ("192.0.2.1", "documentation"),
    ("192.168.1.1", "private"),
    ("198.18.0.1", "benchmarks"),
    ("198.51.100.7", "documentation"),
    ("203.0.113.7", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("255.255.255.255", "reserved"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::127.0.0.1", "reserved"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:169.254.169.254", "link-local"),
    ("64:ff9b::a9fe:a9fe", "link-local"),
    ("64:ff9b:1::1", "reserved"),
    ("2001::1", "protocol"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::", "relay"),
    ("3fff::1", "documentation"),
    ("5f00::1", "reserved"),
    ("fc00::1", "unique local"),
    ("fd00:ec2::254", "unique local"),
    ("fe80::1", "link-local"),
    ("fe80::1%lo", "link-local"),
    ("fec0::1", "site-local"),
    ("ff02::1", "multicast"),
]


@pytest.mark.parametrize(("address", "what"), FORBIDDEN, ids=[address for address, _ in FORBIDDEN])
def test_what_is_not_the_public_internet_is_forbidden(address: str, what: str) -> None:
    assert what in AddressGuard().problem(address, 443)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"])
def test_the_public_internet_is_allowed(address: str) -> None:
    assert AddressGuard().problem(address, 443) == ""


@pytest.mark.parametrize("address", ["::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_an_ipv4_address_inside_an_ipv6_one_counts_as_what_it_is(address: str) -> None:
    assert AddressGuard().problem(address, 443) == ""


@pytest.mark.parametrize(
    ("port", "allowed"), [(80, True), (443, True), (8443, True), (1024, True), (22, False), (25, False), (1023, False)]
)
def test_ports_of_other_services_are_forbidden(port: int, allowed: bool) -> None:
    assert (AddressGuard().problem("8.8.8.8", port) == "") is allowed


def test_an_allowed_network_is_allowed_on_any_port_and_nothing_beside_it_is() -> None:
    guard = AddressGuard((ip_network("10.8.0.0/16"), ip_network("fd12::/16")))
    assert guard.problem("10.8.1.2", 22) == ""
    assert guard.problem("::ffff:10.8.1.2", 22) == ""
    assert guard.problem("fd12::7", 9000) == ""
    assert guard.problem("10.9.1.2", 443)
    assert guard.problem("fd13::7", 443)


@given(st.ip_addresses(v=4))
def test_no_private_loopback_or_link_local_ipv4_address_gets_through_in_any_wrapping(address: IPv4Address) -> None:
    forbidden = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
    mapped, translated = IPv6Address(f"::ffff:{address}"), IPv6Address(int(IPv6Address("64:ff9b::")) + int(address))
    problems = [AddressGuard().problem(str(each), 443) for each in (address, mapped, translated)]
    assert all(problems) or not any(problems)
    assert all(problems) or not forbidden


@given(st.ip_addresses(v=6))
def test_only_global_unicast_ipv6_addresses_and_wrapped_ipv4_ones_get_through(address: IPv6Address) -> None:
    wrapped = address.ipv4_mapped is not None or address in ip_network("64:ff9b::/96")
    if not wrapped and AddressGuard().problem(str(address), 443) == "":
        assert address in ip_network("2000::/3")
        assert not address.is_private
