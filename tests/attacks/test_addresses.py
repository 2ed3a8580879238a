"""Getting the gateway to talk to what it must not reach (server-side request forgery)."""

from __future__ import annotations

import asyncio
import json
import socket
import types
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from gateway.addresses import AddressGuard
from gateway.config import ConfigError
from gateway.config.load import load
from gateway.delivery import Reason
from gateway.destinations import CONFIGS, Surroundings, build
from gateway.destinations.protocol import Destination
from gateway.http import HttpClient, Request, WireError
from gateway.http.asking import RemoteProblem
from gateway.oauth import OwnTokens
from gateway.render import Renderer
from gateway.sources.gsl import GslSource
from gateway.sources.gsl_config import GslConfig
from gateway.store import Store
from gateway.trying import Tried, send
from gateway.wiring import Gateway, OpenGuard
from tests import wire
from tests.attacks.conftest import Record
from tests.builders import NOON, a_lead
from workers.alerter import Alerter

pytestmark = pytest.mark.anyio

CLOSED = AddressGuard()


@asynccontextmanager
async def destination(
    kind: str, guard: AddressGuard = CLOSED, **given: Any
) -> AsyncIterator[Destination]:
    config = CONFIGS[kind].model_validate({"kind": kind, "timeout": "5s", **given})
    made = build("crm", config, Surroundings(Renderer(), guard, OwnTokens()))
    try:
        yield made
    finally:
        await made.close()


async def sent(kind: str, guard: AddressGuard = CLOSED, **given: Any) -> Tried:
    async with destination(kind, guard, **given) as made, asyncio.timeout(wire.DEADLINE):
        return await send(made, a_lead())


SPELLINGS = {
    "Loopback": "127.0.0.1",
    "Loopback by its name": "localhost",
    "Loopback by its name with a root dot": "localhost.",
    "Another address of loopback": "127.200.3.4",
    "Loopback in two parts": "127.1",
    "Loopback as a decimal number": "2130706433",
    "Loopback in hexadecimal": "0x7f000001",
    "Loopback in octal": "0177.0.0.1",
    "Loopback in full-width digits": "１２７.０.０.１",
    "Loopback with ideographic dots": "127。0。0。1",
    "Loopback over IPv6": "[::1]",
    "Loopback mapped into IPv6": "[::ffff:127.0.0.1]",
    "The same in hexadecimal": "[::ffff:7f00:1]",
    "Loopback embedded in IPv6": "[::127.0.0.1]",
    "Loopback behind NAT64": "[64:ff9b::7f00:1]",
    "Loopback behind 6to4": "[2002:7f00:1::]",
    "Any address of this machine": "0.0.0.0",
    "The same in one digit": "0",
    "The same over IPv6": "[::]",
    "A private network, 10/8": "10.0.0.1",
    "A private network, 172.16/12": "172.16.0.1",
    "A private network, 192.168/16": "192.168.1.1",
    "A private network over IPv6": "[fd00::1]",
    "A cloud's metadata": "169.254.169.254",
    "A cloud's metadata over IPv6": "[fd00:ec2::254]",
    "A cloud's metadata among carrier addresses": "100.100.100.200",
    "A cloud's host agent": "168.63.129.16",
    "A neighbour on the link": "[fe80::1]",
    "Everybody on the network": "224.0.0.1",
    "Broadcast": "255.255.255.255",
}


@pytest.mark.parametrize(("what", "host"), SPELLINGS.items(), ids=range(len(SPELLINGS)))
async def test_no_spelling_is_connected_to(record: Record, what: str, host: str) -> None:
    async with wire.listening(wire.hang) as server:
        tried = await sent("webhook", url=f"http://{host}:{server.port}/")
        assert server.connections == 0
    assert tried.word in ("deferred", "refused")
    # An old spelling that no URL should have may be turned away before it is looked up.
    assert tried.reason in (Reason.BLOCKED_ADDRESS, Reason.CONFIGURATION, Reason.DNS)
    record(f"{what}: `http://{host}/`", f"`{tried.reason}`; no connection")


