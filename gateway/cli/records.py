"""Leads, deliveries, destinations and sources as JSON lines, in the API's shapes (contract §8).

Also for what the configuration does not have any more, or can not be read to say. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from gateway.cli.output import iso
from gateway.config import GatewayConfig
from gateway.delivery import Delivery
from gateway.store import DestinationState, Rejected, SourceState, StoredLead
from gateway.web.shapes import (
    delivery_shape,
    destination_shape,
    held_destinations,
    lead_shape,
    source_details,
    source_shape,
)

_NOBODY = GatewayConfig(version=1)
"""What a configuration that can not be read says about anybody."""


def held(config: GatewayConfig | None, states: Iterable[DestinationState]) -> frozenset[str]:
    """The destinations that keep their deliveries waiting (contract §7, held)."""
    known = list(states)
    if config is None:
        return frozenset(state.name for state in known if state.state == "paused")
    return held_destinations(config, known)


def of_delivery(delivery: Delivery, held: frozenset[str]) -> dict[str, Any]:
    """One delivery with the attempts it was read with."""
    return delivery_shape(delivery, held).model_dump(mode="json")


def of_lead(
    stored: StoredLead, deliveries: Sequence[Delivery], held: frozenset[str]
) -> dict[str, Any]:
    """One lead with its deliveries."""
    shapes = [delivery_shape(delivery, held) for delivery in deliveries]
    return lead_shape(stored, shapes).model_dump(mode="json")


def of_destination(
    state: DestinationState, config: GatewayConfig | None, by_hour: Sequence[int]
) -> dict[str, Any]:
    """One destination; ``kind`` is null when the configuration does not have it."""
    return destination_shape(state, config or _NOBODY, by_hour).model_dump(mode="json")


def of_source(state: SourceState, config: GatewayConfig | None, now: datetime) -> dict[str, Any]:
    """One source. One that the configuration does not have has no kind."""
    return source_shape(state, config or _NOBODY, now).model_dump(mode="json")


def of_source_closely(
    state: SourceState, config: GatewayConfig | None, now: datetime
) -> dict[str, Any]:
    """One source with all that is known of it."""
    return source_details(state, config or _NOBODY, now).model_dump(mode="json")


def of_rejected(rejected: Rejected) -> dict[str, Any]:
    """One item that could not become a lead."""
    return {
        "at": iso(rejected.at),
        "source": rejected.source,
        "reason": rejected.reason,
        "raw": rejected.raw,
    }


def why_held(delivery: Delivery, held: frozenset[str], config: GatewayConfig | None) -> str | None:
    """Why a delivery waits although nothing is wrong with it, or None."""
    waits = delivery.state.value in ("pending", "retrying") and delivery.destination in held
    if not waits:
        return None
    gone = config is not None and delivery.destination not in config.destinations
    return "not configured" if gone else "destination paused"
