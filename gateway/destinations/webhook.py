"""The webhook: a lead as an HTTP request, signed, to a CRM or anything that listens."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, SecretStr, model_validator

from gateway.delivery import Deferred, Message, Outcome
from gateway.destinations.classify import classify
from gateway.destinations.common import DestinationConfig, Strict
from gateway.destinations.protocol import Preview, VerifyError
from gateway.http import USER_AGENT, Exchange, HttpClient, Request, WireError
from gateway.lead import Lead
from gateway.render import Renderer, TemplateError
from gateway.signing import secret_bytes, signature_headers

MASKED = "•••"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEADER_NAME = re.compile(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")


class Basic(Strict):
    username: str
    password: SecretStr


class ApiKey(Strict):
    """A key in a header or in the query: name one of them."""

    header: str | None = None
    query: str | None = None
    value: SecretStr

    @model_validator(mode="after")
    def _one_place(self) -> ApiKey:
        if (self.header is None) == (self.query is None):
            raise ValueError("name either header or query, where the key goes")
        return self


class Auth(Strict):
    """How the receiver knows us: exactly one of bearer, basic, api_key."""

    bearer: SecretStr | None = None
    basic: Basic | None = None
    api_key: ApiKey | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Auth:
        if sum(way is not None for way in (self.bearer, self.basic, self.api_key)) != 1:
            raise ValueError("name exactly one of bearer, basic, api_key")
        return self


class Sign(Strict):
    """Secrets for Standard Webhooks signatures; two while one replaces the other."""

    standard_webhooks: SecretStr | tuple[SecretStr, ...]

    @property
    def keys(self) -> tuple[bytes, ...]:
        secrets = self.standard_webhooks
        many = secrets if isinstance(secrets, tuple) else (secrets,)
        return tuple(secret_bytes(item.get_secret_value()) for item in many)


class Success(Strict):
    """When an answer counts as delivered: the status, and what its JSON and headers must say.

    ``json`` and ``headers`` map a dotted path or a name to the value it must have.
    """

    status: tuple[int, ...] | None = None
    body: dict[str, Any] = Field(default_factory=dict, alias="json")
    headers: dict[str, str] = Field(default_factory=dict)

    def holds(self, exchange: Exchange) -> bool:
        expected = self.status if self.status is not None else range(200, 300)
        if exchange.status not in expected:
            return False
        if any(exchange.headers.get(name.lower()) != value for name, value in self.headers.items()):
            return False
        return not self.body or _says(exchange.body, self.body)


class WebhookConfig(DestinationConfig):
    """``kind: webhook`` in gateway.yaml."""

    kind: Literal["webhook"] = "webhook"
    url: str
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    headers: dict[str, str] = Field(default_factory=dict)
    auth: Auth | None = None
    sign: Sign | None = None
    body: str | dict[str, Any] | None = None
    success: Success = Success()
    idempotency: Literal["natural", "key", "none"] = "key"

    @model_validator(mode="after")
    def _usable(self) -> WebhookConfig:
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise ValueError("url must begin with http:// or https://")
        host = urlsplit(self.url).netloc
        if not host or "{" in host:
            raise ValueError("url needs a host that is written out, not filled by a template")
        for name in self.headers:
            if not _HEADER_NAME.match(name):
                raise ValueError("a header's name has letters, digits and hyphens")
        if self.sign:
            _ = self.sign.keys
        return self


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """One request, complete but for its signature, which carries the time of sending."""

    request: Request
    message_id: str
    secret_headers: frozenset[str]
    secret_query: str | None
    signed: bool

    def preview(self) -> Preview:
        url = self.request.url
        if self.secret_query:
            url = re.sub(rf"([?&]{re.escape(self.secret_query)}=)[^&]*", rf"\1{MASKED}", url)
        head = [("", f"{self.request.method} {url}")]
        for name, value in self.request.headers.items():
            head.append((name, MASKED if name.lower() in self.secret_headers else value))
        if self.signed:
            head.append(("webhook-timestamp", "(when it is sent)"))
            head.append(("webhook-signature", "v1," + MASKED))
        media = self.request.headers.get("content-type", "application/octet-stream")
        return Preview(
            title=f"{self.request.method} {urlsplit(url).netloc}",
            head=head,
            parts=[(media, self.request.body.decode("utf-8", "replace"))],
        )


class WebhookDestination:
    """Sends leads to one URL."""

    kind = "webhook"

    def __init__(
        self,
        name: str,
        config: WebhookConfig,
        renderer: Renderer,
        http: HttpClient,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = name
        self._config = config
        self._renderer = renderer
        self._http = http
        self._clock = clock
        self._keys = config.sign.keys if config.sign else ()
        self._plain_url = None if _is_template(config.url) else config.url
        self._templated_headers = {k: v for k, v in config.headers.items() if _is_template(v)}
        self._auth_headers, self._auth_query = _auth(config.auth)
        self._fixed_headers = {
            "content-type": "application/json",
            "accept": "application/json, */*",
            "user-agent": USER_AGENT,
            **{k.lower(): v for k, v in config.headers.items() if k not in self._templated_headers},
            **self._auth_headers,
        }

    def render(self, lead: Lead, message: Message) -> PreparedRequest:
        """Prepare the request. Raises TemplateError."""
        needs_context = (
            self._plain_url is None or self._templated_headers or self._config.body is not None
        )
        context = self._renderer.context(lead, message) if needs_context else {}
        url = self._plain_url or self._url(context)
        if self._auth_query:
            url += ("&" if "?" in url else "?") + self._auth_query[0]
        headers = {
            **self._fixed_headers,
            "webhook-id": message.id,
            "idempotency-key": message.id,
        }
        for name, source in self._templated_headers.items():
            value = self._renderer.text(source, context)
            if _CONTROL.search(value):
                raise TemplateError(f"header {name}: the value has a line break", name)
            headers[name.lower()] = value.encode("latin-1", "replace").decode("latin-1")
        return PreparedRequest(
            Request(self._config.method, url, headers, self._body(lead, message, context)),
            message.id,
            frozenset(self._auth_headers),
            self._auth_query[1] if self._auth_query else None,
            bool(self._keys),
        )

    def _url(self, context: Mapping[str, Any]) -> str:
        written, made = urlsplit(self._config.url), urlsplit(
            self._renderer.text(self._config.url, context, quote=True)
        )
        if (written.scheme, written.netloc) != (made.scheme, made.netloc):
            raise TemplateError("url: a lead must not change the host", self.name)
        url = urlunsplit(made)
        if _CONTROL.search(url) or " " in url:
            raise TemplateError("url: a value in it has a blank or a line break", self.name)
        return url

    def _body(self, lead: Lead, message: Message, context: Mapping[str, Any]) -> bytes:
        body = self._config.body
        if body is None:
            return envelope(lead, message)
        if isinstance(body, str):
            text = self._renderer.file(body, context)
            if body.removesuffix(".j2").endswith(".json"):
                _must_be_json(text, body)
            return text.encode()
        return _json(self._renderer.native(body, context))

    async def send(self, prepared: PreparedRequest) -> Outcome:
        """Sign, send, and say what the answer means."""
        request = prepared.request
        if self._keys:
            signature = signature_headers(
                self._keys, prepared.message_id, int(time.time()), request.body
            )
            request = Request(
                request.method, request.url, {**request.headers, **signature}, request.body
            )
        try:
            exchange = await self._http.exchange(
                request, timeout=self._config.timeout.total_seconds()
            )
        except WireError as error:
            return Deferred(error.reason, answer=str(error))
        return classify(
            exchange.status,
            exchange.headers,
            exchange.body,
            success=self._config.success.holds(exchange),
            now=self._clock(),
        )

    async def verify(self) -> str:
        """Open a connection and ask with OPTIONS, which delivers nothing. Raises VerifyError."""
        place = urlsplit(self._config.url)
        try:
            exchange = await self._http.exchange(
                Request("OPTIONS", f"{place.scheme}://{place.netloc}/"), timeout=10.0
            )
        except WireError as error:
            raise VerifyError(f"{self.name}: {error} ({error.reason})") from error
        return f"{place.netloc} answers (HTTP {exchange.status})"

    async def close(self) -> None:
        """Give back connections."""
        await self._http.close()


def envelope(lead: Lead, message: Message) -> bytes:
    """The standard body (contract §6): the same bytes on every attempt."""
    stamp = message.accepted_at.astimezone(UTC).isoformat(timespec="milliseconds")
    return _json(
        {"type": message.type, "timestamp": stamp.replace("+00:00", "Z"), "data": lead.as_dict()}
    )


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _must_be_json(text: str, name: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 0)
        raise TemplateError("the rendered text is not JSON: use the json filter", name, line) from None


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


def _auth(auth: Auth | None) -> tuple[dict[str, str], tuple[str, str] | None]:
    """Headers that prove who we are; or a query part and its name."""
    if auth is None:
        return {}, None
    if auth.bearer:
        return {"authorization": f"Bearer {auth.bearer.get_secret_value()}"}, None
    if auth.basic:
        couple = f"{auth.basic.username}:{auth.basic.password.get_secret_value()}".encode()
        return {"authorization": "Basic " + base64.b64encode(couple).decode()}, None
    key = auth.api_key
    if key is None:
        return {}, None
    if key.header:
        return {key.header.lower(): key.value.get_secret_value()}, None
    from urllib.parse import quote

    name = quote(key.query or "", safe="")
    return {}, (f"{name}={quote(key.value.get_secret_value(), safe='')}", name)


def _says(body: bytes, expected: Mapping[str, Any]) -> bool:
    try:
        value = json.loads(body)
    except ValueError:
        return False
    for path, wanted in expected.items():
        found: Any = value
        for part in path.split("."):
            if isinstance(found, list) and part.isdigit() and int(part) < len(found):
                found = found[int(part)]
            elif isinstance(found, dict):
                found = found.get(part)
            else:
                return False
        if found != wanted:
            return False
    return True
