"""The ways a webhook can speak and sign in: forms, XML, HMAC, OAuth, an authority, a proxy."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from gateway.addresses import AddressGuard
from gateway.config import load
from gateway.config.check import check
from gateway.delivery import Deferred, Delivered, Message, Outcome, Reason
from gateway.destinations import Surroundings, WebhookConfig, build
from gateway.destinations.protocol import Destination, VerifyError
from gateway.lead import Lead
from gateway.oauth import OwnTokens, TokenStore
from gateway.render import Renderer, TemplateError
from tests import wire
from tests.builders import NOON, a_lead, hostile
from tests.tokens import TokensInMemory, Turning

pytestmark = pytest.mark.anyio

MESSAGE = Message("dlv_0123", "crm", NOON)
OK = wire.answer(200, b"ok")

Make = Callable[..., Destination]


@pytest.fixture
async def crm(tmp_path: Path) -> AsyncIterator[Make]:
    """Builds a destination from what gateway.yaml says of it, through the registry."""
    built: list[Destination] = []

    def make(
        url: str,
        *,
        tokens: TokenStore | None = None,
        guard: AddressGuard | None = None,
        **given: Any,
    ) -> Destination:
        config = WebhookConfig.model_validate({"kind": "webhook", "url": url, **given})
        around = Surroundings(
            Renderer([tmp_path]), guard or wire.loopback(), tokens or OwnTokens(), tmp_path
        )
        built.append(build("crm", config, around))
        return built[-1]

    yield make
    for destination in built:
        await destination.close()


async def deliver(destination: Destination, lead: Lead | None = None) -> Outcome:
    async with asyncio.timeout(wire.DEADLINE):
        return await destination.send(destination.render(lead or a_lead(), MESSAGE))


# Bodies


async def test_a_form_is_encoded_field_by_field(crm: Make) -> None:
    async with wire.answering(OK) as server:
        destination = crm(
            server.url,
            form={
                "last_name": "{{ contact.full_name }}",
                "phone": "{{ contact.phone }}",
                "price": "{{ property.price }}",
                "test": "{{ lead.test }}",
                "tags": ["a&b", "é"],
            },
        )
        assert isinstance(await deliver(destination), Delivered)
    (request,) = server.requests
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.body.decode("ascii"), keep_blank_values=True) == {
        "last_name": ["Camille Essai"],
        "phone": ["+33639981234"],
        "price": [""],
        "test": ["false"],
        "tags": ["a&b", "é"],
    }


async def test_a_lead_can_not_add_a_field_to_a_form(crm: Make) -> None:
    async with wire.answering(OK) as server:
        destination = crm(server.url, form={"message": "{{ lead.message }}"})
        await deliver(destination, a_lead(message="x&oid=evil\r\n&a=1"))
    fields = parse_qs(server.requests[0].body.decode("ascii"))
    assert fields == {"message": ["x&oid=evil\r\n&a=1"]}


async def test_xml_is_well_formed_whatever_a_lead_says(crm: Make, tmp_path: Path) -> None:
    (tmp_path / "adf.xml").write_text(
        '<?xml version="1.0"?>\n<lead id="{{ lead.id }}"><text>{{ lead.message }}</text></lead>'
    )
    async with wire.answering(OK) as server:
        assert isinstance(await deliver(crm(server.url, body="adf.xml"), hostile()), Delivered)
    (request,) = server.requests
    assert request.headers["content-type"] == "application/xml"
    assert b"&lt;script&gt;" in request.body
    assert b"\x00" not in request.body


async def test_a_template_that_makes_no_xml_is_refused_with_its_line(
    crm: Make, tmp_path: Path
) -> None:
    (tmp_path / "adf.xml").write_text("<lead>\n<text>{{ lead.message | safe }}</text></lead>")
    with pytest.raises(TemplateError) as caught:
        crm("https://crm.example/", body="adf.xml").render(a_lead(message="<b>"), MESSAGE)
    assert (caught.value.line, str(caught.value)) == (
        2, "adf.xml:2: what it renders is not XML",
    )  # fmt: skip


# Signatures


@pytest.mark.parametrize(
    ("algorithm", "encoding", "prefix"),
    [("sha256", "hex", "sha256="), ("sha1", "base64", ""), ("sha512", "hex", "v1=")],
)
async def test_a_plain_hmac_covers_the_body(
    crm: Make, algorithm: str, encoding: str, prefix: str
) -> None:
    sign = {
        "header": "X-Hub-Signature", "secret": "hush", "algorithm": algorithm,
        "encoding": encoding, "prefix": prefix,
    }  # fmt: skip
    async with wire.answering(OK) as server:
        destination = crm(server.url, sign={"hmac": sign})
        prepared = destination.render(a_lead(), MESSAGE)
        await destination.send(prepared)
    (request,) = server.requests
    digest = hmac.new(b"hush", request.body, getattr(hashlib, algorithm))
    found = request.headers["x-hub-signature"].removeprefix(prefix)
    if encoding == "hex":
        assert found == digest.hexdigest()
    else:
        assert bytes(digest.digest()) == base64.b64decode(found)
    assert ("x-hub-signature", f"{prefix}•••") in prepared.preview().head


# OAuth


class Crm:
    """A CRM that gives tokens and takes only the newest ones."""

    def __init__(self) -> None:
        self.granted = 0
        self.takes: set[str] = set()
        self.forms: list[dict[str, list[str]]] = []
        self.shown: list[str] = []
        self.refuses_tokens = False
        self.denies_grants = False

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await wire.read_request(reader)
            writer.write(
                self._token(request) if request.target == "/token" else self._lead(request)
            )
            await writer.drain()

    def _token(self, request: wire.Received) -> bytes:
        self.forms.append(parse_qs(request.body.decode()))
        if self.denies_grants:
            return wire.answer(
                400, b'{"error": "invalid_client", "error_description": "hush-secret"}'
            )
        self.granted += 1
        token = f"token-{self.granted}"
        self.takes = {token}
        body = {"access_token": token, "expires_in": 3600, "refresh_token": f"r-{self.granted}"}
        return wire.answer(200, json.dumps(body).encode())

    def _lead(self, request: wire.Received) -> bytes:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        self.shown.append(f"{scheme} {token}")
        if self.refuses_tokens or token not in self.takes:
            return wire.answer(401, f'{{"message": "no {token}"}}'.encode())
        return wire.answer(201, b'{"id": 7}')


def oauth(url: str, **more: Any) -> dict[str, Any]:
    given = {"token_url": f"{url}/token", "client_id": "gateway", "client_secret": "hush-secret"}
    return {"oauth2": {**given, **more}}


async def test_one_token_serves_every_process(crm: Make) -> None:
    receiver, shared = Crm(), OwnTokens()
    async with wire.listening(receiver) as server:
        auth = oauth(server.url, scope="leads")
        for _ in range(2):
            destination = crm(server.url + "/leads", auth=auth, tokens=shared)
            for _ in range(3):
                assert isinstance(await deliver(destination), Delivered)
    assert receiver.granted == 1
    assert receiver.shown == ["Bearer token-1"] * 6
    assert receiver.forms == [
        {
            "grant_type": ["client_credentials"],
            "client_id": ["gateway"],
            "client_secret": ["hush-secret"],
            "scope": ["leads"],
        }
    ]


async def test_a_token_that_died_is_replaced_within_the_same_attempt(crm: Make) -> None:
    receiver = Crm()
    async with wire.listening(receiver) as server:
        destination = crm(server.url + "/leads", auth=oauth(server.url))
        await deliver(destination)
        receiver.takes.clear()
        assert isinstance(await deliver(destination), Delivered)
    assert receiver.shown == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


async def test_a_receiver_that_takes_no_token_is_not_asked_for_one_each_time(crm: Make) -> None:
    receiver = Crm()
    receiver.refuses_tokens = True
    async with wire.listening(receiver) as server:
        destination = crm(server.url + "/leads", auth=oauth(server.url))
        outcomes = [await deliver(destination) for _ in range(5)]
    assert {getattr(outcome, "reason", None) for outcome in outcomes} == {Reason.CREDENTIALS}
    assert receiver.granted == 2
    assert not any("token-" in outcome.answer for outcome in outcomes)


async def test_a_refused_grant_defers_and_is_not_repeated_for_minutes(crm: Make) -> None:
    receiver = Crm()
    receiver.denies_grants = True
    async with wire.listening(receiver) as server:
        destination = crm(server.url + "/leads", auth=oauth(server.url))
        first, second = [await deliver(destination) for _ in range(2)]
    assert isinstance(first, Deferred)
    assert isinstance(second, Deferred)
    assert (first.reason, second.reason) == (Reason.CREDENTIALS, Reason.CREDENTIALS)
    assert first.retry_after is not None
    assert first.retry_after > 200
    assert "destinations.crm.auth.oauth2.client_id" in first.answer
    assert "hush" not in first.answer
    assert (len(receiver.forms), receiver.shown) == (1, [])


async def test_a_refresh_token_is_used_and_a_new_one_takes_its_place(crm: Make) -> None:
    receiver, clock = Crm(), Turning()
    kept = TokensInMemory(clock)
    async with wire.listening(receiver) as server:
        auth = oauth(server.url, refresh_token="hush-refresh", scheme="Zoho-oauthtoken")
        for _ in range(2):
            destination = crm(server.url + "/leads", auth=auth, tokens=kept)
            assert isinstance(await deliver(destination), Delivered)
            receiver.takes.clear()
            assert isinstance(await deliver(destination), Delivered)
    grants = [form["refresh_token"] for form in receiver.forms]
    assert {form["grant_type"][0] for form in receiver.forms} == {"refresh_token"}
    assert grants[:3] == [["hush-refresh"], ["r-1"], ["r-2"]]
    assert receiver.shown[0] == "Zoho-oauthtoken token-1"


async def test_a_token_endpoint_that_hangs_is_given_up_at_the_timeout(crm: Make) -> None:
    async with wire.listening(wire.hang) as server:
        destination = crm(server.url + "/leads", auth=oauth(server.url), timeout="300ms")
        outcome = await deliver(destination)
    assert isinstance(outcome, Deferred)
    assert (outcome.reason, outcome.uncertain) == (Reason.TIMEOUT, False)


async def test_a_check_signs_in_and_names_the_key_to_correct(crm: Make) -> None:
    receiver = Crm()
    async with wire.listening(receiver) as server:
        assert "access token" in await crm(server.url, auth=oauth(server.url)).verify()
        receiver.denies_grants = True
        with pytest.raises(VerifyError, match=r"auth\.oauth2\.client_id"):
            await crm(server.url, auth=oauth(server.url, scope="x")).verify()


async def test_a_preview_masks_the_token_and_asks_for_none(crm: Make) -> None:
    destination = crm("https://crm.example/", auth=oauth("https://crm.example"))
    preview = destination.render(a_lead(), MESSAGE).preview()
    assert ("authorization", "•••") in preview.head
    assert "hush" not in repr(preview)


# Where it connects


async def test_an_authority_of_ones_own_is_trusted_where_it_is_named(
    crm: Make, tmp_path: Path
) -> None:
    (tmp_path / "authority.pem").write_bytes(wire.AUTHORITY.read_bytes())
    async with wire.answering(OK, tls="localhost") as server:
        unknown = await deliver(crm(server.url))
        known = await deliver(crm(server.url, ca_file="authority.pem"))
    assert isinstance(unknown, Deferred)
    assert unknown.reason is Reason.TLS
    assert isinstance(known, Delivered)


def test_an_authority_that_can_not_be_read_is_found_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    (tmp_path / "empty.pem").write_text("")
    text = """version: 1
