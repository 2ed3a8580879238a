"""Leads whose search lacks a section, asked for one by one before they are accepted.

Bounded in time and in requests, and never in a lead's way: one that can not be completed now is
accepted as it is, and a later look tries again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from gateway.reading.walk import Merged
from gateway.sources.protocol import Source, SourceProblem

WITHIN = 10.0
"""Seconds for all leads of one batch."""
AT_ONCE = 2
"""Requests at a time, so that searches keep most of the source's places."""
REST, REST_FORBIDDEN = 60.0, 3600.0
"""Seconds that nothing more is asked after a failure; and where the account may not ask at all."""

SINGLE = "lead"
"""The name under which a lead's own reading stands among its feeds."""


class Completion:
    """Asks one source for single leads."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._places = asyncio.Semaphore(AT_ONCE)
        self._rest_until = 0.0
        self.problem: SourceProblem | None = None
        """Why leads can not be completed now, until it went well again."""

    async def complete(self, leads: Sequence[Merged]) -> None:
        """Add to each lead what the portal says of it alone, as feed ``lead``, where it does."""
        try:
            async with asyncio.timeout(WITHIN):
                await asyncio.gather(*(self._one(lead) for lead in leads))
        except TimeoutError:
            self._fail(
                SourceProblem("down", f"{self._where}: not all answered within {WITHIN:g} s")
            )

    async def _one(self, lead: Merged) -> None:
        async with self._places:
            if time.monotonic() < self._rest_until:
                return
            try:
                found = await self._source.lead(lead.lead_id)
            except SourceProblem as problem:
                self._fail(problem)
                return
        if found is None:
            return  # not there yet, or not any more
        if self._source.identify(found) != lead.lead_id:
            text = f"{self._where}: the portal answered with another lead than the one asked for"
            self._fail(SourceProblem("protocol", text))
            return
        lead.feeds[SINGLE] = found
        self.problem = None

    def _fail(self, problem: SourceProblem) -> None:
        rest = REST_FORBIDDEN if problem.kind == "forbidden" else REST
        self._rest_until = time.monotonic() + max(rest, problem.retry_after or 0.0)
        self.problem = problem

    @property
    def _where(self) -> str:
        return f"sources.{self._source.name}, one lead"
