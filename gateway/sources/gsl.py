"""The ``gsl`` source: leads of SeLoger and its sister portals, through the GSL Leads API v2."""

from __future__ import annotations

from gateway.sources.gsl_config import GslConfig

__all__ = ["GslConfig"]
