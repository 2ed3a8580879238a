"""The ``gsl`` source: leads of SeLoger and its sister portals, through the GSL Leads API v2.

Yields raw items and says its problems; never touches the store, never decides what is new.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, cast

import httpx

from gateway.lead import Lead
from gateway.oauth import Clock, Credentials, Tokens, TokenStore
from gateway.sources.gsl_check import check
from gateway.sources.gsl_client import GslClient
from gateway.sources.gsl_config import Feed, GslConfig
from gateway.sources.gsl_lead import lead_id_of, normalise
from gateway.sources.portal import Portal
from gateway.sources.protocol import Page, Slice
from gateway.sources.raw import at, moment, text

__all__ = ["GslConfig", "GslSource"]


class GslSource:
    """One account of the GSL Leads API. ``http`` is its own conversation, closed with it."""

    kind = "gsl"

    def __init__(
        self,
        name: str,
        config: GslConfig,
        http: httpx.AsyncClient,
        tokens: TokenStore,
        clock: Clock,
    ) -> None:
        self.name = name
        self.config = config
        self.identity = config.identity or name
        self.feeds: tuple[str, ...] = config.feed_names
        self._http = http
        where = f"sources.{name}"
        account = Credentials(
            where=where,
            token_url=config.token_url,
            client_id=config.client_id,
            client_secret=config.client_secret,
            scope=config.scope,
            params=config.token_params,
            format=config.token_format,
            auth=config.token_auth,
        )
        self._portal = Portal(
            where,
            http,
            Tokens(account, http, tokens, clock),
            clock,
            at_once=config.requests_at_once,
            contact=config.contact,
        )
        self._client = GslClient(config, self._portal)

    def read(self, feed: str, window: Slice) -> AsyncIterator[Page]:
        """Walk one feed over one slice, oldest first. Raises :class:`SourceProblem`.

        ValueError for a feed that this source does not have.
        """
        if feed not in self.feeds:
            raise ValueError(f"{self.name} has no feed {feed}")
        return self._client.search(cast(Feed, feed), window)

    async def lead(self, lead_id: str) -> dict[str, Any] | None:
        """The portal's JSON of one lead (operation 2), or None. Raises :class:`SourceProblem`."""
        return await self._client.lead(lead_id)

    def classified(self, classified_id: int) -> AsyncIterator[Page]:
        """Every lead of one classified (operation 4). Raises :class:`SourceProblem`."""
        return self._client.classified(classified_id)

    def identify(self, item: Any) -> str | None:
        """The leadId of a raw item, or None."""
        return lead_id_of(item)

    def made_at(self, item: Any) -> datetime | None:
        """The creationDate of a raw item, or None."""
        return moment(at(item, "leadMetaInfos", "creationDate"))

    def lacks(self, items: Mapping[str, Any]) -> bool:
        """An estimation lead without its ``estimation``: operation 2 has it (vendor's page)."""
        said = [text(at(item, "leadMetaInfos", "leadCategory")) for item in items.values()]
        return "ESTIMATION" in said and not any(at(x, "estimation") for x in items.values())

    def normalise(self, items: Mapping[str, Any], received_at: datetime) -> Lead:
        """A lead from its items. Raises RejectedItem."""
        return normalise(items, source=self.name, identity=self.identity, received_at=received_at)

    async def now(self) -> datetime:
        """The portal's clock, until it spoke ours."""
        return self._portal.clock.now()

    @property
    def skew(self) -> float | None:
        """Seconds that the portal's clock is ahead of ours; None until it spoke."""
        skew = self._portal.clock.skew
        return None if skew is None else skew.total_seconds()

    async def verify(self) -> list[str]:
        """Sign in, ask each feed once, compare clocks and units; a line for each finding.

        Raises :class:`SourceProblem` when no lead could be read as configured, its text naming the
        key to change.
        """
        return await check(self._portal, self._client, self.config)

    async def close(self) -> None:
        """End the conversation. The connections under it belong to the client that made it."""
        await self._http.aclose()
