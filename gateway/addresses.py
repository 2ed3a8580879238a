"""Which addresses the gateway may connect to, checked on the very address a socket is opened for.

Owns the ranges that are not the open internet, and the sockets opened under them. A name is checked
after it was resolved and a literal as it stands, so neither a rebinding name server nor an odd
spelling of 127.0.0.1 gets around it. Never looks at a URL's text: that is not where a lead goes.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

import aiohappyeyeballs

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
AddressInfo = tuple[int, int, int, str, tuple[object, ...]]
"""One row of ``getaddrinfo``: family, kind, protocol, canonical name, (address, port, …)."""

# Written out and not asked of ``is_global``, whose answer changes between patches of Python.
# Source: IANA's special-purpose address registries (RFC 6890), and the clouds' metadata addresses.
_CLOSED_V4: tuple[ipaddress.IPv4Network, ...] = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; one cloud's metadata lives here
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's host agent, though the address looks public
        "169.254.0.0/16",  # link-local, metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# Of IPv6 only global unicast is the internet, and not all of that.
_OPEN_V6 = ipaddress.IPv6Network("2000::/3")
_CLOSED_V6: tuple[ipaddress.IPv6Network, ...] = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo (an IPv4 address inside) among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside, and no longer routed
        "3fff::/20",
    )
)
# Networks without IPv4 reach it through this prefix: the address inside is the one that counts.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_ATTEMPT_DELAY = 0.25
"""Seconds before the next address is tried beside a silent one (RFC 8305 §5)."""


class BlockedAddress(OSError):
    """The address is in a range that may not be reached."""

    def __init__(self) -> None:
        # One text for all, without the address: connecting to several then fails as one error.
        super().__init__(
            "the host is at a private, loopback or reserved address; "
            "network.allow opens a range on purpose"
        )


class AddressGuard:
    """Says no to every address that is not on the open internet, but for the ``allow`` ranges."""

    def __init__(self, allow: Sequence[Network] = ()) -> None:
        self._allow = tuple(allow)

    def check(self, host_ip: str) -> None:
        """Raise :class:`BlockedAddress` unless this IP address may be connected to.

        Anything that is not an IP address in its canonical writing is blocked too.
        """
        try:
            # A zone (fe80::1%eth0) names an interface; what is judged is the address.
            address = _inner(ipaddress.ip_address(host_ip.partition("%")[0]))
        except ValueError:
            raise BlockedAddress from None
        if not (self._is_allowed(address) or _is_open(address)):
            raise BlockedAddress

    def socket(self, info: AddressInfo) -> socket.socket:
        """A new socket for an address that passed the check: aiohttp's ``socket_factory``."""
        family, kind, protocol, _, place = info
        self.check(str(place[0]))
        return socket.socket(family, kind, protocol)

    def _is_allowed(self, address: Address) -> bool:
        # ``in`` is False between versions: 10.0.0.0/8 holds no IPv6 address.
        return any(address in network for network in self._allow)


async def guarded_socket(
    host: str, port: int, guard: AddressGuard, timeout: float
) -> socket.socket:
    """A connected, non-blocking socket to ``host``, whichever allowed address answers first.

    Blocked addresses of a name are left out; the others are tried a quarter of a second apart
    (RFC 8305). Raises :class:`BlockedAddress` when none is left, ``socket.gaierror`` when the name
    has no address, ``TimeoutError`` after ``timeout`` seconds in all, and ``OSError`` otherwise.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        open_ones = []
        for info in found:
            try:
                guard.check(str(info[4][0]))
            except BlockedAddress:
                continue
            open_ones.append(info)
        if not open_ones:
            raise BlockedAddress
        return await aiohappyeyeballs.start_connection(
            open_ones,
            happy_eyeballs_delay=_ATTEMPT_DELAY,
            interleave=1,
            socket_factory=guard.socket,
        )


async def check_host(host: str, guard: AddressGuard) -> None:
    """Raise :class:`BlockedAddress` if the name leads, as far as it resolves here, to a closed one.

    For requests that a proxy carries: it resolves the name again, by itself, and where this
    machine resolves no names at all it is the only one that does.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return
    for info in found:
        guard.check(str(info[4][0]))


def _inner(address: Address) -> Address:
    """The address a packet really goes to: mapped and translated IPv4 is unwrapped."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_open(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    return address in _OPEN_V6 and not any(address in network for network in _CLOSED_V6)
