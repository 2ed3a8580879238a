"""Who did what: the audit log, page by page."""

from __future__ import annotations

from gateway.store import Entry
from gateway.web.asking import Paging, When
from gateway.web.context import Web
from gateway.web.operation import operation
from gateway.web.shapes import AuditShape, Listing


class AuditQuery(Paging):
    """Which entries."""

    since: When | None = None
    """Since: a duration ago, or a moment (ISO 8601)."""


@operation("GET", "/v1/audit", tag="Audit log")
async def list_audit(web: Web, query: AuditQuery) -> Listing[AuditShape]:
    """List who did what, newest first.

    Through the dashboard, this API and the command line. An entry never changes, and holds nothing
    of a lead but its id. It is kept for a year.
    """
    page = await web.store.audit.page(query.cursor, query.limit, since=query.since)
    return Listing[AuditShape](
        items=[_shape(entry) for entry in page.items], next_cursor=page.next_cursor
    )


def _shape(entry: Entry) -> AuditShape:
    return AuditShape(
        id=entry.id,
        at=entry.at,
        who=entry.who or None,
        through=entry.through,
        did=entry.did,
        target=entry.target or None,
        count=entry.count,
    )


OPERATIONS = (list_audit,)
