"""Pipedrive, as far as its facts are known: persons, leads and notes, typed as its client has them.

Holds state. ``lose`` names the calls whose next answer gets lost after the work is done, as when
somebody is killed in between; ``fail_share`` is the share of calls that it answers with 500 or 429.
"""

from __future__ import annotations

import itertools
import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class Pipedrive:
    """One account. ``calls`` counts what was asked for, failures included."""

    token: str = "hush-0815-4711"
    persons: list[dict[str, Any]] = field(default_factory=list)
    leads: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    lose: set[str] = field(default_factory=set)
    fail_share: float = 0.0
    draw: random.Random = field(default_factory=lambda: random.Random(1))
    calls: Counter[str] = field(default_factory=Counter)
    _ids: Any = field(default_factory=lambda: itertools.count(12))

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/v2/persons", self._person, methods=["POST"]),
                Route("/api/v2/persons/search", self._search, methods=["GET"]),
                Route("/v1/leads", self._lead, methods=["POST"]),
                Route("/v1/leads", self._leads, methods=["GET"]),
                Route("/v1/notes", self._note, methods=["POST"]),
                Route("/v1/notes", self._notes, methods=["GET"]),
            ]
        )

    def _refusal(self, request: Request, name: str) -> Response | None:
        self.calls[name] += 1
        if request.headers.get("x-api-token") != self.token:
            return _no(401, "unauthorized access")
        if self.draw.random() < self.fail_share:
            if self.draw.random() < 0.5:
                return _no(500, "internal error")
            return JSONResponse(
                {"success": False, "error": "rate limit"}, 429, {"x-ratelimit-reset": "0"}
            )
        return None

    def _answer(self, name: str, status: int, data: Any) -> Response:
        if name in self.lose:
            self.lose.discard(name)
            # What the sender sees when the answer never comes: nothing that it can read.
            return Response(b"", 502)
        return JSONResponse({"success": True, "data": data}, status)

    async def _person(self, request: Request) -> Response:
        if (no := self._refusal(request, "person")) is not None:
            return no
        body = await request.json()
        if not isinstance(body.get("name"), str) or not body["name"]:
            return _no(400, "name is required")
        if not _is_whole(body.get("owner_id", 1)):
            return _no(400, "owner_id must be an integer")
        person = {**body, "id": next(self._ids)}
        self.persons.append(person)
        return self._answer("person", 200, person)

    async def _search(self, request: Request) -> Response:
        if (no := self._refusal(request, "search")) is not None:
            return no
        term, kind = request.query_params["term"], request.query_params["fields"]
        field_name = {"email": "emails", "phone": "phones"}[kind]
        found = [
            {"result_score": 1.0, "item": {"id": person["id"], "name": person["name"]}}
            for person in self.persons
            if any(item["value"].lower() == term.lower() for item in person.get(field_name, ()))
        ]
        return JSONResponse({"success": True, "data": {"items": found}})

    async def _lead(self, request: Request) -> Response:
        if (no := self._refusal(request, "lead")) is not None:
            return no
        body = await request.json()
        if not body.get("title") or not _is_whole(body.get("person_id")):
            return _no(400, "title and person_id, an integer, are required")
        if body["person_id"] not in [person["id"] for person in self.persons]:
            return _no(404, "person not found")
        lead = {**body, "id": str(uuid.UUID(int=next(self._ids)))}
        self.leads.append(lead)
        return self._answer("lead", 201, lead)

    async def _leads(self, request: Request) -> Response:
        if (no := self._refusal(request, "leads")) is not None:
            return no
        person = int(request.query_params["person_id"])
        found = [lead for lead in self.leads if lead["person_id"] == person]
        return JSONResponse({"success": True, "data": found})

    async def _note(self, request: Request) -> Response:
        if (no := self._refusal(request, "note")) is not None:
            return no
        body = await request.json()
        if not body.get("content") or body.get("lead_id") not in [one["id"] for one in self.leads]:
            return _no(400, "content and the lead_id of a lead are required")
        note = {**body, "id": next(self._ids)}
        self.notes.append(note)
        return self._answer("note", 200, note)

    async def _notes(self, request: Request) -> Response:
        if (no := self._refusal(request, "notes")) is not None:
            return no
        lead = request.query_params["lead_id"]
        found = [note for note in self.notes if note["lead_id"] == lead]
        return JSONResponse({"success": True, "data": found})


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _no(status: int, error: str) -> Response:
    return JSONResponse({"success": False, "error": error, "error_info": "see the docs"}, status)
