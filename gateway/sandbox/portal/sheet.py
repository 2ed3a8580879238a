"""What is said about the portal's behaviour: in a file for ``--faults``, or as JSON to
``/sandbox/faults``. One model for both; every key is optional and says nothing where it is absent.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from gateway.config.document import read_document
from gateway.config.explain import explain
from gateway.config.faults import ConfigError
from gateway.destinations.common import Strict
from gateway.sandbox.portal.faults import FaultName, Operation, Rule, Share
from gateway.units import Duration, parse_duration

MOST_RULES = 1000


def _offset(value: Any) -> timedelta:
    text = value.strip() if isinstance(value, str) else ""
    try:
        ahead = parse_duration(text.lstrip("+-"))
    except ValueError:
        raise ValueError("write how far the clock is ahead, as 90s, or behind, as -90s") from None
    return -ahead if text.startswith("-") else ahead


class Late(Strict):
    """Leads that searches find only some time after their creation."""

    share: Share
    by: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(minutes=30)
    """At most so long; each one's own time is drawn."""

    @model_validator(mode="before")
    @classmethod
    def _share_alone(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"share": value}


class Sheet(Strict):
    """How the portal behaves from now on."""

    reset: bool = False
    """First take everything back that was said before."""
    down: bool | None = None
    """Everything, tokens too, is answered 503."""
    errors: Share | None = None
    late: Late | None = None
    clock: Annotated[timedelta, BeforeValidator(_offset)] | None = None
    """How far the portal's clock is ahead of this machine's; ``-90s`` is behind."""
    timestamps: Literal["seconds", "milliseconds"] | None = None
    """What StartDate and EndDate count in."""
    future: Literal["answered", "refused"] | None = None
    """What becomes of a search whose EndDate is after the portal's now."""
    pages: Literal["by_key", "by_position"] | None = None
    """By position, leads that come or go while somebody reads shift the pages."""
    error_words: Literal["title", "name"] | None = None
    """The vendor documents ``title`` and ``message``, and shows ``name`` and ``reason``."""
    forbidden: tuple[Operation, ...] | None = None
    """Operations that the usage plan leaves out: 403."""
    scope: Literal["required", "ignored"] | None = None
    """Ignored: a token of any scope is granted, and one of the wrong scope is refused in use."""
    client_secret: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """Another secret; every token ends."""
    token_lifetime: Annotated[Duration, Field(ge=timedelta(seconds=1))] | None = None
    next: Annotated[tuple[FaultName, ...], Field(max_length=MOST_RULES)] = ()
    """Faults for the next calls, one each."""
    faults: Annotated[tuple[Rule, ...], Field(max_length=MOST_RULES)] = ()


def read_sheet(file: Path) -> Sheet:
    """The sheet in a YAML file. Raises ConfigError, with file and line."""
    document = read_document(file)
    try:
        return Sheet.model_validate(document.values, by_alias=True, by_name=False)
    except ValidationError as error:
        raise ConfigError(explain(error, document, document.values, Sheet)) from None
