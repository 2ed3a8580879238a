"""The endpoints by which a test or an integrator moves the portal: leads, faults, its state."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.sandbox.portal.state import Portal

MOST_LEADS, MOST_FAULTS = 10_000, 1000
"""Of one request."""


class Control:
    """Answers under ``/sandbox``; no token is asked for."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def faults(self, request: Request) -> Response:
        """Say what goes wrong from now on."""
        wanted = await request.json()
        portal = self._portal
        portal.down = bool(wanted.get("down", portal.down))
        portal.faults.errors = float(wanted.get("errors", portal.faults.errors))
        portal.faults.next += [str(item) for item in wanted.get("next", [])][:MOST_FAULTS]
        if "client_secret" in wanted:
            portal.client_secret = str(wanted["client_secret"])
            portal.grants.revoke_all()
        return JSONResponse({"ok": True})

    async def leads(self, request: Request) -> Response:
        """Make leads, or put any JSON into a feed."""
        wanted = await request.json()
        if "raw" in wanted:
            self._portal.put_raw(wanted.get("feed", "leads"), wanted["raw"])
            return JSONResponse({"added": 1})
        count = min(int(wanted.get("count", 1)), MOST_LEADS)
        added = self._portal.add(count, wanted.get("category"))
        return JSONResponse({"added": len(added), "ids": [lead.id for lead in added]})

    async def state(self, request: Request) -> Response:
        """What there is and what was asked."""
        return JSONResponse({"leads": len(self._portal.leads), "calls": dict(self._portal.calls)})
