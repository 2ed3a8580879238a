"""Reads queries and bodies into their models; what is wrong is a 400 that says what to write.

Never repeats a value: it may be a person's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import ErrorDetails
from starlette.requests import Request

from gateway.config.faults import did_you_mean
from gateway.delivery import Reason, State
from gateway.units import parse_when
from gateway.web.problems import Problem
from gateway.web.security import read_body
from gateway.web.shapes import HELD

BODY_CAP = 256_000
FEWEST, LIMIT, MOST = 1, 50, 500
"""Entries of a page: at least, unless asked otherwise, at most."""

M = TypeVar("M", bound=BaseModel)


class Told(BaseModel):
    """What a client says: a word that nobody knows is refused, never passed over."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_null(cls, given: Any) -> Any:
        """What is not meant is left out: a null may be a program's mistake."""
        if isinstance(given, dict):
            for name, value in given.items():
                if value is None and name in cls.model_fields:
                    raise ValueError(f"{name}: is null; leave it out, or say what is meant")
        return given


def _whole(value: Any) -> int:
    digits = value if isinstance(value, str) else str(value)
    if not (digits.isascii() and digits.isdigit() and FEWEST <= int(digits[:6]) <= MOST):
        raise ValueError(f"write a whole number from {FEWEST} to {MOST}")
    return int(digits)


def _flag(value: Any) -> bool:
    if value not in ("true", "false", True, False):
        raise ValueError("write true or false")
    return value in ("true", True)


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("write a duration ago, such as 24h, or a moment (ISO 8601)")
    # Of the clock alone: a duration ago is the same for every gateway that is asked.
    return parse_when(value, datetime.now(UTC))


def one_of(*words: str) -> BeforeValidator:
    """Refuses any other word, with those there are."""

    def check(value: Any) -> Any:
        if value not in words:
            raise ValueError(f"write one of {', '.join(words)}")
        return value

    return BeforeValidator(check)


Limit = Annotated[
    int,
    BeforeValidator(_whole),
    WithJsonSchema({"type": "integer", "minimum": FEWEST, "maximum": MOST}),
]
Flag = Annotated[bool, BeforeValidator(_flag)]
When = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "examples": ["24h", "2026-11-24T08:00:00Z"]}),
]
States = (*(state.value for state in State), HELD)
StateWord = Annotated[
    str, one_of(*States), WithJsonSchema({"type": "string", "enum": list(States)})
]
ReasonWord = Annotated[Reason, one_of(*Reason)]
Action = Literal["pause", "resume", "poll"]


class Paging(Told):
    """Where a page begins and how long it is."""

    cursor: Annotated[str, Field(max_length=400)] | None = None
    """The next_cursor of the page before; the first page has none."""
    limit: Limit = LIMIT
    """Entries of the page. One with filters may hold fewer and still have a next."""


def read_query(request: Request, model: type[M]) -> M:
    """The query as its model. Raises a 400 problem."""
    known = model.model_fields
    values: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            near = did_you_mean(name, known) or f"there are {', '.join(known)}"
            raise Problem(400, f"{name[:40]}: there is no such parameter; {near}")
        if get_origin(known[name].annotation) is tuple:
            values.setdefault(name, []).extend(part for part in value.split(",") if part)
        elif name in values:
            raise Problem(400, f"{name}: write it once")
        else:
            values[name] = value
    return _validated(model, values)


async def read_model(request: Request, model: type[M]) -> M:
    """The body as its model; no body is an empty one. Raises 400, 408 and 413 problems."""
    raw = await read_body(request, BODY_CAP)
    return _validated(model, raw or b"{}")


def _validated(model: type[M], given: dict[str, Any] | bytes) -> M:
    try:
        if isinstance(given, bytes):
            return model.model_validate_json(given)
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
        text = _sentence(first)
        raise Problem(400, f"{place[:100]}: {text}" if place else text) from None


def _sentence(item: ErrorDetails) -> str:
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    if item["type"] == "extra_forbidden":
        return "there is no such member"
    return item["msg"]
