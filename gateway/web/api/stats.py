"""The numbers of the last day and of all time, from counters: the same price for any number of
leads.
"""

from __future__ import annotations

from gateway.duty import agents_of, full_name
from gateway.store.counts import DestinationCounts, Histogram
from gateway.web.answers import DestinationStats, LeadStats, SourceStats, SpeedShape, Stats
from gateway.web.claim_shapes import hours, level_shape, stages
from gateway.web.context import Web
from gateway.web.operation import operation
from gateway.web.views import together


@operation("GET", "/v1/stats", tag="Statistics")
async def stats(web: Web) -> Stats:
    """Count leads and deliveries, and say how fast they went.

    Times are in seconds. Those of a destination are since the store began.
    """
    counts, names = web.store.counts, await web.destination_names()
    by_hour = await counts.delivered_by_hour(names)
    outcomes = await counts.destinations(names)
    of_sources = await counts.sources(list(web.config.sources))
    received = await counts.received_by_hour()
    speed = await counts.speed()
    states = {state.name: state for state in await web.store.destinations.describe(names)}
    day, promise = await web.store.speed.day(), await web.store.ladders.promise(counts)
    agents = [full_name(agency, agent.name) for agency, agent in agents_of(web.config)]
    agents += [name for name in day.names("agent") if name not in agents]
    return Stats(
        leads=LeadStats(
            kept=await web.store.leads.count(),
            received_24h=sum(received),
            received_by_hour=list(received),
        ),
        speed_24h=_speed(together(speed)),
        speed=stages(day, "all", "all"),
        speed_by_source=[stages(day, "source", name) for name in web.config.sources],
        speed_by_destination=[stages(day, "destination", name) for name in names],
        speed_by_agent=[stages(day, "agent", name) for name in agents],
        speed_by_hour=hours(day, promise, web.clock()),
        service_level=level_shape(web.config, promise),
        sources=[
            SourceStats(
                name=name,
                received=sum(found.received.values()),
                duplicate=found.duplicate,
                rejected=found.rejected,
            )
            for name, found in of_sources.items()
        ],
        destinations=[
            _destination(name, outcomes[name], sum(by_hour[name]), states[name].dead)
            for name in names
        ],
    )


def _destination(name: str, counts: DestinationCounts, day: int, dead: int) -> DestinationStats:
    return DestinationStats(
        name=name,
        delivered_24h=day,
        dead=dead,
        outcomes=dict(counts.outcomes),
        attempt=_speed(counts.attempt),
        accepted_to_delivered=_speed(counts.accepted_to_delivered),
        portal_to_delivered=_speed(counts.portal_to_delivered),
    )


def _speed(histogram: Histogram) -> SpeedShape:
    return SpeedShape(
        count=histogram.count,
        p50=_rounded(histogram.quantile(0.5)),
        p90=_rounded(histogram.quantile(0.9)),
        p95=_rounded(histogram.quantile(0.95)),
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)


OPERATIONS = (stats,)
