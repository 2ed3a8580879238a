"""The Slack message of a lead, and what Slack's answers mean."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.delivery import Deferred, Delivered, Message, Reason, Refused
from gateway.destinations.protocol import VerifyError
from gateway.destinations.slack import SlackConfig, SlackDestination
from gateway.destinations.slack_blocks import limits_broken
from gateway.http import HttpClient
from gateway.lead import Contact, Lead, Property
from gateway.render import Renderer, TemplateError
from gateway.sandbox.leads import sample
from gateway.sources.gsl_lead import normalise
from tests import wire
from tests.builders import NOON, a_lead

pytestmark = pytest.mark.anyio

MESSAGE = Message("dlv_1", "team", NOON)
HOSTILE = (
    "</b><script>alert(1)</script> {{ 7*7 }} {% raw %} <!channel> <@U1> <https://evil.example|x> "
    "@here #general *b* _i_ `c` & \u202ecba 🏡👨\u200d👩\u200d👧 \"'\\ \r\nBcc: all@example.com\x00"
)

Build = Callable[..., SlackDestination]


@pytest.fixture
async def team(tmp_path: Path) -> AsyncIterator[Build]:
    built: list[SlackDestination] = []

    def build(language: str = "fr", **given: Any) -> SlackDestination:
        given = given or {"webhook_url": "https://hooks.slack.com/services/T0/B0/hush"}
        renderer = Renderer([tmp_path], language=language, public_url="https://leads.example")
        http = HttpClient(wire.loopback(), connections=2)
        built.append(SlackDestination("team", SlackConfig(**given), renderer, http))
        return built[-1]

    yield build
    for destination in built:
        await destination.close()


def blocks_of(payload: dict[str, Any]) -> list[dict[str, Any]]:
    return [*payload["blocks"], *payload["attachments"][0]["blocks"]]


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("category", ["CLASSIFIED", "AGENCY", "ESTIMATION", "PROJECT"])
async def test_a_lead_of_each_category_is_a_message_slack_takes(
    team: Build, category: str, language: str
) -> None:
    lead = normalise(sample(category, NOON), source="seloger", identity="seloger", received_at=NOON)
    payload = team(language).render(lead, MESSAGE).payload
    assert limits_broken(payload) == []
    assert lead.contact.full_name in payload["blocks"][0]["text"]["text"]
    assert any("<tel:+33" in text for text in texts(payload["attachments"]))
    assert not [text for text in texts(payload) if "None" in text]


@pytest.mark.parametrize("field", ["message", "contact", "property", "everything"])
async def test_a_hostile_lead_is_only_text(team: Build, field: str) -> None:
    hostile = {
        "message": HOSTILE * 500,
        "contact": Contact(full_name=HOSTILE * 9, email=HOSTILE, phone="+1<", phone_raw=HOSTILE),
        "property": Property(
            type=HOSTILE, city=HOSTILE * 99, reference=HOSTILE * 99, url="javascript:x",
            types=(HOSTILE,) * 99, price=10**15, currency="<!c",
        ),
    }  # fmt: skip
    given = hostile if field == "everything" else {field: hostile[field]}
    lead = a_lead(**given, category=HOSTILE, portals=(HOSTILE,) * 50)
    payload = team().render(lead, MESSAGE).payload
    assert limits_broken(payload) == []
    for block in blocks_of(payload):
        for part in [block.get("text"), *block.get("fields", []), *block.get("elements", [])]:
            if part and part.get("type") == "mrkdwn":
                assert part["verbatim"] is True
                links = part["text"].replace("<tel:", "").replace("<mailto:", "")
                assert "<" not in links
    assert blocks_of(payload)[-1]["elements"][-1]["text"] == "seloger/lead-1"


@pytest.mark.parametrize("text", ["&" * 100_000, "🏡" * 100_000, "<" * 100_000, "\n" * 100_000])
async def test_no_message_is_too_long_for_slack(team: Build, text: str) -> None:
    lead = a_lead(message=text, contact=Contact(full_name=text[:5000]))
    assert limits_broken(team().render(lead, MESSAGE).payload) == []


async def test_a_lead_of_nulls_is_a_message(team: Build) -> None:
    bare = Lead(id="bare", source="seloger", identity="seloger", kind="gsl", received_at=NOON)
    payload = team().render(bare, MESSAGE).payload
    assert limits_broken(payload) == []
    assert not [text for text in texts(payload) if "None" in text]
    assert "Contact sans nom" in payload["blocks"][0]["text"]["text"]


async def test_a_test_and_a_late_lead_are_marked(team: Build) -> None:
    payload = team().render(a_lead(test=True, late=True), MESSAGE).payload
    assert "[TEST]" in payload["text"]
    assert "[TEST]" in payload["blocks"][0]["text"]["text"]
    assert "[En retard]" in payload["blocks"][0]["text"]["text"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('{"text": "{{ lead.message }}"}', "json filter"),
        ('{"text": NaN}', "JSON"),
        ("[" * 100_000, "JSON"),
        ("{}", "text: required"),
        ('{"text": "x", "blocks": [{"type": "section"}]}', "text: required"),
        ("{{ contact.emial }}", "email"),
    ],
)
async def test_a_template_that_makes_no_message_is_named(
    team: Build, tmp_path: Path, source: str, said: str
) -> None:
    (tmp_path / "slack").mkdir()
    (tmp_path / "slack" / "mine.json.j2").write_text(source)
    destination = team(webhook_url="https://hooks.slack.com/x", template="mine")
    with pytest.raises(TemplateError, match="mine") as caught:
        destination.render(a_lead(message='a"b'), MESSAGE)
    assert said in str(caught.value)


OK_API = b'{"ok": true, "ts": "1700000000.000100"}'


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b"ok", Delivered(status=200, answer="ok")),
        (200, OK_API, Delivered(status=200, answer=OK_API.decode(), remote_id="1700000000.000100")),
        (200, b'{"ok":false,"error":"channel_not_found"}', (Deferred, Reason.NOT_FOUND)),
        (200, b'{"ok":false,"error":"not_in_channel"}', (Deferred, Reason.CREDENTIALS)),
        (200, b'{"ok":false,"error":"restricted_action"}', (Deferred, Reason.CREDENTIALS)),
        (200, b'{"ok":false,"error":"is_archived"}', (Refused, Reason.GONE)),
        (200, b'{"ok":false,"error":"invalid_auth"}', (Deferred, Reason.CREDENTIALS)),
        (200, b'{"ok":false,"error":"token_revoked"}', (Deferred, Reason.CREDENTIALS)),
        (200, b'{"ok":false,"error":"invalid_blocks"}', (Refused, Reason.REJECTED)),
        (200, b'{"ok":false,"error":"msg_too_long"}', (Refused, Reason.REJECTED)),
        (200, b'{"ok":false,"error":"ratelimited"}', (Deferred, Reason.RATE_LIMITED)),
        (200, b'{"ok":false,"error":"internal_error"}', (Deferred, Reason.SLACK_ERROR)),
        (200, b'{"ok":false,"error":"never_heard_of"}', (Deferred, Reason.SLACK_ERROR)),
        (200, b'{"ok":false}', (Deferred, Reason.UNSUCCESSFUL)),
        (200, b'{"ok":"true"}', (Deferred, Reason.UNSUCCESSFUL)),
        (200, b"<html>sign in to the hotel</html>", (Deferred, Reason.UNSUCCESSFUL)),
        (200, b"", (Deferred, Reason.UNSUCCESSFUL)),
        (400, b"invalid_payload", (Refused, Reason.REJECTED)),
        (400, b"who_knows", (Refused, Reason.REJECTED)),
        (403, b"action_prohibited", (Deferred, Reason.CREDENTIALS)),
        (403, b"invalid_token", (Deferred, Reason.CREDENTIALS)),
        (404, b"no_service", (Deferred, Reason.CREDENTIALS)),
        (404, b"channel_not_found", (Deferred, Reason.NOT_FOUND)),
        (410, b"channel_is_archived", (Refused, Reason.GONE)),
        (429, b"", (Deferred, Reason.RATE_LIMITED)),
        (500, b"rollup_error", (Deferred, Reason.SERVER_ERROR)),
        (503, b"", (Deferred, Reason.SERVER_ERROR)),
    ],
)
async def test_slacks_answer_becomes_its_outcome(
    team: Build, status: int, body: bytes, outcome: Any
) -> None:
    async with wire.answering(wire.answer(status, body)) as server:
        destination = team(webhook_url=server.url)
        got = await destination.send(destination.render(a_lead(), MESSAGE))
    if isinstance(outcome, tuple):
        assert (type(got), got.reason) == outcome
    else:
        assert got == outcome


async def test_retry_after_holds_the_whole_destination(team: Build) -> None:
    raw = wire.answer(429, b'{"ok":false,"error":"ratelimited"}', {"retry-after": "30"})
    async with wire.answering(raw) as server:
        destination = team(webhook_url=server.url)
        got = await destination.send(destination.render(a_lead(), MESSAGE))
    assert isinstance(got, Deferred)
    assert (got.retry_after, got.throttle) == (30.0, True)


async def test_a_lost_answer_is_uncertain(team: Build) -> None:
    async with wire.listening(wire.close_silently) as server:
        destination = team(webhook_url=server.url)
        got = await destination.send(destination.render(a_lead(), MESSAGE))
    assert isinstance(got, Deferred)
    assert got.uncertain is True


async def test_a_token_posts_to_its_channel_and_is_not_shown(team: Build) -> None:
    prepared = team(token="xoxb-hush", channel="C012").render(a_lead(), MESSAGE)
    assert prepared.request.url == "https://slack.com/api/chat.postMessage"
    assert json.loads(prepared.request.body or b"")["channel"] == "C012"
    assert "hush" not in repr(prepared.preview())
    assert ("authorization", "Bearer •••") in prepared.preview().head


def in_thread(thread: str) -> Message:
    return Message("dlv_2", "team", NOON, person="0a1b", thread=thread)


async def test_the_first_message_about_a_person_begins_a_thread(team: Build) -> None:
    async with wire.answering(wire.answer(200, OK_API)) as server:
        destination = team(token="xoxb-hush", channel="C012", api_url=server.url)
        assert destination.threads
        got = await destination.send(destination.render(a_lead(), in_thread("")))
    assert isinstance(got, Delivered)
    assert (got.thread, got.remote_id) == ("C012:1700000000.000100", "1700000000.000100")
    sent = server.requests[0]
    assert sent.target == "/chat.postMessage"
    assert sent.headers["authorization"] == "Bearer xoxb-hush"
    assert "thread_ts" not in json.loads(sent.body)


async def test_a_later_message_goes_under_it_and_into_the_channel(team: Build) -> None:
    async with wire.answering(wire.answer(200, OK_API)) as server:
        destination = team(token="xoxb-hush", channel="C012", api_url=server.url)
        got = await destination.send(destination.render(a_lead(), in_thread("C012:16.1")))
    assert isinstance(got, Delivered)
    assert got.thread is None
    payload = json.loads(server.requests[0].body)
    assert (payload["thread_ts"], payload["reply_broadcast"]) == ("16.1", True)


@pytest.mark.parametrize(
    "word", ["thread_not_found", "cannot_reply_to_message", "restricted_action_thread_locked"]
)
async def test_a_thread_that_is_gone_begins_anew_at_once(team: Build, word: str) -> None:
    lost = wire.answer(200, json.dumps({"ok": False, "error": word}).encode())
    async with wire.answering(lost, wire.answer(200, OK_API)) as server:
        destination = team(token="xoxb-hush", channel="C012", api_url=server.url)
        got = await destination.send(destination.render(a_lead(), in_thread("C012:16.1")))
    assert isinstance(got, Delivered)
    assert got.thread == "C012:1700000000.000100"
    assert ["thread_ts" in json.loads(sent.body) for sent in server.requests] == [True, False]


async def test_a_locked_channel_is_not_asked_twice(team: Build) -> None:
    no = wire.answer(200, b'{"ok":false,"error":"restricted_action_non_threadable_channel"}')
    async with wire.answering(no) as server:
        destination = team(token="xoxb-hush", channel="C012", api_url=server.url)
        got = await destination.send(destination.render(a_lead(), in_thread("")))
    assert isinstance(got, Deferred)
    assert (got.reason, len(server.requests)) == (Reason.CREDENTIALS, 1)


async def test_a_thread_of_another_channel_is_left_alone(team: Build) -> None:
    destination = team(token="xoxb-hush", channel="C999")
    assert "thread_ts" not in destination.render(a_lead(), in_thread("C012:16.1")).payload
    hook = team(webhook_url="https://hooks.slack.com/x")
    assert not hook.threads
    assert "thread_ts" not in hook.render(a_lead(), in_thread("C012:16.1")).payload


async def test_a_half_done_failure_is_uncertain(team: Build) -> None:
    for word, uncertain in (("internal_error", True), ("service_unavailable", False)):
        raw = wire.answer(200, json.dumps({"ok": False, "error": word}).encode())
        async with wire.answering(raw) as server:
            destination = team(token="xoxb-hush", channel="C012", api_url=server.url)
            got = await destination.send(destination.render(a_lead(), MESSAGE))
        assert isinstance(got, Deferred)
        assert (got.reason, got.uncertain) == (Reason.SLACK_ERROR, uncertain)


async def test_an_archived_channel_pauses_the_destination(team: Build) -> None:
    raw = wire.answer(200, b'{"ok":false,"error":"is_archived"}')
    async with wire.answering(raw) as server:
        destination = team(token="xoxb-hush", channel="C012", api_url=server.url)
        got = await destination.send(destination.render(a_lead(), MESSAGE))
    assert isinstance(got, Refused)
    assert got.pause


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (b'{"ok":true,"team":"T"}', {"x-oauth-scopes": "chat:write,users:read"}, None),
        (b'{"ok":true,"team":"T"}', {}, None),
        (b'{"ok":true,"team":"T"}', {"x-oauth-scopes": "users:read"}, "lacks the scope chat:write"),
        (b'{"ok":false,"error":"invalid_auth"}', {}, "Slack says invalid_auth"),
        (b"<html>", {}, "Slack says 200"),
    ],
)
async def test_verify_asks_slack_who_the_token_is(
    team: Build, body: bytes, headers: dict[str, str], said: str | None
) -> None:
    async with wire.answering(wire.answer(200, body, headers)) as server:
        destination = team(token="xoxb-hush", channel="C012", api_url=server.url)
        if said is None:
            assert (await destination.verify()).endswith("knows the token")
        else:
            with pytest.raises(VerifyError, match=said):
                await destination.verify()
    assert [sent.target for sent in server.requests] == ["/auth.test"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"token": "x"},
        {"channel": "x"},
        {"webhook_url": "https://a.example", "token": "x", "channel": "y"},
        {"webhook_url": "https://a.example", "channel": "y"},
        {"webhook_url": "ftp://a.example"},
        {"token": "x", "channel": "y", "api_url": "slack.com/api"},
        {"token": "x", "channel": ""},
        {"webhook_url": "https://a.example", "template": "../x"},
    ],
)
def test_a_configuration_that_can_not_work_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SlackConfig(**given)