NOT_URLS = {
    "A public name before the real host": "http://crm.example.com@127.0.0.1/",
    "A password before the real host": "http://user:password@169.254.169.254/",
    "A file": "file:///etc/passwd",
    "Another protocol": "gopher://127.0.0.1:6379/_FLUSHALL",
    "No scheme": "//127.0.0.1/",
    "A host that a lead fills in": "https://{{ contact.email }}/",
    "A port that a lead fills in": "https://crm.example.com:{{ lead.id }}/",
}


@pytest.mark.parametrize(("what", "url"), NOT_URLS.items(), ids=range(len(NOT_URLS)))
async def test_no_such_url_is_configured(
    record: Record, tmp_path: Path, what: str, url: str
) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(
        "version: 1\nsources: {website: {kind: push, token: a-long-enough-token}}\n"
        f"destinations: {{crm: {{kind: webhook, url: {json.dumps(url)}}}}}\n"
    )
    with pytest.raises(ConfigError) as raised:
        load(path, {})
    (fault,) = raised.value.faults
    record(f"{what}: `{url}`", f"refused by `check`: “{fault.text}”")


def resolver(monkeypatch: pytest.MonkeyPatch, answers: list[list[str]]) -> list[str]:
    """Have names resolved so, the last answer for ever; the names that were asked for."""
    real, asked = socket.getaddrinfo, cast(list[str], [])

    def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host not in ("rebind.example", "inside.example"):
            return real(host, port, *rest, **more)
        asked.append(host)
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port or 0)) for ip in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


