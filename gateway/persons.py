"""One person's data, wherever it is: found, shown to who asks for it, erased.

Owns what belongs to a person: their leads under every source, the deliveries of these, and rejected
items that name them. Found by keyed hash and then compared, so that nobody else's is touched. What
receivers were given before is theirs to erase: who is to be told, is told (``on_erasure``).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.lookup import Term, equal_email, equal_phone, is_about, mentions
from gateway.store import Rejected, Store, StoredLead

BATCH = 100
ROUNDS = 1000


@dataclass(frozen=True, slots=True)
class Erased:
    """What was found of a person and is no more."""

    leads: tuple[str, ...]
    """Named SOURCE/ID."""
    rejected: int


def person(*, email: str | None = None, phone: str | None = None) -> Term:
    """Who is meant, by one of the two. Raises ValueError with what to write instead."""
    if (email is None) == (phone is None):
        raise ValueError("say who: an e-mail address or a phone number, one of them")
    if email is not None:
        if "@" not in email:
            raise ValueError("this is no e-mail address: write it whole, with its @")
        return "email", equal_email(email)
    number = equal_phone(phone)
    if len(number) < 6:
        raise ValueError("this is no phone number: write it whole, best with its country code")
    return "phone", number


def anybody(text: str) -> Term:
    """Who is meant by an address or a number, whichever it is. Raises ValueError."""
    return person(email=text) if "@" in text else person(phone=text)


async def leads_of(store: Store, who: Term) -> list[StoredLead]:
    """Every stored lead of this person, whichever source it came from."""
    uids = await store.index.find([who])
    found: list[StoredLead] = []
    for start in range(0, len(uids), BATCH):
        some = await store.leads.get_many(uids[start : start + BATCH])
        found += [item for item in some if item is not None and is_about(item.lead, who)]
    return found


async def rejected_of(store: Store, who: Term) -> list[Rejected]:
    """Rejected items that name this person anywhere in what came."""
    return [item async for item in _rejected(store) if mentions(item.raw, who)]


async def erase(store: Store, who: Term) -> Erased:
    """Erase a person: leads, with all that their deliveries hold, and rejected items.

    Raises StoreUnavailable; what was erased until then stays erased, and asking again does the
    rest.
    """
    names: list[str] = []
    # Again until nothing is found: the index answers with a bounded number at once.
    for _ in range(ROUNDS):
        found = await leads_of(store, who)
        if not found:
            break
        for start in range(0, len(found), BATCH):
            some = found[start : start + BATCH]
            await store.leads.erase([item.uid for item in some])
            names += [f"{item.lead.source}/{item.lead.id}" for item in some]
    rejected = await rejected_of(store, who)
    forgotten = await store.rejects.forget([item.id for item in rejected])
    return Erased(tuple(names), forgotten)


async def export(store: Store, who: Term) -> dict[str, Any]:
    """All that is known of a person, as JSON-ready values (GDPR article 15)."""
    leads = []
    for item in await leads_of(store, who):
        made = [await store.deliveries.get(name) for name in item.delivery_ids]
        leads.append(
            {
                "lead": item.lead.as_dict(),
                "sources": list(item.sources),
                "received_at": item.received_at.isoformat(),
                "sent_to": [
                    {
                        "destination": delivery.destination,
                        "state": delivery.state.value,
                        "at": delivery.delivered_at.isoformat() if delivery.delivered_at else None,
                        "remote_id": delivery.remote_id,
                        "answers": [attempt.answer for attempt in delivery.attempts],
                    }
                    for delivery in made
                    if delivery is not None
                ],
            }
        )
    rejected = [
        {"source": item.source, "at": item.at.isoformat(), "content": _content(item.raw)}
        for item in await rejected_of(store, who)
    ]
    return {"leads": leads, "rejected": rejected}


def _content(raw: str) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw  # cut, or never JSON


async def _rejected(store: Store) -> AsyncIterator[Rejected]:
    cursor: str | None = None
    while True:
        page = await store.rejects.page(cursor, BATCH)
        for item in page.items:
            yield item
        cursor = page.next_cursor
        if cursor is None:
            return


def names_of(found: Sequence[StoredLead]) -> list[str]:
    """Leads as they are called."""
    return [f"{item.lead.source}/{item.lead.id}" for item in found]
