"""One access token per account: OAuth 2.0 client credentials and refresh tokens (RFC 6749).

Owns when a token is asked for, kept, shared, renewed and given up; never what it is used for.
Vendors count token requests, so: a token serves until a late share of its life is over; one process
renews it while the others go on with it; what was refused is not asked again for minutes.
The secrets leave this module in the token request alone.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from gateway.http.asking import Answer, Asked, RemoteProblem, ask, json_of, wrong_answer
from gateway.oauth.grant import grant_problem
from gateway.oauth.store import TokenStore

RENEW_AT = 0.85
"""The share of a token's life after which it is renewed."""
UNSAID_LIFE, LONGEST_LIFE = 1800.0, 30 * 86400.0
"""Seconds a token is trusted when its answer does not say (RFC 6749 §5.1), and at most."""
FIRST_REFUSAL, LATER_REFUSAL = 300.0, 1800.0
"""Seconds that a refused grant is not asked again: the first time, and while it goes on."""
FORGIVEN_AFTER = 3600.0
"""Seconds after a refusal ran out until the next one counts as a first again."""
DEADLINE, ANSWER_CAP = 20.0, 256_000
LOCK = DEADLINE + 5
ROTATED_LIFE = 400 * 86400.0
"""Seconds that a refresh token is kept which took the configured one's place."""
_LOOK_AGAIN = 0.1

Clock = Callable[[], datetime]
"""Now, in UTC and aware."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an account shows to get a token. ``where`` names its keys, as ``sources.seloger``."""

    where: str
    token_url: str
    client_id: str
    client_secret: SecretStr
    scope: str = ""
    params: dict[str, str] = field(default_factory=dict)
    format: Literal["form", "json"] = "form"
    auth: Literal["body", "basic"] = "body"
    refresh_token: SecretStr | None = None
    """With one the grant is ``refresh_token``, else ``client_credentials``."""

    @property
    def key(self) -> str:
        """Where the token is kept: the same for whoever shows the same credentials.

        A corrected secret gets another key, so that an old refusal does not outlive it; of the
        secret only 24 bits of a digest go in, too few to find it by.
        """
        shown = [self.token_url, self.client_id, self.scope, self.params, self.format, self.auth]
        account = _digest(json.dumps(shown, sort_keys=True))
        refresh = self.refresh_token.get_secret_value() if self.refresh_token else ""
        return account[:24] + _digest(account + self.client_secret.get_secret_value() + refresh)[:6]


@dataclass(frozen=True, slots=True)
class _Kept:
    """The document that the processes share: a token, a refusal, or both. Unix seconds."""

    token: str = ""
    renew_at: float = 0.0
    expires_at: float = 0.0
    refused_until: float = 0.0
    refusals: int = 0
    why: str = ""
    refresh: str = ""
    """The refresh token that the endpoint gave in place of the configured one."""


