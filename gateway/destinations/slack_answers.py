"""What Slack's answers mean for a delivery.

Owns Slack's words. A webhook answers with one as plain text and a status, the API with status 200,
``ok`` and ``error``. Source: Slack's pages on incoming webhooks and on chat.postMessage; the table
for people is in docs/slack.md. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.backoff import parse_retry_after
from gateway.delivery import Deferred, Delivered, Outcome, Reason, Refused
from gateway.destinations.classify import answer_text, classify
from gateway.http import Exchange

_LIMITED = frozenset({"message_limit_exceeded", "rate_limited", "ratelimited"})
_CREDENTIALS = frozenset({
    "access_denied", "account_inactive", "action_prohibited", "ekm_access_denied",
    "enterprise_is_restricted", "invalid_auth", "invalid_token", "messages_tab_disabled",
    "missing_scope", "no_active_hooks", "no_permission", "no_service", "no_service_id", "no_team",
    "not_allowed_token_type", "not_authed", "not_in_channel", "org_login_required",
    "posting_to_general_channel_denied", "restricted_action",
    "restricted_action_non_threadable_channel", "restricted_action_read_only_channel",
    "restricted_action_thread_locked", "restricted_action_thread_only_channel",
    "team_access_not_granted", "team_disabled", "team_not_found", "token_expired", "token_revoked",
    "two_factor_setup_required",
})  # fmt: skip
"""Somebody has to let the gateway in: it concerns every lead, and none is lost while they do."""
_SHAPE = frozenset({
    "as_user_not_supported", "attachment_payload_limit_exceeded", "invalid_arg_name",
    "invalid_arguments", "invalid_array_arg", "invalid_blocks", "invalid_blocks_format",
    "invalid_charset", "invalid_form_data", "invalid_json", "invalid_metadata_format",
    "invalid_metadata_schema", "invalid_payload", "invalid_post_type", "json_not_object",
    "markdown_text_conflict", "metadata_must_be_sent_from_app", "metadata_too_large",
    "missing_post_type", "missing_text_or_fallback_or_attachments", "msg_blocks_too_long",
    "msg_too_long", "no_text", "too_many_attachments", "too_many_contact_cards", "user_not_found",
})  # fmt: skip
"""The message itself is wrong: never in this form."""
_GONE = frozenset({"channel_is_archived", "is_archived"})
_HALF_DONE = frozenset({"fatal_error", "internal_error"})
"""Slack's pages say of these that a part of it may have been done."""
_NO_THREAD = frozenset({
    "cannot_reply_to_message", "invalid_thread_ts", "message_not_found",
    "restricted_action_non_threadable_channel", "restricted_action_thread_locked",
    "thread_not_found",
})  # fmt: skip
_NO_EDIT = frozenset({
    "block_mismatch", "cant_update_message", "channel_not_found", "edit_window_closed",
    "is_inactive", "message_not_found", "update_failed",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What Slack said: its word (``ok``, or what is wrong; empty when it said none), and the
    message's time stamp, which names it.
    """

    word: str
    ts: str | None = None

    @classmethod
    def read(cls, body: bytes) -> Answer:
        """Of a webhook's text or of the API's JSON. Never raises."""
        text = body[:100_000].decode("utf-8", "replace").strip()
        if not text.startswith("{"):
            return cls(text if len(text) < 60 and text.replace("_", "").isalnum() else "")
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return cls("")
        if said.get("ok") is True:
            return cls("ok", str(said["ts"]) if said.get("ts") else None)
        return cls(str(said.get("error") or ""))

    @property
    def has_no_thread(self) -> bool:
        """Whether the message to reply to is not there (any more), or takes no replies."""
        return self.word in _NO_THREAD

    @property
    def has_no_edit(self) -> bool:
        """Whether the message to change is not there (any more), or stays as it is."""
        return self.word in _NO_EDIT


def understand(exchange: Exchange, now: datetime, hide: Sequence[str] = ()) -> Outcome:
    """The outcome of one answer; ``now`` turns a Retry-After date into seconds, and ``hide`` are
    secrets that it may repeat.
    """
    status, text = exchange.status, answer_text(exchange.body, hide)
    answer = Answer.read(exchange.body)
    word = answer.word
    if status == 200 and word == "ok":
        return Delivered(status=200, answer=text, remote_id=answer.ts)
    if status == 429 or word in _LIMITED:
        wait = parse_retry_after(exchange.headers.get("retry-after"), now)
        return Deferred(Reason.RATE_LIMITED, status, text, wait, throttle=wait is not None)
    if word in _CREDENTIALS:
        return Deferred(Reason.CREDENTIALS, status, text)
    if word in _SHAPE:
        return Refused(Reason.REJECTED, status, text)
    if word in _GONE:
        return Refused(Reason.GONE, status, text, pause=True)
    if word == "channel_not_found":
        return Deferred(Reason.NOT_FOUND, status, text)
    if status == 200:
        # Words that are new to us, Slack's own trouble, or a page that is not Slack's at all.
        reason = Reason.SLACK_ERROR if word else Reason.UNSUCCESSFUL
        return Deferred(reason, status, text, uncertain=word in _HALF_DONE)
    return classify(status, exchange.headers, exchange.body, success=False, now=now, hide=hide)
