"""A lead that somebody pushes, in the shape of contract §5, checked and made a lead of ours.

A portal's lead comes in whatever its JSON looks like; a pusher can be told. So what does not fit is
refused here, with the field's name and never with its value.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from gateway.contact import normal_email, normal_phone, split_name
from gateway.lead import Contact, Lead, Property, RejectedItem
from gateway.sources.gsl_lead import ID_LIMIT
from gateway.verbatim import verbatim

_OURS = frozenset(
    {"source", "identity", "kind", "received_at", "late", "person", "agent", "original"}
)
"""What the gateway decides; a pusher's values for these are kept in ``original`` only."""
_TIMES = ("created_at", "expires_at")
_WRONG = {
    "string": "must be text",
    "int": "must be a number",
    "float": "must be a number",
    "finite": "must be a number",
    "bool": "must be true or false",
    "tuple": "must be a list",
    "model": "must be an object",
    "value": "must lie between the years 1 and 9999",
}
"""What to write instead, by the first word of pydantic's error type."""


def parse_push(
    item: Any, *, source: str, identity: str, received_at: datetime, country: str = "FR"
) -> Lead:
    """One pushed item. Raises :class:`RejectedItem` with the field that is wrong.

    ``country`` is where phone numbers without a country code are at home.
    """
    if not isinstance(item, dict):
        raise RejectedItem("a lead must be a JSON object")
    original = verbatim(item)
    given = {key: value for key, value in _given(original).items() if key not in _OURS}
    for name in _TIMES:
        if name in given:
            given[name] = _moment(name, given[name])
    given.setdefault("created_at", received_at)
    try:
        lead = Lead.model_validate(
            {
                **given,
                "id": _id(item.get("id")),
                "source": source,
                "identity": identity,
                "kind": "push",
                "received_at": received_at,
                "original": original,
            }
        )
    except ValidationError as error:
        raise RejectedItem(_sentence(error)) from None
    return lead.model_copy(
        update={"contact": _contact(lead.contact, country), "property": _property(lead.property)}
    )


def _id(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise RejectedItem("id: required, as text or a whole number")
    if isinstance(value, int) and abs(value) >= 10**ID_LIMIT:
        raise RejectedItem(f"id: at most {ID_LIMIT} characters")
    found = str(value).strip()
    if not found or verbatim(found) != found:
        raise RejectedItem("id: required, as text or a whole number")
    if len(found) > ID_LIMIT:
        raise RejectedItem(f"id: at most {ID_LIMIT} characters")
    return found


def _given(value: Any) -> Any:
    """What was said: nulls and blank texts are as good as absent."""
    match value:
        case dict():
            parts = ((key, _given(part)) for key, part in value.items())
            return {key: part for key, part in parts if part is not None}
        case str():
            return value.strip() or None
        case _:
            return value


def _moment(name: str, value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise RejectedItem(f"{name}: must be a time such as 2026-11-24T08:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _contact(given: Contact, country: str) -> Contact:
    raw = given.phone_raw or given.phone
    first, last = split_name(given.full_name)
    joined = " ".join(part for part in (given.first_name, given.last_name) if part)
    alone = not given.first_name and not given.last_name
    return given.model_copy(
        update={
            "full_name": given.full_name or joined or None,
            "first_name": first if alone else given.first_name,
            "last_name": last if alone else given.last_name,
            "email": normal_email(given.email),
            "phone": normal_phone(given.phone, country) or normal_phone(raw, country),
            "phone_raw": raw,
        }
    )


def _property(given: Property) -> Property:
    """One and many say the same, whichever was given; a price on demand has no price."""
    update: dict[str, Any] = {}
    for one, many in (
        ("type", "types"),
        ("transaction", "transactions"),
        ("city", "cities"),
        ("postal_code", "postal_codes"),
    ):
        first, all_of_them = getattr(given, one), getattr(given, many)
        if first and not all_of_them:
            update[many] = (first,)
        elif all_of_them and not first:
            update[one] = all_of_them[0]
    if given.price_on_demand:
        update["price"] = None
    return given.model_copy(update=update)


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    model: Any = Lead
    path: list[str] = []
    for step in first["loc"]:
        # Past a field's own name come pydantic's words for the branch of a union.
        fields = getattr(model, "model_fields", {})
        if isinstance(step, str) and step not in fields:
            break
        path.append(str(step))
        model = fields[step].annotation if isinstance(step, str) else None
    wrong = _WRONG.get(first["type"].partition("_")[0], "is not what a lead has there")
    return f"{'.'.join(path) or 'lead'}: {wrong}"
