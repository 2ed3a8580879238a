"""Whose turn it is, settled once: fair, the same twice, and by the same agent for who returns."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from gateway.delivery import lead_uid
from gateway.store import Settled, Store, Wish
from tests.builders import a_lead, a_plan

pytestmark = pytest.mark.anyio

AGENTS = ("Anne", "Bob", "Chloé")


def a_wish(number: int, *marks: str, method: str = "round_robin", **keys: object) -> Wish:
    values = {
        "uid": lead_uid("seloger", f"lead-{number}"),
        "agency": "",
        "marks": marks,
        "method": method,
        "why": "otherwise",
        "remembered": timedelta(days=90),
        "away": (),
        "candidates": AGENTS,
        **keys,
    }
    return Wish(**values)  # type: ignore[arg-type]


async def settle(store: Store, *wishes: Wish) -> list[Settled]:
    found = await store.people.settle(wishes)
    return [item for item in found if isinstance(item, Settled)]


async def agent_of(store: Store, wish: Wish) -> tuple[str | None, str]:
    (found,) = await settle(store, wish)
    return found.agent, found.why


async def test_a_round_goes_round_and_is_fair_within_one(store: Store) -> None:
    found = await settle(store, *(a_wish(number) for number in range(31)))
    turns = Counter(item.agent for item in found)
    assert [item.agent for item in found[:4]] == ["Anne", "Bob", "Chloé", "Anne"]
    assert max(turns.values()) - min(turns.values()) <= 1


async def test_two_pollers_at_once_are_fair_together_and_agree_on_every_lead(store: Store) -> None:
    wishes = [a_wish(number) for number in range(60)]
    one, other = await asyncio.gather(
        settle(store, *wishes[:40]), settle(store, *reversed(wishes[20:]))
    )
    by_uid = {wish.uid: item.agent for wish, item in zip(wishes[:40], one, strict=True)}
    for wish, item in zip(reversed(wishes[20:]), other, strict=True):
        assert by_uid.setdefault(wish.uid, item.agent) == item.agent
    turns = Counter(by_uid.values())
    assert max(turns.values()) - min(turns.values()) <= 1


async def test_agencies_take_turns_apart(store: Store) -> None:
    found = await settle(store, a_wish(1, agency="lyon"), a_wish(2, agency="nice"))
    assert [item.agent for item in found] == ["Anne", "Anne"]


async def test_a_lead_read_again_keeps_its_agent_before_and_after_it_is_accepted(
    store: Store,
) -> None:
    wish = a_wish(1)
    assert await agent_of(store, wish) == ("Anne", "otherwise")
    assert await agent_of(store, wish) == ("Anne", "kept")
    lead = a_lead("lead-1")
    plan = a_plan(lead)
    await store.leads.accept([type(plan)(**{**_fields(plan), "decision": '{"agent":"Anne"}'})])
    assert await agent_of(store, wish) == ("Anne", "kept")
    assert await agent_of(store, a_wish(2)) == ("Bob", "otherwise")


def _fields(plan: object) -> dict[str, object]:
    return {name: getattr(plan, name) for name in plan.__slots__}  # type: ignore[attr-defined]


async def test_who_has_least_gets_the_next(store: Store) -> None:
    await settle(store, *(a_wish(number, candidates=("Anne", "Bob")) for number in range(4)))
    loaded = [a_wish(number, method="least_loaded") for number in range(10, 13)]
    assert [item.agent for item in await settle(store, *loaded)][:2] == ["Chloé", "Chloé"]


async def test_a_person_who_returns_finds_the_same_agent_by_any_of_their_marks(
    store: Store,
) -> None:
    first = await agent_of(store, a_wish(1, "mail-1", "phone-1"))
    await settle(store, a_wish(2, "mail-2"))
    assert await agent_of(store, a_wish(3, "phone-1")) == (first[0], "returning")
    assert await agent_of(store, a_wish(4, "mail-1", away=("Anne",))) == ("Chloé", "otherwise")
    assert (await agent_of(store, a_wish(5, "mail-2", remembered=timedelta(0))))[1] == "otherwise"


async def test_a_person_is_counted_within_a_day_and_remembered_longer(store: Store) -> None:
    counts = [(await settle(store, a_wish(n, "mail-1")))[0].recent_count for n in (1, 2, 3, 3)]
    assert counts == [1, 2, 3, 3]
    first = (await settle(store, a_wish(3, "mail-1")))[0].first_seen_at
    store.connection.clock_shift += 25 * 3600
    (later,) = await settle(store, a_wish(4, "mail-1"))
    assert (later.recent_count, later.first_seen_at, later.why) == (1, first, "returning")


async def test_an_erased_lead_brings_nobody_back(store: Store) -> None:
    lead = a_lead("lead-1")
    await store.leads.accept([a_plan(lead)])
    await store.leads.erase([lead_uid("seloger", "lead-1")])
    (found,) = await settle(store, a_wish(1, "mail-9"))
    assert (found.agent, found.recent_count) == (None, 0)
    assert await store.connection.command("KEYS", "*person:mail-9") == []


async def test_an_agent_who_left_is_asked_for_no_returning_person(store: Store) -> None:
    assert await agent_of(store, a_wish(1, "mail-1")) == ("Anne", "otherwise")
    rest = ("Bob", "Chloé")
    assert await agent_of(store, a_wish(2, "mail-1", candidates=rest)) == ("Anne", "returning")
    again = a_wish(2, "mail-1", candidates=rest, instead_of="Anne")
    assert await agent_of(store, again) == ("Bob", "otherwise")
    assert await agent_of(store, again) == ("Bob", "kept")
    assert await agent_of(store, a_wish(3, "mail-1", candidates=rest)) == ("Bob", "returning")


async def test_agencies_that_share_an_account_share_no_agents(store: Store) -> None:
    await settle(store, a_wish(1, "mail-1", agency="lyon"))
    nice = a_wish(2, "mail-1", agency="nice", candidates=("Zoé",))
    (found,) = await settle(store, nice)
    assert (found.agent, found.why, found.recent_count) == ("Zoé", "otherwise", 2)


async def test_nobody_to_choose_from_is_nobody(store: Store) -> None:
    assert await agent_of(store, a_wish(1, candidates=(), why="nobody")) == (None, "nobody")
