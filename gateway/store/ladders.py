"""Leads that nobody claimed yet: which are due to be told to somebody else, and who took them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf

from gateway.lead import Agent
from gateway.store.connection import Connection
from gateway.store.counts import Counts


@dataclass(frozen=True, slots=True)
class Waiting:
    """A lead whose ladder's next step is due."""

    uid: str
    step: int
    received_at: datetime
    agent: str | None
    """Whose it was."""
    agency: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """What came of a claim: ``claimed``, ``taken`` (before, by ``agent``) or ``gone``.

    ``took`` is the time since the portal had the lead; ``deliveries`` tell others.
    """

    what: str
    agent: str
    at: datetime | None
    took: timedelta
    deliveries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Promise:
    """How the promise of ``claim.within`` is kept, of the leads of the last 24 hours.

    By hour, the current one last: ``to_claim`` of the leads that came in it, ``in_time`` how many
    of these were claimed in time, ``claimed`` what was claimed in it. ``waiting`` are not claimed
    yet, and of these ``overdue`` wait longer than promised.
    """

    to_claim: tuple[int, ...]
    claimed: tuple[int, ...]
    in_time: tuple[int, ...]
    waiting: int
    overdue: int

    def kept(self, hours: int = 24) -> float | None:
        """The share kept, of those whose time is over; None while there is none."""
        settled = sum(self.to_claim[-hours:]) - max(0, self.waiting - self.overdue)
        return min(1.0, sum(self.in_time[-hours:]) / settled) if settled > 0 else None

    def burn(self, target: float, hours: int = 24) -> float | None:
        """How fast what the target allows to miss is used up: at 1 it is kept just so."""
        kept = self.kept(hours)
        if kept is None:
            return None
        return 0.0 if kept >= 1 else (1 - kept) / (1 - target) if target < 1 else inf


class Ladders:
    """Takes steps and claims. Each is one script, and each lead is settled once."""

    def __init__(self, connection: Connection) -> None:
        self._c = connection

    async def due(self, limit: int = 100) -> list[Waiting]:
        """Leads whose next step is due, the longest waiting first."""
        now = await self._c.now_ms()
        found = await self._c.command(
            "ZRANGEBYSCORE", self._c.key("ladder"), "-inf", now, "LIMIT", 0, limit
        )
        uids = [item.decode() for item in found]
        pipeline = self._c.redis.pipeline(transaction=False)
        for uid in uids:
            pipeline.hmget(self._c.key("lead", uid), "step", "received", "decision")
        answers = await self._c.execute(pipeline) if uids else []
        waiting = []
        for uid, (step, received, decision) in zip(uids, answers, strict=True):
            if step is None:
                # Erased or retired meanwhile.
                await self._c.command("ZREM", self._c.key("ladder"), uid)
                continue
            decided = json.loads(decision) if decision else {}
            waiting.append(
                Waiting(
                    uid,
                    int(step),
                    datetime.fromtimestamp(int(received) / 1000, UTC),
                    decided.get("agent"),
                    decided.get("agency", ""),
                )
            )
        return waiting

    async def count(self) -> int:
        """How many leads wait to be claimed on a ladder."""
        return int(await self._c.command("ZCARD", self._c.key("ladder")))

    async def unclaimed(self, limit: int = 50, *, overdue: bool = False) -> list[str]:
        """Leads that nobody claimed, those first that should have been longest ago; or those
        alone that should have been by now.
        """
        ms = await self._c.now_ms() if overdue else "+inf"
        found = await self._c.command(
            "ZRANGEBYSCORE", self._c.key("unclaimed"), "-inf", ms, "LIMIT", 0, limit
        )
        return [item.decode() for item in found]

    async def promise(self, counts: Counts) -> Promise:
        """How the promise is kept, in two round trips."""
        now = await self._c.now_ms()
        pipeline = self._c.redis.pipeline(transaction=False)
        pipeline.zcard(self._c.key("unclaimed"))
        pipeline.zcount(self._c.key("unclaimed"), "-inf", now)
        waiting, overdue = await self._c.execute(pipeline)
        hours = await counts.by_hour(("to_claim", "claimed", "claimed_in_time"))
        return Promise(
            hours["to_claim"], hours["claimed"], hours["claimed_in_time"], waiting, overdue
        )

    async def escalate(
        self,
        uid: str,
        step: int,
        next_at: datetime | None,
        agent: Agent | None,
        deliveries: Sequence[tuple[str, str]],
    ) -> tuple[str, tuple[str, ...]]:
        """Take a step: ``escalated`` or why not (claimed, moved, gone), and the deliveries made.

        ``deliveries`` are (id, destination); ``agent`` is whom they are for, None: whose it was.
        """
        answer = await self._c.run(
            "escalate",
            uid,
            step,
            "" if next_at is None else round(next_at.timestamp() * 1000),
            "" if agent is None else agent.model_dump_json(),
            *(cell for delivery in deliveries for cell in delivery),
        )
        what, *made = (item.decode() for item in answer)
        return what, tuple(made)

    async def claim(
        self,
        uid: str,
        agent: str,
        via: str,
        *,
        on_time: timedelta | None = None,
        known_as: Agent | None = None,
        deliveries: Sequence[tuple[str, str]] = (),
    ) -> Claimed:
        """Give a lead to ``agent``, unless somebody has it. ``via``: email, slack, dashboard…

        ``on_time`` is how soon after it came a claim keeps the promise; ``known_as`` whom the
        deliveries that tell others name.
        """
        what, who, at, took, *made = await self._c.run(
            "claim",
            uid,
            agent,
            via,
            "" if on_time is None else round(on_time.total_seconds() * 1000),
            "" if known_as is None else known_as.model_dump_json(),
            *(cell for delivery in deliveries for cell in delivery),
        )
        moment = datetime.fromtimestamp(int(at) / 1000, UTC) if int(at) else None
        return Claimed(
            what.decode(),
            who.decode(),
            moment,
            timedelta(milliseconds=int(took)),
            tuple(item.decode() for item in made),
        )
