"""Odoo: ``load`` on crm.lead, over JSON-2 with real statuses and over JSON-RPC with 200 for all."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.doubles.vendor import SECRET, Vendor, Work

COLUMNS = {
    "id", "name", "type", "contact_name", "email_from", "phone", "city", "zip", "referred",
    "description", "team_id/.id", "user_id/.id", "x_reference",
}  # fmt: skip


class Odoo(Vendor):
    """One database, with one field of the user's own."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.leads: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[tuple[str, str, str, Work]]:
        return [
            ("POST", "/json/2/crm.lead/load", "json2", self._json2),
            ("POST", "/jsonrpc", "jsonrpc", self._jsonrpc),
        ]

    def may_enter(self, request: Request) -> bool:
        if request.url.path == "/jsonrpc":
            return True  # what it shows stands in the body
        return request.headers.get("authorization", "").lower() == f"bearer {SECRET}"

    def unknown(self) -> Response:
        return _error(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey")

    def limited(self) -> Response:
        return Response("<html>too many</html>", 429, media_type="text/html")

    def broken(self) -> Response:
        return Response("<html>bad gateway</html>", 502, media_type="text/html")

    def made(self) -> list[str]:
        return list(self.leads)

    async def _json2(self, request: Request) -> Response:
        body = await request.json()
        if set(body) - {"ids", "context", "fields", "data"}:
            return _error(422, "builtins.TypeError", "unexpected keyword argument")
        return JSONResponse(self._load(body["fields"], body["data"]))

    async def _jsonrpc(self, request: Request) -> Response:
        call = await request.json()
        _, uid, key, model, method, arguments, _ = call["params"]["args"]
        if (uid, key) != (2, SECRET):
            return _rpc_error("odoo.exceptions.AccessDenied", "Access Denied")
        if (call["params"]["method"], model, method) != ("execute_kw", "crm.lead", "load"):
            return _rpc_error("builtins.AttributeError", "no such method")
        result = self._load(*arguments)
        return JSONResponse({"jsonrpc": "2.0", "id": call["id"], "result": result})

    def _load(self, columns: list[str], rows: list[list[Any]]) -> dict[str, Any]:
        for name in columns:
            if name not in COLUMNS:
                return _failed(f"Unknown field '{name}'")
        ids = []
        for row in rows:
            lead = dict(zip(columns, row, strict=True))
            if not all(isinstance(value, str) for value in row):
                return _failed("a cell is no text")
            if any("\x00" in value for value in row):
                return _failed("A string literal cannot contain NUL (0x00) characters.")
            if not lead["name"]:
                return _failed("Missing required value for the field 'Opportunity' (name)")
            known = self.leads.get(lead["id"], {"number": self.new_id()})
            self.leads[lead["id"]] = {**known, **lead}
            ids.append(known["number"])
        return {"ids": ids, "messages": [], "nextrow": 0}


def _failed(text: str) -> dict[str, Any]:
    return {"ids": False, "messages": [{"type": "error", "message": text, "rows": {"from": 0}}]}


def _error(status: int, name: str, message: str) -> Response:
    body = {"name": name, "message": message, "arguments": [message], "context": {},
            "debug": "Traceback (most recent call last): secret inner workings"}  # fmt: skip
    return JSONResponse(body, status)


def _rpc_error(name: str, message: str) -> Response:
    data = {"name": name, "message": message, "debug": "Traceback: secret inner workings"}
    error = {"code": 200, "message": "Odoo Server Error", "data": data}
    return JSONResponse({"jsonrpc": "2.0", "id": 1, "error": error})
