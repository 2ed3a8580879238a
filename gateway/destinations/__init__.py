"""The registry of destination kinds: a new kind is one file and one row here."""

from __future__ import annotations

from gateway.destinations.email import EmailConfig, EmailDestination
from gateway.destinations.slack import SlackConfig, SlackDestination
from gateway.destinations.webhook import WebhookConfig, WebhookDestination

CONFIGS = {"webhook": WebhookConfig, "email": EmailConfig, "slack": SlackConfig}
"""What gateway.yaml may say of each kind."""
KINDS = {"webhook": WebhookDestination, "email": EmailDestination, "slack": SlackDestination}

__all__ = [
    "CONFIGS",
    "KINDS",
    "EmailConfig",
    "EmailDestination",
    "SlackConfig",
    "SlackDestination",
    "WebhookConfig",
    "WebhookDestination",
]
