"""Who may take how much of a worker, so that no destination's trouble is another's.

Counts what is in the air and says how many hints of each destination to ask for next. Pure: times
come in as arguments (seconds of any steady clock), nothing is sent and nothing is stored.

- While others wait, the slots are shared evenly; alone, a destination may have all that its own
  ``concurrency`` allows.
- A destination that holds more than an even share leaves the last quarter of the slots to those
  that hold less, and until its first answer it gets no more than the even share: whoever hangs from
  the start never has the whole worker.
- The slow ones (the last exchange timed out, or one is in the air for too long) share a quarter
  until one of them answers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from gateway.queue import Share

LATER_PART = 4
"""One in so many goes to the lane that may wait while the live one has work, so that it never
starves."""
KEPT_PART = 4
"""One slot in so many is kept from those that hold more than an even share."""
SLOW_PART = 4
"""One slot in so many is what all slow destinations may have together."""
STALLED_AFTER = 2.0
"""Seconds after which an exchange without an end makes its destination slow."""

T = TypeVar("T")


class Slots:
    """The slots of one worker. ``bounds`` is each destination's own ``concurrency``."""

    def __init__(
        self,
        bounds: Mapping[str, int],
        slots: int,
        *,
        shuffle: Callable[[list[str]], None] = random.shuffle,
    ) -> None:
        self._bounds = dict(bounds)
        self._slots = slots
        self._even = max(1, slots // max(1, len(bounds)))
        self._shuffle = shuffle
        self._held: dict[str, dict[str, float]] = {name: {} for name in bounds}
        self._answered: set[str] = set()
        self._timed_out: set[str] = set()
        self._closed_until: dict[str, float] = {}
        self._waiting: dict[str, int] = {}
        self._turns: dict[str, float] = {}
        self._total = 0

    @property
    def room(self) -> int:
        """Free slots."""
        return self._slots - self._total

    def take(self, name: str, delivery_id: str, now: float) -> None:
        """A delivery takes off. Those that took off first come first in each destination's dict."""
        self._held[name][delivery_id] = now
        self._total += 1

    def free(self, name: str, delivery_id: str) -> None:
        """It landed."""
        if self._held[name].pop(delivery_id, None) is not None:
            self._total -= 1

    def answered(self, name: str) -> None:
        """The destination did its part, whatever it said."""
        self._answered.add(name)
        self._timed_out.discard(name)

    def timed_out(self, name: str) -> None:
        """The destination let an exchange run out of time."""
        self._timed_out.add(name)

    def close(self, name: str, until: float) -> None:
        """Asking for this one is in vain until then."""
        self._closed_until[name] = until

    def open(self, name: str) -> None:
        """Asking makes sense again."""
        self._closed_until.pop(name, None)

    def waiting(self, name: str, hints: int) -> None:
        """So many hints were left in the destination's queues."""
        self._waiting[name] = hints

    @property
    def hungry(self) -> bool:
        """Whether a slot that comes free is known to be wanted."""
        return any(self._waiting.values())

    def next_opening(self, now: float) -> float | None:
        """When the next closed destination opens, or None."""
        return min((at for at in self._closed_until.values() if at > now), default=None)

    def shares(self, now: float) -> list[Share]:
        """What to ask for: never more than there is room for, and nothing of closed ones.

        A destination with nothing granted is asked how long its queues are (``most`` 0).
        """
        names = [name for name in self._bounds if self._closed_until.get(name, 0.0) <= now]
        self._shuffle(names)
        room = self.room
        headroom = self._headroom(names, now)
        wants = {name: min(self._waiting.get(name, 0), headroom[name]) for name in names}
        grants = even_grants({name: len(self._held[name]) for name in names}, wants, room)
        left = room - sum(grants.values())
        # What nobody is known to want goes to whoever may turn out to.
        guests = [name for name in names if headroom[name] > grants[name]]
        each = max(1, left // len(guests)) if guests else 0
        for name in guests:
            more = min(each, left, headroom[name] - grants[name])
            grants[name] += more
            left -= more
        return [Share(name, grants[name], self._later(name, grants[name])) for name in names]

    def _headroom(self, names: Sequence[str], now: float) -> dict[str, int]:
        """How many more each destination may have, apart from what others want."""
        slow = {name for name in self._bounds if self._is_slow(name, now)}
        slow_room = self._slots // SLOW_PART - sum(len(self._held[name]) for name in slow)
        # With one destination there is nobody to keep anything for.
        shared = self.room - (self._slots // KEPT_PART if len(self._bounds) > 1 else 0)
        headroom = {}
        for name in names:
            held = len(self._held[name])
            free = min(self._bounds[name] - held, self.room)
            if name in slow:
                # One may always try: that is how it stops being slow.
                free = min(free, max(slow_room, 0 if held else 1))
            elif name not in self._answered:
                free = min(free, self._even - held)
            else:
                free = min(free, max(self._even - held, shared))
            headroom[name] = max(0, free)
        return headroom

    def _is_slow(self, name: str, now: float) -> bool:
        oldest = next(iter(self._held[name].values()), now)
        return name in self._timed_out or now - oldest > STALLED_AFTER

    def _later(self, name: str, most: int) -> int:
        turns = self._turns.get(name, 0.0) + most / LATER_PART
        self._turns[name] = turns % 1.0
        return int(turns)


def even_grants(held: Mapping[str, int], wants: Mapping[str, int], room: int) -> dict[str, int]:
    """Share ``room`` out so that what each holds in the end is as even as its want allows."""
    if sum(wants.values()) <= room:
        return dict(wants)

    def up_to(level: int) -> dict[str, int]:
        return {name: min(wants[name], max(0, level - held[name])) for name in held}

    low, high = 0, max(held.values(), default=0) + room
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if sum(up_to(middle).values()) <= room else (low, middle - 1)
    grants = up_to(low)
    left = room - sum(grants.values())
    for name in held:
        if left and grants[name] < wants[name] and held[name] + grants[name] == low:
            grants[name] += 1
            left -= 1
    return grants


def interleaved(first: Sequence[T], second: Sequence[T], turn: int) -> list[T]:
    """Both, one of ``second`` after every three of ``first``; every fourth ``turn`` begins with it.

    For a destination that takes only a few at a time, whichever come first.
    """
    one, two = list(first), list(second)
    mixed: list[T] = []
    while one and two:
        from_second = (len(mixed) + turn) % LATER_PART == LATER_PART - 1
        mixed.append(two.pop(0) if from_second else one.pop(0))
    return mixed + one + two
