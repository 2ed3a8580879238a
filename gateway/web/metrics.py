"""Metrics out of the store's own counters (contract §9), so that any web process answers for all.

Labels come from the configuration and from closed lists alone: no lead can make a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from starlette.requests import Request
from starlette.responses import Response

from gateway.store import DestinationState, SourceState
from gateway.store.counts import BOUNDS, DestinationCounts, Histogram, SourceCounts
from gateway.web.context import Web
from gateway.web.operation import ADMIN_ELSEWHERE, operation
from gateway.web.security import from_this_machine, require_admin

CATEGORIES = frozenset(
    {"CLASSIFIED", "AGENCY", "ESTIMATION", "PROJECT", "PROPERTY_SEARCH", "CALL_TRACKING"}
)
_OUTCOMES = ("delivered", "deferred", "refused", "interrupted", "continue")
_PREFIX = "lead_gateway_"


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters at one moment."""

    destinations: list[DestinationState]
    destination_counts: Mapping[str, DestinationCounts]
    sources: Mapping[str, SourceState]
    source_counts: Mapping[str, SourceCounts]

    def collect(self) -> Iterable[Metric]:
        """Every family, as prometheus-client wants it."""
        yield from self._of_sources()
        yield from self._of_deliveries()
        yield from self._of_destinations()

    def _of_sources(self) -> Iterable[Metric]:
        received = CounterMetricFamily(
            _PREFIX + "leads_received", "Leads stored for the first time.",
            labels=["source", "category"],
        )  # fmt: skip
        duplicate = CounterMetricFamily(
            _PREFIX + "leads_duplicate", "Leads read again.", labels=["source"]
        )
        rejected = CounterMetricFamily(
            _PREFIX + "leads_rejected", "Items that could not become a lead.", labels=["source"]
        )
        polls = SummaryMetricFamily(
            _PREFIX + "poll_duration_seconds", "Length of whole polls.", labels=["source"]
        )
        success = GaugeMetricFamily(
            _PREFIX + "source_last_success_timestamp_seconds",
            "Unix time of the last poll that read something.",
            labels=["source"],
        )
        for name, counts in self.source_counts.items():
            by_category: dict[str, int] = {}
            for category, value in counts.received.items():
                label = category if category in CATEGORIES else "other"
                by_category[label] = by_category.get(label, 0) + value
            for label, value in by_category.items():
                received.add_metric([name, label], value)
            duplicate.add_metric([name], counts.duplicate)
            rejected.add_metric([name], counts.rejected)
            if counts.polls:
                polls.add_metric([name], counts.polls, counts.poll_seconds)
            if last := self.sources[name].last_success_at:
                success.add_metric([name], last.timestamp())
        return [received, duplicate, rejected, polls, success]

    def _of_deliveries(self) -> Iterable[Metric]:
        outcomes = CounterMetricFamily(
            _PREFIX + "deliveries", "Attempts by how they ended.", labels=["destination", "outcome"]
        )
        attempt = _histogram("attempt_duration_seconds", "Length of attempts.")
        accepted = _histogram("time_to_deliver_seconds", "From accepted to delivered.")
        portal = _histogram(
            "time_from_portal_seconds", "From the lead's creation at the portal to delivered."
        )
        for name, counts in self.destination_counts.items():
            for outcome in _OUTCOMES:
                if outcome in counts.outcomes:
                    outcomes.add_metric([name, outcome], counts.outcomes[outcome])
            for family, histogram in (
                (attempt, counts.attempt),
                (accepted, counts.accepted_to_delivered),
                (portal, counts.portal_to_delivered),
            ):
                family.add_metric([name], _buckets(histogram), histogram.total)
        return [outcomes, attempt, accepted, portal]

    def _of_destinations(self) -> Iterable[Metric]:
        depth = GaugeMetricFamily(
            _PREFIX + "queue_depth", "Deliveries that wait.", labels=["destination", "state"]
        )
        dead = GaugeMetricFamily(_PREFIX + "dead_letters", "Dead letters.", labels=["destination"])
        oldest = GaugeMetricFamily(
            _PREFIX + "oldest_pending_seconds",
            "Age of the oldest delivery never tried.",
            labels=["destination"],
        )
        up = GaugeMetricFamily(
            _PREFIX + "destination_up",
            "1 unless the destination is paused or broken.",
            labels=["destination"],
        )
        for state in self.destinations:
            depth.add_metric([state.name, "pending"], state.pending)
            depth.add_metric([state.name, "retrying"], state.retrying)
            dead.add_metric([state.name], state.dead)
            oldest.add_metric([state.name], state.oldest_pending_seconds)
            up.add_metric([state.name], float(state.state == "up"))
        return [depth, dead, oldest, up]


async def read_metrics(web: Web) -> Reading:
    """The counters of everything configured or remembered. Raises StoreUnavailable."""
    names = await web.destination_names()
    sources = list(web.config.sources)
    return Reading(
        destinations=await web.store.destinations.describe(names),
        destination_counts=await web.store.counts.destinations(names),
        sources={name: await web.store.sources.get(name) for name in sources},
        source_counts=await web.store.counts.sources(sources),
    )


@operation(
    "GET", "/metrics", tag="Health and metrics", who=ADMIN_ELSEWHERE, answers={200: "text/plain"}
)  # fmt: skip
async def metrics(request: Request, web: Web) -> Response:
    """Give every counter in Prometheus' text format, or OpenMetrics where asked for.

    Without a token on this machine.
    """
    if not from_this_machine(request):
        require_admin(request)
    reading = await read_metrics(web)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(reading))
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), headers={"content-type": media_type})


@dataclass(frozen=True, eq=False)
class _Once:
    """A reading as a collector; described as nothing, so that registering reads nothing.

    Compared by identity: the registry keeps it in a set, and what it holds has no hash.
    """

    reading: Reading

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        return self.reading.collect()


def _histogram(name: str, text: str) -> HistogramMetricFamily:
    return HistogramMetricFamily(_PREFIX + name, text, labels=["destination"])


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    total = 0
    cumulated: list[tuple[str, float]] = []
    bounds = [*(str(float(bound)) for bound in BOUNDS), "+Inf"]
    for bound, value in zip(bounds, histogram.buckets, strict=True):
        total += value
        cumulated.append((bound, total))
    return cumulated


OPERATIONS = (metrics,)
