"""The guard: what it closes, what it opens, and that it judges the address behind an address."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.addresses import AddressGuard, BlockedAddress, guarded_socket
from tests.wire import close_silently, hang_before_reading, listening, loopback, unused_port

CLOSED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
OPEN = [
    "1.1.1.1",
    "93.184.215.14",
    "100.63.255.255",
    "172.32.0.1",
    "192.169.0.1",
    "2606:4700:4700::1111",
    "2a00:1450:4007:80e::200e",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
]
NOT_ADDRESSES = ["", "localhost", "0x7f000001", "2130706433", "127.1", "0177.0.0.1", "127.0.0.1:80"]


@pytest.mark.parametrize("address", CLOSED)
def test_an_address_that_is_not_the_open_internet_is_blocked(address: str) -> None:
    with pytest.raises(BlockedAddress):
        AddressGuard().check(address)


@pytest.mark.parametrize("address", OPEN)
def test_a_public_address_is_allowed(address: str) -> None:
    AddressGuard().check(address)


@pytest.mark.parametrize("text", NOT_ADDRESSES)
def test_what_is_not_an_address_in_its_canonical_writing_is_blocked(text: str) -> None:
    with pytest.raises(BlockedAddress):
        AddressGuard([ip_network("127.0.0.0/8")]).check(text)


def test_an_allowed_range_opens_itself_and_nothing_beside_it() -> None:
    guard = AddressGuard([ip_network("10.20.0.0/16"), ip_network("fd12:3456::/32")])
    for address in ("10.20.0.1", "::ffff:10.20.0.1", "64:ff9b::10.20.0.1", "fd12:3456::1"):
        guard.check(address)
    for address in ("10.21.0.1", "127.0.0.1", "fd12:3457::1", "::ffff:10.21.0.1"):
        with pytest.raises(BlockedAddress):
            guard.check(address)


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_an_ipv4_address_is_judged_alike_in_every_wrapping(plain: IPv4Address) -> None:
    verdicts = {_is_open(str(plain)), _is_open(f"::ffff:{plain}"), _is_open(f"64:ff9b::{plain}")}
    assert len(verdicts) == 1


@given(st.integers(0, 2**128 - 1).map(ip_address) | st.integers(0, 2**32 - 1).map(IPv4Address))
def test_what_python_calls_private_is_never_open(address: object) -> None:
    inner = getattr(address, "ipv4_mapped", None) or address
    if inner.is_private or inner.is_multicast or inner.is_loopback or inner.is_link_local:
        assert not _is_open(str(address))


@given(st.text(max_size=40))
def test_any_text_is_an_answer_and_never_a_crash(text: str) -> None:
    _is_open(text)


def test_the_error_does_not_say_which_address_it_was() -> None:
    with pytest.raises(BlockedAddress) as caught:
        AddressGuard().check("10.1.2.3")
    assert "10.1.2.3" not in str(caught.value)
    assert "network.allow" in str(caught.value)


@pytest.mark.anyio
async def test_a_guarded_socket_connects_to_an_allowed_host() -> None:
    async with listening(close_silently) as server:
        with await guarded_socket("127.0.0.1", server.port, loopback(), 5.0) as connected:
            assert connected.getpeername() == ("127.0.0.1", server.port)
            assert connected.getblocking() is False


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001", "2130706433", "127.1"])
async def test_a_guarded_socket_never_opens_to_a_blocked_host(host: str) -> None:
    async with listening(hang_before_reading) as server:
        with pytest.raises(BlockedAddress):
            await guarded_socket(host, server.port, AddressGuard(), 5.0)
        assert server.connections == 0


@pytest.mark.anyio
async def test_a_guarded_socket_skips_the_blocked_addresses_of_a_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with listening(close_silently) as server:

        def two_faced(*_: object, **__: object) -> list[object]:
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.port))
                for address in ("10.0.0.1", "127.0.0.1")
            ]

        monkeypatch.setattr(socket, "getaddrinfo", two_faced)
        with await guarded_socket("two-faced.example", server.port, loopback(), 5.0) as connected:
            assert connected.getpeername()[0] == "127.0.0.1"


@pytest.mark.anyio
async def test_a_guarded_socket_to_a_closed_port_is_refused() -> None:
    with pytest.raises(ConnectionRefusedError):
        await guarded_socket("127.0.0.1", unused_port(), loopback(), 5.0)


def _is_open(address: str) -> bool:
    try:
        AddressGuard().check(address)
    except BlockedAddress:
        return False
    return True
