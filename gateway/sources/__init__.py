"""The registry of source kinds: a new kind is one file and one row here."""

from __future__ import annotations

from gateway.sources.gsl import GslConfig, GslSource
from gateway.sources.push import PushConfig

CONFIGS = {"gsl": GslConfig, "push": PushConfig}
"""What gateway.yaml may say of each kind."""
POLLED = {"gsl": GslSource}
"""Kinds that are read by a poller; the others come to us."""

__all__ = ["CONFIGS", "POLLED", "GslConfig", "GslSource", "PushConfig"]
