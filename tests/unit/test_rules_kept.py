"""Rules, agents and leads drawn at random: each lead has the deliveries its rules say, no more.

Against rules written a second time in plain Python, through the real expressions and the real
scripts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from fakeredis import FakeAsyncRedis
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.agency import Agency, compiled
from gateway.agents import AgentConfig, AssignmentConfig
from gateway.assignment import Roster
from gateway.config.model import RouteConfig
from gateway.destinations.common import DestinationConfig
from gateway.lead import Contact, Lead, Property
from gateway.pipeline import Pipeline
from gateway.queue import Queue
from gateway.render import Renderer
from gateway.store import Accepted, Store, StoredLead
from tests.builders import NOON, a_lead

PARIS = ZoneInfo("Europe/Paris")
NAMES = ("crm", "inbox", "team", "archive")
CATEGORIES = ("CLASSIFIED", "ESTIMATION", "AGENCY")
RENDERER = Renderer()


@dataclass(frozen=True)
class Rule:
    """A route, and the same thing for a person to read."""

    to: tuple[str, ...]
    category: str | None
    above: int | None
    stop: bool
    otherwise: bool

    @property
    def when(self) -> str | None:
        parts = []
        if self.category:
            parts.append(f'lead.category == "{self.category}"')
        if self.above is not None:
            parts.append(f"lead.property.price > {self.above}")
        return " and ".join(parts) or None

    def wants(self, lead: Lead) -> bool:
        price = lead.property.price
        return (self.category in (None, lead.category)) and (
            self.above is None or (price is not None and price > self.above)
        )


def expected(lead: Lead, rules: Sequence[Rule]) -> list[str]:
    """Where a lead is to go, each place once, in order."""
    if not rules:
        return list(NAMES)
    found: list[str] = []
    for rule in rules:
        if not rule.wants(lead) or (rule.otherwise and found):
            continue
        found += [name for name in rule.to if name not in found]
        if rule.stop:
            break
    return found


rules_drawn = st.lists(
    st.builds(
        Rule,
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True).map(tuple),
        st.sampled_from((None, *CATEGORIES)),
        st.sampled_from((None, 100, 500)),
        st.booleans(),
        st.booleans(),
    ),
    max_size=5,
)
ALWAYS = Rule(("crm",), None, None, stop=False, otherwise=False)
LAST = Rule(("archive",), None, None, stop=False, otherwise=True)

agents_drawn = st.lists(
    st.tuples(st.sampled_from(((), ("AB*",), ("CD*", "AB1"))), st.booleans()), max_size=4
)
leads_drawn = st.lists(
    st.tuples(
        st.sampled_from(CATEGORIES),
        st.sampled_from((None, 50.0, 100.0, 101.0, 900.0)),
        st.sampled_from((None, "AB1", "AB2", "CD9")),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=8,
)


def a_town(
    store: Store, redis: Any, rules: Sequence[Rule], agents: Sequence[tuple[Any, bool]]
) -> Pipeline:
    config = tuple(
        AgentConfig.model_validate(
            {"name": f"Agent {n}", "references": refs, "away": ["2026-01-01..2026-12-31"] * away}
        )
        for n, (refs, away) in enumerate(agents)
    )
    routes = tuple(
        RouteConfig(to=rule.to, when=rule.when, stop=rule.stop, otherwise=rule.otherwise)
        for rule in rules
    )
    agency = Agency(
        "", Roster(config, AssignmentConfig(), PARIS), compiled(routes, PARIS, RENDERER), NAMES
    )
    queue = Queue(redis, "t")
    known = {name: DestinationConfig() for name in NAMES}
    return Pipeline(store, queue, {"seloger": agency}, {}, known, clock=lambda: NOON)


def the_leads(drawn: Sequence[tuple[Any, ...]]) -> list[Lead]:
    return [
        a_lead(
            f"lead-{number}",
            category=category,
            created_at=NOON - timedelta(minutes=1),
            property=Property(price=price, reference=reference),
            contact=Contact(email=f"p{person}@example.org"),
        )
        for number, (category, price, reference, person) in enumerate(drawn)
    ]


async def stored_all(store: Store) -> list[StoredLead]:
    page = await store.leads.page(None, 100)
    return sorted(page.items, key=lambda item: item.lead.id)


async def made(store: Store, lead: StoredLead) -> Counter[tuple[str, str]]:
    found = await store.deliveries.get_many(lead.delivery_ids)
    return Counter((item.destination, item.occasion) for item in found)


@settings(max_examples=60, deadline=None)
@example([ALWAYS, LAST], [], [("AGENCY", None, None, 0)], Random(1))
@given(rules_drawn, agents_drawn, leads_drawn, st.randoms(use_true_random=False))
def test_every_lead_has_the_deliveries_its_rules_say_and_a_repeat_decides_the_same(
    rules: list[Rule], agents: list[Any], drawn: list[Any], order: Any
) -> None:
    async def all_of_it() -> None:
        redis = FakeAsyncRedis()
        store = Store(redis, "t")
        await store.open()
        pipeline, leads = a_town(store, redis, rules, agents), the_leads(drawn)
        accepted = await pipeline.accept(leads)
        assert all(isinstance(item, Accepted) and item.what == "new" for item in accepted)
        first = await stored_all(store)
        for lead in first:
            wanted = Counter({(name, "new"): 1 for name in expected(lead.lead, rules)})
            assert await made(store, lead) == wanted
            assert lead.unrouted == (not wanted)
            present = [n for n, (_, away) in enumerate(agents) if not away]
            named = lead.lead.agent.name
            assert named in ({f"Agent {n}" for n in present} if present else {None})

        # The same leads again, in another order, by another process: nothing is decided anew.
        again = list(leads)
        order.shuffle(again)
        answers = await a_town(store, redis, rules, agents).accept(again)
        assert {item.what for item in answers if isinstance(item, Accepted)} == {"known"}
        assert not any(item.deliveries for item in answers if isinstance(item, Accepted))
        assert await stored_all(store) == first
        # And what a stored lead would get now is what it got.
        for lead in first:
            assert await pipeline.route(lead) == ()
        await redis.aclose()

    asyncio.run(all_of_it())


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_turns_are_fair_within_one_however_leads_come_in(many: int, pages: list[int]) -> None:
    async def all_of_it() -> None:
        redis = FakeAsyncRedis()
        store = Store(redis, "t")
        await store.open()
        pipeline = a_town(store, redis, (), [((), False)] * many)
        number = 0
        for size in pages:
            await pipeline.accept(
                [
                    a_lead(
                        f"lead-{number + n}", contact=Contact(email=f"p{number + n}@example.org")
                    )
                    for n in range(size)
                ]
            )
            number += size
            turns = Counter(item.lead.agent.name for item in await stored_all(store))
            counts = [turns[f"Agent {n}"] for n in range(many)]
            assert sum(counts) == number
            assert max(counts) - min(counts) <= 1
        await redis.aclose()

    asyncio.run(all_of_it())
