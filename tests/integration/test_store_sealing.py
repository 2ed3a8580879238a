"""The store with encryption keys: nothing personal in the server, and people found all the same."""

from __future__ import annotations

import pytest

from gateway.delivery import Reason
from gateway.lead import Contact
from gateway.lookup import wanted
from gateway.store import Claim, KeyMissing, Report, Rewrite, Seal, Store
from gateway.store.sealing import make_key
from tests.builders import NOON, a_lead, a_plan
from tests.store_dump import everything

pytestmark = pytest.mark.anyio

OLD, NEW = make_key(), make_key()

PERSONAL = (b"Camille", b"Essai", b"camille@example.org", b"639981234", b"visiter", b"step-secret")


def with_keys(store: Store, *keys: str) -> Store:
    return Store(store.connection.redis, store.namespace, seal=Seal(keys))


@pytest.fixture
async def sealed(store: Store) -> Store:
    opened = with_keys(store, NEW)
    await opened.connection.command("DEL", opened.connection.key("meta"))
    await opened.open()
    return opened


async def lived(store: Store) -> str:
    """A lead that went through everything that keeps something of it; its delivery's id."""
    plan = a_plan(a_lead())
    await store.leads.accept([plan])
    delivery = plan.deliveries[0][0]
    await store.leases.start_worker("w1")
    for outcome, extra in (
        ("continue", {"saved": {"lookup": {"id": "step-secret"}}}),
        ("refused", {"answer": "Camille Essai is unknown"}),
    ):
        (begun,) = await store.deliveries.begin("w1", [Claim("crm", [delivery], 5.0)])
        report = Report(
            delivery, begun.work[0].number, outcome, Reason.REJECTED, 1, status=422, **extra
        )
        await store.deliveries.finish("w1", [report])
    await store.rejects.keep("seloger", "no id", {"name": "Camille Essai"})
    await store.sources.save_token("portal", {"access_token": "step-secret"}, 60)
    return delivery


async def test_with_keys_nothing_personal_is_in_the_server(sealed: Store) -> None:
    await lived(sealed)
    found = await everything(sealed)
    assert [word for word in PERSONAL if word in found] == []


async def test_without_keys_the_same_look_finds_it_all(store: Store) -> None:
    await lived(store)
    found = await everything(store)
    assert [word for word in PERSONAL if word not in found] == []


async def test_with_keys_everything_is_read_as_without(sealed: Store) -> None:
    delivery = await lived(sealed)
    (plan,) = [a_plan(a_lead())]
    stored = await sealed.leads.get(plan.uid)
    shown = await sealed.deliveries.get(delivery)
    rejected = await sealed.rejects.page()
    assert stored is not None
    assert stored.lead == plan.lead
    assert shown is not None
    assert [attempt.answer for attempt in shown.attempts] == ["", "Camille Essai is unknown"]
    assert [item.raw for item in rejected.items] == ['{"name": "Camille Essai"}']
    assert await sealed.sources.load_token("portal") == {"access_token": "step-secret"}


async def test_a_worker_gets_lead_and_saved_steps_back(sealed: Store) -> None:
    plan = a_plan(a_lead())
    await sealed.leads.accept([plan])
    delivery = plan.deliveries[0][0]
    await sealed.leases.start_worker("w1")
    (begun,) = await sealed.deliveries.begin("w1", [Claim("crm", [delivery], 5.0)])
    saved = {"first": {"id": "é"}}
    report = Report(delivery, begun.work[0].number, "continue", Reason.ACCEPTED, 1, saved=saved)
    await sealed.deliveries.finish("w1", [report])
    (again,) = await sealed.deliveries.begin("w1", [Claim("crm", [delivery], 5.0)])
    assert again.work[0].lead == plan.lead
    assert again.work[0].saved == saved


@pytest.mark.parametrize("typed", ["camille ESSAI", "essai", "Camille@example.org", "0639981234"])
async def test_a_person_is_found_by_whole_words(sealed: Store, typed: str) -> None:
    other = a_lead("lead-2", contact=Contact(full_name="Camille Autre", email="c@example.net"))
    mine = a_plan(a_lead())
    await sealed.leads.accept([mine, a_plan(other)])
    assert await sealed.index.find(wanted(typed)) == [mine.uid]


@pytest.mark.parametrize("typed", ["", "cam", "Camille Inconnu", "ille", "0639981235"])
async def test_nobody_is_found_by_less(sealed: Store, typed: str) -> None:
    await sealed.leads.accept([a_plan(a_lead())])
    assert await sealed.index.find(wanted(typed)) == []


async def test_a_lead_that_was_read_again_is_found_by_what_it_says_now(store: Store) -> None:
    plan = a_plan(a_lead())
    await store.leads.accept([plan])
    now = a_lead(contact=Contact(full_name="Camille Mariée", email="camille@example.org"))
    assert await store.leads.rewrite([Rewrite(plan.uid, now, "d1", "d2")]) == [True]
    assert await store.index.find(wanted("Mariée")) == [plan.uid]
    assert await store.index.find(wanted("Essai")) == []
    assert await store.index.find(wanted("0639981234")) == []


async def test_a_forgotten_lead_is_found_no_more_and_leaves_no_hash(store: Store) -> None:
    plan = a_plan(a_lead(), destinations=())
    await store.leads.accept([plan])
    assert await store.leads.retire([plan.uid]) == 1
    assert await store.index.find(wanted("Camille")) == []
    assert b":find:" not in await everything(store)


async def test_a_store_with_another_key_is_not_opened(sealed: Store) -> None:
    for keys in ((), (OLD,)):
        with pytest.raises(KeyMissing, match="LEAD_GATEWAY_ENCRYPTION_KEYS"):
            await with_keys(sealed, *keys).open()
    await with_keys(sealed, OLD, NEW).open()


async def test_hashes_stay_the_same_when_keys_come_and_change(store: Store) -> None:
    plan = a_plan(a_lead())
    await store.leads.accept([plan])
    before = await store.connection.command("HGET", store.connection.key("meta"), "secret")
    first, second = with_keys(store, OLD), with_keys(store, NEW, OLD)
    for opened in (first, second):
        await opened.open()
        assert await opened.index.find(wanted("Camille")) == [plan.uid]
    after = await store.connection.command("HGET", store.connection.key("meta"), "secret")
    assert len(before) == 64
    assert before not in after


async def test_a_rejected_item_is_kept_once_and_forgotten_by_age(sealed: Store) -> None:
    for raw in ("one", "one", "two"):
        await sealed.rejects.keep("seloger", "no id", raw)
    assert sorted(item.raw for item in (await sealed.rejects.page()).items) == ["one", "two"]
    assert await sealed.rejects.forget_before(NOON.replace(year=2020)) == 0
    assert await sealed.rejects.forget_before(NOON.replace(year=2100)) == 2
    assert (await sealed.rejects.page()).items == []
    assert (await sealed.counts.sources(["seloger"]))["seloger"].rejected == 2


async def test_rejected_items_come_page_by_page_newest_first(sealed: Store) -> None:
    for number in range(5):
        await sealed.rejects.keep("seloger", "no id", f"item {number}")
    seen, cursor = [], None
    while True:
        page = await sealed.rejects.page(cursor, 2)
        seen += [item.raw for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == [f"item {number}" for number in range(5)]
    assert len(seen) == 5
