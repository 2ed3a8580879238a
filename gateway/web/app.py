"""The web as one ASGI application: every address and who answers it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.store import BadCursor, StoreUnavailable
from gateway.web import claim, dashboard, events, signin, slack_claims
from gateway.web.api import OPERATIONS, describing
from gateway.web.context import Gateway, Web
from gateway.web.operation import routes
from gateway.web.pages import problem_page
from gateway.web.problems import Problem, as_problem, problem_response, wants_page
from gateway.web.security import Guard
from gateway.web.sessions import Sessions
from gateway.web.static import Static
from gateway.web.templating import FOLDER, Pages
from gateway.web.throttle import Throttles


def create_app(
    gateway: Gateway,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    before: Web | None = None,
) -> Starlette:
    """The application for one assembled gateway. ``app.state.web.closing`` ends its streams.

    ``before`` is the web that this one takes over from: who tried wrong tokens stays remembered.
    """
    static = Static(FOLDER / "static")
    web = Web(
        gateway=gateway,
        sessions=Sessions(gateway.settings.tokens()),
        static=static,
        pages=Pages(static, gateway.config.zone, clock),
        throttles=before.throttles if before else Throttles(),
        clock=clock,
    )

    # Written out: an instance would be taken for an ASGI application of its own.
    async def file(request: Request) -> Response:
        return await static(request)

    app = Starlette(
        routes=[
            *routes(OPERATIONS),
            *describing.ROUTES,
            Route("/live", events.live),
            Route("/signin", signin.signin),
            Route("/signin", signin.submit, methods=["POST"]),
            Route("/signout", signin.signed_in(signin.signout), methods=["POST"]),
            *claim.ROUTES,
            *slack_claims.ROUTES,
            *dashboard.ROUTES,
            Route("/static/{name:path}", file),
        ],
        middleware=[Middleware(Guard)],
        exception_handlers=dict.fromkeys(_ANSWERED, _answer),
    )
    app.state.web = web
    return app


_ANSWERED = (Problem, HTTPException, StoreUnavailable, BadCursor)


async def _answer(request: Request, error: Exception) -> Response:
    problem = as_problem(error)
    return problem_page(request, problem) if wants_page(request) else problem_response(problem)
