"""The seven operations of the GSL Leads API v2, as the simulated portal serves them."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.sandbox.portal.answers import Answers
from gateway.sandbox.portal.state import Portal


class Operations:
    """Answers what stands behind a bearer token."""

    def __init__(self, portal: Portal, answers: Answers) -> None:
        self._portal = portal
        self._answers = answers

    def search(self, feed: str) -> Any:
        """Operations 1, 3, 5, 6, 7: the endpoint that searches one feed."""

        async def answer(request: Request) -> Response:
            early = await self._gate(request, feed)
            if early is not None:
                return early
            try:
                body = json.loads(await request.body())
                criteria, paging = body["SearchCriteria"], body.get("Pagination") or {}
                start, end = int(criteria["StartDate"]), int(criteria["EndDate"])
                limit, key = int(paging.get("Limit", 100)), paging.get("LastItemKey")
                order = paging.get("Order", "asc")
            except (ValueError, KeyError, TypeError):
                return self._answers.invalid(
                    "SearchCriteria", "StartDate and EndDate are required integers."
                )
            if not 1 <= limit <= 100:
                return self._answers.invalid("Limit", "Limit must be between 1 and 100.")
            scale = 1 if self._portal.milliseconds else 1000
            # A search names whole seconds: the last one is in it to its end.
            items, following = self._portal.leads.page(
                feed, start * scale, end * scale + scale - 1, key, limit, order != "desc"
            )
            return self._answers.page(items, following)

        return answer

    async def classified(self, request: Request) -> Response:
        """Operation 4: the leads of one classified."""
        early = await self._gate(request, "classified")
        if early is not None:
            return early
        items = self._portal.leads.classified(request.path_params["classified_id"])
        return self._answers.page(items, None)

    async def lead(self, request: Request) -> Response:
        """Operation 2: one lead."""
        early = await self._gate(request, "lead")
        if early is not None:
            return early
        found = self._portal.leads.get(request.path_params["lead_id"])
        if found is None:
            return self._answers.problem(404, "Not Found", "There is no such lead.")
        return self._answers.value(found.single)

    async def _gate(self, request: Request, operation: str) -> Response | None:
        """What stands before an operation: faults, then the token, then the plan."""
        portal = self._portal
        portal.calls[operation] += 1
        fault = "500" if portal.down else portal.faults.draw()
        if fault is not None:
            portal.calls[f"fault:{fault}"] += 1
            response = await self._answers.fault(fault)
            if response is not None:
                return response
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if refused := portal.grants.refusal(token):
            return self._answers.problem(refused[0], "Unauthorized", refused[1])
        if operation in portal.forbidden_feeds:
            return self._answers.problem(
                403, "Forbidden", "Your usage plan does not include this resource."
            )
        return None
