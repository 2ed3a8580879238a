"""A lead that somebody pushes, in the shape of contract §5, checked and made a lead of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from gateway.contact import normal_email, normal_phone, split_name
from gateway.lead import Contact, Lead, RejectedItem

_OURS = ("source", "identity", "kind", "received_at", "late", "agent", "person", "original")
"""What the gateway decides; a pusher's values for these are kept in ``original`` only."""


def parse_push(item: Any, *, source: str, identity: str, received_at: datetime) -> Lead:
    """One pushed item. Raises :class:`RejectedItem` with the field that is wrong."""
    if not isinstance(item, dict):
        raise RejectedItem("a lead must be a JSON object")
    lead_id = item.get("id")
    if isinstance(lead_id, bool) or not isinstance(lead_id, (str, int)) or not str(lead_id).strip():
        raise RejectedItem("id: required, as text or a whole number")
    if len(str(lead_id).strip()) > 256:
        raise RejectedItem("id: at most 256 characters")
    wanted = {key: value for key, value in item.items() if key not in _OURS and value is not None}
    try:
        lead = Lead.model_validate(
            {
                **wanted,
                "id": str(lead_id).strip(),
                "source": source,
                "identity": identity,
                "kind": "push",
                "received_at": received_at,
                "created_at": _zoned(item.get("created_at")) or received_at,
                "original": item,
            }
        )
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "lead"
        raise RejectedItem(f"{place}: {first['msg'].lower()}") from None
    return lead.model_copy(update={"contact": _contact(lead.contact)})


def _contact(given: Contact) -> Contact:
    raw = given.phone_raw or given.phone
    first, last = split_name(given.full_name)
    joined = " ".join(part for part in (given.first_name, given.last_name) if part)
    return given.model_copy(
        update={
            "full_name": given.full_name or joined or None,
            "first_name": given.first_name or (None if given.last_name else first),
            "last_name": given.last_name or (None if given.first_name else last),
            "email": normal_email(given.email),
            "phone": normal_phone(raw),
            "phone_raw": raw,
        }
    )


def _zoned(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise RejectedItem("created_at: write it as 2026-11-24T08:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
