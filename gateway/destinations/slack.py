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
from gateway.destinations.protocol import Preview, Surroundings, VerifyError
from gateway.destinations.slack_blocks import fit, limits_broken
from gateway.http import Exchange, HttpClient, Request, WireError
from gateway.lead import Lead
from gateway.render import Renderer, TemplateError

POST_MESSAGE = "https://slack.com/api/chat.postMessage"
# Slack's words, from its pages on incoming webhooks and on chat.postMessage.
_LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_CREDENTIALS = frozenset({
    "access_denied", "account_inactive", "action_prohibited", "invalid_auth", "invalid_token",
    "missing_scope", "no_active_hooks", "no_permission", "no_service", "not_authed",
    "not_allowed_token_type", "org_login_required", "team_disabled", "token_expired",
    "token_revoked",
})  # fmt: skip
_SHAPE = frozenset({
    "invalid_arguments", "invalid_blocks", "invalid_blocks_format", "invalid_payload",
    "markdown_text_conflict", "msg_blocks_too_long", "msg_too_long", "no_text",
    "too_many_attachments",
})  # fmt: skip
_NEVER_HERE = frozenset({
    "channel_not_found", "is_archived", "messages_tab_disabled", "not_in_channel",
    "restricted_action", "restricted_action_read_only_channel", "team_access_not_granted",
})  # fmt: skip


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
        place = urlsplit(str(self.request.url))
        head = [("", f"POST {place.scheme}://{place.netloc}/•••")]
        body = json.dumps(self.payload, ensure_ascii=False, indent=2)
        return Preview("Slack message", head, [("application/json", body)])


class SlackDestination:
    """Posts leads to one channel."""

    kind = "slack"
    threads = False

    def __init__(
        self, name: str, config: SlackConfig, renderer: Renderer, http: HttpClient
    ) -> None:
        self.name = name
        self._config = config
        self._renderer = renderer
        self._http = http

    @classmethod
    def build(cls, name: str, config: SlackConfig, around: Surroundings) -> SlackDestination:
        """See :class:`gateway.destinations.protocol.Buildable`."""
        http = HttpClient(around.guard, connections=config.concurrency)
        return cls(name, config, around.renderer, http)

    def render(self, lead: Lead, message: Message) -> PreparedSlack:
        """Fill the template and check it against Slack's limits. Raises TemplateError."""
        name = f"slack/{self._config.template}.json.j2"
        text = self._renderer.file(name, self._renderer.context(lead, message))
        payload = fit(_parsed(text, name))
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
            return Deferred(error.reason, answer=str(error), uncertain=error.uncertain)
        return _understand(exchange, datetime.now(UTC))

    async def verify(self) -> str:
        """Open a connection to Slack's host; post nothing. Raises VerifyError."""
        hook = self._config.webhook_url
        place = urlsplit(hook.get_secret_value() if hook else POST_MESSAGE)
        try:
            address = f"{place.scheme}://{place.netloc}/"
            await self._http.exchange(Request("GET", address), timeout=10.0)
        except WireError as error:
            raise VerifyError(f"{self.name}: {error} ({error.reason})") from error
        return f"{place.netloc} answers"

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


def _understand(exchange: Exchange, now: datetime) -> Outcome:
    """What Slack means: a webhook answers with a word, the API with ``ok`` and ``error``."""
    status, answer = exchange.status, answer_text(exchange.body)
    word, remote_id = _word(exchange.body)
    if status == 200 and word == "ok":
        return Delivered(status=200, answer=answer, remote_id=remote_id)
    if status == 429 or word in _LIMITED:
        wait = parse_retry_after(exchange.headers.get("retry-after"), now)
        return Deferred(Reason.RATE_LIMITED, status, answer, wait, throttle=wait is not None)
    if word in _CREDENTIALS:
        return Deferred(Reason.CREDENTIALS, status, answer)
    if word in _SHAPE:
        return Refused(Reason.REJECTED, status, answer)
    if status == 200 and word in _NEVER_HERE:
        return Refused(Reason.SLACK_ERROR, status, answer)
    if status == 200:
        # Words that are new to us, Slack's own trouble, or a page that is not Slack's at all.
        return Deferred(Reason.SLACK_ERROR if word else Reason.UNSUCCESSFUL, status, answer)
    return classify(status, exchange.headers, exchange.body, success=False, now=now)


def _word(body: bytes) -> tuple[str, str | None]:
    """Slack's word for what happened (empty when it said none), and the message's ``ts``."""
    text = body[:100_000].decode("utf-8", "replace").strip()
    if not text.startswith("{"):
        return (text if len(text) < 60 and text.replace("_", "").isalnum() else ""), None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return "", None
    if said.get("ok") is True:
        return "ok", str(said["ts"]) if said.get("ts") else None
    return str(said.get("error") or ""), None
