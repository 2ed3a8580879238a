"""What comes back from Slack when a button is pressed: whether it is Slack's, who pressed which.

Owns the signature of Slack's requests and the shape of a pressed button. Source: Slack's pages on
verifying requests, on handling user interaction and on the block_actions payload. Pure: time and
secret come in as arguments.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

CLAIM = "claim"
"""The ``action_id`` of the button that takes a lead."""
TOLERANCE = 300.0
"""Seconds that a request may be old, or ahead of our clock."""
VALUE_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class Pressed:
    """The button that takes a lead, pressed: ``token`` names the lead, ``answer_to`` is where an
    answer goes.
    """

    token: str
    member: str
    name: str
    answer_to: str


def is_from_slack(secret: str, timestamp: str, signature: str, body: bytes, now: float) -> bool:
    """Whether ``signature`` (``v0=…``) is Slack's of this body, made within :data:`TOLERANCE`."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    if abs(now - int(timestamp)) > TOLERANCE:
        return False
    signed = b"v0:" + timestamp.encode() + b":" + body
    wanted = "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace"))


def read_pressed(body: bytes) -> Pressed | None:
    """The pressed button; None for anything else that Slack may tell. Never raises."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=10)
        payload = json.loads(fields["payload"][0])
        action = next(item for item in payload["actions"] if item.get("action_id") == CLAIM)
        if payload["type"] != "block_actions":
            return None
        user = payload["user"]
        name = user.get("name") or user.get("username") or user["id"]
        texts = (action["value"], user["id"], name, payload.get("response_url") or "")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, StopIteration):
        return None
    if not all(isinstance(text, str) and len(text) <= VALUE_LIMIT for text in texts):
        return None
    return Pressed(*texts)


def email_of(body: bytes) -> str | None:
    """A member's address, out of an answer of users.info. Never raises."""
    try:
        found = json.loads(body)["user"]["profile"]["email"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def pressed_within(payload: dict[str, Any], link: str) -> dict[str, Any]:
    """A message whose buttons to ``link`` work in Slack itself instead of opening the page."""

    def changed(part: Any) -> Any:
        if isinstance(part, list):
            return [changed(item) for item in part]
        if not isinstance(part, dict):
            return part
        if part.get("type") == "button" and part.get("url") == link:
            kept = {key: value for key, value in part.items() if key != "url"}
            return {**kept, "action_id": CLAIM, "value": link.rpartition("/")[2]}
        return {key: changed(value) for key, value in part.items()}

    made: dict[str, Any] = changed(payload)
    return made
