"""The portal's answers: pages of leads, values, and problem documents (RFC 7807)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from starlette.responses import JSONResponse, Response

from gateway.sandbox.portal.state import Portal


class Answers:
    """Writes what one portal says, with its clock and a trace in the headers."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def value(self, value: Any, status: int = 200) -> Response:
        """A JSON value."""
        return JSONResponse(value, status, headers=self._headers())

    def page(self, items: Sequence[bytes], key: str | None) -> Response:
        """A page of leads; without a key it is the last one."""
        tail = b"" if key is None else b', "LastItemKey": ' + json.dumps(key).encode()
        body = b'{"Data": {"Items": [' + b", ".join(items) + b"]" + tail + b'}, "Count": '
        return self.bytes(body + str(len(items)).encode() + b"}")

    def bytes(self, body: bytes, media_type: str = "application/json") -> Response:
        """Anything, as an answer 200."""
        return Response(body, media_type=media_type, headers=self._headers())

    def invalid(self, *faults: tuple[str, str]) -> Response:
        """The vendor's 400: which field, and why."""
        first, second = ("name", "reason") if self._portal.named_errors else ("title", "message")
        return self.problem(
            400,
            "Bad Request",
            "The request is not valid.",
            errors=[{first: field, second: reason} for field, reason in faults],
            errorSource="REQUEST_BODY",
        )

    def problem(self, status: int, title: str, detail: str, **more: Any) -> Response:
        """A problem document."""
        headers = self._headers()
        document = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": detail,
            "instance": f"urn:trace:{headers['traceparent'][3:35]}",
            **more,
        }
        return JSONResponse(
            document, status, headers=headers, media_type="application/problem+json"
        )

    def _headers(self) -> dict[str, str]:
        moment = datetime.fromtimestamp(self._portal.now(), UTC)
        return {
            "date": format_datetime(moment, usegmt=True),
            "traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
        }
