"""Slack: a lead as Block Kit, through an incoming webhook or ``chat.postMessage``.

Owns how a message is posted and where: alone, under the first message about the same person, or in
the place of the lead's own when somebody took it. What Slack takes is for slack_blocks.py, what its
answers mean for slack_answers.py, what comes back when a button is pressed for slack_actions.py.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from gateway.delivery import Continue, Deferred, Delivered, Message, Outcome
from gateway.destinations.announcing import as_blocks
from gateway.destinations.common import DestinationConfig
from gateway.destinations.protocol import Preview, Surroundings, VerifyError
from gateway.destinations.slack_actions import email_of, pressed_within
from gateway.destinations.slack_answers import Answer, understand
from gateway.destinations.slack_blocks import fit, limits_broken
from gateway.destinations.slack_drawing import page
from gateway.http import Exchange, HttpClient, Request, WireError
from gateway.lead import Lead
from gateway.notice import Notice
from gateway.render import Renderer, TemplateError

_JSON = "application/json; charset=utf-8"


class SlackConfig(DestinationConfig):
    """``kind: slack`` in gateway.yaml: ``webhook_url``, or ``token`` and ``channel``."""

    kind: Literal["slack"] = "slack"
    webhook_url: SecretStr | None = None
    token: SecretStr | None = None
    channel: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    api_url: Annotated[str, Field(max_length=500)] = "https://slack.com/api/"
    """For a workspace that is not on slack.com, as GovSlack is not."""
    template: str = Field(default="new-lead", pattern=r"^[A-Za-z0-9_-]+$")
    signing_secret: SecretStr | None = None
    """The app's: with it the button that takes a lead works within Slack."""

    @property
    def host(self) -> tuple[str, str]:
        """See :class:`DestinationConfig`."""
        if self.webhook_url:
            return "webhook_url", urlsplit(self.webhook_url.get_secret_value()).hostname or ""
        return "api_url", urlsplit(self.api_url).hostname or ""

    @property
    def shows_claims(self) -> bool:
        """See :class:`DestinationConfig`. A webhook does not say which message it made."""
        return self.token is not None

    @property
    def template_files(self) -> tuple[tuple[str, str, bool], ...]:
        """See :class:`DestinationConfig`."""
        return (("template", f"slack/{self.template}.json.j2", True),)

    @field_validator("api_url")
    @classmethod
    def _on_the_web(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("begin it with https://")
        return value.rstrip("/") + "/"

    @model_validator(mode="after")
    def _one_way(self) -> SlackConfig:
        by_token = self.token is not None and self.channel is not None
        if (self.webhook_url is not None) == by_token or (self.token is None) != (
            self.channel is None
        ):
            raise ValueError("name either webhook_url, or token and channel")
        if self.webhook_url:
            scheme = urlsplit(self.webhook_url.get_secret_value()).scheme
            if scheme not in ("http", "https"):
                raise ValueError("webhook_url must begin with https://")
        return self


@dataclass(frozen=True, slots=True)
class PreparedSlack:
    """One message, ready to post; ``payload`` is what Slack gets."""

    url: str
    headers: dict[str, str]
    payload: dict[str, Any]
    saved: dict[str, Any] | None = None
    """What to keep when other messages of the lead are to be changed after this one."""
    instead: PreparedSlack | None = None
    """What to post where this message can not be changed."""

    @property
    def request(self) -> Request:
        """The message as it goes out."""
        body = json.dumps(self.payload, ensure_ascii=False).encode("utf-8", "replace")
        return Request("POST", self.url, self.headers, body)

    @property
    def is_reply(self) -> bool:
        """Whether it is posted under another message."""
        return "thread_ts" in self.payload

    @property
    def alone(self) -> PreparedSlack:
        """The same message, under no other."""
        alone = {key: self.payload[key] for key in self.payload if key not in _REPLY}
        return replace(self, payload=alone)

    def otherwise(self, answer: Answer) -> PreparedSlack | None:
        """What to try at once when Slack said this; None when that is for the schedule."""
        if self.is_reply and answer.has_no_thread:
            return self.alone
        return self.instead if answer.has_no_edit else None

    def preview(self) -> Preview:
        place = urlsplit(self.url)
        # The path of an incoming webhook is its password; the API's is not.
        path = place.path if "authorization" in self.headers else "/•••"
        head = [("", f"POST {place.scheme}://{place.netloc}{path}"), ("content-type", _JSON)]
        if "authorization" in self.headers:
            head.append(("authorization", "Bearer •••"))
        body = json.dumps(self.payload, ensure_ascii=False, indent=2)
        drawn = {"html": page(self.payload).encode("utf-8", "replace")}
        return Preview("Slack message", head, [("application/json", body)], drawn)


_REPLY = ("thread_ts", "reply_broadcast")


class SlackDestination:
    """Posts leads to one channel."""

    kind = "slack"

    def __init__(
        self, name: str, config: SlackConfig, renderer: Renderer, http: HttpClient
    ) -> None:
        self.name = name
        # A webhook does not say which message it made: nothing can be posted under it.
        self.threads = config.token is not None
        self._config = config
        self._renderer = renderer
        self._http = http
        hook = config.webhook_url.get_secret_value() if config.webhook_url else ""
        token = config.token.get_secret_value() if config.token else ""
        self._secrets = tuple(text for text in (urlsplit(hook).path.strip("/"), token) if text)

    @classmethod
    def build(cls, name: str, config: SlackConfig, around: Surroundings) -> SlackDestination:
        """See :class:`gateway.destinations.protocol.Buildable`."""
        http = HttpClient(around.guard, connections=config.concurrency)
        return cls(name, config, around.renderer, http)

    def render(self, lead: Lead, message: Message) -> PreparedSlack:
        """Fill the template and check it against Slack's limits. Raises TemplateError."""
        if self._config.shows_claims and message.earlier:
            return self._edit(lead, message)
        payload = self.payload(lead, message)
        channel, _, first = message.thread.rpartition(":")
        threaded = bool(first) and channel == self._config.channel
        return self._posting(payload, first if threaded else "")

    def payload(self, lead: Lead, message: Message) -> dict[str, Any]:
        """The message alone, without where it goes. Raises TemplateError."""
        name = f"slack/{self._config.template}.json.j2"
        context = self._renderer.context(lead, message)
        payload: dict[str, Any] = fit(_parsed(self._renderer.file(name, context), name))
        if self._config.signing_secret and (link := context["links"]["claim"]):
            payload = pressed_within(payload, link)
        for fault in limits_broken(payload):
            raise TemplateError(fault, name)
        return payload

    def _edit(self, lead: Lead, message: Message) -> PreparedSlack:
        """One of the lead's messages as it reads now, in its place; one after the other."""
        step = min(int(message.saved.get("changed", 0)), len(message.earlier) - 1)
        occasion, ts = message.earlier[step]
        as_it_was = self.payload(lead, replace(message, occasion=occasion))
        edit = self._posting(as_it_was, method="chat.update")
        edit.payload["ts"] = ts
        if step + 1 < len(message.earlier):
            return replace(edit, saved={"changed": step + 1})
        reply = self._posting(self.payload(lead, message), ts)
        reply.payload["reply_broadcast"] = False
        return replace(edit, instead=reply)

    def _posting(
        self, payload: dict[str, Any], thread: str = "", method: str = "chat.postMessage"
    ) -> PreparedSlack:
        """The message on its way to the channel, in a thread that is there already if there is."""
        if self._config.webhook_url:
            hook = self._config.webhook_url.get_secret_value()
            return PreparedSlack(hook, {"content-type": _JSON}, payload)
        payload["channel"] = self._config.channel
        if thread:
            # In the thread and in the channel: a lead that only shows in a thread is not seen.
            payload |= {"thread_ts": thread, "reply_broadcast": True}
        return PreparedSlack(self._method(method), self._signed_in(), payload)

    def _method(self, name: str) -> str:
        return self._config.api_url + name

    def _signed_in(self) -> dict[str, str]:
        token = self._config.token.get_secret_value() if self._config.token else ""
        return {"content-type": _JSON, "authorization": f"Bearer {token}"}

    async def send(self, prepared: PreparedSlack) -> Outcome:
        """Post the message. Slack says no with 4xx words, or with 200 and ``ok: false``."""
        ends = time.monotonic() + self._config.timeout.total_seconds()
        try:
            while True:
                left = max(0.001, ends - time.monotonic())
                exchange = await self._http.exchange(prepared.request, timeout=left)
                # Nothing was posted: without a thread that is lost it begins a new one, in place
                # of a message that stays as it is it comes under it.
                other = prepared.otherwise(Answer.read(exchange.body))
                if other is None or time.monotonic() >= ends:
                    break
                prepared = other
        except WireError as error:
            return Deferred(error.reason, answer=str(error), uncertain=error.uncertain)
        outcome = understand(exchange, datetime.now(UTC), self._secrets)
        if isinstance(outcome, Delivered) and prepared.saved is not None:
            return Continue(prepared.saved, outcome.status, outcome.answer)
        begins = not prepared.is_reply and "ts" not in prepared.payload
        if isinstance(outcome, Delivered) and self.threads and begins:
            thread = f"{self._config.channel}:{outcome.remote_id}" if outcome.remote_id else None
            return replace(outcome, thread=thread)
        return outcome

    async def announce(self, notice: Notice) -> Outcome:
        """See :class:`gateway.destinations.protocol.Destination`."""
        return await self.send(self._posting(fit(as_blocks(notice))))

    async def email_of(self, member: str, timeout: float) -> str | None:
        """A member's address, where the token may know it (``users:read.email``); else None."""
        if not self._config.token:
            return None
        headers = {**self._signed_in(), "content-type": "application/x-www-form-urlencoded"}
        body = urlencode({"user": member}).encode()
        asking = Request("POST", self._method("users.info"), headers, body)
        try:
            return email_of((await self._http.exchange(asking, timeout=timeout)).body)
        except WireError:
            return None

    async def respond(self, url: str, payload: dict[str, Any], timeout: float = 10.0) -> bool:
        """Answer who pressed a button, where Slack says; whether Slack took it. Never raises."""
        body = json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace")
        try:
            request = Request("POST", url, {"content-type": _JSON}, body)
            return (await self._http.exchange(request, timeout=timeout)).status == 200
        except WireError:
            return False

    async def verify(self) -> str:
        """Reach Slack, with a token ask it who we are; post nothing. Raises VerifyError."""
        try:
            if self._config.webhook_url:
                place = urlsplit(self._config.webhook_url.get_secret_value())
                await self._http.exchange(
                    Request("GET", f"{place.scheme}://{place.netloc}/"), timeout=10.0
                )
                return f"{place.netloc} answers"
            asking = Request("POST", self._method("auth.test"), self._signed_in())
            exchange = await self._http.exchange(asking, timeout=10.0)
        except WireError as error:
            raise VerifyError(f"{self.name}: {error} ({error.reason})") from error
        return self._who(exchange)

    def _who(self, exchange: Exchange) -> str:
        answer = Answer.read(exchange.body)
        if answer.word != "ok":
            raise VerifyError(f"{self.name}: Slack says {answer.word or exchange.status}")
        scopes = exchange.headers.get("x-oauth-scopes", "chat:write")
        if "chat:write" not in [scope.strip() for scope in scopes.split(",")]:
            raise VerifyError(f"{self.name}: the token lacks the scope chat:write")
        return f"{urlsplit(self._config.api_url).netloc} knows the token"

    async def close(self) -> None:
        """Give back connections."""
        await self._http.close()


def _parsed(text: str, name: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        words = "what it renders is not JSON: write values with the json filter"
        raise TemplateError(words, name, error.lineno) from None
    except (ValueError, RecursionError):
        raise TemplateError("what it renders can not be read as JSON", name) from None


def _no_constant(word: str) -> Any:
    raise ValueError(word)  # NaN and the infinities are Python's, and no JSON
