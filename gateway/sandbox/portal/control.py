"""The endpoints by which a test or an integrator moves the portal: leads, faults, its state.

Under ``/sandbox``; no token is asked for. What is wrong in a request is said by a problem document.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, Field, ValidationError, model_validator
from starlette.requests import Request
from starlette.responses import Response

from gateway.destinations.common import Strict
from gateway.sandbox.portal.answers import Answers
from gateway.sandbox.portal.sheet import Sheet
from gateway.sandbox.portal.state import Portal
from gateway.units import Duration

M = TypeVar("M", bound=BaseModel)

MOST_LEADS = 10_000
"""Of one request."""


class NewLeads(Strict):
    """Leads to make, to erase or to take away."""

    count: Annotated[int, Field(ge=0, le=MOST_LEADS)] = 1
    category: Literal["CLASSIFIED", "AGENCY", "ESTIMATION", "PROJECT"] | None = None
    at: AwareDatetime | None = None
    """Their creation, all the same; now without it."""
    late: Duration | None = None
    """How long after now searches find them."""
    over: Duration | None = None
    """Spread over the time before now instead."""
    feed: Literal["leads", "classifieds", "agencies", "estimations", "projects"] = "leads"
    raw: Any = None
    """Any JSON, shown in ``feed`` as it is."""
    erase: Annotated[tuple[str, ...], Field(max_length=MOST_LEADS)] = ()
    """Ids of leads whose person comes back null from now on."""
    remove: Annotated[tuple[str, ...], Field(max_length=MOST_LEADS)] = ()

    @model_validator(mode="before")
    @classmethod
    def _none_besides(cls, value: Any) -> Any:
        """Who erases, removes or writes leads by hand makes none unless that is said too."""
        if isinstance(value, dict) and {"raw", "erase", "remove"} & set(value):
            return {"count": 0, **value}
        return value


class Control:
    """Answers what no portal has: what to show, what to get wrong, and what was asked."""

    def __init__(self, portal: Portal, answers: Answers) -> None:
        self._portal = portal
        self._answers = answers

    async def faults(self, request: Request) -> Response:
        """``GET`` says what is wrong, ``POST`` takes a sheet, ``DELETE`` puts everything right."""
        portal = self._portal
        if request.method == "DELETE":
            portal.apply(Sheet(reset=True))
        elif request.method == "POST":
            said = await self._read(request, Sheet)
            if isinstance(said, Response):
                return said
            portal.apply(said)
        return self._answers.value(
            {
                "down": portal.down,
                "errors": portal.faults.errors,
                "late": portal.late.model_dump(mode="json") if portal.late else None,
                "clock": portal.clock_skew,
                "timestamps": "milliseconds" if portal.milliseconds else "seconds",
                "pages": "by_position" if portal.by_position else "by_key",
                "future": "refused" if portal.refuses_future else "answered",
                "forbidden": sorted(portal.forbidden_feeds),
                "scope": "ignored" if portal.ignores_scope else "required",
                "error_words": "name" if portal.named_errors else "title",
                "next": portal.faults.next,
                "faults": portal.faults.describe(portal.clock()),
            }
        )

    async def leads(self, request: Request) -> Response:
        """``POST`` makes, erases and removes leads; ``GET`` lists the newest of them."""
        if request.method == "GET":
            return self._listed(request)
        said = await self._read(request, NewLeads)
        if isinstance(said, Response):
            return said
        portal, made = self._portal, []
        if unknown := [item for item in said.erase if portal.leads.get(item) is None]:
            return self._answers.problem(404, "Not Found", f"There is no lead {unknown[0]}.")
        if said.raw is not None:
            portal.put_raw(said.feed, said.raw, said.at)
        if said.over is not None:
            portal.add_past(said.count, said.over)
        else:
            made = portal.add(said.count, said.category, said.at, said.late)
        for lead_id in said.erase:
            portal.nullify(lead_id)
        for lead_id in said.remove:
            portal.leads.remove(lead_id)
        return self._answers.value(
            {
                "added": said.count + (said.raw is not None),
                "erased": len(said.erase),
                "removed": len(said.remove),
                "ids": [lead.id for lead in made],
            }
        )

    async def state(self, request: Request) -> Response:
        """What there is and what was asked."""
        portal = self._portal
        now = datetime.fromtimestamp(portal.now(), UTC)
        return self._answers.value(
            {
                "leads": len(portal.leads),
                "late": portal.leads.late,
                "tokens": len(portal.grants),
                "calls": dict(sorted(portal.calls.items())),
                "clock": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
        )

    def _listed(self, request: Request) -> Response:
        try:
            limit = min(MOST_LEADS, max(1, int(request.query_params.get("limit", "100"))))
        except ValueError:
            return self._answers.problem(400, "Bad Request", "limit: write a whole number")
        shown = [
            {"id": lead.id, "category": lead.category, "created_at": lead.created_at.isoformat()}
            for lead_id in self._portal.created[-limit:]
            if (lead := self._portal.leads.get(lead_id)) is not None
        ]
        return self._answers.value({"items": shown[::-1]})

    async def _read(self, request: Request, model: type[M]) -> M | Response:
        """The request's JSON, or the answer that says what is wrong with it."""
        try:
            return model.model_validate(json.loads(await request.body() or b"{}"))
        except ValidationError as error:
            errors = [
                {"title": ".".join(map(str, item["loc"])), "message": item["msg"]}
                for item in error.errors(include_url=False, include_input=False)
            ]
        except (ValueError, RecursionError):
            errors = [{"title": "body", "message": "is not JSON"}]
        said = "; ".join(f"{item['title']}: {item['message']}" for item in errors[:5])
        return self._answers.problem(400, "Bad Request", said, errors=errors)
