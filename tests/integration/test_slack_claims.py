"""The button in Slack that takes a lead: signed, once, by who is an agent, shown in the channel."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from gateway.delivery import delivery_id, lead_uid
from gateway.queue import Queue
from gateway.store import Store
from tests import wire
from tests.builders import a_lead
from tests.web_house import CONFIGURATION, WebGateway, browse, make_gateway

pytestmark = pytest.mark.anyio

SECRET = "slacks-signing-secret"
TEAM = delivery_id("seloger", "lead-1", "team")
RULES = """
agents:
  - {name: Anne Martin, slack: U0ANNE}
  - {name: Bob Petit, email: bob@agency.example}
claim: {within: 5m}
network: {allow: [127.0.0.0/8]}
"""


@dataclass
class House:
    web: WebGateway
    client: httpx.AsyncClient
    slack: wire.Server

    async def press(self, member: str, **how: Any) -> httpx.Response:
        token = how.get("token") or self.token()
        payload = {
            "type": "block_actions",
            "user": {"id": member, "name": "somebody"},
            "response_url": self.slack.url + "/respond",
            "actions": [{"action_id": "claim", "value": token}],
        }
        body = urlencode({"payload": json.dumps(payload)}).encode()
        return await self.post(body, **{key: how[key] for key in how if key != "token"})

    async def post(self, body: bytes, *, secret: str = SECRET, age: float = 0.0) -> httpx.Response:
        stamp = str(int(datetime.now(UTC).timestamp() - age))
        signed = b"v0:" + stamp.encode() + b":" + body
        signature = "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}
        return await self.client.post("/slack/actions", content=body, headers=headers)

    def token(self, delivery: str = TEAM, days: float = 7) -> str:
        expires = datetime.now(UTC) + timedelta(days=days)
        return self.web.store.threads.claim_links.token(delivery, expires)

    async def claimed_by(self) -> str | None:
        found = await self.web.store.leads.get(lead_uid("seloger", "lead-1"))
        return found.claimed_by if found else "gone"

    @property
    def said(self) -> list[dict[str, Any]]:
        return [json.loads(sent.body) for sent in self.slack.requests if sent.target == "/respond"]


PERSON = {"ok": True, "user": {"profile": {"email": "Bob@Agency.example"}}}


@pytest.fixture(params=["webhook"])
async def house(
    request: pytest.FixtureRequest, store: Store, queue: Queue, tmp_path: Path
) -> AsyncIterator[House]:
    answers = [wire.answer(200, json.dumps(PERSON).encode())] * 8
    async with wire.answering(*answers) as slack:
        kind = (
            f'{{kind: slack, webhook_url: "{slack.url}/hook", signing_secret: {SECRET}}}'
            if request.param == "webhook"
            else f'{{kind: slack, token: xoxb-1, channel: C1, api_url: "{slack.url}/api/", '
            f"signing_secret: {SECRET}}}"
        )
        hook = '{kind: slack, webhook_url: "https://hooks.slack.example/services/T/B/x"}'
        text = CONFIGURATION.replace(hook, kind) + RULES
        web = make_gateway(store, queue, tmp_path, text=text)
        await web.accept(a_lead())
        async with browse(web) as client:
            yield House(web, client, slack)
        await web.close()


by_token = pytest.mark.parametrize("house", ["token"], indirect=True)


async def test_pressing_claims_and_the_message_says_who_has_it(house: House) -> None:
    answer = await house.press("U0ANNE")
    assert (answer.status_code, answer.content) == (200, b"")
    assert await house.claimed_by() == "Anne Martin"
    (said,) = house.said
    assert said["replace_original"] is True
    assert "Anne Martin has this lead" in json.dumps(said, ensure_ascii=False)


async def test_who_comes_second_reads_who_has_it(house: House) -> None:
    stored = await house.web.store.leads.get(lead_uid("seloger", "lead-1"))
    assert stored is not None
    await house.web.pipeline.claim(stored, "Bob Petit", "email")
    await house.press("U0ANNE")
    assert await house.claimed_by() == "Bob Petit"
    assert "Bob Petit has this lead" in json.dumps(house.said, ensure_ascii=False)


@by_token
async def test_an_agent_is_known_by_address_where_the_token_may_ask(house: House) -> None:
    await house.press("U0BOB")
    assert await house.claimed_by() == "Bob Petit"
    asked = house.slack.requests[0]
    assert (asked.target, asked.body) == ("/api/users.info", b"user=U0BOB")
    assert house.said == []


async def test_a_stranger_claims_nothing_and_is_shown_the_page(house: House) -> None:
    await house.press("U0WHO")
    assert await house.claimed_by() is None
    (said,) = house.said
    assert said["response_type"] == "ephemeral"
    assert "http://gateway.example/claim/dlv_" in said["text"]


async def test_the_same_request_counts_once(house: House) -> None:
    answers = [await house.press("U0WHO") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(house.said) == 1


@pytest.mark.parametrize("how", [{"secret": "another"}, {"age": 400.0}, {"age": -400.0}])
async def test_what_is_not_signed_by_slack_now_claims_nothing(
    house: House, how: dict[str, Any]
) -> None:
    answer = await house.press("U0ANNE", **how)
    assert answer.status_code == 401
    assert await house.claimed_by() is None


async def test_guessing_signatures_is_slowed_down(house: House) -> None:
    answers = [await house.press("U0ANNE", secret="another") for _ in range(22)]
    assert answers[-1].status_code == 429


@pytest.mark.parametrize("delivery", [TEAM, "dlv_" + "0" * 32])
async def test_an_old_or_unknown_button_claims_nothing(house: House, delivery: str) -> None:
    await house.press("U0ANNE", token=house.token(delivery, days=-1 if delivery == TEAM else 1))
    await house.press("U0ANNE", token="nothing")
    assert await house.claimed_by() is None
    assert len(house.said) == 2


async def test_a_button_of_another_kind_of_destination_is_not_taken(house: House) -> None:
    crm = delivery_id("seloger", "lead-1", "crm")
    await house.press("U0ANNE", token=house.token(crm))
    assert await house.claimed_by() is None


async def test_other_interactions_are_acknowledged_and_large_ones_refused(house: House) -> None:
    assert (await house.post(b"payload=%7B%7D")).status_code == 200
    assert (await house.post(b"payload=" + b"x" * 300_000)).status_code == 413
    assert (await house.client.get("/slack/actions")).status_code == 405


async def test_without_a_secret_there_is_no_such_place(
    store: Store, queue: Queue, tmp_path: Path
) -> None:
    async with browse(make_gateway(store, queue, tmp_path)) as client:
        assert (await client.post("/slack/actions", content=b"payload=x")).status_code == 404


async def test_one_workspaces_secret_presses_no_button_of_another(
    store: Store, queue: Queue, tmp_path: Path
) -> None:
    async with wire.answering(*[wire.answer(200, b"ok")] * 4) as slack:
        hook = '{kind: slack, webhook_url: "https://hooks.slack.example/services/T/B/x"}'
        one = f'{{kind: slack, webhook_url: "{slack.url}/hook", signing_secret: {SECRET}}}'
        other = one.replace(SECRET, "the-secret-of-another-workspace")
        text = CONFIGURATION.replace(hook, f"{other}\n  elsewhere: {one}") + RULES
        web = make_gateway(store, queue, tmp_path, text=text)
        await web.accept(a_lead())
        async with browse(web) as client:
            house = House(web, client, slack)
            await house.press("U0ANNE")
            assert await house.claimed_by() is None
            answer = await house.press("U0ANNE", secret="the-secret-of-another-workspace")
            assert answer.status_code == 200
            assert await house.claimed_by() == "Anne Martin"
        await web.close()
