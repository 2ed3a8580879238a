"""Where access tokens are kept. The store implements it; nothing here knows how."""

from __future__ import annotations

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
