"""Access tokens: issued, counted down, revoked, and asked whether they may read."""

from __future__ import annotations

import secrets
import time
from typing import Any

SCOPE = "laas:leads:get"


class Grants:
    """The tokens of one account."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[float, str]] = {}

    def issue(self, scope: str, lifetime: int) -> dict[str, Any]:
        """A token, as the token endpoint answers it."""
        token = secrets.token_urlsafe(24)
        self._tokens[token] = (time.time() + lifetime, scope)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": lifetime,
            "scope": scope,
        }

    def revoke_all(self) -> None:
        """Forget every token."""
        self._tokens.clear()

    def refusal(self, token: str) -> tuple[int, str] | None:
        """None if the token may read; else the status and what is wrong."""
        known = self._tokens.get(token)
        if known is None or known[0] < time.time():
            return 401, "The access token is missing, expired or unknown."
        if SCOPE not in known[1].split():
            return 403, f"The access token lacks the scope {SCOPE}."
        return None
