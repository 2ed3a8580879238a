"""The parts of a lead: who asks, about what, with which means, and who takes care of it.

Owns the names of contract §5 and nothing else: every key is always there, null when unknown. Prices
and incomes are in the portal's currency, surfaces in the portal's unit; nothing is converted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
)

Number = Annotated[int, Strict()] | Annotated[float, Strict()]
"""A number as the portal wrote it: whole ones stay whole, and true or false are none."""


def _in_utc(moment: datetime) -> datetime:
    """UTC, to the millisecond: what the JSON form can hold, so that reading back is exact."""
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("outside the years 1 to 9999") from None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _iso(moment: datetime) -> str:
    """``2026-11-24T05:00:00Z``, with milliseconds only where there are some."""
    moment = _in_utc(moment)
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc), PlainSerializer(_iso, when_used="json")]


class Section(BaseModel):
    """A part of a lead: every key always present, null when unknown."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


class Address(Section):
    """Where the person lives."""

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
    """What is asked about, or searched for. Prices in ``currency``, surfaces ``surface_unit``."""

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
    """What somebody plans: to buy, to build, to invest, to run a business.

    Its surfaces are the ones wished for, in ``property.surface_unit``.
    """

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
    surface_living: Number | None = None
    surface_commercial: Number | None = None


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
    """How the person lives and works, in the portal's own words."""

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
    ids: dict[str, str] = Field(default_factory=dict)
