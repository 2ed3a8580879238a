"""Slows down guessing: after some wrong secrets an address has to wait before it may try again."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

WRONG_ALLOWED = 20
WINDOW = 60.0
ADDRESSES_KEPT = 2000


class Throttle:
    """Remembers wrong tries by address, for a minute, of a bounded number of addresses."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, address: str) -> float:
        """Seconds this address must wait before its next try; 0 when it may go on."""
        tries = self._wrong.get(address)
        if tries is None or len(tries) < WRONG_ALLOWED:
            return 0.0
        return max(0.0, tries[0] + WINDOW - self._clock())

    def wrong(self, address: str) -> None:
        """Note one wrong try."""
        tries = self._wrong.setdefault(address, deque(maxlen=WRONG_ALLOWED))
        tries.append(self._clock())
        self._wrong.move_to_end(address)
        while len(self._wrong) > ADDRESSES_KEPT:
            self._wrong.popitem(last=False)
