"""Does what a fault says: an answer in the place of the right one, or the right one spoiled."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from gateway.sandbox.portal.answers import Answers
from gateway.sandbox.portal.faults import Met
from gateway.sandbox.portal.shelf import Cut, key_of
from gateway.sandbox.portal.state import Portal, without_person

HUGE = 21_000_000
"""Bytes of a huge answer: more than any client should read."""

_DETAILS = {
    400: "The request is not valid.",
    403: "Your usage plan does not include this resource.",
    404: "There is no such resource.",
    429: "Your usage plan is exhausted.",
    503: "The portal is down.",
}
_PAGE = b"<!DOCTYPE html><html><body><h1>Maintenance</h1></body></html>"


class Trouble:
    """One portal's faults at work."""

    def __init__(self, portal: Portal, answers: Answers) -> None:
        self._portal = portal
        self._answers = answers

    async def before(self, met: Met | None) -> Response | None:
        """The answer of a portal that does not come to look at the request; None if it does."""
        if met is None:
            return None
        match met.fault:
            case "slow":
                await asyncio.sleep(met.wait)
            case "401":
                self._portal.grants.revoke_all()  # the next token is good again
            case "html":
                return self._answers.bytes(_PAGE, "text/html")
            case "empty":
                return self._answers.bytes(b"")
            case fault if fault.isdigit():
                return self.status(int(fault), met.wait)
        return None

    def status(self, status: int, wait: float = 0.0) -> Response:
        """A problem document for a status, with ``Retry-After`` where it has one."""
        detail = _DETAILS.get(status, "Something went wrong on our side.")
        answer = self._answers.problem(status, HTTPStatus(status).phrase, detail)
        if wait and status in (429, 503):
            answer.headers["retry-after"] = str(max(1, round(wait)))
        return answer

    def cut(self, met: Met | None, cut: Cut, asked_key: str | None) -> Cut:
        """A page as the fault leaves it; and what happens to the leads once it was cut."""
        if met is None:
            return cut
        match met.fault:
            case "repeat_key":
                key = asked_key or (key_of(cut.places[-1]) if cut.places else cut.key)
                return replace(cut, key=key)
            case "null_contacts":
                items = [json.dumps(without_person(json.loads(item))) for item in cut.items]
                return replace(cut, items=[item.encode() for item in items])
            case "insert" if cut.places:
                at = datetime.fromtimestamp(cut.places[0][0] / 1000, UTC)
                self._portal.put(self._portal.make(at))
            case "remove" if cut.places:
                self._portal.leads.remove(cut.places[0][1])
        return cut

    def after(self, met: Met | None, answer: Response) -> Response:
        """The answer as the fault leaves it on its way."""
        if met is None:
            return answer
        body = bytes(answer.body)
        match met.fault:
            case "truncated":
                return self._answers.bytes(body[: max(1, len(body) * 2 // 3)])
            case "huge":
                return self._answers.bytes(b" " * HUGE + body)
            case "drop":
                return _Dropped(body)
        return answer


class _Dropped(Response):
    """An answer that promises all of its body and breaks off in the middle."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        # Ended without the rest, the server has nothing left but to close the connection.
