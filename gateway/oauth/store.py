"""Where access tokens are kept: by the store for all processes, or by one process for itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol


class TokenStore(Protocol):
    """Where access tokens are kept, shared by every process."""

    async def load_token(self, key: str) -> dict[str, Any] | None:
        """The token document kept under ``key``, or None."""
        ...

    async def save_token(self, key: str, token: dict[str, Any], ttl: float) -> None:
        """Keep ``token`` for ``ttl`` seconds."""
        ...

    async def lock_token(self, key: str, seconds: float) -> bool:
        """Try to become the one process that asks for a new token; False if another
        already does.
        """
        ...

    async def unlock_token(self, key: str) -> None:
        """Let others ask again."""
        ...


class OwnTokens:
    """Tokens that one process keeps in its memory: for a trial that must not need the store."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[str, datetime]] = {}
        self._locks: dict[str, datetime] = {}

    async def load_token(self, key: str) -> dict[str, Any] | None:
        """See :class:`TokenStore`."""
        text, until = self._kept.get(key, ("", self._clock()))
        found: dict[str, Any] | None = json.loads(text) if self._clock() < until else None
        return found

    async def save_token(self, key: str, token: dict[str, Any], ttl: float) -> None:
        """See :class:`TokenStore`."""
        self._kept[key] = (json.dumps(token), self._clock() + timedelta(seconds=ttl))

    async def lock_token(self, key: str, seconds: float) -> bool:
        """See :class:`TokenStore`."""
        if self._locks.get(key, self._clock()) > self._clock():
            return False
        self._locks[key] = self._clock() + timedelta(seconds=seconds)
        return True

    async def unlock_token(self, key: str) -> None:
        """See :class:`TokenStore`."""
        self._locks.pop(key, None)
