"""Erasing a person, from whichever source their leads came."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue

from gateway import persons
from gateway.web import audited
from gateway.web.asking import Told
from gateway.web.context import Web
from gateway.web.operation import operation
from gateway.web.problems import Problem
from gateway.web.shape import Shape

MAIL = r"^[^@\s]+@[^@\s]+$"
NUMBER = r"^[^0-9]*([0-9][^0-9]*){6,20}$"
ONE_OF: list[JsonValue] = [
    {"required": ["email"], "properties": {"email": {"type": "string"}, "phone": {"type": "null"}}},
    {"required": ["phone"], "properties": {"phone": {"type": "string"}, "email": {"type": "null"}}},
]


class Who(Told):
    """A person, by one of the two."""

    model_config = ConfigDict(json_schema_extra={"oneOf": ONE_OF})

    email: Annotated[str, Field(pattern=MAIL, max_length=320)] | None = None
    phone: Annotated[str, Field(pattern=NUMBER, max_length=60)] | None = None


class Erasure(Shape):
    """What was there of a person, and is no more."""

    leads: list[str]
    """Named SOURCE/ID."""
    rejected: int
    """Items that never became a lead and named the person."""


@operation(
    "POST",
    "/v1/erasures",
    tag="Leads",
    deed="leads.erase",
    problems={400: "neither an e-mail address nor a phone number, or both"},
)
async def erase_person(web: Web, body: Who) -> Erasure:
    """Erase a person for good, from whichever source their leads came.

    What is unsent is discarded, and none of these leads is ever taken in again. Destinations named
    in on_erasure are told the ids. Nothing found is an answer like any other.
    """
    try:
        who = persons.person(email=body.email, phone=body.phone)
    except ValueError as error:
        raise Problem(400, str(error)) from None
    erased = await persons.erase(web.store, who)
    audited.counted(len(erased.leads))
    return Erasure(leads=list(erased.leads), rejected=erased.rejected)


OPERATIONS = (erase_person,)
