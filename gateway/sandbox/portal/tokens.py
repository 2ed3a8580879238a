"""The token endpoint: OAuth 2.0 client credentials (RFC 6749 §4.4), as a form or as JSON."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.sandbox.portal.answers import Answers
from gateway.sandbox.portal.grants import SCOPE
from gateway.sandbox.portal.state import Portal


class TokenEndpoint:
    """Grants tokens to whoever shows the account's id and secret."""

    def __init__(self, portal: Portal, answers: Answers) -> None:
        self._portal = portal
        self._answers = answers

    async def __call__(self, request: Request) -> Response:
        """One token request."""
        portal = self._portal
        portal.calls["token"] += 1
        if portal.down:
            return self._answers.problem(503, "Service Unavailable", "The portal is down.")
        try:
            fields = await _fields(request)
        except (ValueError, TypeError):
            return JSONResponse({"error": "invalid_request"}, 400)
        if fields.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        given = (fields.get("client_id"), fields.get("client_secret"))
        if given != (portal.client_id, portal.client_secret):
            return JSONResponse({"error": "invalid_client"}, 401)
        scope = str(fields.get("scope", SCOPE))
        if scope != SCOPE:
            return JSONResponse({"error": "invalid_scope"}, 400)
        return self._answers.value(portal.grants.issue(scope, portal.token_lifetime))


async def _fields(request: Request) -> dict[str, Any]:
    """What was asked for, wherever it stood. Raises ValueError or TypeError."""
    body = await request.body()
    if "json" in request.headers.get("content-type", ""):
        fields = dict(json.loads(body))
    else:
        fields = {key: values[0] for key, values in parse_qs(body.decode()).items()}
    authorization = request.headers.get("authorization", "")
    if authorization.startswith("Basic "):
        couple = base64.b64decode(authorization[6:]).decode().partition(":")
        fields |= {"client_id": couple[0], "client_secret": couple[2]}
    return fields
