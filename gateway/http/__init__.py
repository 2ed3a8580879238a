"""The one HTTP client: one network stack with two faces.

Underneath are aiohttp sessions whose connector checks every address. ``HttpClient.exchange`` is the
one-shot delivery, straight on the session; ``HttpClient.conversation`` is httpx over the same
session, for portals, tokens and chained calls. No redirects, no cookies, no proxies from the
environment; every answer has a cap and every exchange one deadline. No other module opens an HTTP
connection. Why it is so: docs/decisions/0002-http-client.md.
"""

from __future__ import annotations

from gateway.http.client import ANSWER_LIMIT, USER_AGENT, Exchange, HttpClient, Request
from gateway.http.conversation import ConversationError
from gateway.http.trouble import WireError

__all__ = [
    "ANSWER_LIMIT",
    "USER_AGENT",
    "ConversationError",
    "Exchange",
    "HttpClient",
    "Request",
    "WireError",
]
