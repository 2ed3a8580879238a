"""HubSpot: contacts with properties that are texts, and notes tied to them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.doubles.vendor import SECRET, Vendor, Work

KNOWN = {
    "email", "firstname", "lastname", "phone", "city", "zip", "lifecyclestage", "message",
    "hubspot_owner_id", "portal_lead_id", "prix", "ref",
}  # fmt: skip
UNIQUE = {"email", "portal_lead_id"}
NOTE_LIMIT = 65_536


class HubSpot(Vendor):
    """One portal, with three properties of the user's own."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.contacts: dict[str, dict[str, str]] = {}
        self.notes: list[dict[str, Any]] = []

    def routes(self) -> list[tuple[str, str, str, Work]]:
        return [
            ("POST", "/crm/v3/objects/contacts/batch/upsert", "upsert", self._upsert),
            ("POST", "/crm/v3/objects/contacts", "create", self._create),
            ("POST", "/crm/v3/objects/notes", "note", self._note),
        ]

    def may_enter(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {SECRET}"

    def unknown(self) -> Response:
        return _no(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")

    def limited(self) -> Response:
        return _no(429, "RATE_LIMITS", "You have reached your ten_secondly_rolling limit.")

    def broken(self) -> Response:
        return _no(500, "INTERNAL_ERROR", "internal error")

    def made(self) -> list[str]:
        return [one["email"] or one["phone"] for one in map(_who, self.contacts.values())]

    async def _upsert(self, request: Request) -> Response:
        results = []
        for one in (await request.json())["inputs"]:
            by = one.get("idProperty", "id")
            if by not in UNIQUE:
                return _no(400, "VALIDATION_ERROR", f"{by} is no unique property")
            if (fault := _fault(one["properties"])) is not None:
                return _no(400, "VALIDATION_ERROR", fault)
            known = next(
                (key for key, has in self.contacts.items() if has.get(by) == one["id"]), ""
            )
            key = known or str(self.new_id())
            self.contacts[key] = {**self.contacts.get(key, {}), **one["properties"], by: one["id"]}
            results.append({"id": key, "new": not known, "properties": self.contacts[key]})
        return JSONResponse({"status": "COMPLETE", "results": results})

    async def _create(self, request: Request) -> Response:
        body = await request.json()
        if "associations" not in body:
            return _no(400, "VALIDATION_ERROR", "associations is required")
        if (fault := _fault(body["properties"])) is not None:
            return _no(400, "VALIDATION_ERROR", fault)
        email = body["properties"].get("email")
        for key, has in self.contacts.items():
            if email and has.get("email") == email:
                return _no(409, "CONFLICT", f"Contact already exists. Existing ID: {key}")
        key = str(self.new_id())
        self.contacts[key] = body["properties"]
        return JSONResponse({"id": key, "properties": self.contacts[key]}, 201)

    async def _note(self, request: Request) -> Response:
        body = await request.json()
        has = body["properties"]
        tie = body["associations"][0]
        if not has.get("hs_timestamp") or len(has["hs_note_body"]) > NOTE_LIMIT:
            return _no(400, "VALIDATION_ERROR", "hs_timestamp is required, the body has its limit")
        if tie["to"]["id"] not in self.contacts:
            return _no(404, "OBJECT_NOT_FOUND", "no such contact")
        if tie["types"] != [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202}]:
            return _no(400, "VALIDATION_ERROR", "no such association")
        self.notes.append({**has, "contact": tie["to"]["id"]})
        return JSONResponse({"id": str(self.new_id()), "properties": has}, 201)


def _who(has: dict[str, str]) -> dict[str, str]:
    return {"email": has.get("email", ""), "phone": has.get("phone", "")}


def _fault(properties: dict[str, Any]) -> str | None:
    for name, value in properties.items():
        if name not in KNOWN:
            return f'Property "{name}" does not exist'
        if not isinstance(value, str):
            return f"{name} is no text"
    if "email" in properties and "@" not in properties["email"]:
        return f"Email address {properties['email']} is invalid"
    return None


def _no(status: int, category: str, message: str) -> Response:
    body = {"status": "error", "message": message, "category": category,
            "correlationId": "0f1e2d3c-0000-4000-8000-000000000000"}  # fmt: skip
    return JSONResponse(body, status)
