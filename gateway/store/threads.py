"""Who wrote before, and where: a name for each person that gives nobody away, and their threads.

Owns one entry per destination and person, under hashes that only this store can make.
What a thread is, is the destination's to say: Slack's is the time stamp of a first message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta

from gateway.claims import ClaimLinks
from gateway.contact import normal_email
from gateway.lead import Lead
from gateway.store.connection import Connection
from gateway.store.sealing import Marks

KEPT_FOR = timedelta(days=90)
"""A person who comes back later than this begins a new thread."""


class Threads:
    """Names people and remembers the thread that a destination began for each."""

    def __init__(self, connection: Connection, marks: Marks) -> None:
        self._c = connection
        self._marks = marks

    @property
    def claim_links(self) -> ClaimLinks:
        """Makes and reads claim links, the same in every process of this store."""
        return ClaimLinks(hashlib.blake2b(b"claim links", key=self._marks.secret).digest())

    def person(self, lead: Lead) -> str:
        """The same 32 letters and digits for each lead of one person; empty when nobody is known.

        Accounts that do not share their leads share no names either.
        """
        contact = lead.contact
        address = normal_email(contact.email)
        known = address.lower() if address else contact.phone or lead.seeker_id
        if not known:
            return ""
        text = f"{lead.identity}\x00{known}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._marks.secret, digest_size=16).hexdigest()

    def marks(self, lead: Lead) -> tuple[str, ...]:
        """A name for each way the person is known: address, phone, the portal's own number."""
        contact = lead.contact
        address = normal_email(contact.email)
        known = {
            "email": address.lower() if address else None,
            "phone": contact.phone,
            "seeker": lead.seeker_id,
        }
        return tuple(
            hashlib.blake2b(
                f"{lead.identity}\x00{way}\x00{value}".encode("utf-8", "surrogatepass"),
                key=self._marks.secret,
                digest_size=12,
            ).hexdigest()
            for way, value in known.items()
            if value
        )

    async def of(self, destination: str, person: str) -> str:
        """The thread this destination began for this person, or an empty text."""
        found = await self._c.command("GET", self._key(destination, person))
        return found.decode() if found else ""

    async def keep(
        self, destination: str, person: str, thread: str, *, instead_of: str = ""
    ) -> None:
        """Remember the thread, unless there is one already: the first message is its head.

        ``instead_of`` is one that has ended, and is forgotten.
        """
        ms = round(KEPT_FOR.total_seconds() * 1000)
        once = () if instead_of else ("NX",)
        await self._c.command("SET", self._key(destination, person), thread, *once, "PX", ms)

    async def forget(self, leads: Sequence[Lead]) -> None:
        """Forget the persons of erased leads: their threads, and who looked after them."""
        if not leads:
            return
        names = await self._c.command("SMEMBERS", self._c.key("destinations"))
        keys = {self._c.key("person", mark) for lead in leads for mark in self.marks(lead)}
        for person in filter(None, map(self.person, leads)):
            keys |= {self._key(name.decode(), person) for name in names}
        if keys:
            await self._c.command("DEL", *keys)

    def _key(self, destination: str, person: str) -> str:
        return self._c.key("thread", destination, person)
