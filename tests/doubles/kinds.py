"""Which double answers for which case of tests/presets.py, and what leads its preset to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.doubles.hubspot import HubSpot
from tests.doubles.odoo import Odoo
from tests.doubles.others import Apimo, FollowUpBoss, Hook
from tests.doubles.pipedrive import Pipedrive
from tests.doubles.salesforce import Salesforce
from tests.doubles.vendor import SECRET, Vendor
from tests.doubles.zoho import Zoho

DOUBLES: dict[str, tuple[Callable[..., Vendor], Callable[[str], dict[str, Any]]]] = {
    "generic": (Hook, lambda url: {"url": f"{url}/catch/{SECRET}/"}),
    "hubspot-contact": (HubSpot, lambda url: {"api": url}),
    "hubspot-contact-by-lead-id": (HubSpot, lambda url: {"api": url}),
    "pipedrive-lead": (Pipedrive, lambda url: {"api": url}),
    "salesforce-lead": (Salesforce, lambda url: {"api": url}),
    "zoho-lead": (Zoho, lambda url: {"api": url, "accounts": url}),
    "odoo-lead": (Odoo, lambda url: {"url": url}),
    "odoo-lead-jsonrpc": (Odoo, lambda url: {"url": url}),
    "apimo-lead": (Apimo, lambda url: {"api": url}),
    "followupboss-event": (FollowUpBoss, lambda url: {"api": url}),
}