async def test_a_name_that_leads_inside(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver(monkeypatch, [["127.0.0.1"]])
    async with wire.listening(wire.hang) as server:
        tried = await sent("webhook", url=f"http://inside.example:{server.port}/")
        assert (tried.reason, server.connections) == (Reason.BLOCKED_ADDRESS, 0)
    record("A public name whose address is 127.0.0.1", "`blocked_address`; no connection")


async def test_a_name_that_changes_its_mind(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver(monkeypatch, [["93.184.215.14"], ["127.0.0.1"]])
    assert socket.getaddrinfo("rebind.example", 80)[0][4][0] == "93.184.215.14"
    async with wire.listening(wire.hang) as server:
        tried = await sent("webhook", url=f"http://rebind.example:{server.port}/")
        assert (tried.reason, server.connections) == (Reason.BLOCKED_ADDRESS, 0)
    record(
        "DNS rebinding: a name that is public when it is looked at and loopback when it is used",
        "`blocked_address`: the very address that a socket is opened for is judged",
    )


async def test_a_name_with_one_good_address(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver(monkeypatch, [["127.0.0.1", "127.0.0.2"]])
    guard = AddressGuard([ip_network("127.0.0.2/32")])
    async with wire.listening(wire.hang) as server:
        tried = await sent("webhook", guard, url=f"http://rebind.example:{server.port}/")
        assert server.connections == 0
    assert tried.reason is Reason.CONNECTION  # the allowed one, where nobody listens
    record(
        "DNS rebinding: an allowed address and a closed one in the same answer",
        "the allowed one alone is tried",
    )


REDIRECTS = {
    "to another port of this machine": "http://127.0.0.1:{port}/",
    "to a cloud's metadata": "http://169.254.169.254/latest/meta-data/",
    "to a file": "file:///etc/passwd",
}


@pytest.mark.parametrize(("what", "to"), REDIRECTS.items(), ids=range(len(REDIRECTS)))
async def test_a_receiver_that_sends_elsewhere(record: Record, what: str, to: str) -> None:
    async with wire.listening(wire.hang) as inside:
        answer = wire.answer(307, headers={"location": to.format(port=inside.port)})
        async with wire.answering(answer) as server:
            tried = await sent("webhook", wire.loopback(), url=server.url)
        assert (len(server.requests), inside.connections) == (1, 0)
    assert tried.reason is Reason.REDIRECT
    record(f"A redirect {what}: 307", "`redirect`: never followed, the lead goes nowhere else")


async def test_a_token_url_inside(record: Record) -> None:
    async with wire.listening(wire.hang) as server:
        oauth2 = {"token_url": server.url + "/token", "client_id": "a", "client_secret": "b"}
        tried = await sent("webhook", url="http://93.184.215.14/", auth={"oauth2": oauth2})
        assert server.connections == 0
    assert tried.word == "deferred"
    record("A destination's OAuth `token_url` on this machine", "no connection; no secret leaves")


async def test_a_token_url_that_redirects(record: Record) -> None:
    async with wire.listening(wire.hang) as inside:
        away = wire.answer(307, headers={"location": inside.url})
        async with wire.answering(away) as server:
            oauth2 = {"token_url": server.url, "client_id": "a", "client_secret": "b"}
            tried = await sent("webhook", wire.loopback(), url=server.url, auth={"oauth2": oauth2})
        assert inside.connections == 0
    assert tried.word in ("deferred", "refused")
    record("An OAuth `token_url` that redirects", "not followed: no secret goes elsewhere")


async def test_a_heartbeat_inside(record: Record, tmp_path: Path, store: Store) -> None:
    async with wire.listening(wire.hang) as server:
        path = tmp_path / "gateway.yaml"
        path.write_text(
            "version: 1\nsources: {website: {kind: push, token: a-long-enough-token}}\n"
            "destinations: {crm: {kind: webhook, url: https://crm.example.com}}\n"
            f"alerts: {{heartbeat_url: {server.url}/ping}}\n"
        )
        config = load(path, {}).config
        alerter = Alerter(
            cast(Gateway, types.SimpleNamespace(config=config, store=store, embedded=None)), "w1"
        )
        with capture_logs() as logs:
            assert await alerter.round()
        await alerter.close()
        assert server.connections == 0
    assert any("network.allow" in str(line.get("problem")) for line in logs)
    record("A `heartbeat_url` on this machine", "no connection; a warning in the log")


async def test_a_proxy_inside(record: Record) -> None:
    async with wire.listening(wire.hang) as server:
        tried = await sent("webhook", url="https://crm.example.com/", proxy=server.url)
        assert server.connections == 0
    assert tried.word == "deferred"
    record("A `proxy` on this machine that `network.allow` does not name", "no connection")


async def test_a_closed_host_behind_an_allowed_proxy(record: Record) -> None:
    async with wire.listening(wire.hang) as proxy:
        tried = await sent(
            "webhook", wire.loopback(), url="https://169.254.169.254/", proxy=proxy.url
        )
        assert proxy.connections == 0
    assert tried.reason is Reason.BLOCKED_ADDRESS
    record("A cloud's metadata, asked for through an allowed proxy", "the proxy is not asked")


async def test_a_proxy_of_the_environment(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    async with wire.listening(wire.hang) as proxy, wire.answering(wire.answer(200)) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        tried = await sent("webhook", wire.loopback(), url=server.url)
        assert (tried.word, proxy.connections) == ("delivered", 0)
    record("`HTTP_PROXY` in the environment of a role", "ignored: a proxy is named in gateway.yaml")


MAIL_HOSTS = {
    "Loopback": "127.0.0.1",
    "Loopback as a decimal number": "2130706433",
    "Loopback over IPv6": "[::1]",
    "A private network": "10.0.0.1",
}


@pytest.mark.parametrize(("what", "host"), MAIL_HOSTS.items(), ids=range(len(MAIL_HOSTS)))
async def test_a_mail_server_inside(record: Record, what: str, host: str) -> None:
    async with wire.listening(wire.hang_before_reading) as server:
        tried = await sent(
            "email",
            smtp=f"smtp://{host}:{server.port}?starttls=never",
            **{"from": "a@agency.example", "to": ["b@agency.example"]},
        )
        assert server.connections == 0
    assert tried.reason is Reason.BLOCKED_ADDRESS
    record(f"{what} as the mail server: `smtp://{host}`", "`blocked_address`; no connection")


async def test_a_mail_server_whose_name_leads_inside(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver(monkeypatch, [["127.0.0.1"]])
    async with wire.listening(wire.hang_before_reading) as server:
        tried = await sent(
            "email",
            smtp=f"smtp://inside.example:{server.port}?starttls=never",
            **{"from": "a@agency.example", "to": ["b@agency.example"]},
        )
        assert (tried.reason, server.connections) == (Reason.BLOCKED_ADDRESS, 0)
    record("A mail server's public name whose address is 127.0.0.1", "`blocked_address`")


async def test_a_slack_webhook_inside(record: Record) -> None:
    async with wire.listening(wire.hang) as server:
        tried = await sent("slack", webhook_url=f"{server.url}/services/T/B/x")
        assert (tried.reason, server.connections) == (Reason.BLOCKED_ADDRESS, 0)
    record("A Slack `webhook_url` on this machine", "`blocked_address`; no connection")


async def sign_in_fails(server: wire.Server) -> None:
    """Sign in to a portal there: it may be anywhere, it is the operator's choice."""
    config = GslConfig.model_validate(
        {"kind": "gsl", "base_url": server.url, "token_url": server.url + "/token",
         "client_id": "a", "client_secret": "b"}
    )  # fmt: skip
    http = HttpClient(OpenGuard(), connections=2)
    try:
        source = GslSource("seloger", config, http.conversation(), OwnTokens(), lambda: NOON)
        async with asyncio.timeout(wire.DEADLINE):
            with pytest.raises(RemoteProblem):
                await source.verify()
    finally:
        await http.close()


async def test_a_portal_that_sends_elsewhere(record: Record) -> None:
    async with wire.listening(wire.hang) as inside:
        async with wire.answering(wire.answer(302, headers={"location": inside.url})) as server:
            await sign_in_fails(server)
        assert inside.connections == 0
    record(
        "A portal that redirects to another host (a `base_url` may itself be anywhere: it is the "
        "operator's own, and no lead has a part in it)",
        "not followed; the source is shown as down",
    )


LEADING: dict[str, Callable[[], dict[str, str]]] = {
    "climbs out of the path": lambda: {"reference": "../../admin"},
    "names another host": lambda: {"reference": "@169.254.169.254/"},
    "adds to the query": lambda: {"reference": "1?delete=all&x=1#"},
}


@pytest.mark.parametrize(("what", "given"), LEADING.items(), ids=range(len(LEADING)))
async def test_a_lead_that_would_move_a_request(
    record: Record, what: str, given: Callable[[], dict[str, str]]
) -> None:
    async with wire.answering(wire.answer(200)) as server:
        url = server.url + "/estates/{{ property.reference }}/leads?kind=new"
        lead = a_lead()
        lead = lead.model_copy(update={"property": lead.property.model_copy(update=given())})
        async with destination("webhook", wire.loopback(), url=url) as made:
            tried = await send(made, lead)
        targets = [request.target for request in server.requests]
    for target in targets:
        assert target.startswith("/estates/")
        assert target.endswith("/leads?kind=new")
        assert target.count("/") == 3
    assert targets or tried.reason is Reason.TEMPLATE
    record(
        f"A lead whose reference {what}: `{given()['reference']}`",
        "quoted, and stays one part of the path" if targets else "`template`: nothing is sent",
    )


async def test_an_answer_cannot_name_the_next_host(record: Record) -> None:
    client = HttpClient(CLOSED)
    try:
        with pytest.raises(WireError) as raised:
            await client.exchange(Request("GET", "http://[::ffff:a9fe:a9fe]/"), 5.0)
    finally:
        await client.close()
    assert raised.value.reason is Reason.BLOCKED_ADDRESS
    record("Metadata mapped into IPv6: `http://[::ffff:a9fe:a9fe]/`", "`blocked_address`")
