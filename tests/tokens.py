"""A clock to turn, and a token store to look into, for tests that need no server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from gateway.oauth import OwnTokens


class Turning:
    """A clock that stands still until it is turned."""

    def __init__(self, at: datetime = datetime(2026, 11, 24, 8, 0, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def turn(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class TokensInMemory(OwnTokens):
    """What several ``Tokens`` share, as several processes share the store."""

    def text(self) -> str:
        """Everything that is kept, keys included."""
        return json.dumps(self._kept, default=str)
