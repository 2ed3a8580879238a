"""What can go wrong at the portal: which fault the next call meets. Never answers a call itself."""

from __future__ import annotations

import random

FAULTS = ("500", "429", "html", "truncated", "slow", "drop", "401")


class Faults:
    """Faults in order, then faults by chance."""

    def __init__(self, seed: int) -> None:
        self.errors = 0.0
        """The share of calls that fail, in any of the ways of :data:`FAULTS`."""
        self.next: list[str] = []
        """Faults for the next calls, in order, before any by chance."""
        self._draw = random.Random(seed ^ 0x5EED)

    def draw(self) -> str | None:
        """The fault that the next call meets, if any."""
        if self.next:
            return self.next.pop(0)
        if self.errors and self._draw.random() < self.errors:
            return self._draw.choice(FAULTS)
        return None
