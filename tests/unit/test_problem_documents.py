"""What an operator reads when a portal says no."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.asking import Answer, Asked
from gateway.http.problem_document import document_of
from gateway.oauth.grant import grant_problem
from gateway.sources.problem import portal_problem

NOW = datetime(2026, 11, 24, 8, 0, 0, tzinfo=UTC)
ASKED = Asked(
    "sources.seloger, feed leads", "sources.seloger.base_url", "sources.seloger.paths.leads"
)


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): text for name, text in headers.items()}, written)


@pytest.mark.parametrize(
    "error",
    [
        {"title": "EndDate", "message": "Missing required parameter 'endDate'."},
        {"name": "EndDate", "reason": "Missing required parameter 'endDate'."},
    ],
)
def test_both_spellings_of_a_validation_error_read_alike(error: dict[str, str]) -> None:
    found = portal_problem(
        answer(400, {"title": "Bad Request", "errors": [error], "errorSource": "body"}),
        ASKED,
        "sources.seloger",
        NOW,
    )

    assert found.kind == "protocol"
    assert found.text == (
        "sources.seloger, feed leads: the portal answered 400 (Bad Request; "
        "EndDate: Missing required parameter 'endDate'; source body)"
    )
    assert found.details["errors"] == [
        {"name": "EndDate", "reason": "Missing required parameter 'endDate'."}
    ]


def test_every_member_and_the_trace_are_kept_for_the_operator() -> None:
    said = {
        "type": "https://errors.example/limit",
        "title": "Too much",
        "status": 400,
        "detail": "At most 100",
        "instance": "/v2/leads",
        "planLevel": {"name": "basic"},
    }
    found = portal_problem(
        answer(400, said, traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ASKED,
        "sources.seloger",
        NOW,
    )

    assert {**said, "trace": found.details["trace"]} == found.details
    assert found.text.endswith("[00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01]")


@pytest.mark.parametrize(
    ("status", "kind", "named"),
    [
        (302, "protocol", "sources.seloger.base_url"),
        (401, "credentials", "sources.seloger.token_url"),
        (403, "forbidden", "sources.seloger.feeds"),
        (404, "forbidden", "sources.seloger.paths.leads"),
        (405, "protocol", "sources.seloger.paths.leads"),
        (408, "down", ""),
        (422, "protocol", ""),
        (429, "rate_limited", ""),
        (500, "down", ""),
        (503, "down", ""),
    ],
)
def test_a_status_names_its_kind_and_the_key_to_look_at(status: int, kind: str, named: str) -> None:
    found = portal_problem(answer(status, b""), ASKED, "sources.seloger", NOW)

    assert (found.kind, found.status) == (kind, status)
    assert named in found.text


def test_the_wait_a_portal_wishes_is_read_as_seconds_or_as_a_date() -> None:
    later = "Tue, 24 Nov 2026 08:01:30 GMT"

    waits = [
        portal_problem(answer(429, b"", retry_after=text), ASKED, "sources.x", NOW).retry_after
        for text in ("7", later, "soon")
    ]

    assert waits == [7.0, 90.0, None]


def test_what_a_person_entered_is_not_repeated() -> None:
    said = {"title": "Conflict", "detail": "camille.roux@example.com and 06 39 98 12 34 are known"}

    found = portal_problem(answer(409, said), ASKED, "sources.seloger", NOW)

    shown = found.text + json.dumps(found.details)
    assert "camille" not in shown
    assert "39 98" not in shown


def test_a_redirect_is_told_by_its_host_alone() -> None:
    found = portal_problem(
        answer(302, b"", location="https://login.example/in?session=abc"), ASKED, "sources.x", NOW
    )

    assert "https://login.example;" in found.text
    assert "session" not in found.text


@pytest.mark.parametrize(
    ("status", "body", "kind", "named"),
    [
        (401, {"error": "invalid_client"}, "credentials", "client_secret"),
        (400, {"error": "invalid_scope"}, "credentials", "sources.seloger.scope"),
        (400, {"error": "invalid_request"}, "credentials", "token_params"),
        (400, {"error": "unauthorized_client"}, "credentials", "client_id"),
        (400, {"error": "unsupported_grant_type"}, "credentials", "token_url"),
        (400, ["not", "an", "object"], "credentials", "token_params"),
        (403, b"<html>", "credentials", "client_secret"),
        (404, b"<html>", "protocol", "token_url"),
        (302, b"", "protocol", "token_url"),
        (429, b"", "rate_limited", ""),
        (500, {"error": "server_error"}, "down", ""),
        (400, {"error": ["odd"], "error_description": {"a": 1}}, "credentials", "token_params"),
    ],
)
def test_a_refused_grant_names_what_to_correct(
    status: int, body: Any, kind: str, named: str
) -> None:
    found = grant_problem(answer(status, body), "sources.seloger", NOW)

    assert found.kind == kind
    assert named in found.text


def test_a_secret_that_a_token_endpoint_repeats_is_hidden() -> None:
    body = {"error": "invalid_client", "error_description": "no client s3cr3t-of-ours"}

    found = grant_problem(answer(401, body), "sources.x", NOW, ("s3cr3t-of-ours",))

    assert "s3cr3t-of-ours" not in found.text + json.dumps(found.details)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=20,
)
members = st.sampled_from(
    ["title", "detail", "errors", "errorSource", "trace", "error", "error_description", "message"]
)


@given(
    body=st.binary(max_size=200)
    | st.dictionaries(members, json_values).map(lambda found: json.dumps(found).encode()),
    status=st.integers(300, 599),
)
def test_no_answer_is_too_odd_to_be_told(body: bytes, status: int) -> None:
    for found in (
        portal_problem(Answer(status, {}, body), ASKED, "sources.x", NOW),
        grant_problem(Answer(status, {}, body), "sources.x", NOW),
    ):
        assert "\n" not in found.text
        assert len(found.text) < 1500
        json.dumps(found.details)


def test_a_document_without_end_is_cut() -> None:
    body: Any = "x"
    for _ in range(50):
        body = {"inner": body, "many": ["y" * 2000] * 100}

    assert len(json.dumps(document_of(answer(400, body)))) < 100_000
