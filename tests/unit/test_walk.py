"""A walk hands on each lead once it is whole, holds a window, and is stopped by no single feed."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from gateway.reading import walk as walk_module
from gateway.reading.walk import HOLD, Batch, Walk
from gateway.sources.protocol import SourceProblem
from tests.listed_source import HOUR, ListedSource, item

pytestmark = pytest.mark.anyio


async def walked(source: ListedSource, **how: Any) -> tuple[Walk, list[Batch]]:
    walk = Walk(source, source.feeds, HOUR, **how)
    async with asyncio.timeout(10), aclosing(walk.batches()) as batches:
        return walk, [batch async for batch in batches]


def pages(ids: range, size: int = 100) -> list[Any]:
    numbers = list(ids)
    return [
        [item(str(number), number / 100) for number in numbers[start : start + size]]
        for start in range(0, len(numbers), size)
    ]


async def test_one_lead_of_several_feeds_is_handed_on_once() -> None:
    source = ListedSource({"leads": [[item("a"), item("b", 1)]], "projects": [[item("a")]]})

    walk, batches = await walked(source)

    (batch,) = batches
    assert [(lead.lead_id, sorted(lead.feeds)) for lead in batch.leads] == [
        ("a", ["leads", "projects"]),
        ("b", ["leads"]),
    ]
    assert all(read.whole for read in walk.reads.values())


async def test_items_that_are_no_lead_are_handed_on_too() -> None:
    source = ListedSource({"leads": [[["not", "an", "object"], item("a")]]})

    _, (batch,) = await walked(source)

    assert batch.no_leads == [["not", "an", "object"]]
    assert len(batch.leads) == 1


async def test_a_page_that_shifted_shows_a_lead_twice_and_it_is_one() -> None:
    source = ListedSource({"leads": [[item("a"), item("b")], [item("b"), item("c")]]})

    _, (batch,) = await walked(source)

    assert sorted(lead.lead_id for lead in batch.leads) == ["a", "b", "c"]


@pytest.mark.parametrize("abreast", [True, False])
async def test_a_long_walk_holds_a_window_and_merges_all_the_same(abreast: bool) -> None:
    source = ListedSource({"leads": pages(range(5000)), "estimations": pages(range(0, 5000, 7))})
    most = 0
    walk = Walk(source, source.feeds, HOUR, abreast=abreast)
    seen: dict[str, int] = {}

    async with asyncio.timeout(10), aclosing(walk.batches()) as batches:
        async for batch in batches:
            most = max(most, len(walk._held) + len(batch.leads))
            for lead in batch.leads:
                assert lead.lead_id not in seen
                seen[lead.lead_id] = len(lead.feeds)

    assert most <= 2 * HOLD + 200
    assert len(seen) == 5000
    assert all(count == (2 if int(name) % 7 == 0 else 1) for name, count in seen.items())


async def test_a_thousand_leads_of_one_moment_do_not_pile_up() -> None:
    same = [[item(f"{page}-{n}") for n in range(100)] for page in range(30)]
    source = ListedSource({"leads": same, "projects": [[item("late", 3000)], []]})
    walk = Walk(source, source.feeds, HOUR)
    most = handed = 0

    async with asyncio.timeout(10), aclosing(walk.batches()) as batches:
        async for batch in batches:
            handed += len(batch.leads)
            most = max(most, len(walk._held) + len(batch.leads))

    assert handed == 3001
    assert most <= 2 * HOLD + 200


async def test_a_feed_that_fails_ends_alone_and_keeps_what_it_gave() -> None:
    broken = SourceProblem("down", "broken")
    source = ListedSource({"leads": [[item("a")], [item("b")]], "projects": [[item("c")], broken]})

    walk, batches = await walked(source)

    assert sorted(lead.lead_id for batch in batches for lead in batch.leads) == ["a", "b", "c"]
    assert walk.reads["leads"].whole
    assert walk.reads["projects"].problem is broken
    assert not walk.reads["projects"].whole


@pytest.mark.parametrize("kind", ["rate_limited", "credentials"])
async def test_what_refuses_the_account_ends_every_feed(kind: str) -> None:
    refused = SourceProblem(kind, "no")
    source = ListedSource({"leads": [[item(str(n))] for n in range(50)], "projects": [refused]})

    walk, _ = await walked(source)

    assert walk.reads["projects"].problem is refused
    assert walk.reads["leads"].problem is refused
    assert source.asked.count("leads") <= 2


async def test_a_feed_that_hangs_keeps_the_others_waiting_no_longer_than_the_lag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(walk_module, "LAG", 0.05)
    source = ListedSource({"leads": [[item("a")]], "projects": [asyncio.Event()]})

    walk, batches = await walked(source)

    assert [lead.lead_id for batch in batches for lead in batch.leads] == ["a"]
    problem = walk.reads["projects"].problem
    assert problem is not None
    assert (problem.kind, "read apart" in problem.text) == ("down", True)


async def test_the_first_feed_to_answer_may_take_as_long_as_the_portal_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(walk_module, "LAG", 0.01)
    slow = asyncio.Event()
    source = ListedSource({"leads": [slow, [item("a")]], "projects": [slow, [item("b")]]})
    asyncio.get_running_loop().call_later(0.1, slow.set)

    walk, _ = await walked(source)

    assert all(read.whole for read in walk.reads.values())


async def test_a_feed_read_by_itself_may_be_slow_on_every_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(walk_module, "LAG", 0.01)
    slow = asyncio.Event()
    source = ListedSource({"leads": [[item("a")], slow, [item("b")]]})
    asyncio.get_running_loop().call_later(0.1, slow.set)

    walk, _ = await walked(source)

    assert walk.reads["leads"].whole


async def test_one_at_a_time_never_asks_for_two_pages_at_once() -> None:
    source = ListedSource({"leads": pages(range(300)), "projects": pages(range(300))})
    at_once = [0, 0]
    read = source.read

    async def counted(feed: str, window: Any) -> Any:
        async for page in read(feed, window):
            at_once[0] += 1
            at_once[1] = max(at_once)
            await asyncio.sleep(0)
            at_once[0] -= 1
            yield page

    source.read = counted  # type: ignore[method-assign]
    await walked(source, abreast=False)

    assert at_once[1] == 1
