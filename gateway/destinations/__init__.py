"""The registry of destination kinds: a new kind is one file and one row here.

How to add one, step by step: docs/add-a-destination.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gateway.destinations.common import DestinationConfig
from gateway.destinations.email import EmailConfig, EmailDestination
from gateway.destinations.protocol import Buildable, Destination, Surroundings
from gateway.destinations.slack import SlackConfig, SlackDestination
from gateway.destinations.webhook import WebhookConfig, WebhookDestination


class Kind(NamedTuple):
    """What gateway.yaml may say of a kind, and what delivers to it."""

    config: type[DestinationConfig]
    destination: type[Buildable]


KINDS: dict[str, Kind] = {
    "webhook": Kind(WebhookConfig, WebhookDestination),
    "email": Kind(EmailConfig, EmailDestination),
    "slack": Kind(SlackConfig, SlackDestination),
}
CONFIGS: dict[str, Any] = {name: kind.config for name, kind in KINDS.items()}


def build(name: str, config: DestinationConfig, around: Surroundings) -> Destination:
    """The destination that ``config`` describes, with connections of its own."""
    (kind,) = (kind for kind in KINDS.values() if kind.config is type(config))
    return kind.destination.build(name, config, around)


__all__ = [
    "CONFIGS",
    "KINDS",
    "EmailConfig",
    "EmailDestination",
    "Kind",
    "SlackConfig",
    "SlackDestination",
    "Surroundings",
    "WebhookConfig",
    "WebhookDestination",
    "build",
]
