"""Which addresses a destination may reach: checked on the address actually being connected to.

A name is checked after it was resolved and a literal as it is, so neither a rebinding name server nor
an odd spelling of 127.0.0.1 gets around it. ``network.allow`` opens ranges one by one.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What Python's is_private and friends leave out.
_DENIED: tuple[Network, ...] = (
    ipaddress.ip_network("0.0.0.0/8"),
    ipaddress.ip_network("100.64.0.0/10"),  # carrier-grade NAT
    ipaddress.ip_network("192.88.99.0/24"),  # 6to4 relays
    ipaddress.ip_network("fec0::/10"),  # site-local
)
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


class BlockedAddress(OSError):
    """The address is in a range that destinations may not reach."""


class AddressGuard:
    """Says no to loopback, private, link-local and all other addresses that are not the internet."""

    def __init__(self, allow: Sequence[Network] = ()) -> None:
        self._allow = tuple(allow)

    def check(self, host: str) -> None:
        """Raise :class:`BlockedAddress` unless this IP address may be connected to."""
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            raise BlockedAddress("not an IP address") from None
        for candidate in _faces(address):
            if any(
                candidate.version == network.version and candidate in network
                for network in self._allow
            ):
                return
        for candidate in _faces(address):
            if not candidate.is_global or candidate.is_multicast or _is_denied(candidate):
                raise BlockedAddress(
                    "the address is private, loopback or reserved; "
                    "network.allow can open a range for destinations"
                )

    def socket(self, info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        """aiohttp's socket factory: a socket for an address that passed the check."""
        family, kind, protocol, _, place = info
        self.check(str(place[0]))
        return socket.socket(family, kind, protocol)


def _faces(address: Address) -> list[Address]:
    """The address, and the IPv4 one hidden in it, if any."""
    faces: list[Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        hidden = address.ipv4_mapped or address.sixtofour
        if hidden is None and address.teredo:
            hidden = address.teredo[1]
        if hidden is None and any(address in network for network in _NAT64):
            hidden = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if hidden is None and int(address) >> 32 == 0:
            hidden = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if hidden is not None:
            faces = [hidden]
    return faces


def _is_denied(address: Address) -> bool:
    return any(
        address.version == network.version and address in network for network in _DENIED
    )


async def guarded_socket(
    host: str, port: int, guard: AddressGuard, timeout: float
) -> socket.socket:
    """A connected socket to the first address of ``host`` that answers and is allowed.

    Raises :class:`BlockedAddress` if every address is blocked, ``socket.gaierror``, ``OSError``, or
    ``TimeoutError`` after ``timeout`` seconds in all.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        trouble: OSError | None = None
        for info in found:
            try:
                connection = guard.socket(info)
            except BlockedAddress as error:
                trouble = trouble or error
                continue
            connection.setblocking(False)
            try:
                await loop.sock_connect(connection, info[4])
            except OSError as error:
                connection.close()
                trouble = error
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        raise trouble or OSError("the name has no address")
