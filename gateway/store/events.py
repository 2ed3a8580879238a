"""What just happened, as a short stream: ids only, for live pages, the demo and the doorbell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. ``type``: lead, step, delivered, retrying, dead, replayed,
    discarded, erased.
    """

    id: str
    type: str
    delivery_id: str
    lead_uid: str
    destination: str
    detail: str


class Events:
    """Reads the stream. The scripts write it."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    async def latest(self) -> str:
        """The place of the newest event: reading from here on shows only what comes."""
        rows = await self._c.command("XREVRANGE", self._c.key("events"), "+", "-", "COUNT", 1)
        return rows[0][0].decode() if rows else "0-0"

    async def after(self, place: str, limit: int = 500) -> Sequence[Event]:
        """Events after a place, oldest first."""
        rows = await self._c.command(
            "XRANGE", self._c.key("events"), f"({place}", "+", "COUNT", limit
        )
        return [_event(identifier, fields) for identifier, fields in rows]


def _event(identifier: bytes, flat: object) -> Event:
    if isinstance(flat, dict):
        pairs = flat
    else:
        cells = list(flat)  # type: ignore[call-overload]
        pairs = dict(zip(cells[::2], cells[1::2], strict=True))
    fields = {key.decode(): value.decode() for key, value in pairs.items()}
    return Event(
        id=identifier.decode(),
        type=fields["type"],
        delivery_id=fields["delivery"],
        lead_uid=fields["lead"],
        destination=fields["destination"],
        detail=fields["detail"],
    )
