"""Every entry by its name, in the order they are run and shown, with the aims of its figures."""

from __future__ import annotations

from bench.cost import cost
from bench.entry import Entry, at_least, at_most
from bench.footprint import footprint
from bench.intake import intake
from bench.latency import idle_latency
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
    "cost": Entry(cost),
    "intake": Entry(intake),
    "footprint": Entry(footprint, {"pss_mb": at_most(200), "share_of_a_core": at_most(0.01)}),
}
