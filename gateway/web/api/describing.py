"""Where the API's description is served: ``/openapi.json`` for programs, ``/api`` for people.

Neither wants a token: they tell nothing that the documentation does not.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.web.api import OPERATIONS
from gateway.web.api.openapi import describe
from gateway.web.api.reference import sections
from gateway.web.pages import page
from gateway.web.sessions import COOKIE


@cache
def _document() -> tuple[dict[str, Any], bytes]:
    made = describe(OPERATIONS, COOKIE)
    return made, json.dumps(made, ensure_ascii=False).encode()


async def openapi(request: Request) -> Response:
    """The description."""
    return Response(_document()[1], media_type="application/json")


async def reference(request: Request) -> Response:
    """The description as a page."""
    document = _document()[0]
    address = str(request.base_url).rstrip("/")
    values = {"info": document["info"], "groups": sections(document, address)}
    return page(request, "api.html", values)


ROUTES = (Route("/openapi.json", openapi), Route("/api", reference))
