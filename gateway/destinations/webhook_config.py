"""What gateway.yaml may say of a webhook: the model, and the rules that need no network.

A fault is a sentence that says what to write instead. It never repeats a value, which may be a
secret. What a preset brings along is filled in here, so that everyone else sees one configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    model_validator,
)

from gateway.destinations.common import DestinationConfig
from gateway.destinations.presets import Preset, Presets, lasting
from gateway.destinations.rules import Duplicate, Permanent, Success, WebhookRetry
from gateway.destinations.webhook_auth import Auth, HeaderName, HeaderValue, Sign
from gateway.destinations.webhook_url import check_url, host_of

Method = Literal["POST", "PUT", "PATCH"]

_TELLING = 12
"""Characters of a part of a secret address from which on it could tell the rest."""

_OF_THE_PRESET = (
    "url", "method", "auth", "body", "form", "success", "duplicate", "permanent", "idempotency",
)  # fmt: skip
"""Keys that a preset fills: to change one of them, copy the preset."""


def _proxy(value: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(value.get_secret_value())
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = None
    if not usable or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("write it as http://proxy.example:3128, with user:password@ if it has one")
    return value


class WebhookConfig(DestinationConfig):
    """``kind: webhook`` in gateway.yaml."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["url"], "not": {"required": ["preset"]}},
                {
                    "required": ["preset"],
                    "not": {"anyOf": [{"required": [name]} for name in _OF_THE_PRESET[:-1]]},
                },
            ]
        }
    )

    kind: Literal["webhook"] = "webhook"
    preset: Annotated[str, Field(min_length=1)] | None = None
    """The recipe for one receiver: ``lead-gateway presets list`` lists them."""
    given: dict[str, Any] = Field(default_factory=dict, alias="with")
    """What the preset needs of you; a value may be a template."""
    url: str | None = None
    """Where to send. The host is written out; templates may fill path and query."""
    method: Method = "POST"
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    auth: Auth | None = None
    sign: Sign | None = None
    body: str | dict[str, Any] | None = None
    """A template file, or a mapping whose values may be templates; default: the envelope."""
    form: dict[str, Any] | None = None
    """Fields of a form, in place of a body; values may be templates."""
    success: Success = Success()
    """Which answers say that the receiver has the lead; default any 2xx."""
    duplicate: Annotated[tuple[Duplicate, ...], Field(max_length=50)] = ()
    """Which say that it had the lead before: delivered too."""
    permanent: Annotated[tuple[Permanent, ...], Field(max_length=50)] = ()
    """Which say that it never will in this form: a dead letter at once."""
    retry: WebhookRetry = WebhookRetry()
    idempotency: Literal["natural", "key", "none"] = "key"
    ca_file: Annotated[str, Field(min_length=1)] | None = None
    """Certificate authorities besides the system's: a PEM file, relative to this file."""
    proxy: Annotated[SecretStr, AfterValidator(_proxy)] | None = None
    """Where to connect in place of the receiver's host, which is then asked for by its name."""

    _recipe: Preset | None = PrivateAttr(default=None)

    @property
    def recipe(self) -> Preset | None:
        """The preset, read."""
        return self._recipe

    @property
    def credentials(self) -> Auth | None:
        """How the receiver knows us, be it written here or in the preset."""
        return self._recipe.auth_for(self.given) if self._recipe else self.auth

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret in it, as it is written, so that it can be kept out of sight."""
        return tuple(_secrets(self))

    @property
    def base_url(self) -> str:
        """The URL, or for a preset the part of it that no lead can change."""
        return self._recipe.base_url(self.given) if self._recipe else self.url or ""

    @property
    def host(self) -> tuple[str, str]:
        """See :class:`DestinationConfig`."""
        key = "preset" if self._recipe else "url"
        return key, host_of(self.base_url)

    @property
    def template_files(self) -> tuple[tuple[str, str, bool], ...]:
        """See :class:`DestinationConfig`."""
        return (("body", self.body, True),) if isinstance(self.body, str) else ()

    @model_validator(mode="wrap")
    @classmethod
    def _with_preset(cls, values: Any, handler: Any, info: ValidationInfo) -> Any:
        """Fill in what a preset brings. Presets are found where the context says."""
        name = values.get("preset") if isinstance(values, dict) else None
        if not isinstance(name, str):
            return handler(values)
        presets: Presets | None = (info.context or {}).get("presets")
        if presets is None:
            raise ValueError("preset: no presets can be found here")
        recipe = presets.preset(name)
        filled = {**lasting(recipe), **values}
        made: WebhookConfig = handler(filled)
        made._recipe = recipe
        made.given.update(recipe.fill(made.given))
        recipe.check(made.given)
        _private_behind_proxy(made)
        return made

    @model_validator(mode="after")
    def _one_way(self) -> WebhookConfig:
        if self.preset is not None:
            given = self.model_fields_set - {"idempotency"}
            for name in _OF_THE_PRESET:
                if name in given:
                    raise ValueError(
                        f"{name}: the preset brings it; to change it, copy the preset into "
                        "presets/ in your template folder, under a name of your own"
                    )
            return self
        if self.given:
            raise ValueError("with: it fills a preset; name one, or remove it")
        if self.url is None:
            raise ValueError(
                "url: is missing: write url: https://crm.example.com/leads, or preset: and one of "
                "the names that lead-gateway presets list shows"
            )
        check_url(self.url)
        if self.body is not None and self.form is not None:
            raise ValueError("form: a request has a body or a form, not both")
        return self

    @model_validator(mode="after")
    def _names_no_header_twice(self) -> WebhookConfig:
        names = [name.lower() for name in self.headers]
        if self.auth and self.auth.header:
            names.append(self.auth.header)
        if self.sign and self.sign.hmac:
            names.append(self.sign.hmac.header.lower())
        if len(set(names)) != len(names):
            raise ValueError("headers: the same header is given twice, in headers, auth or sign")
        return self

    @model_validator(mode="after")
    def _private(self) -> WebhookConfig:
        if self.preset is None:
            _private_behind_proxy(self)
        return self


def _private_behind_proxy(config: WebhookConfig) -> None:
    if config.proxy is None:
        return
    auth = config.credentials
    token_url = auth.oauth2.token_url if auth and auth.oauth2 else ""
    for url in (config.base_url, token_url):
        if url.lower().startswith("http:"):
            raise ValueError(
                "proxy: it takes only https: whoever answers must prove the receiver's name"
            )


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        yield from _of_address(text) if text.startswith(("https://", "http://")) else (text,)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secrets(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _secrets(item)


def _of_address(url: str) -> Iterator[str]:
    """Of an address the host may be seen: what comes after it is secret, whole and in parts."""
    after = url.partition(urlsplit(url).netloc)[2].lstrip("/")
    yield after
    yield from (part for part in re.split(r"[/?&=]", after) if len(part) >= _TELLING)
