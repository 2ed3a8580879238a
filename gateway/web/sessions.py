"""Who is signed in: session cookies, codes of sign-in links, form tokens.

Every value is signed with a key derived from the admin token of whoever it is for, so that changing
a token signs its holder out everywhere. What was ended early is in the store
(``gateway.store.signins``). Never hands a token out again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from urllib.parse import urlencode

from gateway.tokens import AdminTokens

COOKIE = "lead_gateway_session"
SESSION_LASTS = timedelta(hours=12)
LINK_LASTS = timedelta(hours=1)


class Sessions:
    """Issues and checks what proves that somebody signed in."""

    def __init__(self, tokens: AdminTokens) -> None:
        self.tokens = tokens

    def start(self, who: str, now: datetime) -> str:
        """A new session cookie's value, good for :data:`SESSION_LASTS`. Raises KeyError."""
        token = self.tokens.named(who)
        if token is None:
            raise KeyError(who)
        return f"{who}.{_sign(_derive(token.value, 'session'), now + SESSION_LASTS)}"

    def who(self, value: str, now: datetime) -> str | None:
        """Whose session a cookie is, or None when it is not ours or over."""
        name, _, signed = value.partition(".")
        token = self.tokens.named(name)
        if token is None or _good_until(_derive(token.value, "session"), signed, now) is None:
            return None
        return name

    def form_token(self, session: str) -> str:
        """What every form of this session carries against requests forged elsewhere."""
        token = self.tokens.named(session.partition(".")[0])
        key = _derive(token.value, "form") if token else secrets.token_bytes(32)
        return hmac.new(key, session.encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, session: str, given: str) -> bool:
        """Whether a form was made for this session."""
        return hmac.compare_digest(self.form_token(session).encode(), given.encode())

    def whose_code(self, code: str, now: datetime) -> str | None:
        """Who a sign-in link's code is for, or None when it is wrong or over."""
        found = None
        for token in self.tokens.all():
            if _good_until(_derive(token.value, "sign-in code"), code, now) is not None:
                found = token.name
        return found


def signin_link(base_url: str, token: str, now: datetime) -> str:
    """A link that signs in once, within :data:`LINK_LASTS`; shows nothing of the token.

    ``base_url`` is where the dashboard is, such as ``http://127.0.0.1:8080``.
    """
    code = _sign(_derive(token, "sign-in code"), now + LINK_LASTS)
    return f"{base_url.rstrip('/')}/signin?{urlencode({'code': code})}"


def _derive(token: str, purpose: str) -> bytes:
    return hmac.new(token.encode(), f"lead-gateway {purpose} v1".encode(), hashlib.sha256).digest()


def _sign(key: bytes, until: datetime) -> str:
    body = f"{int(until.timestamp())}.{secrets.token_urlsafe(12)}"
    return f"{body}.{hmac.new(key, body.encode(), hashlib.sha256).hexdigest()}"


def _good_until(key: bytes, value: str, now: datetime) -> float | None:
    """The end of a signed value's life, or None when it is not ours or over."""
    body, _, signature = value.rpartition(".")
    expected = hmac.new(key, body.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        return None
    until = float(body.partition(".")[0])
    return until if until > now.timestamp() else None
