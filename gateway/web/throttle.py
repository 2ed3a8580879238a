"""Slows down guessing: after some wrong secrets an address has to wait before it may try again."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

WRONG_ALLOWED = 20
WRONG_BEHIND_ONE = 200
"""Wrong tries of all who come through one proxy: it could invent who they are."""
WINDOW = 60.0
ADDRESSES_KEPT = 2000


@dataclass(frozen=True, slots=True)
class Source:
    """Where a try came from: an address, or a whole IPv6 network of one customer; and the proxy."""

    address: str
    proxy: str = ""

    @classmethod
    def of(cls, address: str, proxy: str = "") -> Source:
        """Raises ValueError for a proxy's word that is no address."""
        if not proxy:
            return cls(_network(address))
        return cls(_network(str(ipaddress.ip_address(address))), proxy)


def _network(address: str) -> str:
    """Whoever has one IPv6 address has 2**64 of them: those count as one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))
    return str(found)


class Throttle:
    """Remembers wrong tries by address, for a minute, of a bounded number of addresses."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, source: Source) -> float:
        """Seconds this source must wait before its next try; 0 when it may go on."""
        behind = self._wait(f"proxy {source.proxy}", WRONG_BEHIND_ONE) if source.proxy else 0.0
        return max(self._wait(source.address, WRONG_ALLOWED), behind)

    def _wait(self, key: str, allowed: int) -> float:
        tries = self._wrong.get(key)
        if tries is None or len(tries) < allowed:
            return 0.0
        return max(0.0, tries[-allowed] + WINDOW - self._clock())

    def wrong(self, source: Source) -> int:
        """Note one wrong try; how many this address made within the window."""
        if source.proxy:
            self._note(f"proxy {source.proxy}", WRONG_BEHIND_ONE)
        return self._note(source.address, WRONG_ALLOWED)

    def _note(self, key: str, kept: int) -> int:
        now = self._clock()
        tries = self._wrong.setdefault(key, deque(maxlen=kept))
        tries.append(now)
        self._wrong.move_to_end(key)
        while len(self._wrong) > ADDRESSES_KEPT:
            self._wrong.popitem(last=False)
        return sum(1 for at in tries if at > now - WINDOW)


@dataclass(frozen=True, slots=True)
class Throttles:
    """One for each kind of secret: guessing one never locks anybody out of another."""

    admin: Throttle = field(default_factory=Throttle)
    push: Throttle = field(default_factory=Throttle)
    claim: Throttle = field(default_factory=Throttle)
    slack: Throttle = field(default_factory=Throttle)
