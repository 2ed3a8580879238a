"""The store: the truth about leads, deliveries, sources and destinations.

The only room that knows a key. Every change of state is one script in ``lua/``, run by the server
in one piece; nothing here decides what should happen, only whether it may.
"""

from __future__ import annotations

import secrets
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gateway.store.alerts import Alerts
from gateway.store.audit import Audit, Entry
from gateway.store.backfills import BackfillRecord, Backfills
from gateway.store.connection import Connection, StoreUnavailable
from gateway.store.counts import Counts
from gateway.store.deliveries import Deliveries
from gateway.store.destinations import Destinations, DestinationState
from gateway.store.erasing import Told, nobody
from gateway.store.events import Event, Events
from gateway.store.index import Index
from gateway.store.ladders import Claimed, Ladders, Waiting
from gateway.store.leads import Leads
from gateway.store.leases import LeaseLost, Leases, Renewal
from gateway.store.paging import BadCursor, Page
from gateway.store.people import People, Settled, Wish
from gateway.store.plans import Accepted, Known, Mode, Plan, Rewrite, StoredLead
from gateway.store.processes import Process, Processes
from gateway.store.rejects import Rejected, Rejects
from gateway.store.sealing import BadKey, Marks, Seal
from gateway.store.search import Search
from gateway.store.seen import Seen
from gateway.store.signins import SignIns
from gateway.store.source_state import FeedTrouble, SourceState
from gateway.store.sources import Sources
from gateway.store.speed import Speed
from gateway.store.threads import Threads
from gateway.store.upkeep import Upkeep
from gateway.store.work import Begun, Claim, Finished, Replayed, Report, Returned, Work

__all__ = [
    "FORMAT",
    "Accepted",
    "BackfillRecord",
    "BadCursor",
    "BadKey",
    "Begun",
    "Claim",
    "Claimed",
    "DestinationState",
    "Entry",
    "Event",
    "FeedTrouble",
    "Finished",
    "FormatTooNew",
    "KeyMissing",
    "Known",
    "LeaseLost",
    "Mode",
    "Page",
    "Plan",
    "Process",
    "Rejected",
    "Renewal",
    "Replayed",
    "Report",
    "Returned",
    "Rewrite",
    "Seal",
    "Settled",
    "SourceState",
    "Store",
    "StoreUnavailable",
    "StoredLead",
    "Waiting",
    "Wish",
    "Work",
    "connect",
]

FORMAT = 3
"""Version of what is stored; a store written by a newer program is refused. What older
ones wrote is read, and written anew when it changes: docs/decisions/0018-bytes-not-digits.md and
0020-marks-have-a-key.md.
"""

DEFAULT_NAMESPACE = "lead-gateway"


class FormatTooNew(Exception):
    """The store was written by a newer version of this program."""


class KeyMissing(Exception):
    """Something in the store is sealed with an encryption key that was not given."""


