"""A lead, normalised, with the portal's JSON verbatim inside.

Owns the shape that templates, expressions and receivers see (contract §5): sections are always there
with every key, what the portal did not give is null, nothing is invented. Knows no portal's wire
format: that is for the sources.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer
from pydantic_core import from_json, to_json

S = TypeVar("S", bound="Section")

Number = int | float


class RejectedItem(Exception):
    """An item that can not become a lead. ``reason`` carries no personal data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _iso(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="auto")
    return text.replace("+00:00", "Z")


Moment = Annotated[AwareDatetime, PlainSerializer(_iso, when_used="json")]


class Section(BaseModel):
    """A part of a lead: every key always present, null when unknown."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Address(Section):
    street: str | None = None
    house_number: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None


class Contact(Section):
    """Who asks. ``phone`` is E.164 where ``phone_raw`` parses, else null."""

    full_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    salutation: str | None = None
    email: str | None = None
    phone: str | None = None
    phone_raw: str | None = None
    address: Address = Address()


class Property(Section):
    """What is asked about, or searched for. Prices in ``currency``, surfaces in ``surface_unit``."""

    reference: str | None = None
    marketing_key: str | None = None
    classified_id: str | None = None
    type: str | None = None
    types: tuple[str, ...] = ()
    subtype: str | None = None
    transaction: str | None = None
    transactions: tuple[str, ...] = ()
    city: str | None = None
    cities: tuple[str, ...] = ()
    postal_code: str | None = None
    postal_codes: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    country: str | None = None
    price: Number | None = None
    rent: Number | None = None
    currency: str | None = None
    price_on_demand: bool | None = None
    rooms: Number | None = None
    rooms_min: Number | None = None
    rooms_max: Number | None = None
    surface: Number | None = None
    surface_min: Number | None = None
    surface_max: Number | None = None
    surface_living: Number | None = None
    surface_commercial: Number | None = None
    surface_unit: str | None = None
    budget: Number | None = None
    budget_min: Number | None = None
    budget_max: Number | None = None
    age: str | None = None
    build_state: str | None = None
    market_status: str | None = None
    holiday_rental: bool | None = None
    url: str | None = None
    message: str | None = None


class Estimation(Section):
    """A property somebody wants valued, and what the portal thinks it is worth."""

    time_to_market: str | None = None
    contact_situation: str | None = None
    transaction: str | None = None
    user_city: str | None = None
    user_postal_code: str | None = None
    actor_price: Number | None = None
    portal_price: Number | None = None
    free: bool | None = None
    message: str | None = None
    type: str | None = None
    city: str | None = None
    postal_code: str | None = None
    country: str | None = None
    terraced_house: bool | None = None
    surface: Number | None = None
    surface_unit: str | None = None
    surface_balcony: Number | None = None
    surface_cellar: Number | None = None
    surface_living: Number | None = None
    surface_outbuilding: Number | None = None
    surface_plot: Number | None = None
    surface_terrace: Number | None = None
    rooms: Number | None = None
    bedrooms: Number | None = None
    balconies: Number | None = None
    terraces: Number | None = None
    calm: str | None = None
    cellar: str | None = None
    elevator: str | None = None
    floor: Number | None = None
    floors: Number | None = None
    view: str | None = None
    garages: Number | None = None
    parking_spaces: Number | None = None
    construction_year: str | None = None
    orientation: str | None = None
    outbuilding: str | None = None
    patio: str | None = None
    swimming_pool: str | None = None
    operating_costs_per_year: Number | None = None
    leaseback: str | None = None
    business_type: str | None = None
    business_activity: str | None = None
    business_sold: bool | None = None


class Project(Section):
    """What somebody plans: to buy, to build, to invest, to run a business."""

    services_needed: str | None = None
    transaction: str | None = None
    leaseback: str | None = None
    business_sold: bool | None = None
    business_type: str | None = None
    business_activity: str | None = None
    staff_count: str | None = None
    company_name: str | None = None
    relocation_date: str | None = None
    comment: str | None = None
    investment_reason: str | None = None
    investment_type: str | None = None
    plot_status: str | None = None


class Financing(Section):
    """Borrowing capacity: incomes and taxes by kind, period and whose they are."""

    gross_annual_income: Number | None = None
    gross_monthly_income: Number | None = None
    gross_annual_household_income: Number | None = None
    gross_monthly_household_income: Number | None = None
    gross_annual_corporate_income: Number | None = None
    net_annual_income: Number | None = None
    net_monthly_income: Number | None = None
    net_annual_household_income: Number | None = None
    net_monthly_household_income: Number | None = None
    net_annual_corporate_income: Number | None = None
    taxable_annual_income: Number | None = None
    taxable_monthly_income: Number | None = None
    taxable_annual_household_income: Number | None = None
    taxable_monthly_household_income: Number | None = None
    taxable_annual_corporate_income: Number | None = None
    annual_tax: Number | None = None
    monthly_tax: Number | None = None
    annual_household_tax: Number | None = None
    monthly_household_tax: Number | None = None
    annual_corporate_tax: Number | None = None
    passive_annual_income: Number | None = None
    passive_monthly_income: Number | None = None
    passive_annual_household_income: Number | None = None
    passive_monthly_household_income: Number | None = None
    passive_annual_corporate_income: Number | None = None
    passive_monthly_corporate_income: Number | None = None
    saving_capacity: Number | None = None


class PersonStatus(Section):
    employment: str | None = None
    children_at_home: Number | None = None
    date_of_birth: str | None = None
    marital_status: str | None = None
    household_size: str | None = None


class Person(Section):
    """The same person's other leads. Filled when the gateway knows them."""

    recent_count: int | None = None
    first_seen_at: Moment | None = None


