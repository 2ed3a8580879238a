"""Presets: the recipe for one receiver, as data. What one may say, and what it needs of a user.

Owns the model of a preset file and how ``with`` of gateway.yaml fills it. Reads no file: where
presets are found is for gateway/config/presets.py, how their calls are made for webhook_steps.py.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from gateway.destinations.answer import Lift, Path
from gateway.destinations.common import Strict
from gateway.destinations.preset_parameters import Parameter
from gateway.destinations.rules import Duplicate, Permanent, Success, TryAgain
from gateway.destinations.webhook_auth import Auth, HeaderName
from gateway.destinations.webhook_url import check_url
from gateway.render import Renderer, TemplateError
from gateway.template_language import nearest
from gateway.units import Duration, Rate, Size, WebAddress, format_duration

Text = Annotated[str, Field(min_length=1, max_length=2000)]
Texts = Annotated[tuple[Text, ...], Field(max_length=50)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Expression = Annotated[str, Field(min_length=1, max_length=2000)]
"""Jinja without its braces."""


class Document(Strict):
    """A page of the vendor's that the preset stands on, and when it was read."""

    url: WebAddress
    read: date | None = None

    @property
    def seen(self) -> str:
        """When it was read, in words."""
        return f"read {self.read}" if self.read else "read before, the day is not known"


class Claim(Strict):
    """One thing that the preset relies on, and how far it can be trusted.

    ``verified`` was read in the vendor's documentation or code; ``unverified`` was not.
    """

    what: Text
    status: Literal["verified", "unverified"]
    source: Text | None = None


class Requirement(Strict):
    """What a lead must have to be sent at all; ``otherwise`` is what the operator then reads."""

    when: Expression
    otherwise: Text


class Recheck(Strict):
    """A GET request before a step that can not be repeated: is what it makes there already?

    It is asked when the step may have been made before, or always. ``items`` is where in the answer
    the candidates stand, ``match`` what the right one has, ``id`` where in it the id is.
    """

    path: Annotated[str, Field(min_length=1)]
    when: Expression | None = None
    always: bool = False
    items: Path
    match: dict[Path, Any] = Field(default_factory=dict)
    id: Path = "id"


class Sample(Strict):
    """An answer of the vendor's to this call, as its documentation shows it."""

    status: Annotated[int, Field(ge=100, le=599)] = 200
    body: Any = Field(default=None, alias="json")
    text: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)


class StepRecipe(Strict):
    """One call of a preset."""

    name: Identifier
    title: Text
    when: Expression | None = None
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    path: str = ""
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    body: dict[str, Any] | list[Any] | str | None = None
    form: dict[str, Any] | None = None
    omit_empty: bool = True
    success: Success = Success()
    duplicate: tuple[Duplicate, ...] = ()
    permanent: tuple[Permanent, ...] = ()
    retry: tuple[TryAgain, ...] = ()
    save: dict[Identifier, Path | Lift] = Field(default_factory=dict)
    recheck: Recheck | None = None
    sample: Sample

    @model_validator(mode="after")
    def _one_body(self) -> StepRecipe:
        if self.body is not None and self.form is not None:
            raise ValueError("form: a request has a body or a form, not both")
        return self


