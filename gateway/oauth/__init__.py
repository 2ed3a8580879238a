"""OAuth 2.0 for whoever signs in somewhere: a source at its portal, a destination at its CRM.

Owns access tokens from the request to their end. Touches no store by itself: tokens are kept
through :class:`TokenStore`.
"""

from __future__ import annotations

from gateway.oauth.store import OwnTokens, TokenStore
from gateway.oauth.tokens import Clock, Credentials, Tokens

__all__ = ["Clock", "Credentials", "OwnTokens", "TokenStore", "Tokens"]
