"""Shows a webhook's receiver an access token, and gets another one when it is not taken.

Owns the one repeat that a 401 is worth. Where there is no token to show, it sends and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from gateway.delivery import Deferred, Reason
from gateway.destinations.classify import answer_text
from gateway.destinations.webhook_auth import Auth
from gateway.http import Exchange, HttpClient, Request, WireError
from gateway.http.asking import RemoteProblem
from gateway.http.trouble import timed_out
from gateway.oauth import Tokens, TokenStore

NO_FRESH_TOKEN = timedelta(minutes=10)
"""How long a receiver that refused even a fresh token is not given another."""

_REASONS = {
    "credentials": Reason.CREDENTIALS,
    "rate_limited": Reason.RATE_LIMITED,
    "protocol": Reason.PROTOCOL,
    "forbidden": Reason.CREDENTIALS,
}


class SignIn:
    """Sends requests for one destination."""

    def __init__(
        self, http: HttpClient, tokens: Tokens | None, scheme: str, clock: Callable[[], datetime]
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._scheme = scheme
        self._clock = clock
        self._untaken = ("", clock())

    @classmethod
    def build(
        cls,
        auth: Auth | None,
        where: str,
        http: HttpClient,
        store: TokenStore,
        clock: Callable[[], datetime],
    ) -> SignIn:
        """For what ``auth`` says; ``where`` names its keys in gateway.yaml."""
        if auth is None or auth.oauth2 is None:
            return cls(http, None, "", clock)
        tokens = Tokens(auth.oauth2.credentials(where), http.conversation(), store, clock)
        return cls(http, tokens, auth.oauth2.scheme, clock)

    @property
    def has_token(self) -> bool:
        """Whether requests carry a token."""
        return self._tokens is not None

    async def exchange(self, request: Request, deadline: float) -> tuple[Exchange, str]:
        """Send, by ``deadline`` of the loop's clock: the answer, and the token that was shown.

        Raises WireError, and RemoteProblem when no token can be had.
        """
        if self._tokens is None:
            return await self._sent(request, deadline), ""
        token = await self._token(self._tokens.token(), deadline)
        exchange = await self._sent(self._with(request, token), deadline)
        if exchange.status == 401 and self._may_renew(token):
            token = await self._token(self._tokens.another(token), deadline)
            exchange = await self._sent(self._with(request, token), deadline)
            if exchange.status == 401:
                self._untaken = (token, self._clock() + NO_FRESH_TOKEN)
        return exchange, token

    async def verify(self) -> None:
        """Get a token, asking even after a refusal. Raises RemoteProblem."""
        if self._tokens is not None:
            await self._tokens.token(insist=True)

    def _may_renew(self, token: str) -> bool:
        untaken, until = self._untaken
        return token != untaken or self._clock() >= until

    def _with(self, request: Request, token: str) -> Request:
        headers = {**request.headers, "authorization": f"{self._scheme} {token}"}
        return replace(request, headers=headers)

    async def _sent(self, request: Request, deadline: float) -> Exchange:
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise timed_out(0, sent=False)
        return await self._http.exchange(request, left)

    async def _token(self, getting: Coroutine[Any, Any, str], deadline: float) -> str:
        try:
            async with asyncio.timeout_at(deadline):
                return await getting
        except TimeoutError:
            raise WireError(Reason.TIMEOUT, "no access token came in time") from None


def no_token(problem: RemoteProblem) -> Deferred:
    """What it means for a delivery that no token can be had."""
    reason = problem.reason or _REASONS.get(problem.kind)
    if reason is None:
        reason = Reason.SERVER_ERROR if problem.status else Reason.CONNECTION
    answer = answer_text(problem.text.encode())
    return Deferred(reason, problem.status, answer, problem.retry_after)
