"""A store that an earlier version wrote: all in it is found, changed and forgotten as before."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from gateway import persons
from gateway.delivery import lead_uid
from gateway.store import FORMAT, FormatTooNew, Rewrite, Settled, Store, Wish
from tests.builders import a_lead, a_plan

pytestmark = pytest.mark.anyio

WHO = persons.person(email="camille@example.org")
UID = lead_uid("seloger", "lead-1")


def camille(lead_id: str) -> Any:
    return a_lead(lead_id, contact={"full_name": "Camille Essai", "email": "camille@example.org"})


async def as_format_1(store: Store) -> None:
    """One lead and its person as the first version kept them: digits and JSON."""
    await store.leads.accept([a_plan(camille("lead-1"))])
    redis: Any = store.connection.redis
    key = store.connection.key("lead", UID)
    digits = (await redis.hget(key, "find")).hex()
    await redis.hdel(key, "find")
    await redis.delete(*await redis.keys(store.connection.key("find", "*")))
    terms = [digits[i : i + 16] for i in range(0, len(digits), 16)]
    await redis.hset(key, "terms", " ".join(terms))
    for term in terms:
        await redis.zadd(store.connection.key("find", term[:3]), {term[3:] + UID: 0})
    await redis.hset(store.connection.key("meta"), "format", 1)


async def indexed(store: Store) -> list[bytes]:
    redis: Any = store.connection.redis
    found: list[bytes] = []
    for key in await redis.keys(store.connection.key("find", "*")):
        found += await redis.zrange(key, 0, -1)
    return found


async def test_who_wrote_before_is_found_beside_who_writes_now(store: Store) -> None:
    await as_format_1(store)
    await store.open()
    await store.leads.accept([a_plan(camille("lead-2"))])
    found = await persons.leads_of(store, WHO)
    assert sorted(persons.names_of(found)) == ["seloger/lead-1", "seloger/lead-2"]


async def test_a_lead_read_again_is_kept_in_the_new_form_alone(store: Store) -> None:
    await as_format_1(store)
    (known,) = await store.leads.lookup([UID])
    assert known is not None
    before = len(await indexed(store))
    assert await store.leads.rewrite([Rewrite(UID, camille("lead-1"), known.digest, "new")])
    assert len(await persons.leads_of(store, WHO)) == 1
    members = await indexed(store)
    assert (len(members), {len(member) for member in members}) == (before, {23})


async def test_a_lead_that_is_erased_leaves_nothing_to_find_it_by(store: Store) -> None:
    await as_format_1(store)
    await store.leads.erase([UID])
    assert await indexed(store) == []


async def test_a_person_of_before_returns_to_the_same_agent(store: Store) -> None:
    person = {"f": 1_700_000_000_000, "a": "Anne", "l": [["0" * 12, 1_700_000_000_000]]}
    key = store.connection.key("person", "mail-1")
    await store.connection.command("SET", key, json.dumps(person, separators=(",", ":")))
    for uid in (UID, lead_uid("seloger", "lead-2")):
        wish = Wish(uid, "", ["mail-1"], "round_robin", "", timedelta(90), (), ("Bob", "Anne"))
        (found,) = await store.people.settle([wish])
        assert isinstance(found, Settled)
        assert (found.agent, found.why) == ("Anne", "returning")
        assert found.first_seen_at.timestamp() == 1_700_000_000
    assert not (await store.connection.command("GET", key)).startswith(b"{")


async def test_what_a_newer_version_wrote_is_left_alone(store: Store) -> None:
    meta = store.connection.key("meta")
    await store.connection.command("HSET", meta, "format", 1)
    await store.open()
    assert int(await store.connection.command("HGET", meta, "format")) == FORMAT
    await store.connection.command("HSET", meta, "format", FORMAT + 1)
    with pytest.raises(FormatTooNew, match="upgrade the program"):
        await store.open()
