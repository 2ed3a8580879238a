"""The seven operations of the GSL Leads API v2, as the simulated portal serves them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.sandbox.portal.answers import Answers
from gateway.sandbox.portal.faults import Met
from gateway.sandbox.portal.shelf import Ask, BadKey, Cut, position_in, position_key
from gateway.sandbox.portal.state import Portal
from gateway.sandbox.portal.trouble import Trouble

MOST = 100
"""Items of one page."""


class _Invalid(Exception):
    """A request that says too little or something wrong: (field, reason) couples."""

    def __init__(self, *faults: tuple[str, str]) -> None:
        super().__init__()
        self.faults = faults


class Operations:
    """Answers what stands behind a bearer token."""

    def __init__(self, portal: Portal, answers: Answers, trouble: Trouble) -> None:
        self._portal = portal
        self._answers = answers
        self._trouble = trouble

    def search(self, feed: str) -> Callable[[Request], Awaitable[Response]]:
        """Operations 1, 3, 5, 6, 7: the endpoint that searches one feed."""

        async def find(request: Request, met: Met | None) -> Response:
            body = await _object(request)
            start, end = self._period(body)
            ask = _asked(body)
            cut = self._portal.leads.page(feed, start, end, ask)
            return self._page(cut, ask, met)

        return self._behind_a_token(feed, find)

    @property
    def classified(self) -> Callable[[Request], Awaitable[Response]]:
        """Operation 4: the leads of one classified."""

        async def find(request: Request, met: Met | None) -> Response:
            ask = _asked(await _object(request))
            cut = self._portal.leads.classified(request.path_params["classified_id"], ask)
            return self._page(cut, ask, met)

        return self._behind_a_token("classified", find)

    @property
    def lead(self) -> Callable[[Request], Awaitable[Response]]:
        """Operation 2: one lead."""

        async def find(request: Request, met: Met | None) -> Response:
            found = self._portal.leads.get(request.path_params["lead_id"])
            if found is None:
                return self._answers.problem(404, "Not Found", "There is no such lead.")
            return self._answers.value(found.single)

        return self._behind_a_token("lead", find)

    def _behind_a_token(
        self, operation: str, find: Callable[[Request, Met | None], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """What stands around every operation: faults, the token, the plan, the request's form."""

        async def answer(request: Request) -> Response:
            portal = self._portal
            portal.calls[operation] += 1
            if portal.down:
                return self._trouble.status(503)
            met = portal.faults.draw(operation, portal.clock())
            if met is not None:
                portal.calls[f"fault:{met.fault}"] += 1
            early = await self._trouble.before(met) or self._refusal(request, operation)
            if early is not None:
                return early
            portal.leads.show_due(portal.now())
            try:
                return self._trouble.after(met, await find(request, met))
            except _Invalid as error:
                return self._answers.invalid(*error.faults)
            except BadKey:
                return self._answers.invalid(("LastItemKey", "The key is unknown."))

        return answer

    def _refusal(self, request: Request, operation: str) -> Response | None:
        portal = self._portal
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        token = token if kind.lower() == "bearer" else ""
        if refused := portal.grants.refusal(token, portal.now()):
            status, word, detail = refused
            title = "Unauthorized" if status == 401 else "Forbidden"
            answer = self._answers.problem(status, title, detail)
            answer.headers["www-authenticate"] = f'Bearer error="{word}"'
            return answer
        return self._trouble.status(403) if operation in portal.forbidden_feeds else None

    def _period(self, body: dict[str, Any]) -> tuple[int, int]:
        """The moments searched between, in milliseconds, both included."""
        criteria = body.get("SearchCriteria")
        criteria = criteria if isinstance(criteria, dict) else {}
        start, end = _moment(criteria, "StartDate"), _moment(criteria, "EndDate")
        scale = 1 if self._portal.milliseconds else 1000
        if start > end:
            raise _Invalid(("StartDate", "Must not be after 'endDate'."))
        if self._portal.refuses_future and end * scale > (self._portal.now() + 1) * 1000:
            raise _Invalid(("EndDate", "Must not be in the future."))
        # A search names whole units: the last one is in it to its end.
        return start * scale, end * scale + scale - 1

    def _page(self, cut: Cut, ask: Ask, met: Met | None) -> Response:
        if self._portal.by_position and cut.key is not None:
            cut = replace(cut, key=position_key(position_in(ask.key) + len(cut.items)))
        cut = self._trouble.cut(met, cut, ask.key)
        return self._answers.page(cut.items, cut.key)


async def _object(request: Request) -> dict[str, Any]:
    body = await request.body()
    try:
        found = json.loads(body) if body else {}
    except ValueError:
        raise _Invalid(("body", "Not valid JSON.")) from None
    if not isinstance(found, dict):
        raise _Invalid(("body", "Must be an object."))
    return found


def _moment(criteria: dict[str, Any], name: str) -> int:
    value, shown = criteria.get(name), name[0].lower() + name[1:]
    if value is None:
        raise _Invalid((name, f"Missing required parameter '{shown}'."))
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Invalid((name, f"'{shown}' must be an integer."))
    return value


def _asked(body: dict[str, Any]) -> Ask:
    paging = body.get("Pagination")
    paging = paging if isinstance(paging, dict) else {}
    limit, key = paging.get("Limit", MOST), paging.get("LastItemKey")
    order = paging.get("Order", "asc")
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST:
        raise _Invalid(("Limit", f"'limit' must be an integer between 1 and {MOST}."))
    if order not in ("asc", "desc"):
        raise _Invalid(("Order", "'order' must be asc or desc."))
    if key is not None and not isinstance(key, str):
        raise _Invalid(("LastItemKey", "'lastItemKey' must be a string."))
    return Ask(key or None, limit, order == "asc")
