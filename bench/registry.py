"""Every entry by its name, in the order they are run and shown, with the aims of its figures."""

from __future__ import annotations

from bench.cost import cost
from bench.deciding import routing
from bench.entry import Entry, at_least, at_most
from bench.footprint import footprint
from bench.intake import intake
from bench.isolation import isolation
from bench.latency import idle_latency
from bench.memory import store_bytes, store_bytes_encrypted
from bench.past import backfill
from bench.scale import backlog, million
from bench.throughput import throughput_200ms, throughput_instant

ENTRIES: dict[str, Entry] = {
    "throughput_200ms": Entry(
        throughput_200ms, {"ratio_to_bare": at_least(0.9), "deliveries_per_s": at_least(850)}
    ),
    "throughput_instant": Entry(
        throughput_instant,
        {"deliveries_per_s": at_least(1000), "cpu_ms_per_delivery": at_most(1.0)},
    ),
    "idle_latency": Entry(idle_latency, {"p50_ms": at_most(5), "p99_ms": at_most(20)}),
    "isolation": Entry(isolation, {"share_of_bound": at_most(1)}),
    "backlog": Entry(
        backlog, {"throughput_ratio": at_least(0.75), "round_trips_ratio": at_most(1.1)}
    ),
    "million": Entry(
        million,
        {
            "accept_time_ratio": at_most(1.25),
            "deliver_time_ratio": at_most(1.25),
            "accept_round_trips_ratio": at_most(1.0),
            "deliver_round_trips_ratio": at_most(1.1),
        },
    ),
    "cost": Entry(cost),
    "store_bytes": Entry(store_bytes, {"bytes_per_lead": at_most(2560)}),
    "store_bytes_encrypted": Entry(store_bytes_encrypted, {"bytes_per_lead": at_most(4096)}),
    "routing": Entry(
        routing,
        {
            "100x100_ms": at_most(1),
            "500x20_ms": at_most(1),
            "10x10000_ms": at_most(1),
        },
    ),
    "intake": Entry(intake),
    "backfill": Entry(
        backfill,
        {"leads_per_cpu_s": at_least(1500), "memory_growth": at_most(1.15)},
        deadline=900,
    ),
    "footprint": Entry(footprint, {"pss_mb": at_most(200), "share_of_a_core": at_most(0.01)}),
}
