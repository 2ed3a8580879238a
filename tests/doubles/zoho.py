"""Zoho CRM: an upsert of leads that says no with 200, and tokens from a refresh token."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.doubles.vendor import SECRET, TokenVendor, Work, fields_of

LENGTHS = {"Last_Name": 80, "First_Name": 40, "Email": 100, "Phone": 30, "Mobile": 30,
           "Company": 200, "Lead_Source": 120, "Description": 32_000, "Zip_Code": 30,
           "City": 100, "Portal_Lead_Id": 255}  # fmt: skip


class Zoho(TokenVendor):
    """One organisation, with the unique field that the preset asks for."""

    scheme = "Zoho-oauthtoken"
    token_path = "/oauth/v2/token"

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.leads: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[tuple[str, str, str, Work]]:
        return [
            ("POST", self.token_path, "token", self.grant),
            ("POST", "/crm/v8/Leads/upsert", "lead", self._upsert),
        ]

    async def grant(self, request: Request) -> Response:
        if (await fields_of(request)).get("refresh_token") != f"{SECRET}-refresh":
            return JSONResponse({"error": "invalid_code"})  # with 200
        return await super().grant(request)

    def unknown(self) -> Response:
        body = {"code": "INVALID_TOKEN", "details": {}, "message": "invalid oauth token",
                "status": "error"}  # fmt: skip
        return JSONResponse(body, 401)

    def limited(self) -> Response:
        return _one("LIMIT_EXCEEDED", "the limit is exceeded")

    def broken(self) -> Response:
        return _one("INTERNAL_ERROR", "Internal Server Error")

    def made(self) -> list[str]:
        return [lead["Portal_Lead_Id"] for lead in self.leads.values()]

    async def _upsert(self, request: Request) -> Response:
        body = await request.json()
        (lead,) = body["data"]
        if not isinstance(body.get("trigger", []), list):
            return _one("INVALID_DATA", "invalid data", api_name="trigger")
        for name in ("Last_Name", "Company"):
            if not lead.get(name):
                return _one("MANDATORY_NOT_FOUND", "required field not found", api_name=name)
        for name, value in lead.items():
            if name == "Owner":
                if not isinstance(value.get("id"), str):
                    return _one("INVALID_DATA", "invalid data", api_name=name)
            elif name not in LENGTHS or not isinstance(value, str) or len(value) > LENGTHS[name]:
                return _one("INVALID_DATA", "invalid data", api_name=name)
        for name in body["duplicate_check_fields"]:
            for key, known in self.leads.items():
                if lead.get(name) and known.get(name) == lead[name]:
                    self.leads[key] = {**known, **lead}
                    return _yes("update", key, name)
        key = f"41508680000{self.new_id()}"
        self.leads[key] = lead
        return _yes("insert", key, None)


def _yes(action: str, key: str, duplicate: str | None) -> Response:
    one = {"code": "SUCCESS", "duplicate_field": duplicate, "action": action,
           "details": {"id": key}, "message": f"record {action}", "status": "success"}  # fmt: skip
    return JSONResponse({"data": [one]})


def _one(code: str, message: str, **details: str) -> Response:
    one = {"code": code, "details": details, "message": message, "status": "error"}
    return JSONResponse({"data": [one]})
