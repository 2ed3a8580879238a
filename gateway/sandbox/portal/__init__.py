"""A simulated GSL portal: all seven operations, tokens, real paging by key, faults on request.

``Portal`` is its state, which tests and the demo hold in their hands; ``portal_app`` its HTTP face.
"""

from __future__ import annotations

from gateway.sandbox.portal.app import portal_app
from gateway.sandbox.portal.faults import BY_CHANCE, FAULTS, Rule
from gateway.sandbox.portal.sheet import Late, Sheet
from gateway.sandbox.portal.state import Portal

__all__ = ["BY_CHANCE", "FAULTS", "Late", "Portal", "Rule", "Sheet", "portal_app"]