sources: {{website: {{kind: push, token: a-token-of-mine}}}}
destinations:
  crm: {{kind: webhook, url: "https://crm.example", ca_file: {name}}}
"""
    for name in ("missing.pem", "empty.pem"):
        (tmp_path / "gateway.yaml").write_text(text.format(name=name))
        found = check(load(tmp_path / "gateway.yaml", {}))
        assert [fault.path for fault in found] == ["destinations.crm.ca_file"]
        assert found[0].line == 4


class Proxy:
    """A proxy that opens tunnels to ``to``, whatever it is asked for, and remembers the asking."""

    def __init__(self, to: int, answer: bytes = b"HTTP/1.1 200 Fine\r\n\r\n") -> None:
        self.to = to
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await wire.read_request(reader)
        self.asked.append((f"{request.method} {request.target}",
                           request.headers.get("proxy-authorization", "")))  # fmt: skip
        writer.write(self.answer)
        await writer.drain()
        if b" 200 " not in self.answer:
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.to)
        try:
            await asyncio.gather(_pour(reader, back), _pour(there, writer))
        finally:
            back.close()


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(65536):
            target.write(piece)
            await target.drain()
        target.close()


async def test_a_proxy_is_asked_for_the_name_and_the_receiver_must_prove_it(crm: Make) -> None:
    async with wire.answering(OK, tls="localhost") as server:
        proxy = Proxy(server.port)
        async with wire.listening(proxy) as place:
            through = f"http://desk:hush%21@127.0.0.1:{place.port}"
            given = {"proxy": through, "ca_file": str(wire.AUTHORITY)}
            taken = await deliver(crm("https://localhost/leads", **given))
            # Somebody else's name: the tunnel leads to one who can not prove it.
            other = await deliver(crm("https://crm.invalid/leads", **given))
    assert isinstance(taken, Delivered)
    assert proxy.asked[0] == ("CONNECT localhost:443", "Basic ZGVzazpodXNoIQ==")
    assert isinstance(other, Deferred)
    assert other.reason is Reason.TLS
    assert len(server.requests) == 1


async def test_a_blocked_name_is_not_asked_of_a_proxy(crm: Make) -> None:
    proxy = Proxy(1)
    async with wire.listening(proxy) as place:
        # Only the proxy's own address is open; localhost leads to another one too.
        guard = AddressGuard([ip_network("127.0.0.1/32")])
        given = {"proxy": f"http://127.0.0.1:{place.port}", "guard": guard}
        for host in ("10.1.2.3", "[::1]", "169.254.169.254"):
            outcome = await deliver(crm(f"https://{host}/leads", **given))
            assert isinstance(outcome, Deferred)
            assert outcome.reason is Reason.BLOCKED_ADDRESS
    assert proxy.asked == []


async def test_a_private_proxy_is_reached_only_when_it_is_allowed(crm: Make) -> None:
    proxy = Proxy(1)
    async with wire.listening(proxy) as place:
        destination = crm(
            "https://crm.invalid/", proxy=f"http://127.0.0.1:{place.port}", guard=AddressGuard()
        )
        outcome = await deliver(destination)
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.BLOCKED_ADDRESS
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            b"HTTP/1.1 407 Who\r\ncontent-length: 0\r\n\r\n",
            "the proxy refused to connect (HTTP 407)",
        ),
        (
            b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n",
            "the proxy refused to connect (HTTP 403)",
        ),
    ],
)
async def test_a_proxy_that_says_no_is_told_apart(crm: Make, answer: bytes, text: str) -> None:
    async with wire.listening(Proxy(1, answer)) as place:
        proxy = f"http://desk:hush@127.0.0.1:{place.port}"
        outcome = await deliver(crm("https://crm.invalid/", proxy=proxy))
    assert isinstance(outcome, Deferred)
    assert (outcome.reason, outcome.answer, outcome.uncertain) == (Reason.CONNECTION, text, False)


async def test_a_proxy_that_is_away_is_told_apart(crm: Make) -> None:
    destination = crm("https://crm.invalid/", proxy=f"http://127.0.0.1:{wire.unused_port()}")
    outcome = await deliver(destination)
    assert isinstance(outcome, Deferred)
    assert outcome.answer == "the proxy can not be reached"


async def test_the_token_comes_through_the_proxy_too(crm: Make) -> None:
    receiver = Crm()
    async with wire.listening(receiver, tls="localhost") as server:
        proxy = Proxy(server.port)
        async with wire.listening(proxy) as place:
            destination = crm(
                "https://localhost/leads",
                auth=oauth("https://localhost"),
                proxy=f"http://127.0.0.1:{place.port}",
                ca_file=str(wire.AUTHORITY),
            )
            assert isinstance(await deliver(destination), Delivered)
    assert {asked for asked, _ in proxy.asked} == {"CONNECT localhost:443"}
