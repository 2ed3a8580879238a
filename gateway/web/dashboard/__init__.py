"""The dashboard's pages and the buttons on them. One module per page.

What a button does is ``gateway.web.acting``, the same for the API; a page only reads, and every
list on it is a cursor.
"""

from __future__ import annotations

from gateway.web.dashboard import (
    agents,
    configuration,
    dead_letters,
    destinations,
    leads,
    overview,
    sources,
)

ROUTES = (
    *overview.ROUTES,
    *leads.ROUTES,
    *agents.ROUTES,
    *dead_letters.ROUTES,
    *destinations.ROUTES,
    *sources.ROUTES,
    *configuration.ROUTES,
)
