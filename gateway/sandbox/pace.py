"""How fast a simulated portal makes leads: about so many a minute, never on the dot. Pure."""

from __future__ import annotations

import random


class Pace:
    """Says how many leads are due. The same seed gives the same rhythm."""

    def __init__(self, per_minute: float, seed: int, began: float) -> None:
        self._per_second = per_minute / 60
        self._draw = random.Random(seed)
        self._next_at = began

    def due(self, now: float) -> int:
        """How many leads came due since this was asked last; ``now`` in seconds, as ``began``."""
        count = 0
        while self._per_second and self._next_at <= now:
            self._next_at += self._draw.uniform(0.6, 1.4) / self._per_second
            count += 1
        return count