class Store:
    """The store's rooms over one connection. ``seal`` encrypts what is personal in it;
    ``told`` says who learns of an erasure.
    """

    def __init__(
        self,
        redis: Redis,
        namespace: str = DEFAULT_NAMESPACE,
        *,
        seal: Seal | None = None,
        clock_shift: float = 0.0,
        told: Told = nobody,
    ) -> None:
        self.seal = seal or Seal()
        self.marks = Marks()
        self.connection = Connection(redis, f"{namespace}:", clock_shift)
        self.seen = Seen(self.connection, self.marks)
        self.namespace = namespace
        self.threads = Threads(self.connection, self.marks)
        self.leads = Leads(self.connection, self.seal, self.marks, self.seen, self.threads, told)
        self.rejects = Rejects(self.connection, self.seal, self.marks)
        self.index = Index(self.connection, self.marks)
        self.deliveries = Deliveries(self.connection, self.seal)
        self.destinations = Destinations(self.connection)
        self.sources = Sources(self.connection, self.seal)
        self.leases = Leases(self.connection)
        self.search = Search(self.connection, self.index)
        self.processes = Processes(self.connection)
        self.alerts = Alerts(self.connection)
        self.counts = Counts(self.connection)
        self.events = Events(self.connection)
        self.audit = Audit(self.connection)
        self.signins = SignIns(self.connection, self.marks)
        self.upkeep = Upkeep(self.connection)
        self.backfills = Backfills(self.connection)
        self.people = People(self.connection, self.seen)
        self.ladders = Ladders(self.connection)
        self.speed = Speed(self.connection)

    async def open(self) -> None:
        """Check that the server answers and that what it holds can be read. Raises
        StoreUnavailable, FormatTooNew, KeyMissing.
        """
        key = self.connection.key("meta")
        if await self.connection.command("HSETNX", key, "format", FORMAT):
            await self.connection.command("HSET", key, "marks", "keyed")
        found = int(await self.connection.command("HGET", key, "format"))
        if found > FORMAT:
            raise FormatTooNew(
                f"the store holds format {found}, this version reads {FORMAT}: upgrade the program"
            )
        if found < FORMAT:
            await self.connection.command("HSET", key, "format", FORMAT)
        await self._check_keys()
        self.marks.hold(await self._secret())
        await self.seen.open()
        await self.connection.load()

    async def _check_keys(self) -> None:
        key = self.connection.key("keys")
        used = {name.decode() for name in await self.connection.command("SMEMBERS", key)}
        if missing := sorted(used - set(self.seal.names)):
            raise KeyMissing(
                f"the store's personal data is sealed with the key {missing[0]}, which is not in "
                "LEAD_GATEWAY_ENCRYPTION_KEYS: put it back, at the end"
                + ("; it may go after lead-gateway keys rotate" if self.seal.names else "")
            )
        if self.seal.names and self.seal.names[0] not in used:
            await self.connection.command("SADD", key, self.seal.names[0])

    async def _secret(self) -> bytes:
        """The key of the store's hashes: made once, sealed as soon as there is a key to do it."""
        key = self.connection.key("meta")
        made = self.seal.close(secrets.token_hex(32).encode())
        await self.connection.command("HSETNX", key, "secret", made)
        kept = await self.connection.command("HGET", key, "secret")
        secret = self.seal.open(kept)
        if kept == secret and self.seal.names:
            await self.connection.command("HSET", key, "secret", self.seal.close(secret))
        return bytes.fromhex(secret.decode())

    async def close(self) -> None:
        """Give back the connections."""
        await self.connection.redis.aclose()


def connect(url: str, *, max_connections: int = 64) -> Redis:
    """A client for ``redis://``, ``rediss://``, ``unix://`` or ``redis+sentinel://host:port/name/db``.

    Commands are never repeated behind our back: a script that ran and whose answer was lost must be
    seen as such by its caller. Every command has a deadline of 10 s.
    """
    options: dict[str, Any] = {
        "socket_timeout": 10.0,
        "socket_connect_timeout": 5.0,
        "health_check_interval": 30,
        "max_connections": max_connections,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    if url.startswith(("redis+sentinel://", "rediss+sentinel://")):
        return _through_sentinel(url, options)
    return Redis.from_url(url, **options)


def _through_sentinel(url: str, options: dict[str, Any]) -> Redis:
    """``redis+sentinel://[user:pass@]host:port[,host:port]/service[/db]``."""
    from redis.asyncio.sentinel import Sentinel

    scheme, _, rest = url.partition("://")
    place, _, path = rest.partition("/")
    credentials, _, hosts = place.rpartition("@")
    username, _, password = credentials.partition(":")
    service, _, database = path.partition("/")
    sentinels = [
        (host, int(port or 26379))
        for host, _, port in (item.rpartition(":") if ":" in item else (item, "", "")
                              for item in hosts.split(","))
    ]  # fmt: skip
    if not service:
        raise ValueError(
            "redis+sentinel:// needs the service's name: redis+sentinel://host:26379/mymaster"
        )
    secure: dict[str, Any] = {"ssl": True} if scheme.startswith("rediss") else {}
    sentinel: Any = Sentinel(  # type: ignore[no-untyped-call]
        sentinels, socket_timeout=5.0, socket_connect_timeout=5.0
    )
    options = {key: value for key, value in options.items() if key != "max_connections"}
    client: Redis = sentinel.master_for(
        service,
        db=int(database or 0),
        username=username or None,
        password=password or None,
        **options,
        **secure,
    )
    return client
