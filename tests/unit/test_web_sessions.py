"""What proves that somebody signed in: signed, short-lived, and worth nothing elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.web.sessions import LINK_LASTS, SESSION_LASTS, Sessions, signin_link
from gateway.web.signin import local_path
from gateway.web.throttle import ADDRESSES_KEPT, WINDOW, WRONG_ALLOWED, Throttle

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def code_of(token: str, now: datetime = NOW) -> str:
    link = signin_link("http://gateway.example/", token, now)
    return parse_qs(urlsplit(link).query)["code"][0]


def test_a_session_lasts_until_its_end_and_not_a_second_longer() -> None:
    sessions = Sessions("a token")
    value = sessions.start(NOW)
    assert sessions.is_session(value, NOW + SESSION_LASTS - SECOND)
    assert not sessions.is_session(value, NOW + SESSION_LASTS)


def test_another_admin_token_signs_everybody_out() -> None:
    value = Sessions("a token").start(NOW)
    assert not Sessions("the next token").is_session(value, NOW)


@pytest.mark.parametrize("value", ["", ".", "..", "9999999999.x.", "é.é.é", "nan.x.y", "1e9"])
def test_a_made_up_session_is_none(value: str) -> None:
    assert not Sessions("a token").is_session(value, NOW)


def test_a_session_can_not_be_made_longer() -> None:
    sessions = Sessions("a token")
    until, rest = sessions.start(NOW).split(".", 1)
    assert not sessions.is_session(f"{int(until) + 1}.{rest}", NOW)


def test_a_link_signs_in_once() -> None:
    sessions, code = Sessions("a token"), code_of("a token")
    assert sessions.redeem(code, NOW)
    assert not sessions.redeem(code, NOW)


def test_a_link_is_over_after_an_hour() -> None:
    assert not Sessions("a token").redeem(code_of("a token"), NOW + LINK_LASTS)


def test_a_link_shows_nothing_of_the_token_and_two_links_differ() -> None:
    link = signin_link("http://gateway.example/", "a-long-token", NOW)
    assert link.startswith("http://gateway.example/signin?code=")
    assert "a-long-token" not in link
    assert link != signin_link("http://gateway.example/", "a-long-token", NOW)


def test_what_one_purpose_signed_serves_no_other() -> None:
    sessions = Sessions("a token")
    assert not sessions.is_session(code_of("a token"), NOW)
    assert not sessions.redeem(sessions.start(NOW), NOW)


def test_a_form_token_belongs_to_one_session() -> None:
    sessions = Sessions("a token")
    mine, other = sessions.start(NOW), sessions.start(NOW)
    assert sessions.is_form_token(mine, sessions.form_token(mine))
    assert not sessions.is_form_token(mine, sessions.form_token(other))
    assert not sessions.is_form_token(mine, "é")


def test_an_empty_admin_token_is_refused() -> None:
    with pytest.raises(ValueError, match="token"):
        Sessions("")


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("/leads?cursor=1", "/leads?cursor=1"),
        ("//elsewhere.example", "/"),
        ("/\\elsewhere.example", "/"),
        ("https://elsewhere.example", "/"),
        ("/a\\b", "/"),
        ("/a\r\nset-cookie: x=1", "/"),
        ("/\t/elsewhere.example", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_nowhere_else(target: str, place: str) -> None:
    assert local_path(target) == place


def test_wrong_tokens_make_an_address_wait_and_no_other() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    for _ in range(WRONG_ALLOWED):
        assert throttle.wait("203.0.113.1") == 0.0
        throttle.wrong("203.0.113.1")
    assert throttle.wait("203.0.113.1") == WINDOW
    assert throttle.wait("203.0.113.2") == 0.0
    now[0] = WINDOW
    assert throttle.wait("203.0.113.1") == 0.0


def test_the_throttle_remembers_a_bounded_number_of_addresses() -> None:
    throttle = Throttle(lambda: 0.0)
    for number in range(ADDRESSES_KEPT + 10):
        throttle.wrong(str(number))
    for _ in range(WRONG_ALLOWED):
        throttle.wrong("0")
    assert throttle.wait("0") == WINDOW
    assert throttle.wait("1") == 0.0
