"""Slack: a lead as Block Kit, through an incoming webhook or ``chat.postMessage``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from gateway.backoff import parse_retry_after
from gateway.delivery import Deferred, Delivered, Message, Outcome, Reason, Refused
from gateway.destinations.classify import answer_text, classify
from gateway.destinations.common import DestinationConfig
from gateway.destinations.protocol import Preview, VerifyError
from gateway.http import Exchange, HttpClient, Request, WireError
from gateway.lead import Lead
from gateway.render import Renderer, TemplateError

POST_MESSAGE = "https://slack.com/api/chat.postMessage"
_CREDENTIALS = {
    "invalid_auth", "account_inactive", "token_revoked", "token_expired", "not_authed",
    "missing_scope", "invalid_token", "no_service", "action_prohibited",
}  # fmt: skip
_SHAPE = {"invalid_blocks", "invalid_payload", "msg_too_long", "invalid_arguments", "no_text"}


class SlackConfig(DestinationConfig):
    """``kind: slack`` in gateway.yaml: ``webhook_url``, or ``token`` and ``channel``."""

    kind: Literal["slack"] = "slack"
    webhook_url: SecretStr | None = None
    token: SecretStr | None = None
    channel: str | None = None
    template: str = Field(default="new-lead", pattern=r"^[A-Za-z0-9_-]+$")

    @property
    def host(self) -> tuple[str, str]:
        """See :class:`DestinationConfig`."""
        hook = self.webhook_url.get_secret_value() if self.webhook_url else POST_MESSAGE
        return "webhook_url", urlsplit(hook).hostname or ""

    @property
    def template_files(self) -> tuple[tuple[str, str, bool], ...]:
        """See :class:`DestinationConfig`."""
        return (("template", f"slack/{self.template}.json.j2", True),)

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
    """One message, ready to post."""

    request: Request
    payload: dict[str, Any]

    def preview(self) -> Preview:
        place = urlsplit(self.request.url)
        head = [("", f"POST {place.scheme}://{place.netloc}/•••")]
        body = json.dumps(self.payload, ensure_ascii=False, indent=2)
        return Preview("Slack message", head, [("application/json", body)])


class SlackDestination:
    """Posts leads to one channel."""

    kind = "slack"

    def __init__(
        self, name: str, config: SlackConfig, renderer: Renderer, http: HttpClient
    ) -> None:
        self.name = name
        self._config = config
        self._renderer = renderer
        self._http = http

    def render(self, lead: Lead, message: Message) -> PreparedSlack:
        """Fill the template and check it against Slack's limits. Raises TemplateError."""
        name = f"slack/{self._config.template}.json.j2"
        text = self._renderer.file(name, self._renderer.context(lead, message))
        try:
            payload = json.loads(text)
        except ValueError as error:
            line = getattr(error, "lineno", None)
            raise TemplateError("the rendered text is not JSON: use the json filter", name, line) from None
        for fault in limits_broken(payload):
            raise TemplateError(fault, name)
        headers = {"content-type": "application/json; charset=utf-8"}
        if self._config.token:
            payload["channel"] = self._config.channel
            headers["authorization"] = f"Bearer {self._config.token.get_secret_value()}"
        hook = self._config.webhook_url
        url = hook.get_secret_value() if hook else POST_MESSAGE
        body = json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace")
        return PreparedSlack(Request("POST", url, headers, body), payload)

    async def send(self, prepared: PreparedSlack) -> Outcome:
        """Post the message. Slack says no with 4xx words, or with 200 and ``ok: false``."""
        try:
            exchange = await self._http.exchange(
                prepared.request, timeout=self._config.timeout.total_seconds()
            )
        except WireError as error:
            return Deferred(error.reason, answer=str(error))
        return _understand(exchange, datetime.now(UTC))

    async def verify(self) -> str:
        """Open a connection to Slack's host; post nothing. Raises VerifyError."""
        hook = self._config.webhook_url
        place = urlsplit(hook.get_secret_value() if hook else POST_MESSAGE)
        try:
            await self._http.exchange(Request("GET", f"{place.scheme}://{place.netloc}/"), timeout=10.0)
        except WireError as error:
            raise VerifyError(f"{self.name}: {error} ({error.reason})") from error
        return f"{place.netloc} answers"

    async def close(self) -> None:
        """Give back connections."""
        await self._http.close()


def _understand(exchange: Exchange, now: datetime) -> Outcome:
    answer = answer_text(exchange.body)
    word = answer.strip()
    remote_id = None
    if exchange.headers.get("content-type", "").startswith("application/json"):
        try:
            said = json.loads(exchange.body)
        except ValueError:
            said = {}
        if isinstance(said, dict) and "ok" in said:
            word = "ok" if said["ok"] is True else str(said.get("error", "unknown_error"))
            remote_id = str(said["ts"]) if said["ok"] is True and said.get("ts") else None
    if exchange.status == 200 and word == "ok":
        return Delivered(status=200, answer=answer, remote_id=remote_id)
    if word in ("ratelimited", "rate_limited", "message_limit_exceeded"):
        wait = parse_retry_after(exchange.headers.get("retry-after"), now)
        return Deferred(Reason.RATE_LIMITED, exchange.status, answer, wait, throttle=wait is not None)
    if word in _CREDENTIALS:
        return Deferred(Reason.CREDENTIALS, exchange.status, answer)
    if word in _SHAPE:
        return Refused(Reason.REJECTED, exchange.status, answer)
    if exchange.status == 200:
        return Refused(Reason.SLACK_ERROR, exchange.status, answer)
    return classify(exchange.status, exchange.headers, exchange.body, success=False, now=now)


def limits_broken(payload: Any) -> list[str]:
    """What Slack would refuse in a message: its documented limits of Block Kit."""
    if not isinstance(payload, dict):
        return ["a Slack message is a JSON object"]
    blocks = payload.get("blocks", [])
    faults = []
    if not str(payload.get("text") or "").strip():
        faults.append("text: required, it is what a notification shows")
    if not isinstance(blocks, list) or len(blocks) > 50:
        return [*faults, "blocks: a list of at most 50"]
    for number, block in enumerate(blocks, start=1):
        place = f"blocks[{number}]"
        if not isinstance(block, dict):
            faults.append(f"{place}: an object")
            continue
        longest = 150 if block.get("type") == "header" else 3000
        faults += _text_faults(f"{place}.text", block.get("text"), longest)
        fields = block.get("fields", [])
        if len(fields) > 10:
            faults.append(f"{place}.fields: at most 10")
        for field in fields:
            faults += _text_faults(f"{place}.fields", field, 2000)
        elements = block.get("elements", [])
        most = 10 if block.get("type") == "context" else 25
        if len(elements) > most:
            faults.append(f"{place}.elements: at most {most}")
        for element in elements:
            if element.get("type") == "button":
                faults += _text_faults(f"{place}.button", element.get("text"), 75)
                if len(element.get("url", "")) > 3000:
                    faults.append(f"{place}.button.url: at most 3000 characters")
    return faults


def _text_faults(place: str, text: Any, longest: int) -> list[str]:
    if text is None:
        return []
    words = text.get("text", "") if isinstance(text, dict) else ""
    if not words:
        return [f"{place}: the text is empty"]
    return [f"{place}: more than {longest} characters"] if len(words) > longest else []