class Tokens:
    """The access token of one account."""

    def __init__(
        self, credentials: Credentials, http: httpx.AsyncClient, store: TokenStore, clock: Clock
    ) -> None:
        self._credentials = credentials
        self._http = http
        self._store = store
        self._clock = clock
        self._key = credentials.key
        self._kept = _Kept()
        self._asking = asyncio.Lock()

    async def token(self, *, insist: bool = False) -> str:
        """The token to show. ``insist`` asks even though a refusal is remembered (for a check).

        Raises :class:`RemoteProblem`: ``credentials`` when the grant is or was just refused, with
        the seconds until it is asked again; else as the token endpoint answered.
        """
        now = self._now()
        kept = self._kept
        if now < kept.renew_at or (now < kept.expires_at and self._asking.locked()):
            return kept.token
        async with self._asking:
            if self._now() < self._kept.renew_at:
                return self._kept.token
            return await self._renewed("", insist)

    async def another(self, lost: str) -> str:
        """A token other than ``lost``, which was not taken. Raises as :meth:`token`."""
        async with self._asking:
            if self._kept.token not in ("", lost) and self._now() < self._kept.expires_at:
                return self._kept.token
            return await self._renewed(lost, False)

    async def _renewed(self, lost: str, insist: bool) -> str:
        kept = await self._load()
        usable = self._usable(kept, lost)
        if usable and self._now() < kept.renew_at:
            return kept.token
        if self._now() < kept.refused_until and not insist:
            if usable:
                return kept.token
            raise self._remembered(kept)
        if not await self._store.lock_token(self._key, LOCK):
            return kept.token if usable else await self._from_another_process(lost)
        return await self._ask_and_keep(lost, insist)

    async def _ask_and_keep(self, lost: str, insist: bool = False) -> str:
        """Ask, as the one process that does. Holds the store's lock and gives it back."""
        hold = False
        try:
            kept = await self._load()  # whoever had the lock before may have done it
            if self._usable(kept, lost) and self._now() < kept.renew_at:
                return kept.token
            if self._now() < kept.refused_until and not insist:
                raise self._remembered(kept)
            try:
                kept = await self._granted(kept)
            except RemoteProblem as problem:
                if problem.kind == "credentials":
                    kept = self._refused(kept, lost, problem)
                    problem.retry_after = kept.refused_until - self._now()
                    await self._save(kept)
                if not self._usable(kept, lost):
                    raise
                # The old token goes on; the lock, left to run out, spaces the tries.
                hold = problem.kind != "credentials"
                return kept.token
            await self._save(kept)
            return kept.token
        finally:
            if not hold:
                await self._store.unlock_token(self._key)

    async def _from_another_process(self, lost: str) -> str:
        """What the process that holds the lock gets, within the lock's own time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LOCK
        while loop.time() < until:
            await asyncio.sleep(_LOOK_AGAIN)
            kept = await self._load()
            if self._usable(kept, lost):
                return kept.token
            if self._now() < kept.refused_until:
                raise self._remembered(kept)
            if await self._store.lock_token(self._key, LOCK):  # it gave up, or died
                return await self._ask_and_keep(lost)
        where = self._credentials.where
        raise RemoteProblem("down", f"{where}: another process waits for the token endpoint")

    async def _granted(self, kept: _Kept) -> _Kept:
        """Ask for a token, and say how long it serves."""
        where = self._credentials.where
        asked = Asked(
            f"{where}, token request",
            f"{where}.token_url",
            f"{where}.token_format",
            "the token endpoint",
        )
        sent = self._now()
        request = self._request(kept.refresh)
        answer = await ask(self._http, request, asked, deadline=DEADLINE, cap=ANSWER_CAP)
        found = json_of(answer, asked) if 200 <= answer.status < 300 else {"error": ""}
        if isinstance(found, dict) and "error" in found:  # Zoho says no with 200
            hide = (*self._secrets(), *filter(None, [kept.refresh]))
            raise grant_problem(answer, where, self._clock(), hide)
        token, life = _token_in(found, answer, asked)
        refresh = found.get("refresh_token")
        rotated = isinstance(refresh, str) and refresh and self._credentials.refresh_token
        forgiven = sent - kept.refused_until > FORGIVEN_AFTER
        return _Kept(
            token=token,
            renew_at=sent + life * RENEW_AT,
            expires_at=sent + life,
            refused_until=0.0 if forgiven else min(kept.refused_until, sent),
            refusals=0 if forgiven else kept.refusals,
            refresh=str(refresh) if rotated else kept.refresh,
        )

    def _request(self, refresh: str) -> httpx.Request:
        own = self._credentials
        form = {"grant_type": "client_credentials", **own.params}
        if own.refresh_token is not None:
            form["grant_type"] = "refresh_token"
            form["refresh_token"] = refresh or own.refresh_token.get_secret_value()
        if own.scope:
            form["scope"] = own.scope
        headers = {"accept": "application/json"}
        if own.auth == "basic":
            headers["authorization"] = f"Basic {self._basic()}"
        else:
            form["client_id"] = own.client_id
            form["client_secret"] = own.client_secret.get_secret_value()
        if own.format == "json":
            return self._http.build_request("POST", own.token_url, headers=headers, json=form)
        return self._http.build_request("POST", own.token_url, headers=headers, data=form)

    def _basic(self) -> str:
        """Both parts are form-encoded before they are joined (RFC 6749 §2.3.1)."""
        pair = (self._credentials.client_id, self._credentials.client_secret.get_secret_value())
        return base64.b64encode(":".join(quote(part, safe="") for part in pair).encode()).decode()

    def _secrets(self) -> tuple[str, ...]:
        own = self._credentials
        secret = own.client_secret.get_secret_value()
        refresh = own.refresh_token.get_secret_value() if own.refresh_token else secret
        return (secret, quote(secret, safe=""), self._basic(), refresh)

    def _refused(self, kept: _Kept, lost: str, problem: RemoteProblem) -> _Kept:
        now = self._now()
        again = kept.refusals > 0 and now - kept.refused_until <= FORGIVEN_AFTER
        return replace(
            kept if self._usable(kept, lost) else _Kept(refresh=kept.refresh),
            refused_until=now + (LATER_REFUSAL if again else FIRST_REFUSAL),
            refusals=kept.refusals + 1 if again else 1,
            why=problem.text,
        )

    def _remembered(self, kept: _Kept) -> RemoteProblem:
        until = datetime.fromtimestamp(kept.refused_until, UTC)
        return RemoteProblem(
            "credentials",
            f"{kept.why}; not asked again before {until:%H:%M:%S} UTC",
            retry_after=kept.refused_until - self._now(),
        )

    def _usable(self, kept: _Kept, lost: str) -> bool:
        return kept.token not in ("", lost) and self._now() < kept.expires_at

    async def _load(self) -> _Kept:
        self._kept = _read(await self._store.load_token(self._key))
        return self._kept

    async def _save(self, kept: _Kept) -> None:
        self._kept = kept
        now = self._now()
        remembered = kept.refused_until + FORGIVEN_AFTER - now if kept.refusals else 0.0
        rotated = ROTATED_LIFE if kept.refresh else 0.0
        await self._store.save_token(
            self._key, asdict(kept), max(1.0, kept.expires_at - now, remembered, rotated)
        )

    def _now(self) -> float:
        return self._clock().timestamp()


def _token_in(found: Any, answer: Answer, asked: Asked) -> tuple[str, float]:
    """The token and the seconds it lives. Raises :class:`RemoteProblem` ``protocol``."""
    token = found.get("access_token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not token:
        raise wrong_answer(answer, asked, "no access_token")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise wrong_answer(answer, asked, "an access_token that no header can carry")
    try:
        life = float(found.get("expires_in") or 0)
    except (TypeError, ValueError):
        life = 0.0
    if not math.isfinite(life) or life <= 0:
        life = UNSAID_LIFE
    return token, min(life, LONGEST_LIFE)


def _read(document: dict[str, Any] | None) -> _Kept:
    """What the store kept; nothing, where another version wrote what this one can not read."""
    known: dict[str, Any] = {}
    for part in fields(_Kept):
        value = (document or {}).get(part.name, part.default)
        wanted = str if isinstance(part.default, str) else (int, float)
        if isinstance(value, bool) or not isinstance(value, wanted):
            return _Kept()
        known[part.name] = value
    return _Kept(**known)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
