"""The sandbox against the vendor's page: every operation answers its fields, and no others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.sandbox.leads import CATEGORIES
from tests.sandbox_client import Client, flat, sandbox

pytestmark = pytest.mark.anyio

DATA = Path(__file__).parent.parent / "data"
OPERATIONS: dict[str, dict[str, str]] = json.loads((DATA / "gsl_fields.json").read_text())
SEARCHES = {
    "search leads": "leads",
    "search classified leads": "classifieds",
    "search agency leads": "agencies",
    "search estimation leads": "estimations",
    "search project leads": "projects",
}
TYPES = {"text": str, "number": (int, float), "flag": bool}


def fields(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every field of a JSON value with the path under which the vendor's page has it."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from fields(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for item in value:
            yield from fields(item, f"{path}[]")
    else:
        yield path, value


async def answered(client: Client, operation: str) -> list[Any]:
    """What one operation answers about a portal with leads of every category."""
    if operation in SEARCHES:
        return flat(await client.walk(SEARCHES[operation]))
    known = client.portal.leads
    leads = [lead for lead_id in client.portal.created if (lead := known.get(lead_id))]
    if operation == "one lead":
        wanted = [lead.id for lead in leads if lead.category == "ESTIMATION"][:20]
        return [(await client.lead(lead_id)).json() for lead_id in wanted]
    kinds = {  # one classified for each set of fields that a property has
        tuple(path for path, _ in fields(lead.feeds["classifieds"])): lead.classified_id
        for lead in leads
        if lead.category == "CLASSIFIED"
    }
    pages = [await client.post(f"/v2/leads/classifieds/{number}", {}) for number in kinds.values()]
    return [item for page in pages for item in page.json()["Data"]["Items"]]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_operation_answers_the_vendors_fields_and_no_others(operation: str) -> None:
    async with sandbox() as client:
        for category in CATEGORIES:
            client.portal.add(500, category)
        items = await answered(client, operation)

    seen: dict[str, Any] = {}
    for item in items:
        for path, value in fields(item):
            assert path in OPERATIONS[operation]
            if value is not None:
                wanted = TYPES[OPERATIONS[operation][path]]
                assert isinstance(value, wanted), path
                assert isinstance(value, bool) == (wanted is bool), path
                seen[path] = value
    assert set(seen) == set(OPERATIONS[operation])


async def test_a_lead_is_in_the_general_feed_and_in_its_own_alone() -> None:
    async with sandbox() as client:
        made = {category: client.portal.add(3, category) for category in CATEGORIES}
        counts = {feed: sum(map(len, await client.walk(feed))) for feed in SEARCHES.values()}

    assert counts == {"leads": 12, **dict.fromkeys(list(counts)[1:], 3)}
    assert all(len(leads) == 3 for leads in made.values())


async def test_the_people_are_invented_beyond_doubt() -> None:
    async with sandbox() as client:
        client.portal.add(400)
        items = [item for page in await client.walk("leads") for item in page]

    contacts = [item["contactRequest"] for item in items]
    domains = {contact["email"].partition("@")[2] for contact in contacts if contact["email"]}
    assert domains == {"example.org", "example.com", "example.net"}
    for phone in filter(None, (contact["phoneNumber"] for contact in contacts)):
        digits = "".join(c for c in phone.replace("+33", "0") if c.isdigit())
        assert digits[:6] in {"019900", "026191", "035301", "046571", "053649", "063998"}


async def test_the_same_seed_makes_the_same_leads() -> None:
    from gateway.sandbox.portal import Portal
    from tests.sandbox_client import at

    def shown(seed: int) -> list[str]:
        portal = Portal(seed=seed)
        return [json.dumps(dict(lead.feeds)) for lead in portal.add(50, at=at(0))]

    assert shown(4) == shown(4)
    assert shown(4) != shown(5)
