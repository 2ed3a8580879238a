"""Getting a lead's words, or an operator's, taken for something else than text."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import logging
import re
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from gateway.addresses import AddressGuard
from gateway.config.load import load
from gateway.delivery import Reason
from gateway.destinations import CONFIGS, Surroundings, build
from gateway.lead import Contact, Lead
from gateway.logs import setup_logs
from gateway.oauth import OwnTokens
from gateway.queue import Queue
from gateway.render import Renderer
from gateway.sandbox.sinks import MailInbox, serve_mail
from gateway.settings import Settings
from gateway.slack_text import slack
from gateway.sources.push_lead import parse_push
from gateway.store import Store
from gateway.trying import Tried, send
from tests import wire
from tests.attacks.conftest import Record
from tests.builders import NOON, a_lead
from tests.web_house import ADMIN, PUSH, browse, make_gateway

pytestmark = pytest.mark.anyio


async def sent(kind: str, lead: Lead, guard: AddressGuard | None = None, **given: Any) -> Tried:
    config = CONFIGS[kind].model_validate({"kind": kind, "timeout": "5s", **given})
    around = Surroundings(Renderer(), guard or wire.loopback(), OwnTokens())
    made = build("crm", config, around)
    try:
        async with asyncio.timeout(wire.DEADLINE):
            return await send(made, lead)
    finally:
        await made.close()


HEADERS = {
    "A line break": "a\r\nX-Injected: yes",
    "A bare line feed": "a\nX-Injected: yes",
    "A null byte": "a\x00b",
}


@pytest.mark.parametrize(("what", "value"), HEADERS.items(), ids=range(len(HEADERS)))
async def test_a_header_of_a_webhook(record: Record, what: str, value: str) -> None:
    async with wire.answering(wire.answer(200)) as server:
        tried = await sent(
            "webhook",
            a_lead(message=value),
            url=server.url,
            headers={"X-Said": "{{ lead.message }}"},
        )
        heads = [request.headers for request in server.requests]
    assert not any("x-injected" in head or "\x00" in str(head) for head in heads)
    assert tried.word == "delivered" or tried.reason in (Reason.TEMPLATE, Reason.CONFIGURATION)
    record(
        f"{what} from a lead in a webhook's header",
        "one line" if heads else f"`{tried.reason}`: nothing is sent",
    )


async def test_json_of_a_webhook(record: Record) -> None:
    said = '", "role": "admin", "x": "'
    async with wire.answering(wire.answer(200)) as server:
        body = {"note": "{{ lead.message }}"}
        await sent("webhook", a_lead(message=said), url=server.url, body=body)
        (request,) = server.requests
    assert json.loads(request.body) == {"note": said}
    record("A quote that would end a JSON value and begin another", "quoted: one value, as written")


async def test_a_form_of_a_webhook(record: Record) -> None:
    async with wire.answering(wire.answer(200)) as server:
        lead = a_lead(message="x&admin=1\r\n")
        await sent("webhook", lead, url=server.url, form={"note": "{{ lead.message }}"})
        (request,) = server.requests
    assert request.body.count(b"&") == 0
    record("A second field in a form: `x&admin=1`", "quoted: one field, as written")


async def mailed(lead: Lead, **given: Any) -> tuple[Tried, list[Any]]:
    inbox = MailInbox()
    async with serve_mail(inbox) as url:
        tried = await sent(
            "email",
            lead,
            smtp=url,
            **{"from": "Leads <leads@agency.example>", "to": ["desk@agency.example"], **given},
        )
    return tried, list(inbox.got.all)


def a_mail(item: Any) -> EmailMessage:
    return cast(EmailMessage, item.content[0])


MAIL_HEADERS = {
    "A name": {"full_name": "Zoé\r\nBcc: all@example.com"},
    "An e-mail address": {"email": "zoe@example.org>\r\nBcc: all@example.com"},
    "A first name": {"first_name": "Zoé\nContent-Type: text/html\n\n<b>"},
}


@pytest.mark.parametrize(("what", "given"), MAIL_HEADERS.items(), ids=range(len(MAIL_HEADERS)))
async def test_a_header_of_a_mail(record: Record, what: str, given: dict[str, str]) -> None:
    values = {"full_name": "Zoé Essai", "email": "zoe@example.org", **given}
    tried, (item,) = await mailed(a_lead(contact=Contact(**values)))
    mail = a_mail(item)
    assert tried.word == "delivered"
    assert mail["bcc"] is None
    assert mail.get_all("content-type") is not None
    assert len(mail.get_all("content-type") or []) == 1
    assert str(mail["to"]) == "desk@agency.example"
    record(f"{what} with a line break and a header of its own", "a mail with its own headers alone")


async def test_a_recipient_of_a_mail(record: Record) -> None:
    lead = a_lead(contact=Contact(email="a@example.org, everybody@example.org"))
    tried, got = await mailed(lead, to=["{{ contact.email }}"])
    assert (tried.reason, got) == (Reason.TEMPLATE, [])
    record("A second recipient in the address of a lead", "`template`: nothing is sent")


async def test_the_end_of_a_mail(record: Record) -> None:
    said = "Bonjour\r\n.\r\nMAIL FROM:<x@example.org>\r\nRCPT TO:<y@example.org>\r\nDATA\r\nforged"
    tried, got = await mailed(a_lead(message=said))
    assert (tried.word, len(got)) == ("delivered", 1)
    record("A message with `.` on a line and SMTP commands after it", "one mail, with them in it")


async def test_markup_in_a_mail(record: Record) -> None:
    said = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    _, (item,) = await mailed(a_lead(message=said, contact=Contact(full_name=said)))
    body = a_mail(item).get_body(("html",))
    assert body is not None
    page = body.get_content()
    assert "<script" not in page
    assert "onerror=alert(1)>" not in page.replace("&gt;", "")
    assert "&lt;script&gt;" in page
    record("`<script>` and `onerror` in name and message of a mail", "shown as text")


SLACK = {
    "A mention of everybody": "<!channel>",
    "A mention of a member": "<@U012AB3CD>",
    "A link under another name": "<https://evil.example|your bank>",
    "Bold and struck out": "*bold* ~struck~",
}


@pytest.mark.parametrize(("what", "said"), SLACK.items(), ids=range(len(SLACK)))
async def test_markup_in_slack(record: Record, what: str, said: str) -> None:
    async with wire.answering(wire.answer(200, b"ok")) as server:
        lead = a_lead(message=said, contact=Contact(full_name=said))
        tried = await sent("slack", lead, webhook_url=f"{server.url}/services/T/B/x")
        (request,) = server.requests
    assert tried.word == "delivered"
    payload = json.loads(request.body)
    marked = " ".join([payload["text"], *_markdown(payload)])
    assert said not in marked
    assert slack(said) in marked
    record(f"{what} in Slack: `{said}`", "shown as typed: it mentions, links and formats nothing")


def _markdown(value: Any) -> list[str]:
    """Every text that Slack would read markup in."""
    if isinstance(value, dict):
        mine = [value["text"]] if value.get("type") == "mrkdwn" else []
        return mine + [text for part in value.values() for text in _markdown(part)]
    if isinstance(value, list):
        return [text for part in value for text in _markdown(part)]
    return []


FORMULAS = {
    "A formula": '=HYPERLINK("https://evil.example","click")',
    "A command (DDE)": "@SUM(1+1)*cmd|' /C calc'!A0",
    "A formula after a plus": "+1+cmd|' /C calc'!A0",
    "A formula after a tab": "\t=1+1",
}


@pytest.mark.parametrize(("what", "said"), FORMULAS.items(), ids=range(len(FORMULAS)))
async def test_a_cell_of_a_spreadsheet(
    record: Record, store: Store, queue: Queue, tmp_path: Path, what: str, said: str
) -> None:
    house = make_gateway(store, queue, tmp_path)
    await house.accept(a_lead(message=said, contact=Contact(full_name=said)))
    async with browse(house) as client:
        text = (await client.get("/v1/exports/leads", headers=ADMIN)).text
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["message"] == row["contact.full_name"] == f"'{said}"
    shown = said.replace("\t", "\\t")
    record(f"{what} in an exported CSV: `{shown}`", "the cell begins with `'` and stays text")


async def test_a_line_of_the_log(
    record: Record, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        setup_logs(Settings.read({"LEAD_GATEWAY_LOG_FORMAT": "console"}), "worker")
        structlog.get_logger().warning(
            "lead rejected", category="X\n2026-11-24 [info] sign-in who=admin\x1b[2J\u202egnp"
        )
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
        structlog.reset_defaults()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert not set(said) & set("\x1b\u202e")
    record("A line break and terminal codes in what a portal sent, in the log", "one line")


IDS = {
    "A command of the store": "x\r\n*1\r\n$8\r\nFLUSHALL\r\n",
    "Lua": "'); redis.call('FLUSHALL') --",
    "Another key": "../lead:*:seen:meta",
    "Braces of a cluster": "{meta}:x",
    "Two thousand letters": "x" * 2000,
}


@pytest.mark.parametrize(("what", "name"), IDS.items(), ids=range(len(IDS)))
async def test_an_id_of_a_lead(
    record: Record, store: Store, queue: Queue, tmp_path: Path, what: str, name: str
) -> None:
    house = make_gateway(store, queue, tmp_path)
    await store.connection.command("SET", store.connection.key("canary"), "here")
    async with browse(house) as client:
        answer = await client.post("/v1/sources/website/leads", headers=PUSH, json={"id": name})
        again = await client.post("/v1/sources/website/leads", headers=PUSH, json={"id": name})
    assert await store.connection.command("GET", store.connection.key("canary")) == b"here"
    keys = [key async for key in store.connection.redis.scan_iter(match=f"{store.namespace}:*")]
    assert not any(name.encode() in key for key in keys)
    assert name.encode()[:2000] not in b"\n".join(keys)
    shown = name.replace("\r", "\\r").replace("\n", "\\n")
    shown = shown if len(shown) < 60 else "xxx…"
    if answer.status_code == 202:
        assert again.status_code == 200
        happened = "a lead of that id: keys are hashes, and values are never code"
    else:
        assert answer.status_code == 422
        happened = "rejected and kept with its reason"
    record(f"{what} as the id of a lead: `{shown}`", happened)


async def test_a_variable_of_the_configuration(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(
        "version: 1\nsources: {website: {kind: push, token: '${TOKEN}'}}\n"
        "destinations: {crm: {kind: webhook, url: https://crm.example.com}}\n"
    )
    token = "a-long-token'}\nnetwork: {allow: ['0.0.0.0/0']}\n#"
    config = load(path, {"TOKEN": token}).config
    assert config.network.allow == ()
    assert cast(Any, config.sources["website"]).token.get_secret_value() == token
    record("An environment variable that brings YAML of its own", "it is filled in as one value")


async def test_a_tag_of_the_configuration(record: Record, tmp_path: Path) -> None:
    path, mark = tmp_path / "gateway.yaml", tmp_path / "mark"
    path.write_text(f"version: !!python/object/apply:os.system ['touch {mark}']\n")
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever is said: nothing may run
        load(path, {})
    assert "gateway.yaml" in str(raised.value)
    assert not mark.exists()
    record("A YAML tag that would run a command", "refused by `check`; nothing runs")


async def test_markup_in_the_dashboard(
    record: Record, store: Store, queue: Queue, tmp_path: Path
) -> None:
    said = "<script>alert(1)</script>"
    house = make_gateway(store, queue, tmp_path)
    lead = a_lead("mark/up?<b>", message=said, contact=Contact(full_name=said))
    await house.accept(lead)
    async with browse(house, signed_in=True) as client:
        listed = await client.get("/leads")
        link = re.search(r'href="(/leads/seloger/[^"]+)"', listed.text)
        assert link is not None
        shown = await client.get(link[1])
    assert (listed.status_code, shown.status_code) == (200, 200)
    for page in (listed, shown):
        assert said not in page.text
        assert "unsafe" not in page.headers["content-security-policy"]
    assert "&lt;script&gt;" in shown.text
    record(
        "`<script>` in name, message and id of a lead, in the dashboard",
        "shown as text; and the page's policy runs no script but its own files",
    )


async def test_a_link_in_a_lead(record: Record) -> None:
    lead = parse_push(
        {"id": "1", "property": {"url": "javascript:alert(1)"}},
        source="website", identity="website", received_at=NOON,
    )  # fmt: skip
    _, (item,) = await mailed(lead)
    body = a_mail(item).get_body(("html",))
    assert body is not None
    assert "javascript:" not in body.get_content().replace(" ", "")
    record("A lead whose property has the address `javascript:alert(1)`", "no link is made of it")


async def test_a_half_character(record: Record, store: Store, queue: Queue, tmp_path: Path) -> None:
    house = make_gateway(store, queue, tmp_path)
    body = b'[{"id": "1", "message": "a\\ud800b"}, {"id": "2"}]'
    async with browse(house) as client:
        answer = await client.post("/v1/sources/website/leads", headers=PUSH, content=body)
    assert answer.status_code == 400
    record("Half a character (`\\ud800`) in a pushed lead", "400: not JSON, nothing is stored")
