"""Leads that want somebody, with real roles: a ladder across a restart, a person who writes on."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.delivery import State
from gateway.store import StoredLead
from gateway.wiring import Gateway
from tests.e2e.conftest import House

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

AGENTS = """
agents:
  - {name: Anne Martin, email: anne@agency.example, slack: U0ANNE}
  - {name: Bob Petit, email: bob@agency.example}
"""


def configure(house: House, more: str) -> None:
    """Agents, mails to them, a Slack that makes threads, and links."""
    hook = f'webhook_url: "{house.urls["slack"]}/services/T/B/x"'
    token = f'token: xoxb-1, channel: C012, api_url: "{house.urls["slack"]}/api"'
    text = house.config.read_text().replace(hook, token)
    text = text.replace("desk@agency.example", "{{ agent.email or 'desk@agency.example' }}")
    house.config.write_text(text.replace("[{{", '["{{').replace("}}]", '}}"]') + AGENTS + more)
    house.settings = replace(house.settings, public_url="https://leads.example")


async def the_leads(gateway: Gateway) -> list[StoredLead]:
    return list((await gateway.store.leads.page(None, 50)).items)


async def sent(gateway: Gateway) -> Counter[tuple[str, str, State]]:
    ids = [item for lead in await the_leads(gateway) for item in lead.delivery_ids]
    made = await gateway.store.deliveries.get_many(ids)
    return Counter((item.destination, item.occasion, item.state) for item in made)


async def test_a_ladder_goes_on_over_a_restart_until_somebody_claims(
    house: House, until: Any
) -> None:
    configure(
        house,
        "routes: [{to: [crm]}]\n"
        "claim: {within: 1s, on_claim: [crm], then: [{after: 1s, to: [team]}, "
        "{after: 2500ms, to: [inbox], agent: next}, {after: 1h, to: [crm]}]}\n",
    )
    house.portal.add(1, "CLASSIFIED")
    async with house.running(workers=2) as gateway:
        await house.slack.got.wait_for(1, 20)
        before = await sent(gateway)
    assert ("inbox", "escalation:2", State.DELIVERED) not in before
    async with house.running(pollers=0) as gateway:
        await house.inbox.got.wait_for(1, 20)
        (stored,) = await the_leads(gateway)
        first = stored.lead.agent.name
        claimed = await gateway.pipeline.claim(stored, "Bob Petit", "email")
        assert claimed.what == "claimed"

        async def told() -> bool:
            found = await sent(gateway)
            return all(found[name, "claimed", State.DELIVERED] == 1 for name in ("crm", "team"))

        await until(told)
        found = await sent(gateway)
        assert await gateway.store.ladders.count() == 0
    assert found == Counter(
        {
            ("crm", "new", State.DELIVERED): 1,
            ("team", "escalation:1", State.DELIVERED): 1,
            ("inbox", "escalation:2", State.DELIVERED): 1,
            ("crm", "claimed", State.DELIVERED): 1,
            ("team", "claimed", State.DELIVERED): 1,
        }
    )
    # Another agent's turn, by mail, with the link; and the message in Slack says who has it.
    mail, recipients = house.inbox.got.all[0].content
    other = {"Anne Martin": "bob@agency.example", "Bob Petit": "anne@agency.example"}[str(first)]
    assert recipients == (other,)
    assert "https://leads.example/claim/dlv_" in mail.get_body(("plain",)).get_content()
    ((changes,), posted) = house.slack.changed.values(), house.slack.got.all
    assert len(posted) == 1
    assert "Bob Petit s’en occupe" in json.dumps(changes, ensure_ascii=False)
    told_crm = house.crm.got.all[-1].content
    assert (told_crm["type"], told_crm["data"]["agent"]["name"]) == ("lead.claimed", "Bob Petit")
    assert not house.slack.refused


async def test_a_person_who_writes_on_five_listings_has_one_agent_and_loses_no_lead(
    house: House, until: Any
) -> None:
    configure(house, "")
    now = datetime.now(UTC)
    async with house.running() as gateway:
        for number in range(5):
            created = now - timedelta(minutes=10 - 2 * number)
            house.portal.put_raw(
                "leads",
                {
                    "leadMetaInfos": {
                        "leadId": f"lead{number}",
                        "creationTime": int(created.timestamp()),
                    },
                    "contactRequest": {
                        "email": "Zoe@example.org" if number % 2 else "zoe@example.org"
                    },
                },
            )
            await house.slack.got.wait_for(number + 1, 20)
        await house.inbox.got.wait_for(5, 20)
        await house.crm.got.wait_for(5, 20)
        leads = await the_leads(gateway)
    bodies = {item.content["data"]["id"]: item.content["data"] for item in house.crm.got.all}
    counts = [bodies[f"lead{number}"]["person"]["recent_count"] for number in range(5)]
    assert counts == [1, 2, 3, 4, 5]
    assert len({lead.lead.agent.name for lead in leads}) == 1
    reasons = sorted(lead.decision.why for lead in leads if lead.decision)
    assert reasons == ["otherwise", *["returning"] * 4]
    threads = [item.content.get("thread_ts") for item in house.slack.got.all]
    assert threads == [None, *["1700000001.000100"] * 4]
    mails = [item.content for item in house.inbox.got.all]
    assert len({mail["References"] for mail, _ in mails}) == 1
    assert len({recipients for _, recipients in mails}) == 1
    assert len({mail["Message-ID"] for mail, _ in mails}) == 5
