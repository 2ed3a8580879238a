"""Buttons pressed in Slack: whose signature counts, and what a pressed button says."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.destinations.slack_actions import (
    Pressed,
    email_of,
    is_from_slack,
    pressed_within,
    read_pressed,
)

NOW = 1_790_000_000.0
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


def signature(body: bytes, at: str = str(int(NOW)), secret: str = SECRET) -> str:
    signed = b"v0:" + at.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def test_the_signature_of_slacks_own_page_counts() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&"
        b"channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&"
        b"command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
        b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121"
        b".803a0bc887a14d10d2c447fce8b6703c"
    )
    theirs = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert is_from_slack(SECRET, "1531420618", theirs, body, 1531420618.0)


@pytest.mark.parametrize("late", [-301, 301, 86_400])
def test_an_old_request_or_one_from_the_future_does_not_count(late: float) -> None:
    assert not is_from_slack(SECRET, str(int(NOW)), signature(b"x"), b"x", NOW + late)
    assert is_from_slack(SECRET, str(int(NOW)), signature(b"x"), b"x", NOW + 299)


@pytest.mark.parametrize(
    ("stamp", "signed", "body"),
    [
        (str(int(NOW)), signature(b"x"), b"y"),
        (str(int(NOW) + 1), signature(b"x"), b"x"),
        (str(int(NOW)), signature(b"x", secret="other"), b"x"),
        (str(int(NOW)), signature(b"x")[3:], b"x"),
        (str(int(NOW)), "é" * 67, b"x"),
        ("", signature(b"x", at=""), b"x"),
        ("١٢٣", signature(b"x"), b"x"),
        ("nan", signature(b"x", at="nan"), b"x"),
    ],
)
def test_anything_else_does_not_count(stamp: str, signed: str, body: bytes) -> None:
    assert not is_from_slack(SECRET, stamp, signed, body, NOW)


def form(payload: Any) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


PAYLOAD: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "U1", "username": "anne", "name": "anne"},
    "response_url": "https://hooks.slack.com/actions/x",
    "actions": [{"action_id": "claim", "value": "dlv_x.1.y", "type": "button"}],
}


def test_a_pressed_button_says_who_and_which() -> None:
    assert read_pressed(form(PAYLOAD)) == Pressed(
        "dlv_x.1.y", "U1", "anne", "https://hooks.slack.com/actions/x"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"type": "view_submission"},
        {"actions": []},
        {"actions": [{"action_id": "other", "value": "x"}]},
        {"actions": [{"action_id": "claim", "value": None}]},
        {"actions": [{"action_id": "claim", "value": "x" * 2001}]},
        {"actions": [None]},
        {"user": {"id": 7}},
        {"user": None},
    ],
)
def test_any_other_interaction_is_nothing(change: dict[str, Any]) -> None:
    assert read_pressed(form({**PAYLOAD, **change})) is None


@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(form)))
def test_whatever_comes_is_read_without_an_error(body: bytes) -> None:
    assert read_pressed(body) is None
    assert email_of(body) is None


def test_only_the_buttons_to_the_claim_page_work_within_slack() -> None:
    link = "https://leads.example/claim/tok"
    buttons = [{"type": "button", "url": link}, {"type": "button", "url": "https://x.example"}]
    message = {"text": link, "attachments": [{"blocks": [{"elements": buttons}]}]}
    made = pressed_within(message, link)
    first, second = made["attachments"][0]["blocks"][0]["elements"]
    assert first == {"type": "button", "action_id": "claim", "value": "tok"}
    assert second == buttons[1]
    assert made["text"] == link
