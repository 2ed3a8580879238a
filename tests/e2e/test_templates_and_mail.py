"""Templates that break while leads come, and mails that only some take, with real roles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.delivery import Reason, State
from tests.e2e.conftest import House

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def test_a_template_that_breaks_makes_a_dead_letter_and_a_replay_after_the_fix_delivers(
    house: House, until: Any, tmp_path: Path
) -> None:
    subject = tmp_path / "templates" / "email" / "new-lead" / "subject.txt"
    subject.parent.mkdir(parents=True)
    # A field of the portal's that vanished: no check can know.
    subject.write_text("{# mine #}\n{{ lead.original.leadMetaInfos.vanished }}")
    (lead,) = house.portal.add(1, "CLASSIFIED")
    async with house.running() as gateway:
        await house.crm.got.wait_for(1, 20)
        deliveries = gateway.store.deliveries

        async def dead() -> bool:
            return bool((await deliveries.page(states=[State.DEAD])).items)

        await until(dead)
        (found,) = (await deliveries.page(states=[State.DEAD])).items
        whole = await deliveries.get(found.id)
        assert whole is not None
        assert (whole.destination, whole.reason) == ("inbox", Reason.TEMPLATE)
        (attempt,) = whole.attempts
        assert attempt.answer.startswith('email/new-lead/subject.txt:2: "vanished" does not exist')
        assert not house.inbox.got.all

        subject.write_text("Again: {{ summary.who }}")
        assert await gateway.pipeline.replay([found.id]) == [("replayed", "inbox")]
        await house.inbox.got.wait_for(1, 20)
        mail, _ = house.inbox.got.all[0].content
        assert mail["Subject"].startswith("Again: ")
        assert mail["X-Lead-Id"] == lead.id


async def test_only_the_recipients_who_put_a_mail_off_get_it_again(
    house: House, until: Any
) -> None:
    config = house.config.read_text()
    config = config.replace(
        "    to: [desk@agency.example]",
        "    to: [desk@agency.example, anne@agency.example, gone@agency.example]\n"
        "    retry: {schedule: [200ms, 200ms, 200ms, 200ms], jitter: 0}",
    )
    house.config.write_text(config)
    house.inbox.refuse = {
        "anne@agency.example": "451 4.7.1 greylisted, come back",
        "gone@agency.example": "550 5.1.1 no such mailbox",
    }
    house.portal.add(1, "CLASSIFIED")
    async with house.running() as gateway:
        await house.inbox.got.wait_for(1, 20)

        async def put_off() -> bool:
            found = await gateway.store.deliveries.page(destinations=["inbox"])
            return found.items[0].state is State.RETRYING

        await until(put_off)
        del house.inbox.refuse["anne@agency.example"]

        async def delivered() -> bool:
            found = await gateway.store.deliveries.page(destinations=["inbox"])
            return found.items[0].state is State.DELIVERED

        await until(delivered)
        (found,) = (await gateway.store.deliveries.page(destinations=["inbox"])).items
        whole = await gateway.store.deliveries.get(found.id)
    assert whole is not None
    first, last = whole.attempts[0], whole.attempts[-1]
    assert (first.outcome, first.reason) == ("deferred", Reason.SMTP_DEFERRED)
    assert "recipient 2 of 3 at agency.example: 451" in first.answer
    assert "recipient 3 of 3 at agency.example: 550" in first.answer
    assert last.outcome == "delivered"
    # The first mail reached the desk alone, the last one Anne alone; both are the same mail.
    got = [item.content for item in house.inbox.got.all]
    assert [recipients for _, recipients in got] == [
        ("desk@agency.example",), ("anne@agency.example",),
    ]  # fmt: skip
    assert got[0][0]["Message-ID"] == got[1][0]["Message-ID"]


async def test_the_leads_of_one_person_are_one_conversation(house: House) -> None:
    people = {"one": "zoe@example.org", "two": "Zoe@Example.org", "other": "max@example.org"}
    for lead_id, email in people.items():
        house.portal.put_raw(
            "leads",
            {"leadMetaInfos": {"leadId": lead_id}, "contactRequest": {"email": email}},
        )
    async with house.running():
        await house.inbox.got.wait_for(3, 20)
    threads = {item.id: item.content[0]["References"] for item in house.inbox.got.all}
    assert threads["one"] == threads["two"] != threads["other"]
    assert "zoe" not in threads["one"].lower()


async def test_the_leads_of_one_person_are_one_thread_until_somebody_deletes_it(
    house: House,
) -> None:
    hook = f'webhook_url: "{house.urls["slack"]}/services/T/B/x"'
    token = f'token: xoxb-1, channel: C012, api_url: "{house.urls["slack"]}/api"'
    house.config.write_text(house.config.read_text().replace(hook, token))

    def wrote(lead_id: str, email: str) -> None:
        meta = {"leadMetaInfos": {"leadId": lead_id}, "contactRequest": {"email": email}}
        house.portal.put_raw("leads", meta)

    async with house.running():
        for number, email in enumerate(["zoe@example.org", "max@example.org", "zoe@example.org"]):
            wrote(f"lead{number}", email)
            await house.slack.got.wait_for(number + 1, 20)
        house.slack.threads.clear()
        wrote("lead3", "zoe@example.org")
        await house.slack.got.wait_for(4, 20)
        wrote("lead4", "zoe@example.org")
        await house.slack.got.wait_for(5, 20)
    threads = [item.content.get("thread_ts") for item in house.slack.got.all]
    assert threads == [None, None, "1700000001.000100", None, "1700000004.000100"]
    assert all(
        item.content.get("reply_broadcast", False) is bool(item.content.get("thread_ts"))
        for item in house.slack.got.all
    )