class Preset(Strict):
    """A preset file: ``templates/presets/<id>.yaml``."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
    version: Annotated[int, Field(ge=1)]
    title: Text
    creates: Text
    docs: Annotated[tuple[Document, ...], Field(min_length=1)]
    claims: Annotated[tuple[Claim, ...], Field(min_length=1)]
    oracle: Text = "nothing else was asked."
    """What the requests were checked against, besides our own doubles."""
    setup: Texts = ()
    given: dict[Identifier, Parameter] = Field(default_factory=dict, alias="with")
    url: Text
    """Where its calls begin: a template over ``with`` alone."""
    auth: dict[str, Any] | None = None
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    values: dict[Identifier, Any] = Field(default_factory=dict)
    """Named values for the steps, each of which sees those above it: fallbacks stand here."""
    requires: Requirement | None = None
    steps: Annotated[tuple[StepRecipe, ...], Field(min_length=1, max_length=10)]
    remote_id: Identifier | None = None
    """The step whose id names the lead; default the last one."""
    duplicate: tuple[Duplicate, ...] = ()
    permanent: tuple[Permanent, ...] = ()
    retry: tuple[TryAgain, ...] = ()
    idempotency: Literal["natural", "key", "none"]
    repeat: Text
    """What a repeated attempt does there, in words."""
    rate_limit: Rate | None = None
    rate_note: Text | None = None
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    timeout: Duration | None = None
    max_body: Size | None = None
    follows: bool = False
    """Whether it takes what becomes of a lead, too: one that creates would do so a second time."""
    conceal: tuple[str, ...] = ()
    """Members of its answers' JSON that are not kept: a traceback, for example."""
    fallbacks: Texts = ()
    notes: Texts = ()

    @field_validator("steps")
    @classmethod
    def _named_once(cls, value: tuple[StepRecipe, ...]) -> tuple[StepRecipe, ...]:
        if len({step.name for step in value}) < len(value):
            raise ValueError("give each step a name of its own")
        return value

    @model_validator(mode="after")
    def _knows_its_steps(self) -> Preset:
        if self.remote_id is not None and self.remote_id not in {step.name for step in self.steps}:
            raise ValueError("remote_id: no step has this name")
        return self

    @property
    def unverified(self) -> int:
        """How many of its claims nobody has checked."""
        return sum(claim.status == "unverified" for claim in self.claims)

    def fill(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """``with`` of gateway.yaml, typed and with its defaults; secrets are wrapped.

        Raises ValidationError, with one fault for each key.
        """
        faults: list[tuple[tuple[str, ...], str]] = []
        for name in given:
            if name not in self.given:
                near = nearest(name, self.given) or _known(self.given)
                faults.append((("with", name), f"the preset {self.id} has no such key{near}"))
        filled: dict[str, Any] = {}
        for name, parameter in self.given.items():
            value = given.get(name)
            if value is None and parameter.required:
                words = f"{name} is missing: write {name}: {parameter.shown}"
                faults.append((("with",), f"{words} ({parameter.help})"))
                continue
            try:
                filled[name] = parameter.value(value)
            except ValueError as error:
                faults.append((("with", name), str(error)))
        if faults:
            raise ValidationError.from_exception_data(
                "with",
                [
                    InitErrorDetails(
                        type=PydanticCustomError("of_the_preset", "{text}", {"text": text}),
                        loc=place,
                        input=None,
                    )
                    for place, text in faults
                ],
            )
        return filled

    def base_url(self, filled: Mapping[str, Any]) -> str:
        """Where its calls begin for these values, without a slash at the end."""
        text = str(_fixed(self.url, filled))
        return text.removesuffix("/") if any(step.path for step in self.steps) else text

    def auth_for(self, filled: Mapping[str, Any]) -> Auth | None:
        """How the receiver knows us with these values."""
        if self.auth is None:
            return None
        ways = {name: value for name, value in _fixed(self.auth, filled).items() if value}
        return Auth.model_validate(ways) if ways else None

    def check(self, filled: Mapping[str, Any]) -> None:
        """Raise ValueError when these values make no usable address or credentials."""
        try:
            check_url(self.base_url(filled))
            self.auth_for(filled)
        except TemplateError as error:
            raise ValueError(f"preset: {error}") from None
        except ValidationError as error:
            said = "; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
            raise ValueError(f"with: the credentials can not be used: {said}") from None


class Presets(Protocol):
    """Where presets are found."""

    def preset(self, name: str) -> Preset:
        """The preset of this name. Raises ValueError, whose text says what there is instead."""
        ...


def lasting(preset: Preset) -> dict[str, Any]:
    """What a preset says that any destination may be told: a user's own word goes before it."""
    said: dict[str, Any] = {"idempotency": preset.idempotency}
    if preset.rate_limit is not None:
        said["rate_limit"] = str(preset.rate_limit)
    if preset.concurrency is not None:
        said["concurrency"] = preset.concurrency
    if preset.timeout is not None:
        said["timeout"] = format_duration(preset.timeout)
    return said


def opened(filled: Mapping[str, Any]) -> dict[str, Any]:
    """Filled values as templates see them: secrets in plain text."""
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in filled.items()
    }


def _known(names: Mapping[str, Any]) -> str:
    return f"; it has {', '.join(names)}" if names else ""


@functools.cache
def _renderer() -> Renderer:
    return Renderer()


def _fixed(value: Any, filled: Mapping[str, Any]) -> Any:
    """``value`` with its templates over ``with`` filled. Raises TemplateError."""
    if isinstance(value, Mapping):
        return {name: _fixed(item, filled) for name, item in value.items()}
    return _renderer().native(value, {"with": opened(filled)})
