"""The portal's HTTP face: which path leads to what. The paths that the vendor's page lost are those
that ``kind: gsl`` assumes.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.sandbox.portal.answers import Answers
from gateway.sandbox.portal.control import Control
from gateway.sandbox.portal.operations import Operations
from gateway.sandbox.portal.state import Portal
from gateway.sandbox.portal.tokens import TokenEndpoint

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
    operations, control = Operations(portal, answers), Control(portal)
    token = TokenEndpoint(portal, answers)
    routes = [Route("/oauth/token", token.__call__, methods=["POST"])]
    for feed, path in SEARCHES.items():
        routes.append(Route(path, operations.search(feed), methods=["POST"]))
    routes += [
        Route("/v2/leads/classifieds/{classified_id:int}", operations.classified, methods=["POST"]),
        Route("/v2/leads/{lead_id}", operations.lead, methods=["GET"]),
        Route("/sandbox/faults", control.faults, methods=["POST"]),
        Route("/sandbox/leads", control.leads, methods=["POST"]),
        Route("/sandbox/state", control.state, methods=["GET"]),
        Route("/", _index, methods=["GET"]),
    ]
    return Starlette(routes=routes)


async def _index(request: Request) -> Response:
    base = str(request.base_url).rstrip("/")
    return Response(
        "A simulated GSL portal. In gateway.yaml:\n\n"
        f"  kind: gsl\n  base_url: {base}\n  token_url: {base}/oauth/token\n"
        "  client_id: sandbox\n  client_secret: sandbox\n",
        media_type="text/plain",
    )
