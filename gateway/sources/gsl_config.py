"""The ``gsl`` source in gateway.yaml: its keys, their defaults and what they may be.

The vendor's page lost its paths and its units; every assumption made here is a default that a key
overrides (docs/sources/gsl.md lists them).
"""

from __future__ import annotations

from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, SecretStr, field_validator

from gateway.sources.common import FeedOptions, Keys, PolledConfig
from gateway.units import WebAddress

Feed = Literal["leads", "classifieds", "agencies", "estimations", "projects"]
FEEDS: tuple[Feed, ...] = get_args(Feed)

SCOPE = "laas:leads:get"
"""The one scope the vendor documents; case-sensitive."""


def _path(value: str) -> str:
    plain = value.isascii() and value.isprintable() and not set(value) & set(" ?#\\")
    if not plain or not value.startswith("/") or value.startswith("//"):
        raise ValueError("write the path alone, from its first slash, for example /v2/leads")
    return value


Path = Annotated[str, AfterValidator(_path)]


class Paths(Keys):
    """Where each operation lives under ``base_url``. Only ``leads`` is documented."""

    leads: Path = "/v2/leads"
    classifieds: Path = "/v2/leads/classifieds"
    agencies: Path = "/v2/leads/agencies"
    estimations: Path = "/v2/leads/estimations"
    projects: Path = "/v2/leads/projects"
    lead: Path = "/v2/leads/{leadId}"
    classified: Path = "/v2/leads/classifieds/{classifiedId}"

    @field_validator("lead")
    @classmethod
    def _names_the_lead(cls, value: str) -> str:
        return _with_place(value, "{leadId}")

    @field_validator("classified")
    @classmethod
    def _names_the_classified(cls, value: str) -> str:
        return _with_place(value, "{classifiedId}")


def _with_place(value: str, place: str) -> str:
    if value.count(place) != 1:
        raise ValueError(f"write {place} once where the id goes")
    return value


def _nearest(name: Any) -> str:
    near = get_close_matches(str(name), FEEDS, 1)
    return f'did you mean "{near[0]}"?' if near else "unknown feed:"


class GslConfig(PolledConfig):
    """``kind: gsl`` in gateway.yaml."""

    kind: Literal["gsl"]
    base_url: WebAddress
    token_url: WebAddress
    client_id: Annotated[str, Field(min_length=1, max_length=500)]
    client_secret: Annotated[SecretStr, Field(min_length=1, max_length=2000)]
    scope: Annotated[str, Field(max_length=500)] = SCOPE
    """Asked for with the token; empty asks for none."""
    token_params: dict[str, str] = Field(default_factory=dict)
    """Further fields of the token request, such as ``audience``."""
    token_format: Literal["form", "json"] = "form"  # noqa: S105 - a format
    """The token request's body: a form as RFC 6749 §4.4.2 has it, or the same fields as JSON."""
    token_auth: Literal["body", "basic"] = "body"  # noqa: S105 - a place
    """Where id and secret go: beside the other fields, or in the header (RFC 6749 §2.3.1)."""
    feeds: tuple[Feed, ...] | dict[Feed, FeedOptions | None] = FEEDS
    paths: Paths = Paths()
    timestamps: Literal["seconds", "milliseconds"] = "seconds"
    page_size: Annotated[int, Field(ge=1, le=100)] = 100
    requests_at_once: Annotated[int, Field(ge=1, le=32)] = 4
    contact: Annotated[str, Field(pattern=r"^[!-'*-~]{3,200}$")] | None = None
    """An e-mail or URL in the User-Agent, by which the portal's operators find you."""

    @field_validator("base_url")
    @classmethod
    def _no_query(cls, value: str) -> str:
        if "?" in value:
            raise ValueError("write the URL without its ? part")
        return value

    @field_validator("token_params")
    @classmethod
    def _grant_left_alone(cls, value: dict[str, str]) -> dict[str, str]:
        own = {"grant_type", "client_id", "client_secret", "scope"} & set(value)
        if own:
            raise ValueError(f"token_params can not hold {min(own)}: it has a key of its own")
        return value

    @field_validator("feeds", mode="before")
    @classmethod
    def _some_known_once(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple | dict):
            raise ValueError("write a list of feeds, or a map of feeds to {poll_every: 1m}")
        if not value:
            raise ValueError(f"name at least one feed of {', '.join(FEEDS)}")
        for feed in value:
            if feed not in FEEDS:
                raise ValueError(f"{_nearest(feed)} the feeds are {', '.join(FEEDS)}")
        if len(set(value)) < len(value):
            raise ValueError("name each feed once")
        return value

    @property
    def feed_names(self) -> tuple[Feed, ...]:
        """The feeds to read, in the order they were written."""
        return tuple(self.feeds)

    def pace(self, feed: str) -> timedelta:
        """How long to wait between two polls of ``feed``."""
        options = self.feeds.get(feed) if isinstance(self.feeds, dict) else None  # type: ignore[call-overload]
        return (options.poll_every if options else None) or self.poll_every
