"""Every field name of the vendor's page, by operation, reaches the lead or is said to stay raw.

``tests/data/gsl_fields.json`` holds the names of the page's JSON samples and their types.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.sources.gsl_lead import normalise

DATA = Path(__file__).parent.parent / "data"
OPERATIONS: dict[str, dict[str, str]] = json.loads((DATA / "gsl_fields.json").read_text())
FEED = {
    "search leads": "leads",
    "one lead": "lead",
    "search classified leads": "classifieds",
    "leads of one classified": "classifieds",
    "search agency leads": "agencies",
    "search estimation leads": "estimations",
    "search project leads": "projects",
}
FIELDS = [(operation, path) for operation, fields in OPERATIONS.items() for path in fields]

DELIBERATELY_RAW: dict[str, str] = {}
"""Field of the vendor's page -> why it is in ``original`` alone. None is at this time."""

PLAIN = {"text": "one", "number": 1, "flag": False}
OTHER = {"text": "two", "number": 2, "flag": True}
SHAPED = {  # fields that only certain texts mean something in
    "leadMetaInfos.creationDate": ("2026-11-24T05:00:00Z", "2026-11-24T06:00:00Z"),
    "contactRequest.email": ("one@example.com", "two@example.com"),
    "contactRequest.personContact.email": ("one@example.com", "two@example.com"),
    "contactRequest.phoneNumber": ("01 99 00 12 34", "01 99 00 12 35"),
    "contactRequest.personContact.phoneNumber": ("01 99 00 12 34", "01 99 00 12 35"),
    "property.prices.buy.price.priceInformation": ("ON_SITE", "PRICE_ON_DEMAND"),
    "property.prices.rent.totalRent.priceInformation": ("ON_SITE", "PRICE_ON_DEMAND"),
}


def put(item: dict[str, Any], path: str, value: Any) -> None:
    *folders, name = path.removesuffix("[]").split(".")
    for folder in folders:
        item = item.setdefault(folder, {})
    item[name] = [value] if path.endswith("[]") else value


def sample(operation: str, path: str) -> dict[str, Any]:
    """An item with every field of the operation, and of the subtypes only the one in question."""
    item: dict[str, Any] = {}
    for name, kind in OPERATIONS[operation].items():
        if name.startswith("property.estateSubType.") and name != path:
            continue
        put(item, name, SHAPED.get(name, (PLAIN[kind],))[0])
    return item


def seen(operation: str, item: dict[str, Any]) -> dict[str, Any]:
    lead = normalise(
        {FEED[operation]: item},
        source="seloger",
        identity="seloger",
        received_at=datetime(2026, 11, 24, 7, tzinfo=UTC),
    ).as_dict()
    assert lead.pop("original") == item
    return lead


@pytest.mark.parametrize(("operation", "path"), FIELDS)
def test_every_field_of_the_vendors_page_changes_the_lead(operation: str, path: str) -> None:
    item = sample(operation, path)
    changed = copy.deepcopy(item)
    kind = OPERATIONS[operation][path]
    put(changed, path, SHAPED[path][1] if path in SHAPED else OTHER[kind])
    if path in DELIBERATELY_RAW:
        assert seen(operation, item) == seen(operation, changed)
    else:
        assert seen(operation, item) != seen(operation, changed)


def test_the_page_is_read_in_full() -> None:
    assert {name: len(fields) for name, fields in OPERATIONS.items()} == {
        "search leads": 45,
        "one lead": 57,
        "search classified leads": 45,
        "leads of one classified": 45,
        "search agency leads": 13,
        "search estimation leads": 57,
        "search project leads": 86,
    }
    assert {path for _, path in FIELDS} >= set(DELIBERATELY_RAW)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nothing_of_the_lead_is_filled_without_a_field(operation: str) -> None:
    lead = seen(operation, {"leadMetaInfos": {"leadId": "a"}})
    del lead["received_at"], lead["id"], lead["source"], lead["identity"], lead["kind"]
    assert leaves(lead) <= {None, False}


def leaves(value: Any) -> set[Any]:
    if isinstance(value, dict):
        return set().union(*map(leaves, value.values()))
    return set(value) if isinstance(value, list) else {value}
