"""What gateway.yaml may say of a webhook: the model, and the rules that need no network.

A fault is a sentence that says what to write instead. It never repeats a value, which may be a
secret.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator
from yarl import URL

from gateway.destinations.common import DestinationConfig, Strict
from gateway.destinations.success import Success
from gateway.signing import secret_bytes

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NOT_IN_A_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f]")

# The connection's own business, and what the signature stands on.
_OURS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)


def is_template(text: str) -> bool:
    """Whether a text has anything for Jinja to do."""
    return "{{" in text or "{%" in text or "{#" in text


def is_header_value(text: str) -> bool:
    """Whether a text can stand in a header: no line break, no control character (RFC 9110 §5.5).

    Names with accents may: they are sent as UTF-8.
    """
    return _NOT_IN_A_HEADER.search(text) is None


def is_url_text(text: str) -> bool:
    """Whether a text has no blank, line break or control character, which no URL can hold."""
    return _NOT_IN_A_URL.search(text) is None


def _header_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("a header's name has letters, digits and hyphens, for example X-Agency")
    if name.lower() in _OURS:
        raise ValueError("this header is set by the gateway itself: leave it out")
    return name


def _header_value(value: str) -> str:
    if not is_header_value(value):
        raise ValueError("a header's value is one line of plain text")
    return value


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.strip():
        raise ValueError("the secret is empty: is its environment variable set?")
    if not is_header_value(text):
        raise ValueError("the secret has a line break or another character that can not be sent")
    return value


HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]


class Basic(Strict):
    """User name and password (RFC 7617)."""

    username: str
    password: Secret

    @model_validator(mode="after")
    def _one_colon(self) -> Basic:
        if ":" in self.username:
            raise ValueError("username: a colon can not be sent in it")
        return self


class ApiKey(Strict):
    """A key in a header or in the query: name one of them."""

    header: HeaderName | None = None
    query: str | None = Field(default=None, min_length=1)
    value: Secret

    @model_validator(mode="after")
    def _one_place(self) -> ApiKey:
        if (self.header is None) == (self.query is None):
            raise ValueError("name either header or query: the place where the key goes")
        return self


class Auth(Strict):
    """How the receiver knows us: exactly one of bearer, basic, api_key."""

    bearer: Secret | None = None
    basic: Basic | None = None
    api_key: ApiKey | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Auth:
        if sum(way is not None for way in (self.bearer, self.basic, self.api_key)) != 1:
            raise ValueError("name exactly one of bearer, basic, api_key")
        return self


class Sign(Strict):
    """Secrets for Standard Webhooks signatures: one, or a list while one replaces the other."""

    standard_webhooks: SecretStr | Annotated[tuple[SecretStr, ...], Field(min_length=1)]

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The keys to sign with, in the order they were written."""
        secrets = self.standard_webhooks
        many = secrets if isinstance(secrets, tuple) else (secrets,)
        return tuple(secret_bytes(item.get_secret_value()) for item in many)

    @model_validator(mode="after")
    def _usable(self) -> Sign:
        _ = self.keys
        return self


class WebhookConfig(DestinationConfig):
    """``kind: webhook`` in gateway.yaml."""

    kind: Literal["webhook"] = "webhook"
    url: str
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    auth: Auth | None = None
    sign: Sign | None = None
    body: str | dict[str, Any] | None = None
    success: Success = Success()
    idempotency: Literal["natural", "key", "none"] = "key"

    @property
    def host(self) -> tuple[str, str]:
        """See :class:`DestinationConfig`."""
        return "url", URL(self.url.partition("{")[0]).host or ""

    @property
    def template_files(self) -> tuple[tuple[str, str, bool], ...]:
        """See :class:`DestinationConfig`."""
        return (("body", self.body, True),) if isinstance(self.body, str) else ()

    @model_validator(mode="after")
    def _url_is_usable(self) -> WebhookConfig:
        scheme, separator, rest = self.url.partition("://")
        if not separator or scheme.lower() not in ("http", "https"):
            raise ValueError("url: begin it with https:// or http://")
        place = re.split(r"[/?#]", rest, maxsplit=1)[0]
        if not place or is_template(place):
            raise ValueError("url: write the host out; a template can fill what comes after it")
        if "@" in place:
            raise ValueError("url: put the user name and password under auth.basic instead")
        if "#" in rest and not is_template(rest):
            raise ValueError("url: leave out the part after #, it is never sent")
        try:
            URL(f"{scheme}://{place}/")
        except ValueError:
            raise ValueError("url: its host or port can not be read") from None
        if not is_template(self.url) and not is_url_text(self.url):
            raise ValueError("url: it has a blank or a line break; write a blank as %20")
        return self

    @model_validator(mode="after")
    def _names_no_header_twice(self) -> WebhookConfig:
        names = [name.lower() for name in self.headers]
        if self.auth:
            key = self.auth.api_key
            names.append((key.header or "").lower() if key else "authorization")
        if len(set(names)) != len(names):
            raise ValueError("headers: the same header is given twice, in headers or by auth")
        return self
