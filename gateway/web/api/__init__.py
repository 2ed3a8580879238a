"""The API (contract §8): JSON in, JSON out, for who holds the admin token.

One module per resource. ``gateway.web.operation`` is how a function becomes an endpoint,
``openapi.py`` describes all of them from the same models, and what a button does is
``gateway.web.acting``, for API and pages alike.
"""

from __future__ import annotations

from gateway.web import events, health, metrics, push
from gateway.web.api import (
    agents,
    audit,
    deliveries,
    destinations,
    erasures,
    exports,
    leads,
    sources,
    stats,
)
from gateway.web.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *health.OPERATIONS,
    *metrics.OPERATIONS,
    *push.OPERATIONS,
    *events.OPERATIONS,
    *leads.OPERATIONS,
    *erasures.OPERATIONS,
    *deliveries.OPERATIONS,
    *destinations.OPERATIONS,
    *sources.OPERATIONS,
    *agents.OPERATIONS,
    *stats.OPERATIONS,
    *exports.OPERATIONS,
    *audit.OPERATIONS,
)
"""Every operation in the order that the description lists them."""
