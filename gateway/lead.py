"""A lead, normalised, with the portal's JSON verbatim inside.

Owns the shape that templates, expressions and receivers see (contract §5) and what a later reading
of a known lead changes. Sections are always there with every key, what the portal did not give is
null, nothing is invented. How a portal spells its fields is for the sources; the one exception is
where :func:`is_erased_upstream` has to tell a null from a silence.
"""

from __future__ import annotations

import functools
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from gateway.sections import (
    Address,
    Agent,
    Contact,
    Estimation,
    Financing,
    Moment,
    Number,
    Person,
    PersonStatus,
    Project,
    Property,
    Section,
)

__all__ = [
    "Address",
    "Agent",
    "Contact",
    "Estimation",
    "Financing",
    "Lead",
    "Moment",
    "Number",
    "Person",
    "PersonStatus",
    "Project",
    "Property",
    "RejectedItem",
    "Section",
    "is_erased_upstream",
    "lead_paths",
    "merge",
]

S = TypeVar("S", bound=Section)


class RejectedItem(Exception):
    """An item that can not become a lead. ``reason`` carries no personal data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Lead(Section):
    """One lead. ``id`` is the portal's leadId, ``original`` the portal's JSON as it came."""

    id: str
    source: str
    identity: str
    kind: str
    category: str | None = None
    intention: str | None = None
    created_at: Moment | None = None
    received_at: Moment
    expires_at: Moment | None = None
    portals: tuple[str, ...] = ()
    partner_id: str | None = None
    seeker_id: str | None = None
    is_called: bool | None = None
    has_rental_documents: bool | None = None
    message: str | None = None
    test: bool = False
    late: bool = False
    contact: Contact = Contact()
    property: Property = Property()
    estimation: Estimation = Estimation()
    project: Project = Project()
    financing: Financing = Financing()
    person_status: PersonStatus = PersonStatus()
    person: Person = Person()
    agent: Agent = Agent()
    original: dict[str, Any] = Field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, every key present, in the contract's order."""
        return self.model_dump(mode="json")

    def as_json(self) -> bytes:
        """The same as compact JSON, in half the time. Raises ValueError for half a character,
        which has no UTF-8 form.
        """
        return self.model_dump_json().encode()

    def to_json(self) -> bytes:
        """The compact form for storing: what is default is left out, ``original`` stays whole."""
        return self.model_dump_json(exclude_defaults=True).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Lead:
        """What :meth:`to_json` wrote."""
        return cls.model_validate_json(text)


@functools.cache
def lead_paths() -> frozenset[str]:
    """Every dotted name an expression may use on a lead, sections included: ``contact.email``."""
    return frozenset(_paths(Lead, ""))


def _paths(model: type[BaseModel], prefix: str) -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        found.add(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= _paths(field.annotation, f"{prefix}{name}.")
    return found


_SECTIONS = ("contact", "property", "estimation", "project", "financing", "person_status")
_FACTS = (
    "category", "intention", "created_at", "expires_at", "portals", "partner_id", "seeker_id",
    "is_called", "has_rental_documents", "message",
)  # fmt: skip
_TOGETHER = (
    ("full_name", "first_name", "last_name"),
    ("phone", "phone_raw"),
    ("type", "types", "subtype"),
    ("transaction", "transactions"),
    ("city", "cities"),
    ("postal_code", "postal_codes"),
    ("price", "rent", "price_on_demand"),
    ("surface", "surface_unit"),
)
"""Keys read from one value, or that speak of each other: two readings must not be mixed in them."""


def merge(old: Lead, new: Lead) -> Lead:
    """A later reading of the same lead: its values win, and nothing known is lost.

    A reading of a poorer feed than the one already known (contract §5: project, then estimation,
    then the rest) only fills gaps in the sections, because the rich feed's wishes are no mistake to
    be corrected by it. What the gateway itself decided (received, agent, person, flags) stays.
    """
    richer, poorer = (new, old) if _wealth(new) >= _wealth(old) else (old, new)
    update: dict[str, Any] = {
        name: _filled(getattr(richer, name), getattr(poorer, name)) for name in _SECTIONS
    }
    for name in _FACTS:
        value = getattr(new, name)
        update[name] = value if _is_known(value) else getattr(old, name)
    lacking = {
        key: value for key, value in poorer.original.items() if richer.original.get(key) is None
    }
    update["original"] = {**richer.original, **lacking}
    return old.model_copy(update=update)


def _wealth(lead: Lead) -> int:
    """How much the feeds tell that a lead was read from: 2 project, 1 estimation, else 0."""
    return 2 if lead.original.get("project") else 1 if lead.original.get("estimation") else 0


def _filled(known: S, other: S) -> S:
    """``known`` with its gaps filled from ``other``."""
    changes: dict[str, Any] = {}
    for name in type(known).model_fields:
        mine, theirs = getattr(known, name), getattr(other, name)
        if isinstance(mine, Section):
            changes[name] = _filled(mine, theirs)
        elif not _is_known(mine) and _is_known(theirs):
            changes[name] = theirs
    for group in _TOGETHER:
        if any(_is_known(getattr(known, name, None)) for name in group):
            for name in group:
                changes.pop(name, None)
    return known.model_copy(update=changes)


def _is_known(value: Any) -> bool:
    return value is not None and value != ()


def is_erased_upstream(old: Lead, new: Lead) -> bool:
    """The portal nulled the person: name, e-mail and phone were there and now all come as null.

    Explicitly null: a feed that just lacks the contact says nothing (contract §7).
    """
    before = old.contact
    there = {
        "fullName": before.full_name,
        "email": before.email,
        "phoneNumber": before.phone or before.phone_raw,
    }
    places = _people(old)
    return all(
        value or any(place.get(key) for place in places) for key, value in there.items()
    ) and _all_null(_people(new), there)


def _people(lead: Lead) -> list[dict[str, Any]]:
    """Where the portal's JSON may name the person, by feed."""
    request = lead.original.get("contactRequest")
    if not isinstance(request, dict):
        return []
    return [place for place in (request.get("personContact"), request) if isinstance(place, dict)]


def _all_null(places: list[dict[str, Any]], keys: dict[str, Any]) -> bool:
    return all(
        any(key in place for place in places) and all(place.get(key) is None for place in places)
        for key in keys
    )
