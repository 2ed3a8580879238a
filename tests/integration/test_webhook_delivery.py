"""A webhook against real receivers: what they get, byte by byte, and what their answer means."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from gateway import __version__
from gateway.delivery import Deferred, Delivered, Message, Reason, Refused
from gateway.destinations.protocol import VerifyError
from gateway.destinations.webhook import WebhookConfig, WebhookDestination
from gateway.http import HttpClient
from gateway.lead import Lead
from gateway.render import Renderer, TemplateError
from gateway.sources.push_lead import parse_push
from tests import wire

pytestmark = pytest.mark.anyio

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
AT = datetime(2026, 11, 24, 5, 0, 0, 250_000, tzinfo=UTC)
MESSAGE = Message(id="dlv_0123", destination="crm", accepted_at=AT)
OK = wire.answer(200, b"ok")

Build = Callable[..., WebhookDestination]


@pytest.fixture
async def crm(tmp_path: Path) -> AsyncIterator[Build]:
    """Builds a destination from a URL and what else gateway.yaml says of it."""
    built: list[WebhookDestination] = []

    def build(url: str, **given: Any) -> WebhookDestination:
        config = WebhookConfig.model_validate({"kind": "webhook", "url": url, **given})
        client = HttpClient(wire.loopback(), connections=4)
        built.append(WebhookDestination("crm", config, Renderer([tmp_path]), client))
        return built[-1]

    yield build
    for destination in built:
        await destination.close()


def lead(**given: Any) -> Lead:
    item = {
        "id": "L-1",
        "category": "CLASSIFIED",
        "message": "Où visiter ? 🏡 <b>vite</b>",
        "contact": {"full_name": "Zoé de La Tour", "email": "zoe@example.com"},
        "property": {"reference": "AB/12 &3", "price": 350000},
        **given,
    }
    return parse_push(item, source="website", identity="website", received_at=AT)


async def test_the_standard_envelope_arrives_as_the_contract_says(crm: Build) -> None:
    async with wire.answering(OK) as server:
        destination = crm(server.url + "/leads", sign={"standard_webhooks": SECRET})
        outcome = await destination.send(destination.render(lead(), MESSAGE))
    assert outcome == Delivered(status=200, answer="ok")
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/leads")
    body = json.loads(request.body)
    assert list(body) == ["type", "timestamp", "data"]
    assert (body["type"], body["timestamp"]) == ("lead.created", "2026-11-24T05:00:00.250Z")
    assert body["data"] == lead().as_dict()
    assert "🏡 <b>vite</b>".encode() in request.body
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == request.headers["idempotency-key"] == "dlv_0123"
    assert request.headers["user-agent"] == f"lead-gateway/{__version__}"
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 5
    Webhook(SECRET).verify(request.body, request.headers)


async def test_every_attempt_has_the_same_bytes_and_the_same_id(crm: Build) -> None:
    async with wire.answering(wire.answer(500), OK) as server:
        destination = crm(server.url)
        for attempt in (1, 2):
            message = Message("dlv_0123", "crm", AT, attempt=attempt)
            await destination.send(destination.render(lead(), message))
    first, second = server.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_without_a_secret_nothing_is_signed(crm: Build) -> None:
    async with wire.answering(OK) as server:
        destination = crm(server.url)
        await destination.send(destination.render(lead(), MESSAGE))
    assert "webhook-signature" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("auth", "header", "value", "target"),
    [
        ({"bearer": "hush"}, "authorization", "Bearer hush", "/leads?a=1"),
        (
            {"basic": {"username": "desk", "password": "hush:é"}},
            "authorization",
            "Basic ZGVzazpodXNoOsOp",
            "/leads?a=1",
        ),
        ({"api_key": {"header": "X-Key", "value": "hush"}}, "x-key", "hush", "/leads?a=1"),
        (
            {"api_key": {"query": "key", "value": "hu+sh&=é"}},
            "accept",
            "application/json, */*;q=0.5",
            "/leads?a=1&key=hu%2Bsh%26%3D%C3%A9",
        ),
    ],
)
async def test_credentials_are_sent_and_never_shown(
    crm: Build, auth: dict[str, Any], header: str, value: str, target: str
) -> None:
    async with wire.answering(OK) as server:
        destination = crm(server.url + "/leads?a=1", auth=auth)
        prepared = destination.render(lead(), MESSAGE)
        await destination.send(prepared)
    (request,) = server.requests
    assert (request.headers[header], request.target) == (value, target)
    shown = repr(prepared.preview())
    assert not any(secret in shown for secret in ("hush", "hu%2Bsh", "ZGVzazpo"))
    assert "•••" in shown


async def test_templates_fill_url_headers_and_an_inline_body(crm: Build) -> None:
    async with wire.answering(OK) as server:
        destination = crm(
            server.url
            + "/agencies/7/{{ property.reference }}?name={{ contact.full_name }}&x=a%20b",
            method="PUT",
            headers={"X-Who": "{{ contact.full_name }}", "X-Agency": "42"},
            body={
                "Name": "{{ contact.full_name }}",
                "Price": "{{ property.price }}",
                "Phone": "{{ contact.phone }}",
                "Text": "Ref {{ property.reference }}",
                "Fixed": [1, True, None],
            },
        )
        await destination.send(destination.render(lead(), MESSAGE))
    (request,) = server.requests
    assert request.method == "PUT"
    assert request.target == ("/agencies/7/AB%2F12%20%263?name=Zo%C3%A9%20de%20La%20Tour&x=a%20b")
    assert (request.headers["x-who"], request.headers["x-agency"]) == ("Zoé de La Tour", "42")
    assert json.loads(request.body) == {
        "Name": "Zoé de La Tour",
        "Price": 350000,
        "Phone": None,
        "Text": "Ref AB/12 &3",
        "Fixed": [1, True, None],
    }


async def test_a_template_file_makes_the_body_and_names_its_type(
    crm: Build, tmp_path: Path
) -> None:
    (tmp_path / "crm.json.j2").write_text('{"who": {{ contact.full_name | json }}}')
    (tmp_path / "crm.xml").write_text("<lead id='{{ lead.id }}'/>")
    async with wire.answering(OK) as server:
        for name in ("templates/crm.json.j2", "crm.xml"):
            destination = crm(server.url, body=name)
            await destination.send(destination.render(lead(), MESSAGE))
    as_json, as_xml = server.requests
    assert json.loads(as_json.body) == {"who": "Zoé de La Tour"}
    assert as_json.headers["content-type"] == "application/json"
    assert (as_xml.body, as_xml.headers["content-type"]) == (b"<lead id='L-1'/>", "application/xml")


async def test_a_template_that_makes_no_json_is_refused_with_its_line(
    crm: Build, tmp_path: Path
) -> None:
    (tmp_path / "crm.json.j2").write_text('{\n"who": "{{ lead.message }}"\n}')
    destination = crm("https://crm.example/", body="crm.json.j2")
    with pytest.raises(TemplateError) as caught:
        destination.render(lead(message='a "quote"'), MESSAGE)
    assert caught.value.line == 2
    assert "quote" not in str(caught.value)


HOSTILE = [
    "..",
    ".",
    "../../admin",
    "a/../../b",
    "?x=1",
    "#top",
    "@elsewhere.example/",
    "//elsewhere.example/",
    "\\elsewhere.example",
    "a\r\nx-injected: 1",
    "%2e%2e",
    "..;a",
    ";a=b",
    "{{ 7 * 7 }}",
    "é/ü",
    " ",
    "\ud800",
]


@pytest.mark.parametrize("value", HOSTILE)
async def test_a_lead_can_not_move_a_request(crm: Build, value: str) -> None:
    async with wire.answering(OK) as server:
        destination = crm(server.url + "/v1/{{ lead.message }}/leads?q={{ lead.message }}")
        try:
            await destination.send(destination.render(lead(message=value), MESSAGE))
        except TemplateError:
            assert not server.requests
            return
    (request,) = server.requests
    path, _, query = request.target.partition("?")
    assert path.split("/")[1] == "v1"
    assert path.split("/")[2] not in (".", "..")
    assert path.split("/")[3:] == ["leads"]
    assert ";" not in path
    assert query.startswith("q=")
    assert "&" not in query
    assert "x-injected" not in request.headers


@pytest.mark.parametrize("value", ["a\r\nx-injected: 1", "a\nb", "a\x00b", "a\x1bb", "\ud800"])
async def test_a_lead_can_not_inject_a_header(crm: Build, value: str) -> None:
    destination = crm("https://crm.example/", headers={"X-Text": "{{ lead.message }}"})
    hostile = lead().model_copy(update={"message": value})
    with pytest.raises(TemplateError) as caught:
        destination.render(hostile, MESSAGE)
    assert "headers.x-text" in str(caught.value)
    assert "injected" not in str(caught.value)


async def test_a_name_in_any_script_can_stand_in_a_header(crm: Build) -> None:
    async with wire.answering(OK) as server:
        destination = crm(server.url, headers={"X-Text": "{{ lead.message }}"})
        await destination.send(destination.render(lead(message="Łucja 🏡 李"), MESSAGE))
    assert server.requests[0].headers["x-text"] == "Łucja 🏡 李"


async def test_what_json_can_not_hold_does_not_stop_a_lead(crm: Build) -> None:
    raw = {"note": float("nan"), "list": [float("inf"), 1.5], "text": "half \ud800 a character"}
    async with wire.answering(OK) as server:
        destination = crm(server.url)
        odd = lead().model_copy(update={"original": raw})
        assert isinstance(await destination.send(destination.render(odd, MESSAGE)), Delivered)
    original = json.loads(server.requests[0].body)["data"]["original"]
    assert (original["note"], original["list"]) == (None, [None, 1.5])


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (wire.answer(204), Delivered(status=204)),
        (wire.answer(400, b"bad"), Refused(Reason.REJECTED, 400, "bad")),
        (wire.answer(410), Refused(Reason.GONE, 410, pause=True)),
        (wire.answer(302, headers={"location": "/"}), Deferred(Reason.REDIRECT, 302)),
        (
            wire.answer(429, headers={"retry-after": "7"}),
            Deferred(Reason.RATE_LIMITED, 429, retry_after=7.0, throttle=True),
        ),
        (wire.answer(500), Deferred(Reason.SERVER_ERROR, 500)),
    ],
    ids=["204", "400", "410", "302", "429", "500"],
)
async def test_an_answer_becomes_its_outcome(crm: Build, raw: bytes, expected: object) -> None:
    async with wire.answering(raw) as server:
        destination = crm(server.url)
        assert await destination.send(destination.render(lead(), MESSAGE)) == expected


async def test_a_crm_that_says_ok_and_means_no_is_not_a_success(crm: Build) -> None:
    no = wire.answer(200, b'{"success": false, "error": "zoe@example.com exists"}')
    yes = wire.answer(200, b'{"success": true}')
    async with wire.answering(no, yes) as server:
        destination = crm(server.url, success={"json": {"success": True}})
        first = await destination.send(destination.render(lead(), MESSAGE))
        second = await destination.send(destination.render(lead(), MESSAGE))
    assert isinstance(first, Deferred)
    assert first.reason is Reason.UNSUCCESSFUL
    assert "zoe@" not in first.answer
    assert isinstance(second, Delivered)


@pytest.mark.parametrize(
    ("given", "reason"),
    [({}, Reason.ACCEPTED), ({"success": {"json": {"success": True}}}, Reason.TOO_LARGE)],
)
async def test_an_endless_answer_is_only_a_problem_to_who_must_read_it(
    crm: Build, given: dict[str, Any], reason: Reason
) -> None:
    async with wire.listening(wire.endless_body) as server:
        destination = crm(server.url, **given)
        outcome = await destination.send(destination.render(lead(), MESSAGE))
    assert not isinstance(outcome, Refused)
    assert getattr(outcome, "reason", None) is reason


@pytest.mark.parametrize(
    ("script", "uncertain"), [(wire.hang, True), (wire.close_silently, True), (None, False)]
)
async def test_only_a_request_that_may_have_arrived_is_uncertain(
    crm: Build, script: wire.Script | None, uncertain: bool
) -> None:
    async with wire.listening(script or wire.hang) as server:
        url = server.url if script else f"http://127.0.0.1:{wire.unused_port()}"
        destination = crm(url, timeout="500ms")
        outcome = await destination.send(destination.render(lead(), MESSAGE))
    assert isinstance(outcome, Deferred)
    assert outcome.uncertain is uncertain


async def test_a_preview_is_what_is_sent_with_every_secret_masked(crm: Build) -> None:
    destination = crm(
        "https://crm.example/leads?token=hush&postal_code=75001",
        headers={"X-Api-Key": "hush", "X-Agency": "42"},
        auth={"bearer": "hush"},
        sign={"standard_webhooks": SECRET},
    )
    prepared = destination.render(lead(), MESSAGE)
    preview = prepared.preview()
    head = dict(preview.head)
    assert head[""] == "POST https://crm.example/leads?token=•••&postal_code=75001"
    assert (head["x-agency"], head["webhook-id"]) == ("42", "dlv_0123")
    assert head["idempotency-key"] == "dlv_0123"
    assert "webhook-signature" in head
    assert preview.parts == [("application/json", prepared.request.body.decode())]
    assert "hush" not in repr(preview)
    assert SECRET not in repr(preview)


async def test_verify_opens_a_connection_and_sends_no_lead(crm: Build) -> None:
    async with wire.answering(wire.answer(404)) as server:
        destination = crm(server.url + "/leads/{{ lead.id }}?key=hush", auth={"bearer": "hush"})
        said = await destination.verify()
    (request,) = server.requests
    assert (request.method, request.target, request.body) == ("OPTIONS", "/", b"")
    assert "authorization" not in request.headers
    assert "404" in said


async def test_verify_says_what_is_wrong_and_shows_no_secret(crm: Build) -> None:
    destination = crm(f"http://127.0.0.1:{wire.unused_port()}/leads?key=hush")
    with pytest.raises(VerifyError, match="refused") as caught:
        await destination.verify()
    assert "hush" not in str(caught.value)


async def test_a_url_is_sent_as_it_was_written(crm: Build) -> None:
    async with wire.answering(OK) as server:
        for url in ("", "?a=%26%3B%2B", "/é/%2F/a;b?c=%C3%A9é", "/{{ lead.id }}?a=%26"):
            destination = crm(server.url + url, auth={"api_key": {"query": "k", "value": "&"}})
            await destination.send(destination.render(lead(), MESSAGE))
    assert [request.target for request in server.requests] == [
        "/?k=%26",
        "/?a=%26%3B%2B&k=%26",
        "/%C3%A9/%2F/a;b?c=%C3%A9%C3%A9&k=%26",
        "/L-1?a=%26&k=%26",
    ]
