"""Pipedrive: persons, leads and notes, typed as its own client has them."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.doubles.vendor import SECRET, Vendor, Work, is_whole


class Pipedrive(Vendor):
    """One account."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.persons: list[dict[str, Any]] = []
        self.leads: list[dict[str, Any]] = []
        self.notes: list[dict[str, Any]] = []

    def routes(self) -> list[tuple[str, str, str, Work]]:
        return [
            ("POST", "/api/v2/persons", "person", self._person),
            ("GET", "/api/v2/persons/search", "search", self._search),
            ("POST", "/v1/leads", "lead", self._lead),
            ("GET", "/v1/leads", "leads", self._leads),
            ("POST", "/v1/notes", "note", self._note),
            ("GET", "/v1/notes", "notes", self._notes),
        ]

    def may_enter(self, request: Request) -> bool:
        return request.headers.get("x-api-token") == SECRET

    def unknown(self) -> Response:
        return _no(401, "unauthorized access")

    def limited(self) -> Response:
        return _no(429, "request over limit", {"x-ratelimit-reset": "0"})

    def broken(self) -> Response:
        return _no(500, "internal error")

    def made(self) -> list[str]:
        return [lead["origin_id"] for lead in self.leads]

    async def _person(self, request: Request) -> Response:
        body = await request.json()
        if not isinstance(body.get("name"), str) or not body["name"]:
            return _no(400, "name is required")
        if not is_whole(body.get("owner_id", 1)):
            return _no(400, "owner_id must be an integer")
        self.persons.append({**body, "id": self.new_id()})
        return _yes(200, self.persons[-1])

    async def _search(self, request: Request) -> Response:
        term, kind = request.query_params["term"], request.query_params["fields"]
        if len(term) < 1:
            return _no(400, "term is required")
        known_by = {"email": "emails", "phone": "phones"}[kind]
        found = [
            {"result_score": 1.0, "item": {"id": person["id"], "name": person["name"]}}
            for person in self.persons
            if any(item["value"].lower() == term.lower() for item in person.get(known_by, ()))
        ]
        return _yes(200, {"items": found})

    async def _lead(self, request: Request) -> Response:
        body = await request.json()
        if not body.get("title") or not is_whole(body.get("person_id")):
            return _no(400, "title and person_id, an integer, are required")
        if body["person_id"] not in [person["id"] for person in self.persons]:
            return _no(404, "person not found")
        value = body.get("value")
        if value is not None and (len(value["currency"]) != 3 or isinstance(value["amount"], str)):
            return _no(400, "value wants an amount and a currency")
        self.leads.append({**body, "id": str(uuid.UUID(int=self.new_id()))})
        return _yes(201, self.leads[-1])

    async def _leads(self, request: Request) -> Response:
        person = int(request.query_params["person_id"])
        return _yes(200, [lead for lead in self.leads if lead["person_id"] == person])

    async def _note(self, request: Request) -> Response:
        body = await request.json()
        if not body.get("content") or body.get("lead_id") not in [one["id"] for one in self.leads]:
            return _no(400, "content and the lead_id of a lead are required")
        self.notes.append({**body, "id": self.new_id()})
        return _yes(200, self.notes[-1])

    async def _notes(self, request: Request) -> Response:
        lead = request.query_params["lead_id"]
        return _yes(200, [note for note in self.notes if note["lead_id"] == lead])


def _yes(status: int, data: Any) -> Response:
    return JSONResponse({"success": True, "data": data}, status)


def _no(status: int, error: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"success": False, "error": error}, status, headers)
