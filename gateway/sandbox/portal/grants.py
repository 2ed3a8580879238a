"""Access tokens: issued, counted down, revoked, and asked whether they may read.

They look like the vendor's (a JWT); the portal looks them up and verifies nothing.
"""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

SCOPE = "laas:leads:get"


class Grants:
    """The tokens of one account."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[float, str]] = {}

    def __len__(self) -> int:
        return len(self._tokens)

    def issue(self, client_id: str, scope: str, lifetime: float, now: float) -> dict[str, Any]:
        """A token, as the token endpoint answers it; ``now`` in Unix seconds."""
        self._tokens = {name: kept for name, kept in self._tokens.items() if kept[0] >= now}
        expires = now + lifetime
        claims = {"sub": client_id, "scope": scope, "iat": int(now), "exp": int(expires)}
        parts = ({"alg": "HS256", "typ": "JWT"}, {**claims, "jti": secrets.token_hex(8)})
        token = ".".join([*(_part(json.dumps(part)) for part in parts), secrets.token_urlsafe(32)])
        self._tokens[token] = (expires, scope)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(lifetime),
            "scope": scope,
        }

    def revoke_all(self) -> None:
        """Forget every token."""
        self._tokens.clear()

    def refusal(self, token: str, now: float) -> tuple[int, str, str] | None:
        """None if the token may read; else status, RFC 6750's word for it, and what is wrong."""
        known = self._tokens.get(token)
        if known is None:
            return 401, "invalid_token", "The access token is missing or unknown."
        if known[0] < now:
            return 401, "invalid_token", "The access token has expired."
        if SCOPE not in known[1].split():
            return 403, "insufficient_scope", f"The access token lacks the scope {SCOPE}."
        return None


def _part(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
