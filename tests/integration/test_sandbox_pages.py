"""How the sandbox cuts pages: by key, by position, while leads come late or in between."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.sandbox.portal import Late, Portal
from tests.sandbox_client import at, flat, ids, sandbox

pytestmark = pytest.mark.anyio


def seconds(second: int) -> int:
    return int(at(second).timestamp())


async def test_pages_follow_their_key_to_the_last_one_which_has_none() -> None:
    async with sandbox() as client:
        for second in range(7):
            client.portal.add(at=at(second))
        pages = await client.walk("leads", Limit=3)
        newest_first = await client.walk("leads", Limit=3, Order="desc")

    assert [len(page) for page in pages] == [3, 3, 1]
    assert ids(flat(pages)) == client.portal.created
    assert ids(flat(newest_first)) == client.portal.created[::-1]


async def test_leads_of_one_moment_are_told_apart_by_the_key() -> None:
    async with sandbox() as client:
        client.portal.add(9, at=at(0))
        pages = await client.walk("leads", Limit=2)

    assert sorted(ids(flat(pages))) == sorted(client.portal.created)


async def test_a_period_holds_both_of_its_ends_to_the_whole_second() -> None:
    async with sandbox() as client:
        made = [client.portal.add(at=at(second))[0].id for second in range(4)]
        client.portal.add(at=at(2) + timedelta(milliseconds=999))
        found = (await client.search("leads", (seconds(1), seconds(2)))).json()

    assert found["Count"] == 3
    assert ids(found["Data"]["Items"])[:2] == made[1:3]


async def test_a_search_in_the_wrong_unit_finds_nothing_and_no_error() -> None:
    async with sandbox() as client:
        client.portal.add(at=at(0))
        answer = await client.search("leads", (seconds(0) * 1000, seconds(1) * 1000))

    assert answer.status_code == 200
    assert answer.json() == {"Data": {"Items": []}, "Count": 0}


async def test_by_key_a_lead_that_comes_in_between_moves_no_other() -> None:
    async with sandbox() as client:
        for second in range(6):
            client.portal.add(at=at(second))
        before = client.portal.created
        client.portal.faults.next = ["insert"]
        pages = await client.walk("leads", Limit=2)

    assert ids(flat(pages)) == before
    assert len(client.portal.leads) == 7


async def test_by_position_a_lead_that_comes_in_between_shows_another_twice_and_hides_itself() -> (
    None
):
    async with sandbox(Portal(by_position=True)) as client:
        for second in range(6):
            client.portal.add(at=at(second))
        before = client.portal.created
        client.portal.faults.next = ["insert"]
        pages = await client.walk("leads", Limit=2)

    found = ids(flat(pages))
    assert sorted(set(found)) == sorted(before)
    assert len(found) == 7


async def test_by_position_a_lead_that_goes_hides_another() -> None:
    async with sandbox(Portal(by_position=True)) as client:
        for second in range(6):
            client.portal.add(at=at(second))
        before = client.portal.created
        client.portal.faults.next = ["remove"]
        pages = await client.walk("leads", Limit=2)

    assert ids(flat(pages)) == [*before[:2], *before[3:]]


async def test_a_late_lead_is_found_when_its_time_comes_and_not_before() -> None:
    now = [at(0).timestamp()]
    async with sandbox(Portal(clock=lambda: now[0])) as client:
        (lead,) = client.portal.add(late=timedelta(minutes=20))
        assert await client.walk("leads") == [[]]
        now[0] += 1201
        ((found,),) = await client.walk("leads")

    assert ids([found]) == [lead.id]
    assert found["leadMetaInfos"]["creationDate"] == "2026-11-24T00:00:00.000Z"


async def test_a_share_of_leads_comes_late_within_the_bound() -> None:
    now = [at(0).timestamp()]
    portal = Portal(clock=lambda: now[0], late=Late(share="20%", by="10m"))
    portal.add(300)
    assert 30 <= portal.leads.late <= 90
    portal.leads.show_due(at(0).timestamp() + 59)
    assert portal.leads.late >= 30
    portal.leads.show_due(at(0).timestamp() + 600)
    assert portal.leads.late == 0


async def test_the_leads_of_one_classified_come_in_pages_too() -> None:
    async with sandbox() as client:
        leads = client.portal.add(80, "CLASSIFIED", at=at(0))
        number = leads[-1].classified_id
        wanted = [lead.id for lead in leads if lead.classified_id == number]
        found, key = [], None
        for _ in range(len(wanted)):
            paging = {"Limit": 1, **({"LastItemKey": key} if key else {})}
            path = f"/v2/leads/classifieds/{number}"
            data = (await client.post(path, {"Pagination": paging})).json()["Data"]
            found += ids(data["Items"])
            key = data.get("LastItemKey")

    assert sorted(found) == sorted(wanted)
    assert key is None


async def test_an_erased_person_comes_back_null_in_every_feed() -> None:
    async with sandbox() as client:
        for category in ("CLASSIFIED", "PROJECT"):
            (lead,) = client.portal.add(1, category)
            client.portal.nullify(lead.id)
        general = [item for page in await client.walk("leads") for item in page]
        ((project,),) = await client.walk("projects")

    people = [item["contactRequest"] for item in general]
    people.append(project["contactRequest"]["personContact"])
    for person in people:
        assert {person[key] for key in ("fullName", "email", "phoneNumber")} == {None}
