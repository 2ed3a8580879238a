"""Erasing a lead on a real server: nothing of it is left, and it never comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.delivery import Reason, State, delivery_id, lead_uid
from gateway.store import Claim, Report, Store, connect
from tests.builders import a_lead, a_plan
from tests.servers import Server
from tests.store_dump import everything

pytestmark = pytest.mark.anyio

UID = lead_uid("seloger", "lead-1")
CRM = delivery_id("seloger", "lead-1", "crm")
TEAM = delivery_id("seloger", "lead-1", "team")
SECRETS = (b"Camille", b"+33639981234", b"puis-je", b"what-was-answered", b"what-was-saved")


async def begin(store: Store, destination: str, delivery: str, worker: str = "w1") -> None:
    await store.leases.start_worker(worker)
    (begun,) = await store.deliveries.begin(worker, [Claim(destination, [delivery], 5.0)])
    assert [work.id for work in begun.work] == [delivery]


async def finish(store: Store, delivery: str, outcome: str, number: int = 1, **how: object) -> str:
    report = Report(delivery, number, outcome, Reason.TIMEOUT, 9, status=418, **how)  # type: ignore[arg-type]
    (finished,) = await store.deliveries.finish("w1", [report])
    return finished.state


async def test_nothing_personal_is_left_of_an_erased_lead(store: Store) -> None:
    await store.leads.accept([a_plan(destinations=("crm", "team"))])
    await begin(store, "crm", CRM)
    await finish(store, CRM, "continue", answer="what-was-answered", saved={"x": "what-was-saved"})
    await begin(store, "crm", CRM)
    await finish(store, CRM, "deferred", 2, answer="what-was-answered", wait=60.0)
    before = await everything(store)
    assert all(secret in before for secret in SECRETS)
    assert await store.leads.erase([UID]) == ["erased"]
    after = await everything(store)
    assert not [secret for secret in SECRETS if secret in after]
    assert await store.leads.get(UID) is None
    assert (await store.leads.page()).items == []


async def test_what_is_unsent_of_an_erased_lead_is_discarded_and_its_attempts_stay(
    store: Store,
) -> None:
    await store.leads.accept([a_plan(destinations=("crm", "team"))])
    await begin(store, "crm", CRM)
    await finish(store, CRM, "refused", answer="what-was-answered")
    await store.leads.erase([UID])
    for delivery in (CRM, TEAM):
        found = await store.deliveries.get(delivery)
        assert found is not None
        assert (found.state, found.reason) == (State.DISCARDED, Reason.ERASED)
    crm = await store.deliveries.get(CRM)
    assert crm is not None
    assert [(made.status, made.answer) for made in crm.attempts] == [(418, "")]
    assert (await store.deliveries.page(states=[State.DEAD])).items == []
    assert [item.what for item in await store.deliveries.replay([CRM])] == ["discarded"]
    assert [event.type for event in await store.events.after("0-0")][-1] == "erased"


@pytest.mark.parametrize(
    ("outcome", "state"),
    [("delivered", "delivered"), ("deferred", "discarded"), ("refused", "discarded"),
     ("continue", "discarded")],
)  # fmt: skip
async def test_a_lead_erased_on_the_wire_keeps_a_status_and_no_answer(
    store: Store, outcome: str, state: str
) -> None:
    await store.leads.accept([a_plan()])
    await begin(store, "crm", CRM)
    await store.leads.erase([UID])
    in_the_air = await store.deliveries.get(CRM)
    assert in_the_air is not None
    assert in_the_air.state is State.DELIVERING
    assert await finish(store, CRM, outcome, wait=5.0, answer="what-was-answered") == state
    assert b"what-was-answered" not in await everything(store)
    found = await store.deliveries.get(CRM)
    assert found is not None
    assert [made.status for made in found.attempts] == [418]
    assert await store.deliveries.waiting(["crm"]) == {"crm": (0, 0)}


@pytest.mark.parametrize("how", ["crash", "stop"])
async def test_a_lead_erased_on_the_wire_is_not_tried_again_by_anybody(
    store: Store, how: str
) -> None:
    await store.leads.accept([a_plan()])
    await begin(store, "crm", CRM)
    await store.leads.erase([UID])
    if how == "crash":
        store.connection.clock_shift = 60.0
        assert await store.deliveries.reap("w1") == (0, [], 0)
    else:
        assert await store.deliveries.hand_back("w1", [CRM], sent=False) == []
    found = await store.deliveries.get(CRM)
    assert found is not None
    assert (found.state, found.reason) == (State.DISCARDED, Reason.ERASED)


async def test_an_erased_lead_that_is_read_again_stays_erased(store: Store) -> None:
    await store.leads.accept([a_plan()])
    assert await store.leads.erase([UID, lead_uid("seloger", "nobody")]) == ["erased", "unknown"]
    assert await store.leads.erase([UID]) == ["already"]
    other = a_plan(a_lead(source="belles-demeures"), ("crm", "inbox"))
    assert [result.what for result in await store.leads.accept([a_plan(), other])] == [  # type: ignore[union-attr]
        "erased", "erased",
    ]  # fmt: skip


async def test_erased_content_leaves_the_append_only_file_within_a_day(tmp_path: Path) -> None:
    server = Server(tmp_path, appendonly="yes", appendfsync="always")
    await server.start()
    try:
        store = Store(connect(server.url))
        await store.open()
        await store.leads.accept([a_plan()])
        body = await store.connection.command("HGET", store.connection.key("lead", UID), "body")
        await store.leads.erase([UID])
        assert await store.upkeep.rewrite() == "waiting"
        store.connection.clock_shift = 13 * 3600.0
        assert body in appended(tmp_path)
        assert await store.upkeep.rewrite() == "started"
        async with asyncio.timeout(20):
            while (found := await store.upkeep.rewrite()) == "running":
                await asyncio.sleep(0.02)
        assert (found, await store.upkeep.rewrite()) == ("done", "idle")
        assert body not in appended(tmp_path)
        await store.close()
    finally:
        server.kill()


async def test_a_rewrite_that_a_restart_cut_off_is_asked_for_again(store: Store) -> None:
    await store.leads.accept([a_plan()])
    await store.leads.erase([UID])
    meta = store.connection.key("meta")
    await store.connection.command(
        "HSET", meta, "rewrite_running", 1, "rewrite_run", "the-server-before"
    )
    assert await store.upkeep.rewrite() == "failed"
    assert await store.connection.command("HGET", meta, "rewrite_wanted") == b"1"
    assert await store.upkeep.rewrite() == "waiting"


def appended(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in (folder / "appendonlydir").iterdir())
