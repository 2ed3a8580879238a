"""Who is signed in: session cookies, codes of sign-in links, form tokens, the admin token itself.

Every value is signed with a key derived from the admin token, so that changing the token signs
everybody out, and nothing is stored. Never hands the admin token out again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from urllib.parse import urlencode

COOKIE = "lead_gateway_session"
SESSION_LASTS = timedelta(hours=12)
LINK_LASTS = timedelta(hours=1)

USED_CODES_KEPT = 1000


class Sessions:
    """Issues and checks what proves that somebody signed in."""

    def __init__(self, token: str) -> None:
        if not token:
            raise ValueError("an admin token is needed")
        self._token = hashlib.sha256(token.encode()).digest()
        self._session_key = _derive(token, "session")
        self._code_key = _derive(token, "sign-in code")
        self._csrf_key = _derive(token, "form")
        self._used: dict[str, float] = {}

    def is_token(self, given: str) -> bool:
        """Whether this is the admin token, in a time that tells nothing about it."""
        return hmac.compare_digest(hashlib.sha256(given.encode()).digest(), self._token)

    def start(self, now: datetime) -> str:
        """A new session cookie's value, good for :data:`SESSION_LASTS`."""
        return _sign(self._session_key, now + SESSION_LASTS)

    def is_session(self, value: str, now: datetime) -> bool:
        """Whether a cookie is ours and not over."""
        return _good_until(self._session_key, value, now) is not None

    def form_token(self, session: str) -> str:
        """What every form of this session carries against requests forged elsewhere."""
        return hmac.new(self._csrf_key, session.encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, session: str, given: str) -> bool:
        """Whether a form was made for this session."""
        return hmac.compare_digest(self.form_token(session).encode(), given.encode())

    def redeem(self, code: str, now: datetime) -> bool:
        """Take a sign-in link's code, once in this process; False if used, wrong or over."""
        until = _good_until(self._code_key, code, now)
        if until is None or code in self._used:
            return False
        moment = now.timestamp()
        self._used = {used: end for used, end in self._used.items() if end > moment}
        if len(self._used) >= USED_CODES_KEPT:
            return False
        self._used[code] = until
        return True


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
