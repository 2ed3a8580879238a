"""The status table of contract §7, status by status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery import ANSWER_LIMIT, Deferred, Delivered, Outcome, Reason, Refused
from gateway.destinations.classify import REFUSED_AT_ONCE, answer_text, classify

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def outcome(status: int, *, success: bool = False, **headers: str) -> Outcome:
    given_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return classify(status, given_headers, b"", success=success, now=NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_success_is_delivered(status: int) -> None:
    assert outcome(status, success=True) == Delivered(Reason.ACCEPTED, status)


@pytest.mark.parametrize("status", [400, 405, 406, 411, 413, 414, 415, 422, 501])
def test_what_will_never_be_accepted_is_refused_at_once(status: int) -> None:
    assert outcome(status) == Refused(Reason.REJECTED, status)


def test_gone_pauses_the_destination() -> None:
    assert outcome(410) == Refused(Reason.GONE, 410, pause=True)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (200, Reason.UNSUCCESSFUL),
        (301, Reason.REDIRECT),
        (302, Reason.REDIRECT),
        (304, Reason.REDIRECT),
        (307, Reason.REDIRECT),
        (308, Reason.REDIRECT),
        (401, Reason.CREDENTIALS),
        (402, Reason.CLIENT_ERROR),
        (403, Reason.CREDENTIALS),
        (404, Reason.NOT_FOUND),
        (408, Reason.CLIENT_ERROR),
        (409, Reason.CLIENT_ERROR),
        (418, Reason.CLIENT_ERROR),
        (425, Reason.CLIENT_ERROR),
        (429, Reason.RATE_LIMITED),
        (500, Reason.SERVER_ERROR),
        (502, Reason.SERVER_ERROR),
        (503, Reason.SERVER_ERROR),
        (504, Reason.SERVER_ERROR),
        (599, Reason.SERVER_ERROR),
    ],
)
def test_everything_else_is_deferred_with_its_reason(status: int, reason: Reason) -> None:
    result = outcome(status)
    assert isinstance(result, Deferred)
    assert result.reason is reason
    assert result.throttle is (status == 429)


@pytest.mark.parametrize(("status", "throttle"), [(429, True), (503, True), (500, False)])
def test_retry_after_is_heard_in_seconds_and_as_a_date(status: int, throttle: bool) -> None:
    date = format_datetime(NOW + timedelta(seconds=90), usegmt=True)
    for value in ("90", date):
        result = outcome(status, retry_after=value)
        assert isinstance(result, Deferred)
        assert (result.retry_after, result.throttle) == (90.0, throttle)


def test_a_server_error_without_retry_after_throttles_nothing() -> None:
    assert outcome(503) == Deferred(Reason.SERVER_ERROR, 503)


def test_an_answer_is_kept_masked_and_short() -> None:
    text = answer_text(b"lead of zoe@example.com, tel +33639980123, key whsec_abcdefgh1234 " * 200)
    assert len(text) <= ANSWER_LIMIT
    for secret in ("zoe@example.com", "639980123", "abcdefgh1234"):
        assert secret not in text


def test_a_secret_at_the_edge_of_what_is_kept_is_not_cut_in_half_and_shown() -> None:
    text = answer_text(b"x" * (ANSWER_LIMIT - 12) + b" zoe.martin@example.com")
    assert "zoe.martin" not in text


@given(st.integers(100, 599), st.binary(max_size=300), st.text(max_size=40))
def test_every_answer_has_an_outcome(status: int, body: bytes, retry_after: str) -> None:
    result = classify(status, {"retry-after": retry_after}, body, success=False, now=NOW)
    assert isinstance(result, Refused) == (status in REFUSED_AT_ONCE)
    assert not isinstance(result, Delivered)
