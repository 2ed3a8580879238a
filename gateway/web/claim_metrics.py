"""Metrics of claims and of how fast leads are (contract §9's counters do not have them).

Labels are sources, the configuration's agents up to :data:`AGENTS_SHOWN`, and closed lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.metrics_core import (
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from gateway.duty import agents_of, full_name, promise_of
from gateway.store.counts import Histogram
from gateway.store.ladders import Promise
from gateway.store.speed import STAGES, Day
from gateway.web.context import Web
from gateway.web.metric_parts import PREFIX, buckets, gauge

AGENTS_SHOWN = 200
"""Agents that have a series of their own: a network's thousands would be a burden for whoever
scrapes."""
_QUANTILES = (0.5, 0.9)


@dataclass(frozen=True, slots=True)
class ClaimReading:
    """The counters at one moment; ``target`` is None where no claims are promised."""

    by_source: Mapping[str, Histogram]
    by_agent: Mapping[str, Histogram]
    promise: Promise
    target: float | None
    day: Day

    def collect(self) -> Iterable[Metric]:
        """Every family."""
        claimed = HistogramMetricFamily(
            PREFIX + "time_to_claim_seconds",
            "From the lead's creation at the portal to its claim.",
            labels=["source"],
        )  # fmt: skip
        for name, histogram in self.by_source.items():
            claimed.add_metric([name], buckets(histogram), histogram.total)
        agents = SummaryMetricFamily(
            PREFIX + "agent_claim_seconds", "The same, by agent.", labels=["agent"]
        )
        for name, histogram in self.by_agent.items():
            agents.add_metric([name], histogram.count, histogram.total)
        speed = gauge(
            "speed_seconds",
            "From the portal to each stage within the last 24 hours, within 5 %.",
            "stage", "share",
        )  # fmt: skip
        for stage in STAGES:
            times = self.day.times(stage)
            for share in _QUANTILES:
                if (seconds := times.quantile(share)) is not None:
                    speed.add_metric([stage, str(share)], seconds)
        waiting = gauge("leads_unclaimed", "Leads that wait to be claimed.")
        waiting.add_metric([], self.promise.waiting)
        overdue = gauge("leads_overdue", "Leads that nobody claimed in time.")
        overdue.add_metric([], self.promise.overdue)
        families = (claimed, agents, speed, waiting, overdue, *self._level())
        return [family for family in families if family.samples]

    def _level(self) -> Iterable[GaugeMetricFamily]:
        kept = gauge("claim_kept_ratio", "Share of the last 24 hours' leads claimed in time.")
        burn = gauge(
            "claim_burn", "How much of what the target allows to miss was missed.", "hours"
        )
        if self.target is not None:
            if (share := self.promise.kept()) is not None:
                kept.add_metric([], share)
            for hours in (2, 24):
                if (value := self.promise.burn(self.target, hours)) is not None:
                    burn.add_metric([str(hours)], value)
        return [kept, burn]


async def read_claims(web: Web) -> ClaimReading:
    """What is counted. Raises StoreUnavailable."""
    counts = web.store.counts
    claim = promise_of(web.config)
    agents = agents_of(web.config)[:AGENTS_SHOWN]
    histograms = await counts.claims("agent", [name.name for _, name in agents])
    return ClaimReading(
        await counts.claims("source", list(web.config.sources)),
        {full_name(agency, name.name): histograms[name.name] for agency, name in agents},
        await web.store.ladders.promise(counts),
        claim.target if claim else None,
        await web.store.speed.day(),
    )
