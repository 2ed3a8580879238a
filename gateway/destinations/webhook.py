"""The webhook: a lead as an HTTP request, signed, to a CRM or anything else that listens.

Owns how a request is put together and what its answer counts as. Opens no connection itself.
"""

from __future__ import annotations

import base64
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote_plus

from yarl import URL

from gateway.delivery import Deferred, Message, Outcome, Reason, Refused
from gateway.destinations.announcing import as_json
from gateway.destinations.classify import answer_text, classify
from gateway.destinations.protocol import Preview, Surroundings, VerifyError
from gateway.destinations.webhook_body import envelope, json_bytes, media_type, must_be_json
from gateway.destinations.webhook_config import (
    Auth,
    WebhookConfig,
    is_header_value,
    is_template,
    is_url_text,
)
from gateway.http import USER_AGENT, HttpClient, Request, WireError
from gateway.lead import Lead
from gateway.notice import Notice
from gateway.render import Renderer, TemplateError
from gateway.signing import signature_headers

__all__ = ["PreparedRequest", "WebhookConfig", "WebhookDestination"]

MASKED = "•••"
_SECRET_WORDS = frozenset(
    (
        *("auth", "authorization", "cookie", "sig", "signature"),
        *("apikey", "key", "token", "secret", "password", "passwd"),
    )
)
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_VERIFY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """One request, complete but for the signature, which carries the time of sending."""

    request: Request
    message_id: str
    secret_names: frozenset[str]
    signed: bool

    def preview(self) -> Preview:
        """The request as people may see it: credentials masked, by where they are and by name."""
        url = URL(self.request.url)
        if url.raw_query_string:
            pairs = (part.partition("=") for part in url.raw_query_string.split("&"))
            shown = "&".join(
                name + sign + (MASKED if self._is_secret(unquote_plus(name)) else value)
                for name, sign, value in pairs
            )
            place = f"{url.with_query(None)}?{shown}"
        else:
            place = str(url)
        head = [("", f"{self.request.method} {place}")]
        head += [
            (name, MASKED if self._is_secret(name) else value)
            for name, value in self.request.headers.items()
        ]
        if self.signed:
            head.append(("webhook-timestamp", "(the time of sending)"))
            head.append(("webhook-signature", f"v1,{MASKED}"))
        media = self.request.headers.get("content-type", "application/octet-stream")
        return Preview(
            title=f"{self.request.method} {url.host}",
            head=head,
            parts=[(media, self.request.body.decode("utf-8", "replace"))],
        )

    def _is_secret(self, name: str) -> bool:
        if name.lower() == "idempotency-key":
            return False
        words = {word.lower() for word in _WORDS.findall(name)}
        # A key in a header of the user's own is as secret as one under auth.
        return name.lower() in self.secret_names or not words.isdisjoint(_SECRET_WORDS)


