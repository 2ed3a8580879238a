"""gateway.yaml: its model, how it is loaded, what is checked before anything starts."""

from __future__ import annotations

from gateway.config.check import check, make_renderer
from gateway.config.faults import ConfigError, Fault
from gateway.config.load import Loaded, load
from gateway.config.model import GatewayConfig
from gateway.config.schema import schema
from gateway.config.starter import StarterExistsError, write_starter

__all__ = [
    "ConfigError",
    "Fault",
    "GatewayConfig",
    "Loaded",
    "StarterExistsError",
    "check",
    "load",
    "make_renderer",
    "schema",
    "write_starter",
]
