"""A token store in memory, for tests that need no server: the same four calls, one dictionary."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any


class Turning:
    """A clock that stands still until it is turned."""

    def __init__(self, at: datetime = datetime(2026, 11, 24, 8, 0, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def turn(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class TokensInMemory:
    """What several ``Tokens`` share, as several processes share the store."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[str, datetime]] = {}
        self._locks: dict[str, datetime] = {}

    async def load_token(self, key: str) -> dict[str, Any] | None:
        text, until = self._kept.get(key, ("", self._clock()))
        return json.loads(text) if text and self._clock() < until else None

    async def save_token(self, key: str, token: dict[str, Any], ttl: float) -> None:
        self._kept[key] = (json.dumps(token), self._clock() + timedelta(seconds=ttl))

    async def lock_token(self, key: str, seconds: float) -> bool:
        if self._locks.get(key, self._clock()) > self._clock():
            return False
        self._locks[key] = self._clock() + timedelta(seconds=seconds)
        return True

    async def unlock_token(self, key: str) -> None:
        self._locks.pop(key, None)

    def text(self) -> str:
        """Everything that is kept, keys included."""
        return json.dumps(self._kept, default=str)
