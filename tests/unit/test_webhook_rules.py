"""What an answer means: success, duplicate, permanent and retry.when of gateway.yaml."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.delivery import Deferred, Delivered, Outcome, Reason, Refused
from gateway.destinations.answer import Answer
from gateway.destinations.rules import Duplicate, Permanent, Rules, Success, TryAgain, judge
from gateway.http import Exchange

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def answer(status: int, body: Any = b"", truncated: bool = False, **headers: str) -> Answer:
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(Exchange(status, named, written, truncated, 0.1))


def rules(**given: Any) -> Rules:
    return Rules(
        Success.model_validate(given.get("success", {})),
        tuple(Duplicate.model_validate(item) for item in given.get("duplicate", [])),
        tuple(Permanent.model_validate(item) for item in given.get("permanent", [])),
        tuple(TryAgain.model_validate(item) for item in given.get("retry", [])),
    )


def meant(known: Rules, said: Answer) -> Outcome:
    return judge(known, said, NOW).outcome


@pytest.mark.parametrize(
    ("rule", "status", "body", "verdict"),
    [
        ({}, 200, b"", True),
        ({}, 299, b"", True),
        ({}, 302, b"", False),
        ({"status": [200, 409]}, 409, b"", True),
        ({"status": [200, 409]}, 201, b"", False),
        ({"headers": {"X-Result": "stored"}}, 200, b"", True),
        ({"headers": {"X-Result": ["kept", "stored"]}}, 200, b"", True),
        ({"headers": {"X-Result": "other"}}, 200, b"", False),
        ({"json": {"success": True}}, 200, b'{"success": true}', True),
        ({"json": {"success": True}}, 200, b'{"success": false}', False),
        ({"json": {"success": True}}, 200, b'{"success": 1}', False),
        ({"json": {"errors": 0}}, 200, b'{"errors": false}', False),
        ({"json": {"errors": []}}, 200, b'{"errors": []}', True),
        ({"json": {"errors": []}}, 200, b'{"errors": [1]}', False),
        ({"json": {"success": True}}, 200, b"<html>", False),
        ({"json": {"success": True}}, 200, b"[1]", False),
        ({"json": {"success": True}}, 500, b'{"success": true}', False),
        ({"json": {"items.0.ok": "yes"}}, 200, b'{"items": [{"ok": "yes"}]}', True),
        ({"json": {"items.1.ok": "yes"}}, 200, b'{"items": [{"ok": "yes"}]}', False),
        ({"json": {"items.*.ok": "yes"}}, 200, b'{"items": [{"ok": "no"}, {"ok": "yes"}]}', True),
        ({"json": {"*.ok": "yes"}}, 200, b'{"a": {"ok": "yes"}}', True),
        ({"json": {"items.*.ok": None}}, 200, b'{"items": []}', True),
        ({"json": {"code": ["A", "B"]}}, 200, b'{"code": "B"}', True),
        ({"json": {"code": ["A", None]}}, 200, b"{}", True),
        ({"json": {"error": None}}, 200, b'{"id": 7}', True),
        ({"json": {"error": None}}, 200, b'{"error": {"code": 1}}', False),
        ({"json": {"a": 1}}, 200, b"[" * 100_000, False),
        ({"present": ["id"]}, 200, b'{"id": 0}', True),
        ({"present": ["id"]}, 200, b'{"id": ""}', False),
        ({"present": ["id"]}, 200, b"{}", False),
        ({"text": "^ok"}, 200, b"ok then", True),
        ({"text": "(?i)STORED"}, 200, b"it is stored", True),
        ({"text": "^ok$"}, 200, b"no", False),
    ],
)
def test_the_rule_decides_what_counts_as_delivered(
    rule: dict[str, Any], status: int, body: bytes, verdict: bool
) -> None:
    found = meant(rules(success=rule), answer(status, body, x_result="stored"))

    assert isinstance(found, Delivered) is verdict


def test_a_rule_that_could_not_read_the_whole_answer_says_so() -> None:
    cut = answer(200, b'{"success": tr', truncated=True)

    unread = meant(rules(success={"json": {"success": True}}), cut)

    assert unread == Deferred(Reason.TOO_LARGE, 200, '{"success": tr', uncertain=True)
    assert isinstance(meant(rules(), cut), Delivered)


def test_the_receivers_own_id_is_kept() -> None:
    known = rules(success={"id": "data.id"})

    found = judge(known, answer(201, {"data": {"id": 12}}), NOW)

    assert found.id == 12
    assert found.outcome == Delivered(Reason.ACCEPTED, 201, '{"data": {"id": 12}}', remote_id="12")


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("id", "7"),
        ({"json": "id"}, "7"),
        ({"json": "link", "text": r"leads/(\w+)$"}, "ab1"),
        ({"header": "Location", "text": r"\((.+)\)"}, "0f-1"),
        ({"text": "id.: (.)"}, "7"),
        ("missing", None),
        ("nested", None),
        ("flag", None),
        ("long", None),
    ],
)
def test_an_id_is_lifted_out_of_json_a_header_or_the_text(place: Any, found: str | None) -> None:
    body = {"id": 7, "link": "/leads/ab1", "nested": {}, "flag": True, "long": "x" * 300}

    outcome = meant(rules(success={"id": place}), answer(200, body, location="/leads(0f-1)"))

    assert isinstance(outcome, Delivered)
    assert outcome.remote_id == found


def test_a_duplicate_is_delivered_and_keeps_the_id_from_the_message() -> None:
    known = rules(duplicate=[{"status": [409], "text": r"Existing ID: (\d+)"}])

    outcome = meant(known, answer(409, {"message": "Contact exists. Existing ID: 51"}))

    assert isinstance(outcome, Delivered)
    assert (outcome.reason, outcome.remote_id) == (Reason.DUPLICATE, "51")


def test_a_pattern_without_a_group_names_no_id() -> None:
    known = rules(duplicate=[{"text": "(?i)already there"}])

    outcome = meant(known, answer(422, {"message": "Already there"}))

    assert isinstance(outcome, Delivered)
    assert outcome.remote_id is None


def test_an_error_inside_200_gets_the_reason_its_code_means() -> None:
    known = rules(
        success={"json": {"data.0.status": "success"}},
        permanent=[{"json": {"data.0.code": ["INVALID_DATA"]}}],
        retry=[
            {"json": {"data.0.code": "LIMIT_EXCEEDED"}, "reason": "rate_limited", "after": "1m"},
            {"json": {"code": "INVALID_TOKEN"}, "reason": "credentials"},
        ],
    )

    def coded(code: str) -> Answer:
        return answer(200, {"data": [{"code": code, "status": "error"}]})

    assert isinstance(meant(known, coded("INVALID_DATA")), Refused)
    limited = meant(known, coded("LIMIT_EXCEEDED"))
    assert isinstance(limited, Deferred)
    assert (limited.reason, limited.retry_after, limited.throttle) == (
        Reason.RATE_LIMITED, 60.0, True,
    )  # fmt: skip
    unknown = meant(known, coded("SOMETHING_NEW"))
    assert isinstance(unknown, Deferred)
    assert unknown.reason is Reason.UNSUCCESSFUL
    assert getattr(meant(known, answer(200, {"code": "INVALID_TOKEN"})), "reason", None) is (
        Reason.CREDENTIALS
    )


def test_what_is_worth_another_try_comes_before_what_never_is() -> None:
    known = rules(
        retry=[{"json": {"0.errorCode": "REQUEST_LIMIT_EXCEEDED"}, "reason": "rate_limited"}],
        permanent=[{"status": [403]}],
    )

    later = meant(known, answer(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED"}]))
    never = meant(known, answer(403, [{"errorCode": "INSUFFICIENT_ACCESS"}]))

    assert isinstance(later, Deferred)
    assert isinstance(never, Refused)
    assert never.reason is Reason.CREDENTIALS


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, 10.0),
        ({"retry_after": "30"}, 30.0),
        ({"retry_after": "3"}, 10.0),
        ({"retry_after": "Tue, 24 Nov 2026 12:00:45 GMT"}, 45.0),
        ({"x_ratelimit_reset": "90"}, 90.0),
        ({"x_ratelimit_reset": "999999"}, 86_400.0),
        ({"x_ratelimit_reset": "soon"}, 10.0),
    ],
)
def test_the_longest_wait_that_anybody_named_is_kept(headers: dict[str, str], wait: float) -> None:
    rule = {"status": [429], "reason": "rate_limited", "after": "10s"}
    known = rules(retry=[{**rule, "after_header": "X-RateLimit-Reset"}])

    outcome = meant(known, answer(429, **headers))

    assert isinstance(outcome, Deferred)
    assert outcome.retry_after == wait


def test_a_permanent_rule_can_stop_the_whole_destination() -> None:
    known = rules(permanent=[{"status": [403], "text": "feature_capping", "pause": True}])

    outcome = meant(known, answer(403, {"code": "feature_capping_leads"}))

    assert isinstance(outcome, Refused)
    assert outcome.pause is True


def test_a_204_can_be_a_refusal() -> None:
    known = rules(
        success={"status": [200, 201]}, permanent=[{"status": [204], "reason": "rejected"}]
    )

    outcome = meant(known, answer(204))

    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.REJECTED


def test_without_a_rule_the_status_table_decides() -> None:
    assert isinstance(meant(rules(), answer(422)), Refused)
    assert isinstance(meant(rules(), answer(404)), Deferred)


@pytest.mark.parametrize(
    ("model", "given", "sentence"),
    [
        (Duplicate, {}, "name at least one of"),
        (Permanent, {"reason": "rejected"}, "name at least one of"),
        (TryAgain, {"after": "5s"}, "name at least one of"),
        (Permanent, {"status": [400], "reason": "accepted"}, "rejected"),
        (TryAgain, {"status": [400], "reason": "gone"}, "rate_limited"),
        (Success, {"text": "("}, "RE2"),
        (Success, {"text": "(?=x)"}, "RE2"),
        (Success, {"id": {}}, "name a place"),
        (Success, {"id": {"json": "a", "header": "b"}}, "name one place"),
        (Success, {"status": []}, "at least 1"),
        (Success, {"status": [99]}, "greater than or equal to 100"),
    ],
)
def test_a_wrong_rule_is_told_what_to_write(model: Any, given: Any, sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(given)
    assert sentence in str(caught.value)


def test_a_pattern_and_a_text_made_to_be_slow_are_not() -> None:
    known = rules(duplicate=[{"text": "(a+)+b"}, {"text": "(a|a)*c"}, {"text": ".*.*.*.*d"}])

    started = time.monotonic()
    meant(known, answer(200, b"a" * 64_000))

    assert time.monotonic() - started < 1.0


def test_what_a_preset_conceals_is_in_no_answer_that_is_kept() -> None:
    said = Answer(
        Exchange(422, {}, b'{"message": "no", "debug": "Traceback"}', False, 0.1),
        conceal=("debug",),
    )

    outcome = meant(rules(), said)

    assert "no" in outcome.answer
    assert "Traceback" not in outcome.answer


@given(st.integers(100, 599), st.binary(max_size=200), st.lists(st.text(max_size=8), max_size=3))
def test_no_answer_is_too_odd_to_be_judged(status: int, body: bytes, path: list[str]) -> None:
    place = ".".join(path) or "a"
    known = rules(
        success={"json": {place: 1}, "id": place},
        duplicate=[{"json": {place: [None, "x"]}, "status": [299], "text": "(.)"}],
    )

    outcome = meant(known, answer(status, body))

    assert isinstance(outcome, Delivered | Deferred | Refused)
