"""The portal's HTTP face: which path leads to what. The paths that the vendor's page lost are those
that ``kind: gsl`` assumes.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.sandbox.portal.answers import Answers
from gateway.sandbox.portal.control import Control
from gateway.sandbox.portal.operations import Operations
from gateway.sandbox.portal.state import Portal
from gateway.sandbox.portal.tokens import TokenEndpoint
from gateway.sandbox.portal.trouble import Trouble

SEARCHES = {
    "leads": "/v2/leads",
    "classifieds": "/v2/leads/classifieds",
    "agencies": "/v2/leads/agencies",
    "estimations": "/v2/leads/estimations",
    "projects": "/v2/leads/projects",
}


def portal_app(portal: Portal) -> Starlette:
    """Serves one portal."""
    answers = Answers(portal)
    trouble = Trouble(portal, answers)
    operations, control = Operations(portal, answers, trouble), Control(portal, answers)
    token = TokenEndpoint(portal, answers, trouble)

    async def refuse(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return trouble.status(status)

    searches = [
        Route(path, operations.search(feed), methods=["POST"]) for feed, path in SEARCHES.items()
    ]
    return Starlette(
        exception_handlers={404: refuse, 405: refuse},
        routes=[
            Route("/oauth/token", token.answer, methods=["POST"]),
            *searches,
            Route(
                "/v2/leads/classifieds/{classified_id:int}", operations.classified, methods=["POST"]
            ),
            Route("/v2/leads/{lead_id}", operations.lead, methods=["GET"]),
            Route("/sandbox/faults", control.faults, methods=["GET", "POST", "DELETE"]),
            Route("/sandbox/leads", control.leads, methods=["GET", "POST"]),
            Route("/sandbox/state", control.state, methods=["GET"]),
            Route("/", _index, methods=["GET"]),
        ],
    )


async def _index(request: Request) -> Response:
    base = str(request.base_url).rstrip("/")
    return Response(
        "A simulated GSL portal. In gateway.yaml:\n\n"
        f"  kind: gsl\n  base_url: {base}\n  token_url: {base}/oauth/token\n"
        "  client_id: sandbox\n  client_secret: sandbox\n",
        media_type="text/plain",
    )
