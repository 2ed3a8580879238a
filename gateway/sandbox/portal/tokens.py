"""The token endpoint: OAuth 2.0 client credentials (RFC 6749 §4.4), as a form or as JSON."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.requests import Request
from starlette.responses import Response

from gateway.sandbox.portal.answers import Answers
from gateway.sandbox.portal.faults import Met
from gateway.sandbox.portal.grants import SCOPE
from gateway.sandbox.portal.state import Portal
from gateway.sandbox.portal.trouble import Trouble

_REFUSALS = {400: "invalid_request", 401: "invalid_client", 403: "access_denied"}


class TokenEndpoint:
    """Grants tokens to whoever shows the account's id and secret."""

    def __init__(self, portal: Portal, answers: Answers, trouble: Trouble) -> None:
        self._portal = portal
        self._answers = answers
        self._trouble = trouble

    async def answer(self, request: Request) -> Response:
        """One token request."""
        portal = self._portal
        portal.calls["token"] += 1
        if portal.down:
            return self._trouble.status(503)
        met = portal.faults.draw("token", portal.clock())
        if met is not None:
            portal.calls[f"fault:{met.fault}"] += 1
        early = self._refused(met) or await self._trouble.before(met)
        return self._trouble.after(met, early or await self._grant(request))

    def _refused(self, met: Met | None) -> Response | None:
        word = _REFUSALS.get(int(met.fault)) if met and met.fault.isdigit() else None
        return self._error(int(met.fault), word) if met and word else None

    async def _grant(self, request: Request) -> Response:
        portal = self._portal
        try:
            fields = await _fields(request)
        except (ValueError, TypeError, binascii.Error):
            return self._error(400, "invalid_request")
        if fields.get("grant_type") != "client_credentials":
            return self._error(400, "unsupported_grant_type")
        given = (fields.get("client_id"), fields.get("client_secret"))
        if given != (portal.client_id, portal.client_secret):
            return self._error(401, "invalid_client")
        scope = str(fields.get("scope", SCOPE))
        if scope != SCOPE and not portal.ignores_scope:
            return self._error(400, "invalid_scope")
        portal.calls["token granted"] += 1
        granted = portal.grants.issue(portal.client_id, scope, portal.token_lifetime, portal.now())
        answer = self._answers.value(granted)
        answer.headers["cache-control"] = "no-store"
        return answer

    def _error(self, status: int, word: str) -> Response:
        answer = self._answers.value({"error": word}, status)
        if status == 401:
            answer.headers["www-authenticate"] = "Basic"
        return answer


async def _fields(request: Request) -> dict[str, Any]:
    """What was asked for, wherever it stood. Raises ValueError or TypeError."""
    body = await request.body()
    if "json" in request.headers.get("content-type", ""):
        fields = dict(json.loads(body))
    else:
        fields = {key: values[0] for key, values in parse_qs(body.decode()).items()}
    authorization = request.headers.get("authorization", "")
    if authorization.startswith("Basic "):
        couple = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
        fields |= {"client_id": unquote(couple[0]), "client_secret": unquote(couple[2])}
    return fields