class WebhookDestination:
    """Sends leads to one URL. ``http`` is its own and is closed with it."""

    kind = "webhook"
    threads = False

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
        self._timeout = config.timeout.total_seconds()
        self._keys = config.sign.keys if config.sign else ()
        auth_headers, self._query = _credentials(config.auth)
        self._secret_names = frozenset(name.lower() for name in (*auth_headers, *self._query))
        # Whatever no lead can change is put together once.
        self._url = None if is_template(config.url) else self._with_query(_url(config.url))
        self._templates = {
            name.lower(): value for name, value in config.headers.items() if is_template(value)
        }
        self._headers = {
            "content-type": media_type(config.body),
            "accept": "application/json, */*;q=0.5",
            "user-agent": USER_AGENT,
            **{name.lower(): value for name, value in config.headers.items()},
            **auth_headers,
        }

    @classmethod
    def build(cls, name: str, config: WebhookConfig, around: Surroundings) -> WebhookDestination:
        """See :class:`gateway.destinations.protocol.Buildable`."""
        http = HttpClient(around.guard, connections=config.concurrency)
        return cls(name, config, around.renderer, http)

    def render(self, lead: Lead, message: Message) -> PreparedRequest:
        """Prepare the request, the same on every attempt. Raises TemplateError."""
        plain = self._url is not None and not self._templates and self._config.body is None
        context = {} if plain else self._renderer.context(lead, message)
        headers = {"webhook-id": message.id, "idempotency-key": message.id, **self._headers}
        for name, source in self._templates.items():
            headers[name] = self._header(name, source, context)
        request = Request(
            self._config.method,
            self._url or self._rendered_url(context),
            headers,
            self._body(lead, message, context),
        )
        return PreparedRequest(request, message.id, self._secret_names, bool(self._keys))

    async def send(self, prepared: PreparedRequest) -> Outcome:
        """Sign it with the time it is now, send it, and say what the answer means."""
        now = self._clock()
        request = prepared.request
        if self._keys:
            signature = signature_headers(
                self._keys, prepared.message_id, int(now.timestamp()), request.body
            )
            request = replace(request, headers={**request.headers, **signature})
        try:
            exchange = await self._http.exchange(request, self._timeout)
        except WireError as error:
            return Deferred(error.reason, answer=error.text, uncertain=error.uncertain)
        status, headers, body = exchange.status, exchange.headers, exchange.body
        success = self._config.success.holds(status, headers, body, truncated=exchange.truncated)
        if success is None:
            return Deferred(Reason.TOO_LARGE, status, answer_text(body), uncertain=True)
        return classify(status, headers, body, success=success, now=self._clock())

    async def announce(self, notice: Notice) -> Outcome:
        """See :class:`gateway.destinations.protocol.Destination`: where leads go, as JSON."""
        try:
            prepared = self.render(notice.nobody, Message(notice.id, self.name, notice.at))
        except TemplateError as error:
            return Refused(Reason.TEMPLATE, answer=str(error))
        headers = {**prepared.request.headers, "content-type": "application/json"}
        request = replace(prepared.request, headers=headers, body=as_json(notice))
        return await self.send(replace(prepared, request=request))

    async def verify(self) -> str:
        """Ask the host's root with OPTIONS, which delivers nothing. Raises VerifyError."""
        place = _url(self._config.url.partition("{")[0]).origin()
        try:
            exchange = await self._http.exchange(
                Request("OPTIONS", place / ""), min(self._timeout, _VERIFY_SECONDS)
            )
        except WireError as error:
            raise VerifyError(f"{place}: {error} ({error.reason})") from error
        return f"{place} answers (HTTP {exchange.status})"

    async def close(self) -> None:
        """Give back connections."""
        await self._http.close()

    def _rendered_url(self, context: Mapping[str, Any]) -> URL:
        """A lead fills parts of the path and the query, quoted; it can not move the request."""
        try:
            text = self._renderer.text(self._config.url, context, quote=True)
        except UnicodeError:
            raise TemplateError(
                "a value has half a character, which no URL can hold", "url"
            ) from None
        written, _, _ = self._config.url.partition("{")
        if not text.startswith(written) or not is_url_text(text) or "#" in text:
            raise TemplateError("a value makes it a URL that can not be sent", "url")
        path = text.partition("://")[2].partition("?")[0]
        if any(part.lower().replace("%2e", ".") in (".", "..") for part in path.split("/")):
            raise TemplateError("a value makes a part of the path that climbs out of it", "url")
        return self._with_query(_url(text))

    def _with_query(self, url: URL) -> URL:
        return url.extend_query(self._query) if self._query else url

    def _header(self, name: str, source: str, context: Mapping[str, Any]) -> str:
        value = self._renderer.text(source, context).strip()
        if not is_header_value(value):
            raise TemplateError(
                "the value has a line break or a character no header can hold", f"headers.{name}"
            )
        return value

    def _body(self, lead: Lead, message: Message, context: Mapping[str, Any]) -> bytes:
        body = self._config.body
        if body is None:
            return envelope(lead, message)
        if not isinstance(body, str):
            return json_bytes(self._renderer.native(body, context))
        text = self._renderer.file(body, context)
        if media_type(body) == "application/json":
            must_be_json(text, body)
        return text.encode("utf-8", "replace")


def _url(text: str) -> URL:
    """The URL as it was written: only what is not ASCII is quoted, and nothing is unquoted.

    Unquoting would give a lead's ``%3B`` or ``%2E`` back the meaning that was taken from it.
    """
    scheme, _, rest = text.partition("://")
    place = re.split(r"[/?]", rest, maxsplit=1)[0]
    origin = URL(f"{scheme}://{place}").origin()
    target = quote(rest[len(place) :], safe=string.punctuation)
    return URL(f"{origin}{'' if target.startswith('/') else '/'}{target}", encoded=True)


def _credentials(auth: Auth | None) -> tuple[dict[str, str], dict[str, str]]:
    """What proves who we are: headers, and parts of the query."""
    if auth is None:
        return {}, {}
    if auth.bearer is not None:
        return {"authorization": f"Bearer {auth.bearer.get_secret_value()}"}, {}
    if auth.basic is not None:
        couple = f"{auth.basic.username}:{auth.basic.password.get_secret_value()}"
        coded = base64.b64encode(couple.encode()).decode()
        return {"authorization": f"Basic {coded}"}, {}
    if auth.api_key is None:
        return {}, {}
    value = auth.api_key.value.get_secret_value()
    if auth.api_key.header is not None:
        return {auth.api_key.header.lower(): value}, {}
    return {}, {auth.api_key.query or "": value}
