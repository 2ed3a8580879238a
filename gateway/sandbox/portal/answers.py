"""The portal's answers: pages, problem documents, and the answers of a portal in trouble."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from gateway.sandbox.portal.state import Portal


class Answers:
    """Writes what one portal says, with its clock and a trace in the headers."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def value(self, value: Any) -> Response:
        """A JSON value."""
        return JSONResponse(value, headers=self._headers())

    def page(self, items: list[bytes], key: str | None) -> Response:
        """A page of leads; without a key it is the last one."""
        tail = b"" if key is None else b', "LastItemKey": ' + json.dumps(key).encode()
        body = b'{"Data": {"Items": [' + b", ".join(items) + b"]" + tail + b'}, "Count": '
        return Response(
            body + str(len(items)).encode() + b"}",
            media_type="application/json",
            headers=self._headers(),
        )

    def invalid(self, title: str, message: str) -> Response:
        """The vendor's 400: which field, and why."""
        return self.problem(
            400, "Bad Request", "The request is not valid.",
            errors=[{"title": title, "message": message}], errorSource="REQUEST_BODY",
        )  # fmt: skip

    def problem(self, status: int, title: str, detail: str, **more: Any) -> Response:
        """A problem document (RFC 7807)."""
        document = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": detail,
            **more,
        }
        return JSONResponse(
            document, status, headers=self._headers(), media_type="application/problem+json"
        )

    async def fault(self, fault: str) -> Response | None:
        """The answer of a portal that meets a fault; None when it answers all the same."""
        if fault == "500":
            return self.problem(500, "Internal Server Error", "Something went wrong on our side.")
        if fault == "429":
            answer = self.problem(429, "Too Many Requests", "Your usage plan is exhausted.")
            answer.headers["retry-after"] = "2"
            return answer
        if fault == "401":
            self._portal.grants.revoke_all()
            return None
        if fault == "html":
            return HTMLResponse("<html><body><h1>Maintenance</h1></body></html>", 200)
        if fault == "truncated":
            return Response(b'{"Data": {"Items": [{"leadMe', media_type="application/json")
        if fault == "slow":
            await asyncio.sleep(1.0)
            return None
        return Response(b"", 502)

    def _headers(self) -> dict[str, str]:
        moment = datetime.fromtimestamp(time.time() + self._portal.clock_skew, UTC)
        return {
            "date": format_datetime(moment, usegmt=True),
            "traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
        }
