"""Leads: listed, and one with everything that became of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.web import acting, reading
from gateway.web.asking import Flag, Paging
from gateway.web.context import Web
from gateway.web.operation import operation
from gateway.web.shapes import LeadShape, Listing, lead_shape

TAG = "Leads"
_GONE = {404: "there is no such lead, or it is not kept any more"}


class LeadQuery(Paging):
    """Which leads."""

    unrouted: Flag = False
    """Only those that no route sends anywhere."""
    source: Annotated[str, Field(max_length=100)] | None = None
    """Only of this source."""
    category: Annotated[str, Field(max_length=100)] | None = None
    """Only of this category."""
    q: Annotated[str, Field(max_length=320, examples=["camille@example.org"])] | None = None
    """Whole words of a name, or a whole e-mail address, phone number, reference or id; alone."""


@operation("GET", "/v1/leads", tag=TAG)
async def list_leads(web: Web, query: LeadQuery) -> Listing[LeadShape]:
    """List leads, newest first, each with its deliveries."""
    looked = reading.Looked(query.q or "", query.source, query.category, query.unrouted)
    page = await reading.leads(web, looked, query.cursor, query.limit)
    ids = [item for lead in page.items for item in lead.delivery_ids]
    by_id = {item.id: item for item in await reading.shapes(web, ids)}
    return Listing[LeadShape](
        items=[
            lead_shape(lead, [by_id[item] for item in lead.delivery_ids if item in by_id])
            for lead in page.items
        ],
        next_cursor=page.next_cursor,
    )


@operation("GET", "/v1/leads/{source}/{id:path}", tag=TAG, problems=_GONE)
async def show_lead(web: Web, source: str, id: str) -> LeadShape:
    """Show one lead with its deliveries and every attempt."""
    found = await reading.find_lead(web, source, id)
    return lead_shape(found, await reading.shapes(web, found.delivery_ids))


@operation("DELETE", "/v1/leads/{source}/{id:path}", tag=TAG, problems=_GONE)
async def erase_lead(web: Web, source: str, id: str) -> None:
    """Erase one lead for good.

    What is unsent of it is discarded, and it is never taken in again.
    """
    await acting.erase(web, source, id)


OPERATIONS = (list_leads, show_lead, erase_lead)
