"""Metrics out of the store's own counters (contract §9), so that any web process answers for all.

Labels come from the configuration and from closed lists alone: no lead can make a new one, and what
left the configuration leaves the metrics once nothing of it waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from starlette.requests import Request
from starlette.responses import Response

from gateway import __version__
from gateway.store import DestinationState, Process, SourceState
from gateway.store.counts import DestinationCounts, SourceCounts
from gateway.web.claim_metrics import ClaimReading, read_claims
from gateway.web.context import Web
from gateway.web.metric_parts import PREFIX, buckets, gauge
from gateway.web.operation import ADMIN_ELSEWHERE, operation
from gateway.web.security import from_this_machine, require_admin

CATEGORIES = frozenset(
    {"CLASSIFIED", "AGENCY", "ESTIMATION", "PROJECT", "PROPERTY_SEARCH", "CALL_TRACKING"}
)
_OUTCOMES = ("delivered", "deferred", "refused", "interrupted", "continue")


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters at one moment."""

    destinations: list[DestinationState]
    destination_counts: Mapping[str, DestinationCounts]
    sources: Mapping[str, SourceState]
    source_counts: Mapping[str, SourceCounts]
    processes: Sequence[Process] = ()
    leads: int = 0
    unrouted: int = 0
    memory: int = 0
    clock: float = 0.0
    claims: ClaimReading | None = None

    def collect(self) -> Iterable[Metric]:
        """Every family, as prometheus-client wants it."""
        yield from self._of_sources()
        yield from self._of_deliveries()
        yield from self._of_destinations()
        yield from self._of_the_whole()
        if self.claims:
            yield from self.claims.collect()

    def _of_sources(self) -> Iterable[Metric]:
        received = CounterMetricFamily(
            PREFIX + "leads_received", "Leads stored for the first time.",
            labels=["source", "category"],
        )  # fmt: skip
        duplicate = CounterMetricFamily(
            PREFIX + "leads_duplicate", "Leads read again.", labels=["source"]
        )
        rejected = CounterMetricFamily(
            PREFIX + "leads_rejected", "Items that could not become a lead.", labels=["source"]
        )
        missed = CounterMetricFamily(
            PREFIX + "leads_missed", "Leads that only a second look found.", labels=["source"]
        )
        polls = SummaryMetricFamily(
            PREFIX + "poll_duration_seconds", "Length of whole polls.", labels=["source"]
        )
        success = gauge(
            "source_last_success_timestamp_seconds",
            "Unix time of the last poll that read something.",
            "source",
        )
        up = gauge("source_up", "1 unless the source is down, refused or paused.", "source")
        lag = gauge("source_lag_seconds", "How far the checkpoint is behind now.", "source")
        for name, counts in self.source_counts.items():
            by_category: dict[str, int] = {}
            for category, value in counts.received.items():
                label = category if category in CATEGORIES else "other"
                by_category[label] = by_category.get(label, 0) + value
            for label, value in by_category.items():
                received.add_metric([name, label], value)
            duplicate.add_metric([name], counts.duplicate)
            rejected.add_metric([name], counts.rejected)
            missed.add_metric([name], counts.missed)
            if counts.polls:
                polls.add_metric([name], counts.polls, counts.poll_seconds)
            state = self.sources[name]
            up.add_metric([name], float(state.state not in ("down", "refused", "paused")))
            if last := state.last_success_at:
                success.add_metric([name], last.timestamp())
            if state.checkpoint:
                lag.add_metric([name], max(0.0, self.clock - state.checkpoint.timestamp()))
        return [received, duplicate, rejected, missed, polls, success, up, lag]

    def _of_deliveries(self) -> Iterable[Metric]:
        outcomes = CounterMetricFamily(
            PREFIX + "deliveries", "Attempts by how they ended.", labels=["destination", "outcome"]
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
                family.add_metric([name], buckets(histogram), histogram.total)
        return [outcomes, attempt, accepted, portal]

    def _of_destinations(self) -> Iterable[Metric]:
        depth = gauge("queue_depth", "Deliveries that wait.", "destination", "state")
        dead = gauge("dead_letters", "Dead letters.", "destination")
        oldest = gauge(
            "oldest_pending_seconds", "Age of the oldest delivery never tried.", "destination"
        )
        up = gauge("destination_up", "1 unless it is paused or broken.", "destination")
        for state in self.destinations:
            depth.add_metric([state.name, "pending"], state.pending)
            depth.add_metric([state.name, "retrying"], state.retrying)
            dead.add_metric([state.name], state.dead)
            oldest.add_metric([state.name], state.oldest_pending_seconds)
            up.add_metric([state.name], float(state.state == "up"))
        return [depth, dead, oldest, up]

    def _of_the_whole(self) -> Iterable[Metric]:
        info = gauge("build_info", "1, with the version.", "version")
        info.add_metric([__version__], 1)
        running = gauge("processes", "Running processes by role.", "role")
        for role in ("poller", "worker", "web"):
            running.add_metric([role], sum(item.role == role for item in self.processes))
        refused = gauge("reload_refused", "Processes that refused the last configuration.")
        refused.add_metric([], sum(bool(item.problem) for item in self.processes))
        kept = gauge("leads_stored", "Leads that are kept.")
        kept.add_metric([], self.leads)
        unrouted = gauge("leads_unrouted", "Leads that no route sends anywhere.")
        unrouted.add_metric([], self.unrouted)
        memory = gauge("store_memory_bytes", "Memory that the store uses.")
        memory.add_metric([], self.memory)
        return [info, running, refused, kept, unrouted, memory]


async def read_metrics(web: Web) -> Reading:
    """The counters of everything configured, and of what else still waits. Raises
    StoreUnavailable.
    """
    states = [
        state
        for state in await web.store.destinations.describe(await web.destination_names())
        if state.name in web.config.destinations or state.pending + state.retrying + state.dead
    ]
    names = [state.name for state in states]
    sources = list(web.config.sources)
    used, _ = await web.store.upkeep.memory()
    return Reading(
        destinations=states,
        destination_counts=await web.store.counts.destinations(names),
        sources={name: await web.store.sources.get(name) for name in sources},
        source_counts=await web.store.counts.sources(sources),
        processes=await web.store.processes.running(),
        leads=await web.store.leads.count(),
        unrouted=await web.store.leads.count(unrouted=True),
        memory=used,
        clock=web.clock().timestamp(),
        claims=await read_claims(web),
    )


@operation(
    "GET", "/metrics", tag="Health and metrics", who=ADMIN_ELSEWHERE, answers={200: "text/plain"}
)  # fmt: skip
async def metrics(request: Request, web: Web) -> Response:
    """Give every counter in Prometheus' text format, or OpenMetrics where asked for.

    Without a token on this machine.
    """
    if not from_this_machine(request):
        await require_admin(request)
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
    return HistogramMetricFamily(PREFIX + name, text, labels=["destination"])


OPERATIONS = (metrics,)
