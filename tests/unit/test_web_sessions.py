"""What proves that somebody signed in: signed, short-lived, and worth nothing elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.tokens import AdminTokens, parse_tokens
from gateway.web.sessions import LINK_LASTS, SESSION_LASTS, Sessions, signin_link
from gateway.web.signin import local_path
from gateway.web.throttle import (
    ADDRESSES_KEPT,
    WINDOW,
    WRONG_ALLOWED,
    WRONG_BEHIND_ONE,
    Source,
    Throttle,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def sessions_of(*tokens: str) -> Sessions:
    """Sessions under these tokens, as LEAD_GATEWAY_ADMIN_TOKEN has them."""
    return Sessions(AdminTokens(parse_tokens(",".join(tokens))))


def code_of(token: str, now: datetime = NOW) -> str:
    link = signin_link("http://gateway.example/", token, now)
    return parse_qs(urlsplit(link).query)["code"][0]


def test_a_session_lasts_until_its_end_and_not_a_second_longer() -> None:
    sessions = sessions_of("a token")
    value = sessions.start("admin", NOW)
    assert sessions.who(value, NOW + SESSION_LASTS - SECOND)
    assert not sessions.who(value, NOW + SESSION_LASTS)


def test_another_admin_token_signs_everybody_out() -> None:
    value = sessions_of("a token").start("admin", NOW)
    assert not sessions_of("the next token").who(value, NOW)


@pytest.mark.parametrize("value", ["", ".", "..", "9999999999.x.", "é.é.é", "nan.x.y", "1e9"])
def test_a_made_up_session_is_none(value: str) -> None:
    assert not sessions_of("a token").who(value, NOW)


def test_a_session_can_not_be_made_longer() -> None:
    sessions = sessions_of("a token")
    who, until, rest = sessions.start("admin", NOW).split(".", 2)
    assert not sessions.who(f"{who}.{int(until) + 1}.{rest}", NOW)


def test_a_link_is_for_the_holder_of_its_token() -> None:
    sessions = sessions_of("anne:one-token", "bob:another-token")
    assert sessions.whose_code(code_of("another-token"), NOW) == "bob"
    assert sessions.whose_code(code_of("a third token"), NOW) is None


def test_a_session_belongs_to_one_name_and_ends_with_its_token() -> None:
    before = sessions_of("anne:one-token", "bob:another-token")
    anne, bob = before.start("anne", NOW), before.start("bob", NOW)
    assert (before.who(anne, NOW), before.who(bob, NOW)) == ("anne", "bob")
    after = sessions_of("anne:changed-token", "bob:another-token")
    assert (after.who(anne, NOW), after.who(bob, NOW)) == (None, "bob")
    assert before.who(anne.replace("anne", "bob", 1), NOW) is None


def test_a_link_is_over_after_an_hour() -> None:
    assert not sessions_of("a token").whose_code(code_of("a token"), NOW + LINK_LASTS)


def test_a_link_shows_nothing_of_the_token_and_two_links_differ() -> None:
    link = signin_link("http://gateway.example/", "a-long-token", NOW)
    assert link.startswith("http://gateway.example/signin?code=")
    assert "a-long-token" not in link
    assert link != signin_link("http://gateway.example/", "a-long-token", NOW)


def test_what_one_purpose_signed_serves_no_other() -> None:
    sessions = sessions_of("a token")
    assert not sessions.who(code_of("a token"), NOW)
    assert not sessions.whose_code(sessions.start("admin", NOW), NOW)


def test_a_form_token_belongs_to_one_session() -> None:
    sessions = sessions_of("a token")
    mine, other = sessions.start("admin", NOW), sessions.start("admin", NOW)
    assert sessions.is_form_token(mine, sessions.form_token(mine))
    assert not sessions.is_form_token(mine, sessions.form_token(other))
    assert not sessions.is_form_token(mine, "é")


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
    throttle, one, other = Throttle(lambda: now[0]), Source("203.0.113.1"), Source("203.0.113.2")
    for number in range(WRONG_ALLOWED):
        assert throttle.wait(one) == 0.0
        assert throttle.wrong(one) == number + 1
    assert throttle.wait(one) == WINDOW
    assert throttle.wait(other) == 0.0
    now[0] = WINDOW
    assert throttle.wait(one) == 0.0


def test_the_throttle_remembers_a_bounded_number_of_addresses() -> None:
    throttle = Throttle(lambda: 0.0)
    for number in range(ADDRESSES_KEPT + 10):
        throttle.wrong(Source(str(number)))
    for _ in range(WRONG_ALLOWED):
        throttle.wrong(Source("0"))
    assert throttle.wait(Source("0")) == WINDOW
    assert throttle.wait(Source("1")) == 0.0


def test_whoever_owns_an_ipv6_network_is_one() -> None:
    throttle = Throttle(lambda: 0.0)
    for number in range(WRONG_ALLOWED):
        throttle.wrong(Source.of(f"2001:db8:1:2::{number:x}"))
    assert throttle.wait(Source.of("2001:db8:1:2:ffff::1")) == WINDOW
    assert throttle.wait(Source.of("2001:db8:1:3::1")) == 0.0


def test_behind_a_proxy_one_guesser_locks_out_nobody_else_until_there_are_too_many() -> None:
    throttle = Throttle(lambda: 0.0)
    for _ in range(WRONG_ALLOWED):
        throttle.wrong(Source.of("203.0.113.1", "10.0.0.1"))
    assert throttle.wait(Source.of("203.0.113.1", "10.0.0.1")) == WINDOW
    assert throttle.wait(Source.of("203.0.113.2", "10.0.0.1")) == 0.0
    for number in range(WRONG_BEHIND_ONE):
        throttle.wrong(Source.of(f"198.51.100.{number % 250}", "10.0.0.1"))
    assert throttle.wait(Source.of("203.0.113.2", "10.0.0.1")) == WINDOW
