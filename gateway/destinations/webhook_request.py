"""One request of a webhook: put together from templates, shown to people, never sent here.

Owns what a request carries and what of it a preview may show.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote_plus

from yarl import URL

from gateway.delivery import Message
from gateway.destinations.protocol import Preview
from gateway.destinations.webhook_auth import is_header_value
from gateway.destinations.webhook_body import (
    envelope,
    file_body,
    form_body,
    json_body,
    media_type,
)
from gateway.destinations.webhook_url import as_written, is_template, rendered_url
from gateway.http import USER_AGENT, Request
from gateway.lead import Lead
from gateway.render import Renderer, TemplateError

MASKED = "•••"
_SECRET_WORDS = frozenset(
    (
        *("auth", "authorization", "cookie", "sig", "signature"),
        *("apikey", "key", "token", "secret", "password", "passwd"),
    )
)
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


@dataclass(frozen=True, slots=True)
class Written:
    """A request as somebody wrote it: in gateway.yaml, or in a preset's step.

    Without ``body`` and ``form`` it carries the standard envelope, or nothing when ``bare``.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | Mapping[str, Any] | Sequence[Any] | None = None
    form: Mapping[str, Any] | None = None
    bare: bool = False
    step: str = ""
    """What tells this call's idempotency key from those of the same delivery's other calls."""
    omit_empty: bool = False
    max_body: int | None = None


class RequestTemplate:
    """Makes requests of one form. Whatever no lead can change is put together once."""

    def __init__(
        self,
        written: Written,
        renderer: Renderer,
        credentials: tuple[Mapping[str, str], Mapping[str, str]],
    ) -> None:
        """``credentials`` are headers and parts of the query that each request gets."""
        self._written = written
        self._renderer = renderer
        headers, self._query = credentials
        fixed = None if is_template(written.url) else as_written(written.url)
        self._url = self._with_query(fixed) if fixed is not None else None
        self._templates = {
            name.lower(): value for name, value in written.headers.items() if is_template(value)
        }
        body = written.body if isinstance(written.body, (str, Mapping)) else None
        self._headers = {
            "content-type": media_type(body, form=written.form is not None),
            "accept": "application/json, */*;q=0.5",
            "user-agent": USER_AGENT,
            **{name.lower(): value for name, value in written.headers.items()},
            **headers,
        }
        if written.bare:
            del self._headers["content-type"]

    @property
    def is_plain(self) -> bool:
        """Whether it needs nothing of a template's context."""
        own = self._written.body is not None or self._written.form is not None
        return self._url is not None and not self._templates and not own

    def request(self, lead: Lead, message: Message, context: Mapping[str, Any]) -> Request:
        """The request, the same on every attempt. Raises TemplateError."""
        key = f"{message.id}-{self._written.step}" if self._written.step else message.id
        headers = {"webhook-id": message.id, "idempotency-key": key, **self._headers}
        if self._written.bare:
            del headers["webhook-id"], headers["idempotency-key"]
        for name, source in self._templates.items():
            headers[name] = self._header(name, source, context)
            if not headers[name] and self._written.omit_empty:
                del headers[name]
        url = self._url or self._with_query(
            rendered_url(self._written.url, self._renderer, context)
        )
        body = self._body(lead, message, context)
        most = self._written.max_body
        if most is not None and len(body) > most:
            raise TemplateError(
                f"it makes {len(body)} bytes, and the receiver takes {most}", "body"
            )
        return Request(self._written.method, url, headers, body)

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
        own = self._written
        if own.form is not None:
            return form_body(own.form, self._renderer, context, omit_empty=own.omit_empty)
        if own.body is None:
            return b"" if own.bare else envelope(lead, message)
        if isinstance(own.body, str):
            return file_body(own.body, self._renderer, context)
        return json_body(own.body, self._renderer, context, omit_empty=own.omit_empty)


class Hiding:
    """What of a request people may not see: by where it is, by its name, and by its text."""

    def __init__(self, names: Sequence[str] = (), texts: Sequence[str] = ()) -> None:
        self._names = frozenset(name.lower() for name in names)
        # A secret may stand in a URL or in JSON, in the writing of each.
        writings = {
            way
            for text in texts
            for way in (text, quote(text, safe=""), json.dumps(text, ensure_ascii=False)[1:-1])
        }
        self.texts = tuple(sorted((way for way in writings if len(way) > 2), key=len, reverse=True))

    def preview(self, request: Request, extra: Sequence[tuple[str, str]] = ()) -> Preview:
        """The request as people may see it; ``extra`` are headers that sending adds."""
        url = URL(request.url)
        place = str(url)
        if url.raw_query_string:
            pairs = (part.partition("=") for part in url.raw_query_string.split("&"))
            shown = "&".join(
                name + sign + (MASKED if self.is_secret(unquote_plus(name)) else value)
                for name, sign, value in pairs
            )
            place = f"{url.with_query(None)}?{shown}"
        head = [("", f"{request.method} {self.hidden(place)}")]
        head += [
            (name, MASKED if self.is_secret(name) else self.hidden(value))
            for name, value in request.headers.items()
        ]
        body = self.hidden(request.body.decode("utf-8", "replace"))
        media = request.headers.get("content-type", "application/octet-stream")
        title = f"{request.method} {url.host}"
        return Preview(title, [*head, *extra], [(media, body)] if body else [])

    def hidden(self, text: str) -> str:
        """``text`` with every known secret in it masked."""
        for secret in self.texts:
            text = text.replace(secret, MASKED)
        return text

    def is_secret(self, name: str) -> bool:
        """Whether what stands under this name is to be masked."""
        if name.lower() == "idempotency-key":
            return False
        words = {word.lower() for word in _WORDS.findall(name)}
        # A key in a header of the user's own is as secret as one under auth.
        return name.lower() in self._names or not words.isdisjoint(_SECRET_WORDS)
