"""What goes with a lead that is erased, and who is told: the arguments of ``lua/erase.lua``.

Owns the notice: a delivery of the occasion ``erased`` that carries ids and nothing else, made in
the same step that forgets the lead, so that neither happens without the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from gateway.delivery import ERASED, delivery_id
from gateway.lead import Lead
from gateway.store import readings
from gateway.store.connection import Connection
from gateway.store.sealing import Seal

Told = Callable[[str], Sequence[str]]
"""By a lead's source, the destinations that are told when it is erased."""


def nobody(source: str) -> Sequence[str]:
    """Nobody is told."""
    return ()


async def arguments_of(
    connection: Connection,
    seal: Seal,
    lead: Lead | None,
    delivery_ids: Sequence[str],
    told: Told,
) -> list[str | bytes]:
    """The notice's body, then id, destination and saved values of each notice to be made."""
    names = told(lead.source) if lead is not None else ()
    if lead is None or not names:
        return [b""]
    remote = {
        made.destination: made.remote_id
        for made in await readings.many(connection, delivery_ids)
        if made.remote_id
    }
    cells: list[str | bytes] = [seal.close(_ids_of(lead).to_json())]
    for name in names:
        known = {"remote_id": remote[name]} if name in remote else {}
        cells += [
            delivery_id(lead.identity, lead.id, name, ERASED),
            name,
            seal.close(json.dumps(known).encode()) if known else b"",
        ]
    return cells


def _ids_of(lead: Lead) -> Lead:
    return Lead(
        id=lead.id,
        source=lead.source,
        identity=lead.identity,
        kind=lead.kind,
        received_at=lead.received_at,
    )
