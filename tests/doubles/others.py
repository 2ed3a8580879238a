"""The doubles of which little is known, or that ask for little: Apimo, Follow Up Boss, a hook."""

from __future__ import annotations

import base64
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.doubles.vendor import SECRET, Vendor, Work


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Apimo(Vendor):
    """One agency. A lead whose reference is known becomes a duplicate, tied to its parent."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.leads: list[dict[str, Any]] = []

    def routes(self) -> list[tuple[str, str, str, Work]]:
        return [("POST", "/agencies/34/leads", "lead", self._lead)]

    def may_enter(self, request: Request) -> bool:
        return request.headers.get("authorization") == _basic("12", SECRET)

    def made(self) -> list[str]:
        return [lead["reference"] for lead in self.leads if lead["parent"] is None]

    async def _lead(self, request: Request) -> Response:
        body = await request.json()
        if not body.get("lastname") or not body.get("reference"):
            return JSONResponse({"error": "lastname and reference are required"}, 400)
        parents = [one["id"] for one in self.leads if one["reference"] == body["reference"]]
        lead = {**body, "id": str(self.new_id()), "parent": parents[0] if parents else None}
        self.leads.append(lead)
        return JSONResponse({"id": lead["id"]}, 201)


class FollowUpBoss(Vendor):
    """One account: it knows people by e-mail address and phone, and events not at all."""

    TYPES = ("Registration", "Property Inquiry", "Seller Inquiry", "General Inquiry")

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.people: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.archived = False

    def routes(self) -> list[tuple[str, str, str, Work]]:
        return [("POST", "/v1/events", "event", self._event)]

    def may_enter(self, request: Request) -> bool:
        named = request.headers.get("x-system-key") == f"{SECRET}-system"
        return named and request.headers.get("authorization") == _basic(SECRET, "")

    def unknown(self) -> Response:
        return JSONResponse({"errorMessage": "Invalid API key."}, 401)

    def made(self) -> list[str]:
        return [str(person["id"]) for person in self.people]

    async def _event(self, request: Request) -> Response:
        body = await request.json()
        if self.archived:
            return Response(status_code=204)
        asks = body.get("person") or {}
        if body.get("type") not in self.TYPES or not asks:
            return JSONResponse({"errorMessage": "type and person are required"}, 400)
        known = next((person for person in self.people if _same(person, asks)), None)
        person = known or {**asks, "id": self.new_id()}
        if known is None:
            self.people.append(person)
        self.events.append(body)
        return JSONResponse({"id": person["id"]}, 200 if known else 201)


def _same(person: dict[str, Any], asks: dict[str, Any]) -> bool:
    return any(
        item in asks.get(way, ()) for way in ("emails", "phones") for item in person.get(way, ())
    )


class Hook(Vendor):
    """A catch hook: it takes everything, and the workflow behind it tells repeats by lead_id."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.got: list[dict[str, Any]] = []

    def routes(self) -> list[tuple[str, str, str, Work]]:
        return [("POST", "/catch/{secret}/", "hook", self._hook)]

    def may_enter(self, request: Request) -> bool:
        return request.path_params["secret"] == SECRET

    def made(self) -> list[str]:
        return list(dict.fromkeys(one["lead_id"] for one in self.got))

    async def _hook(self, request: Request) -> Response:
        self.got.append(await request.json())
        return JSONResponse({"status": "success", "id": str(self.new_id())})
