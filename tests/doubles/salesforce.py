"""Salesforce: leads by an external id, with the errors and lengths of its REST API."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.doubles.vendor import TokenVendor, Work

LENGTHS = {
    "LastName": 80, "FirstName": 40, "Company": 255, "Email": 80, "Phone": 40, "MobilePhone": 40,
    "LeadSource": 255, "Description": 32_000, "Street": 255, "PostalCode": 20, "City": 40,
    "OwnerId": 18, "Property_Ref__c": 255,
}  # fmt: skip


class Salesforce(TokenVendor):
    """One org, with the external id field that the preset asks for, and one more field."""

    token_path = "/services/oauth2/token"

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.leads: dict[str, dict[str, Any]] = {}
        self.headers: list[dict[str, str]] = []

    def routes(self) -> list[tuple[str, str, str, Work]]:
        place = "/services/data/v62.0/sobjects/Lead/Portal_Lead_Id__c/{lead}"
        return [
            ("POST", self.token_path, "token", self.grant),
            ("PATCH", place, "lead", self._lead),
        ]

    def unknown(self) -> Response:
        return _no(401, "INVALID_SESSION_ID", "Session expired or invalid")

    def limited(self) -> Response:
        return _no(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")

    def broken(self) -> Response:
        return _no(503, "SERVER_UNAVAILABLE", "Server unavailable")

    def made(self) -> list[str]:
        return list(self.leads)

    async def _lead(self, request: Request) -> Response:
        key, body = request.path_params["lead"], await request.json()
        if "Portal_Lead_Id__c" in body:
            return _no(400, "INVALID_FIELD", "The Portal_Lead_Id__c field should not be specified")
        for name in ("LastName", "Company"):
            if not body.get(name):
                words = f"Required fields are missing: [{name}]"
                return _no(400, "REQUIRED_FIELD_MISSING", words, [name])
        for name, value in body.items():
            if name not in LENGTHS:
                return _no(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type Lead")
            if len(value) > LENGTHS[name]:
                words = f"{name}: data value too large (max length={LENGTHS[name]})"
                return _no(400, "STRING_TOO_LONG", words, [name])
        self.headers.append(dict(request.headers))
        created = key not in self.leads
        self.leads[key] = {
            "id": f"00QD000000Bx{self.new_id():03}MAB",
            **self.leads.get(key, {}),
            **body,
        }
        answer = {"id": self.leads[key]["id"], "success": True, "errors": [], "created": created}
        return JSONResponse(answer, 201 if created else 200)


def _no(status: int, code: str, message: str, fields: list[str] | None = None) -> Response:
    return JSONResponse([{"message": message, "errorCode": code, "fields": fields or []}], status)
