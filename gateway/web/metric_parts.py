"""What families of metrics are made of."""

from __future__ import annotations

from prometheus_client.metrics_core import GaugeMetricFamily

from gateway.store.counts import BOUNDS, Histogram

PREFIX = "lead_gateway_"


def gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    """An empty family of gauges."""
    return GaugeMetricFamily(PREFIX + name, text, labels=labels)


def buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """A histogram as prometheus-client takes it: cumulated."""
    total = 0
    cumulated: list[tuple[str, float]] = []
    bounds = [*(str(float(bound)) for bound in BOUNDS), "+Inf"]
    for bound, value in zip(bounds, histogram.buckets, strict=True):
        total += value
        cumulated.append((bound, total))
    return cumulated
