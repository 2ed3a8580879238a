"""One account's conversation with a portal: token, pace, the portal's clock, answers as JSON.

Owns what every operation needs and no operation itself. A request is made once; the one exception
is an access token that is not taken, which brings one fresh token and one repeat.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from gateway.http import USER_AGENT
from gateway.http.asking import Answer, Asked, ask, json_of
from gateway.oauth import Clock, Tokens
from gateway.sources.problem import portal_problem
from gateway.sources.protocol import SourceProblem

DEADLINE = 30.0
"""Seconds for one whole request."""
ANSWER_CAP = 20_000_000
"""Bytes of one answer: a hundred leads are about a quarter of a megabyte."""
NO_FRESH_TOKEN = timedelta(minutes=10)
"""How long an operation that refused even a fresh token is not given another."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer's JSON value, and the portal's clock when it was written."""

    value: Any
    answer: Answer
    portal_time: datetime | None


class PortalClock:
    """The portal's clock, as its ``Date`` headers tell it. Until it spoke, ours."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.skew: timedelta | None = None
        """How far the portal's clock is ahead of ours."""

    def now(self) -> datetime:
        """The portal's time now: rather a moment too early than in its future."""
        return self._clock() + (self.skew or timedelta(0))

    def heard(self, date: str | None) -> datetime | None:
        """Take a ``Date`` header in; the moment it names. Unreadable ones count as absent."""
        try:
            said = parsedate_to_datetime(date or "")
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        said = said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
        # The header drops the fraction and took a while to come, so each one is a lower bound: of
        # those that agree to within that second, the highest is nearest to the truth.
        found = said - self._clock()
        agrees = self.skew is not None and abs(found - self.skew) <= timedelta(seconds=2)
        self.skew = max(found, self.skew) if agrees and self.skew is not None else found
        return said


class Portal:
    """Makes requests for one account: at most ``at_once`` of them at a time."""

    def __init__(
        self,
        where: str,
        http: httpx.AsyncClient,
        tokens: Tokens,
        clock: Clock,
        *,
        at_once: int,
        contact: str | None = None,
    ) -> None:
        self.where = where
        self.clock = PortalClock(clock)
        self._http = http
        self._tokens = tokens
        self._places = asyncio.Semaphore(at_once)
        self._agent = f"{USER_AGENT} (+{contact})" if contact else USER_AGENT
        self._taken = ""  # the last token that an operation took
        self._untaken: dict[str, tuple[str, datetime]] = {}  # by setting: fresh, and refused

    async def sign_in(self) -> None:
        """Get a token, asking even after a refusal. Raises :class:`SourceProblem`."""
        await self._tokens.token(insist=True)

    async def ask(self, method: str, url: str, asked: Asked, *, json: Any = None) -> Reply:
        """Make one request. Raises :class:`SourceProblem` unless JSON came, with a 2xx."""
        token = await self._tokens.token()
        answer = await self._send(method, url, asked, json, token)
        if answer.status == 401 and self._may_renew(asked, token):
            token = await self._tokens.another(token)
            answer = await self._send(method, url, asked, json, token)
            if answer.status == 401:
                self._untaken[asked.setting] = (token, self.clock.now() + NO_FRESH_TOKEN)
        portal_time = self.clock.heard(answer.headers.get("date"))
        if not 200 <= answer.status < 300:
            raise self._problem(answer, asked, token)
        self._taken = token
        return Reply(json_of(answer, asked), answer, portal_time)

    def _may_renew(self, asked: Asked, token: str) -> bool:
        """Whether a fresh token may help: not where the last fresh one was refused minutes ago."""
        untaken, until = self._untaken.get(asked.setting, ("", self.clock.now()))
        return token != untaken or self.clock.now() >= until

    def _problem(self, answer: Answer, asked: Asked, token: str) -> SourceProblem:
        problem = portal_problem(answer, asked, self.where, self.clock.now(), (token,))
        if answer.status == 401 and token == self._taken:
            problem.kind = "forbidden"  # other operations take this token: it is this one's matter
        return problem

    async def _send(self, method: str, url: str, asked: Asked, json: Any, token: str) -> Answer:
        headers = {
            "accept": "application/json, application/problem+json",
            "authorization": f"Bearer {token}",
            "user-agent": self._agent,
        }
        async with self._places:
            request = self._http.build_request(method, url, headers=headers, json=json)
            return await ask(self._http, request, asked, deadline=DEADLINE, cap=ANSWER_CAP)