class Agent(Section):
    """Whom the lead is for; null values while unassigned."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    slack: str | None = None
    ids: dict[str, str] = {}


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
    original: dict[str, Any] = {}

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, every key present, in the contract's order."""
        return self.model_dump(mode="json")

    def to_json(self) -> bytes:
        """The compact form for storing: what is default is left out, ``original`` stays whole."""
        slim = self.model_dump(mode="json", exclude_defaults=True, exclude={"original"})
        slim["original"] = self.original
        return to_json(slim, inf_nan_mode="null")

    @classmethod
    def from_json(cls, text: bytes) -> Lead:
        """What :meth:`to_json` wrote."""
        return cls.model_validate(from_json(text))


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


def merge(old: Lead, new: Lead) -> Lead:
    """A later reading of the same lead: its values win, and nothing known is lost to a poorer one.

    What the gateway itself decided (received, agent, person, flags) stays as it was.
    """
    update: dict[str, Any] = {
        name: _merge_section(getattr(old, name), getattr(new, name))
        for name in ("contact", "property", "estimation", "project", "financing", "person_status")
    }
    for name in (
        "category", "intention", "created_at", "expires_at", "partner_id", "seeker_id", "is_called",
        "has_rental_documents", "message",
    ):  # fmt: skip
        value = getattr(new, name)
        update[name] = getattr(old, name) if value is None else value
    update["portals"] = new.portals or old.portals
    update["original"] = {**old.original, **new.original}
    return old.model_copy(update=update)


def _merge_section(old: S, new: S) -> S:
    changes: dict[str, Any] = {}
    for name in type(new).model_fields:
        value = getattr(new, name)
        if isinstance(value, Section):
            changes[name] = _merge_section(getattr(old, name), value)
        elif value is not None and value != ():
            changes[name] = value
    return old.model_copy(update=changes)


def is_erased_upstream(old: Lead, new: Lead) -> bool:
    """The portal nulled the person: name, e-mail and phone were there and now all come as null.

    Explicitly null: a feed that just lacks the contact says nothing (contract §7).
    """
    before = old.contact
    if not (before.full_name and before.email and (before.phone or before.phone_raw)):
        return False
    request = new.original.get("contactRequest")
    if not isinstance(request, dict):
        return False
    where = request.get("personContact")
    person = where if isinstance(where, dict) else request
    return all(key in person and person[key] is None for key in ("fullName", "email", "phoneNumber"))
