"""Agents in gateway.yaml: who they are, what is theirs, when they work; and how leads are shared.

Owns the keys ``agents`` and ``assignment``. Who gets a lead is decided in gateway/assignment.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from gateway.destinations.common import Strict
from gateway.hours import OpenHours
from gateway.units import Duration

Criterion = Literal["reference", "postal_code", "department", "category", "portal", "partner"]
"""What of a lead may name its agent."""

Method = Literal["round_robin", "least_loaded", "none"]

_PERIOD = re.compile(r"^(\d{4}-\d{2}-\d{2})(?:\s*(?:\.\.|/|to|–|—)\s*(\d{4}-\d{2}-\d{2}))?$")
_DEPARTMENT = re.compile(r"^(\d{2,3}|2[AB])$")


@dataclass(frozen=True, slots=True)
class Away:
    """An absence; both days are part of it."""

    first: date
    last: date

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}..{self.last}"


def _away(value: Any) -> Away:
    if isinstance(value, Away):
        return value
    match = _PERIOD.match(value.strip()) if isinstance(value, str) else None
    try:
        first = date.fromisoformat(match[1]) if match else None
        last = date.fromisoformat(match[2] or match[1]) if match else None
    except ValueError:
        first = last = None
    if first is None or last is None:
        raise ValueError("write a day or a period, for example 2026-12-24..2027-01-02")
    if last < first:
        raise ValueError("the period ends before it begins")
    return Away(first, last)


def _text(value: Any) -> Any:
    """A postal code or a partner's number that was written without quotes."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError('put it in quotes, as in "01000": YAML drops a leading zero')
    return value


def _department(value: str) -> str:
    code = value.strip().upper()
    if not _DEPARTMENT.match(code):
        raise ValueError('write a department as in "75", "2A" or "974"')
    return code


def _email(value: str) -> str:
    try:
        return validate_email(value, check_deliverability=False).normalized
    except EmailNotValidError:
        raise ValueError("write an address, for example anne@agency.example") from None


Code = Annotated[
    str, BeforeValidator(_text), Field(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")
]
Codes = Annotated[tuple[Code, ...], Field(max_length=2000)]
Absence = Annotated[
    Away,
    BeforeValidator(_away),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["2026-12-24..2027-01-02"]}),
]


class AgentConfig(Strict):
    """One agent. What is listed is theirs; ``*`` and ``?`` stand for any characters."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")]
    """Shown to people, and how the agent is known: once in a file."""
    email: Annotated[str, AfterValidator(_email)] | None = None
    phone: Annotated[str, Field(max_length=40)] | None = None
    slack: Annotated[str, Field(pattern=r"^[A-Z0-9]{2,30}$")] | None = None
    """The member's id in Slack, to be mentioned by."""
    ids: dict[str, Annotated[str, BeforeValidator(_text)]] = Field(default_factory=dict)
    """How other programs know the agent: ``{hubspot: "77"}``."""
    references: Codes = ()
    """Of properties: the agency's own."""
    postal_codes: Codes = ()
    departments: Annotated[
        tuple[Annotated[str, BeforeValidator(_text), AfterValidator(_department)], ...],
        Field(max_length=200),
    ] = ()
    categories: Codes = ()
    portals: Codes = ()
    partner_ids: Codes = ()
    """The portal's own number of an agency's account."""
    hours: OpenHours | None = None
    """When the agent works, in the configuration's time zone; none: always."""
    away: Annotated[tuple[Absence, ...], Field(max_length=200)] = ()

    def is_away(self, day: date) -> bool:
        """Whether a local day is one of absence."""
        return any(absence.first <= day <= absence.last for absence in self.away)

    def works(self, moment: datetime, zone: ZoneInfo) -> bool:
        """Whether ``moment`` is within working hours."""
        return self.hours is None or self.hours.are_open(moment, zone)


class AssignmentConfig(Strict):
    """How a lead finds its agent."""

    by: Annotated[tuple[Criterion, ...], Field(max_length=6)] = ("reference", "postal_code")
    """Asked in order; the first that an agent answers to decides."""
    otherwise: Method = "round_robin"
    """Among several, and when nothing of ``by`` decides; ``none`` leaves the lead to the team."""
    returning: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=366))] = timedelta(
        days=90
    )
    """How long a person who writes again goes to the same agent; 0s: never."""
