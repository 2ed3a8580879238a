"""What every page shares: the header's numbers, and how a button leads back with a word of it.

That word travels in a cookie for one page: an address would show it again on every reload.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.web.acting import Acted
from gateway.web.context import Web
from gateway.web.health import Health, read_health
from gateway.web.pages import SAID
from gateway.web.signin import local_path

LIST_ROWS = 50


async def frame(web: Web) -> tuple[Health, dict[str, Any]]:
    """What the store says about everything, and what each page's header shows of it."""
    health = await read_health(web)
    dead = sum(destination.dead for destination in health.destinations)
    return health, {"health": health, "dead_count": dead}


def back(place: str, said: str, acted: Acted | None = None) -> Response:
    """To where the button was; ``said`` is a key of the pages' words under ``said``."""
    response = RedirectResponse(local_path(place), 303)
    done, left = (acted.done, len(acted.refused)) if acted else (1, 0)
    response.set_cookie(
        SAID, f"{said}.{done}.{left}", max_age=30, path="/", httponly=True, samesite="lax"
    )
    return response


def action(request: Request) -> str:
    """The last word of the address."""
    return request.url.path.rpartition("/")[2]
