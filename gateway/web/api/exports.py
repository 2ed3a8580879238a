"""Leads and deliveries as a file, streamed: it begins at once, and holds one page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.responses import Response, StreamingResponse

from gateway.delivery import State
from gateway.export import FORMATS, lines
from gateway.web import reading
from gateway.web.api.deliveries import stored_states, where
from gateway.web.asking import Flag, ReasonWord, StateWord, Told, When
from gateway.web.context import Web
from gateway.web.operation import operation
from gateway.web.shapes import lead_shape

TAG = "Exports"
PAGE = 200
_ANSWERS = {200: ("text/csv", "application/jsonl")}


class Form(Told):
    """How the file is written."""

    format: Literal["csv", "jsonl"] = "csv"
    """CSV for spreadsheets, or one JSON object per line in the shapes of the lists."""


class LeadExport(Form):
    """Which leads."""

    since: When | None = None
    """Received since: a duration ago, or a moment (ISO 8601)."""
    unrouted: Flag = False
    """Only those that no route sends anywhere."""


class DeliveryExport(Form):
    """Which deliveries."""

    state: tuple[StateWord, ...] = ()
    destination: Annotated[str, Field(max_length=100)] | None = None
    reason: ReasonWord | None = None
    since: When | None = None
    """Made since: a duration ago, or a moment (ISO 8601)."""


@operation("GET", "/v1/exports/leads", tag=TAG, answers=_ANSWERS, deed="leads.export")
async def export_leads(web: Web, query: LeadExport) -> Response:
    """Export leads, newest first, as CSV or JSON lines."""
    return _file(web, _leads(web, query), "leads", query.format)


@operation("GET", "/v1/exports/deliveries", tag=TAG, answers=_ANSWERS, deed="deliveries.export")
async def export_deliveries(web: Web, query: DeliveryExport) -> Response:
    """Export deliveries, newest first, as CSV or JSON lines."""
    return _file(web, _deliveries(web, query), "deliveries", query.format)


def _file(web: Web, records: AsyncIterator[dict[str, Any]], kind: str, form: str) -> Response:
    name = f"{kind}-{web.clock():%Y-%m-%d}.{form}"
    return StreamingResponse(
        lines(records, kind, form),
        media_type=FORMATS[form],
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


async def _leads(web: Web, query: LeadExport) -> AsyncIterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        page = await web.store.leads.page(cursor, PAGE, unrouted=query.unrouted)
        ids = [item for lead in page.items for item in lead.delivery_ids]
        by_id = {item.id: item for item in await reading.shapes(web, ids)}
        for lead in page.items:
            if query.since and lead.received_at < query.since:
                return
            made = [by_id[item] for item in lead.delivery_ids if item in by_id]
            yield lead_shape(lead, made).model_dump(mode="json")
        cursor = page.next_cursor
        if cursor is None:
            return


async def _deliveries(web: Web, query: DeliveryExport) -> AsyncIterator[dict[str, Any]]:
    cursor: str | None = None
    held = await reading.held(web)
    while True:
        page = await web.store.deliveries.page(
            cursor,
            PAGE,
            destinations=where(query.state, query.destination, held),
            states=stored_states(query.state),
            reason=query.reason,
        )
        for shape in await reading.shapes(web, [item.id for item in page.items]):
            if query.since and shape.created_at < query.since:
                # Dead letters lie by the time they died: an old one may stand before a young one.
                if query.state == (State.DEAD.value,):
                    continue
                return
            if not query.state or shape.state in query.state:
                yield shape.model_dump(mode="json")
        cursor = page.next_cursor
        if cursor is None:
            return


OPERATIONS = (export_leads, export_deliveries)
