"""How a webhook's receiver knows us: ``auth`` and ``sign`` of gateway.yaml, and header rules.

Owns the models and what each becomes on the wire. A fault is a sentence that says what to write
instead. It never repeats a value, which may be a secret.
"""

from __future__ import annotations

import base64
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from gateway.destinations.common import Strict
from gateway.oauth import Credentials
from gateway.signing import HmacHeader, secret_bytes
from gateway.units import WebAddress

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NOT_IN_A_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")

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


def is_header_value(text: str) -> bool:
    """Whether a text can stand in a header: no line break, no control character (RFC 9110 §5.5).

    Names with accents may: they are sent as UTF-8.
    """
    return _NOT_IN_A_HEADER.search(text) is None


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
    """User name and password (RFC 7617). Either may be empty text: some APIs want a key alone."""

    username: str
    password: SecretStr

    @model_validator(mode="after")
    def _usable(self) -> Basic:
        if ":" in self.username:
            raise ValueError("username: a colon can not be sent in it")
        if not is_header_value(self.password.get_secret_value()):
            raise ValueError("password: it has a line break or a control character")
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


class OAuth2(Strict):
    """An access token that is fetched, shared by every process, and renewed in time."""

    token_url: WebAddress
    client_id: Annotated[str, Field(min_length=1, max_length=500)]
    client_secret: Secret
    scope: Annotated[str, Field(max_length=1000)] | None = None
    refresh_token: Secret | None = None
    """With one the grant is ``refresh_token`` (RFC 6749 §6), else ``client_credentials`` (§4.4)."""
    token_params: dict[str, str] = Field(default_factory=dict)
    """Further fields of the token request, such as ``audience``."""
    token_format: Literal["form", "json"] = "form"  # noqa: S105 - a format
    token_auth: Literal["body", "basic"] = "body"  # noqa: S105 - a place
    scheme: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")] = "Bearer"
    """The word before the token in the Authorization header; Zoho wants ``Zoho-oauthtoken``."""

    @field_validator("token_params")
    @classmethod
    def _grant_left_alone(cls, value: dict[str, str]) -> dict[str, str]:
        own = {"grant_type", "client_id", "client_secret", "scope", "refresh_token"} & set(value)
        if own:
            raise ValueError(f"it can not hold {min(own)}, which has a key of its own")
        return value

    def credentials(self, where: str) -> Credentials:
        """What the token endpoint is shown. ``where`` names these keys in gateway.yaml."""
        return Credentials(
            where,
            self.token_url,
            self.client_id,
            self.client_secret,
            self.scope or "",
            self.token_params,
            self.token_format,
            self.token_auth,
            self.refresh_token,
        )


class Auth(Strict):
    """How the receiver knows us: exactly one of bearer, basic, api_key, oauth2."""

    bearer: Secret | None = None
    basic: Basic | None = None
    api_key: ApiKey | None = None
    oauth2: OAuth2 | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Auth:
        ways = (self.bearer, self.basic, self.api_key, self.oauth2)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("name exactly one of bearer, basic, api_key, oauth2")
        return self

    @property
    def header(self) -> str:
        """The header it fills, in lower case; empty where it is none."""
        return (self.api_key.header or "").lower() if self.api_key else "authorization"

    def on_the_wire(self) -> tuple[dict[str, str], dict[str, str]]:
        """What it adds to each request: headers, and parts of the query. A token is not there."""
        if self.bearer is not None:
            return {"authorization": f"Bearer {self.bearer.get_secret_value()}"}, {}
        if self.basic is not None:
            couple = f"{self.basic.username}:{self.basic.password.get_secret_value()}"
            coded = base64.b64encode(couple.encode()).decode()
            return {"authorization": f"Basic {coded}"}, {}
        if self.api_key is None:
            return {}, {}
        value = self.api_key.value.get_secret_value()
        if self.api_key.header is not None:
            return {self.api_key.header.lower(): value}, {}
        return {}, {self.api_key.query or "": value}


class Hmac(Strict):
    """A signature of the body in a header of the receiver's choice, as GitHub and others do it."""

    header: HeaderName
    secret: SecretStr
    algorithm: Literal["sha256", "sha1", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: Annotated[str, Field(max_length=40), AfterValidator(_header_value)] = ""
    """What stands before the signature, such as ``sha256=``."""

    @model_validator(mode="after")
    def _usable(self) -> Hmac:
        if not self.secret.get_secret_value():
            raise ValueError("secret: it is empty: is its environment variable set?")
        return self

    @property
    def signer(self) -> HmacHeader:
        """What signs with it."""
        return HmacHeader(
            self.header.lower(),
            self.secret.get_secret_value().encode(),
            self.algorithm,
            self.encoding,
            self.prefix,
        )


class Sign(Strict):
    """How a receiver can prove who sent a request: Standard Webhooks, a plain HMAC, or both.

    Secrets for Standard Webhooks are one, or a list while one replaces the other.
    """

    standard_webhooks: SecretStr | Annotated[tuple[SecretStr, ...], Field(min_length=1)] | None = (
        None
    )
    hmac: Hmac | None = None

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The keys of Standard Webhooks, in the order they were written."""
        secrets = self.standard_webhooks
        if secrets is None:
            return ()
        many = secrets if isinstance(secrets, tuple) else (secrets,)
        return tuple(secret_bytes(item.get_secret_value()) for item in many)

    @model_validator(mode="after")
    def _usable(self) -> Sign:
        if not self.keys and self.hmac is None:
            raise ValueError("name standard_webhooks, hmac or both")
        return self
