"""What is remembered of a lead for good: under a keyed hash, in a store of any format."""

from __future__ import annotations

import pytest

from gateway.delivery import lead_uid
from gateway.store import Accepted, Mode, Store
from tests.builders import a_lead, a_plan
from tests.store_dump import everything

pytestmark = pytest.mark.anyio

UID = lead_uid("seloger", "lead-1")


async def older(store: Store) -> Store:
    """The same server as a store of format 2, that this version has not opened yet."""
    meta = store.connection.key("meta")
    await store.connection.command("HSET", meta, "format", 2)
    await store.connection.command("HDEL", meta, "marks")
    return Store(store.connection.redis, store.namespace)


async def mark_as_before(store: Store, uid: str, mark: str) -> None:
    """Remember a lead as format 2 did: under its name."""
    await store.connection.command("HSET", store.connection.key("seen", uid[:4]), uid[4:], mark)


async def old_keys(store: Store) -> list[bytes]:
    return [key async for key in store.connection.redis.scan_iter(f"{store.namespace}:seen:*")]


async def what(store: Store, lead_id: str = "lead-1", mode: Mode = Mode.LIVE) -> str:
    (found,) = await store.leads.accept([a_plan(a_lead(lead_id), mode=mode)])
    assert isinstance(found, Accepted)
    return found.what


@pytest.mark.parametrize("mode", [Mode.LIVE, Mode.FLOOR])
async def test_who_has_the_store_and_an_id_can_not_tell_that_the_lead_was_here(
    store: Store, mode: Mode
) -> None:
    await store.leads.accept([a_plan(destinations=(), mode=mode)])
    await store.leads.erase([UID])
    await store.connection.command("DEL", store.connection.key("events"))
    found = await everything(store)
    assert UID.encode() not in found
    assert UID[4:].encode() not in found
    assert bytes.fromhex(UID) not in found
    assert bytes.fromhex(UID[4:]) not in found
    assert b"lead-1" not in found
    assert await what(store) == "erased"


async def test_two_stores_remember_the_same_lead_under_different_names(store: Store) -> None:
    other = Store(store.connection.redis, f"{store.namespace}x")
    await other.open()
    assert store.seen.of(UID) != other.seen.of(UID)
    again = Store(store.connection.redis, store.namespace)
    await again.open()
    assert store.seen.of(UID) == again.seen.of(UID)


@pytest.mark.parametrize(("mark", "answer"), [("e", "erased"), ("a", "known"), ("f", "floor")])
async def test_what_an_older_version_remembered_still_counts(
    store: Store, mark: str, answer: str
) -> None:
    opened = await older(store)
    await mark_as_before(store, UID, mark)
    await opened.open()
    (known,) = await opened.leads.lookup([UID])
    assert known is not None
    assert known.mark == mark
    assert await what(opened) == answer
    assert await old_keys(opened) == []
    (after,) = await opened.leads.lookup([UID])
    assert after == known


async def test_a_lead_remembered_by_an_older_version_is_erased_for_good(store: Store) -> None:
    await store.leads.accept([a_plan()])
    opened = await older(store)
    place = store.seen.of(UID)[:32]
    key, field = store.connection.key("mark", place[:4]), bytes.fromhex(place[4:])
    await store.connection.command("HDEL", key, field)
    await mark_as_before(store, UID, "a")
    await opened.open()
    assert await opened.leads.erase([UID]) == ["erased"]
    assert await what(opened) == "erased"
    assert await old_keys(opened) == []


async def test_old_marks_are_moved_in_steps_and_say_the_same(store: Store) -> None:
    opened = await older(store)
    uids = [lead_uid("seloger", f"lead-{number}") for number in range(3000)]
    for number, uid in enumerate(uids):
        await mark_as_before(store, uid, "afe"[number % 3])
    await opened.open()
    before = await opened.leads.lookup(uids)
    steps = 1
    while not await opened.seen.move():
        steps += 1
        assert steps < 10_000
    assert await old_keys(opened) == []
    assert await opened.leads.lookup(uids) == before
    assert steps > 2
    # Whoever opens it from now on asks for the new ones alone.
    anew = Store(store.connection.redis, store.namespace)
    await anew.open()
    assert anew.seen.moved
    assert await anew.leads.lookup(uids) == before


async def test_a_new_store_has_nothing_to_move(store: Store) -> None:
    assert store.seen.moved
    assert await store.seen.move()
