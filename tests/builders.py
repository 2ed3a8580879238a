"""Leads and plans for tests, in one place. The people are invented."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.agency import Agency
from gateway.agents import AgentConfig, AssignmentConfig
from gateway.assignment import Roster
from gateway.delivery import delivery_id, lead_uid
from gateway.lead import (
    Address,
    Agent,
    Contact,
    Estimation,
    Financing,
    Lead,
    PersonStatus,
    Project,
    Property,
)
from gateway.routing import CompiledRoute, Condition
from gateway.store import Mode, Plan

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def a_lead(lead_id: str = "lead-1", **fields: Any) -> Lead:
    values: dict[str, Any] = {
        "id": lead_id,
        "source": "seloger",
        "identity": "seloger",
        "kind": "gsl",
        "category": "CLASSIFIED",
        "created_at": NOON,
        "received_at": NOON,
        "message": "Bonjour, puis-je visiter ?",
        "contact": Contact(
            full_name="Camille Essai", email="camille@example.org", phone="+33639981234"
        ),
        "original": {"leadMetaInfos": {"leadId": lead_id}},
    }
    return Lead(**{**values, **fields})


def a_plan(
    lead: Lead | None = None,
    destinations: tuple[str, ...] = ("crm",),
    mode: Mode = Mode.LIVE,
    digest: str = "d1",
) -> Plan:
    lead = lead or a_lead()
    return Plan(
        lead_uid(lead.identity, lead.id),
        lead,
        digest,
        mode,
        tuple((delivery_id(lead.identity, lead.id, name), name, "new") for name in destinations),
    )


CATEGORIES = (
    "CLASSIFIED", "AGENCY", "ESTIMATION", "PROJECT", "PROPERTY_SEARCH", "CALL_TRACKING",
)  # fmt: skip

HOSTILE = (
    'Bonjour "l\'ami" & <b>gras</b> <script>alert(1)</script> <img src=x onerror=alert(1)>\n'
    "{{ 7*7 }} {% raw %} {{ ''.__class__ }} ${HOME} %s {0} \\n \\u0041 &amp; &lt;i&gt;\n"
    "<!channel> <!here|x> <@U012> <#C012|x> <https://evil.example|cliquez> @channel :skull: "
    "*gras* _oblique_ ~barré~ `code` ```bloc```\n"
    "Bcc: all@example.com\r\nContent-Type: text/html\r\n\r\n.\r\nQUIT\r\n"
    "\u202egnirts lamron\u202c \u200fسلام عليكم\u200f שלום 👩\u200d👩\u200d👧 🏡🇫🇷 e\u0301 "
    "\x00\x1b[2J\x07\n"
    "Email: faux@example.com\n=1+1 | CALL | '; DROP TABLE leads; --"
)
"""What a stranger may type: markup, three template languages, Slack's, headers, RTL, emoji."""


def complete(category: str = "CLASSIFIED") -> Lead:
    """A lead of ``category`` with every section that such a lead can have, well filled."""
    given = {**_COMPLETE, **_OF_CATEGORY[category]()}
    return a_lead(f"{category.lower()}-complete", **given)


def sparse(category: str = "CLASSIFIED") -> Lead:
    """A lead of ``category`` of which the portal said nothing but that it exists."""
    return a_lead(
        f"{category.lower()}-sparse", category=category, created_at=None, message=None,
        contact=Contact(), original={},
    )  # fmt: skip


def hostile(category: str = "CLASSIFIED") -> Lead:
    """A lead of ``category`` whose every text is :data:`HOSTILE`, with a message of 100 KB."""
    given = complete(category).model_dump(mode="python", exclude={"original"})
    given = {key: given[key] if key in _OUR_WORDS else _spoiled(given[key]) for key in given}
    given["id"] = f"{category.lower()}-hostile"
    given["message"] = HOSTILE + "\n" + "remplissage " * 8_500
    given["contact"] = {
        **given["contact"],
        "full_name": 'Jean "Le\nRoi" <b>Dupont</b> \u202e06 39 98 00 00\u202c 👑 {{ 7*7 }} <!here>',
        "email": "camille@example.org>\r\nBcc: all@example.com",
        "phone": None,
        "phone_raw": "06 39 98 00 00; ext=<script>",
    }
    given["property"] = {**given["property"], "url": "javascript:alert(document.cookie)"}
    given["original"] = {"leadMetaInfos": {HOSTILE[:40]: HOSTILE}}
    return Lead.model_validate(given)


LEADS = {"complete": complete, "sparse": sparse, "hostile": hostile}
"""The three leads that everything which writes for others has golden files of."""

_OUR_WORDS = frozenset(
    {"id", "source", "identity", "kind", "category", "created_at", "received_at", "expires_at"}
)


def _spoiled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _spoiled(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_spoiled(item) for item in value)
    return HOSTILE if isinstance(value, str) else value


_COMPLETE: dict[str, Any] = {
    "portals": ("SELOGER",),
    "partner_id": "AG-1234",
    "seeker_id": "0b6e1c1e-6a50-4c4e-9a54-0d3f5d0a0001",
    "is_called": False,
    "has_rental_documents": False,
    "contact": Contact(
        full_name="Élodie de La Tourfictive",
        first_name="Élodie",
        last_name="de La Tourfictive",
        salutation="Madame",
        email="elodie@example.org",
        phone="+33639981234",
        phone_raw="06 39 98 12 34",
    ),
    "agent": Agent(name="Anne Martel-Test", email="anne@agency.example", slack="U012"),
}


def _classified() -> dict[str, Any]:
    return {
        "category": "CLASSIFIED",
        "intention": "BUYER",
        "message": "Bonjour,\n\nvotre annonce m’intéresse. Serait-il possible de visiter samedi ?"
        "\nMerci d’avance.",
        "property": Property(
            reference="AB1234", marketing_key="MK00042", classified_id="219564321",
            type="APARTMENT", subtype="LOFT", transaction="BUY", city="Lyon", postal_code="69003",
            country="FR", price=350_000, currency="EUR", rooms=3, surface=68,
            surface_unit="SQUARE_METER", age="OLD", build_state="COMPLETED",
            market_status="AVAILABLE", holiday_rental=False,
            url="https://portal.example/annonces/219564321",
        ),
    }  # fmt: skip


def _agency() -> dict[str, Any]:
    return {
        "category": "AGENCY",
        "intention": "SELLER",
        "message": "Bonjour, je souhaite vendre mon appartement : qui puis-je rencontrer ?",
    }


def _estimation() -> dict[str, Any]:
    return {
        "category": "ESTIMATION",
        "intention": "SELLER",
        "message": None,
        "estimation": Estimation(
            time_to_market="IN_3_MONTHS", contact_situation="ownerSeller", transaction="BUY",
            user_city="Rennes", user_postal_code="35000", actor_price=420_000,
            portal_price=398_500, free=True, message="Travaux de rénovation récents.",
            type="HOUSE", city="Rennes", postal_code="35000", country="FR", surface=124.5,
            surface_unit="SQUARE_METER", surface_plot=410, rooms=5, bedrooms=3,
            construction_year="1987", orientation="SOUTH", garages=1,
        ),
    }  # fmt: skip


def _project() -> dict[str, Any]:
    contact = _COMPLETE["contact"]
    address = Address(
        street="rue de l’Exemple", house_number="12", postal_code="44000", city="Nantes",
        country="FR",
    )  # fmt: skip
    return {
        "category": "PROJECT",
        "intention": "BUYER",
        "message": "Nous cherchons un premier achat.",
        "contact": contact.model_copy(update={"address": address}),
        "property": Property(
            reference="AB1234", types=("HOUSE", "APARTMENT"), transactions=("BUY",),
            cities=("Nantes", "Rezé"), postal_codes=("44000", "44400"), departments=("44",),
            country="FR", rooms=4, rooms_min=4, rooms_max=6, surface=96, surface_min=80,
            surface_max=140, surface_unit="SQUARE_METER", budget=420_000, budget_min=336_000,
            budget_max=420_000, message="Proche des transports, au calme.",
        ),
        "project": Project(
            services_needed="Financing", transaction="BUY", relocation_date="2027-06",
            comment="Prêt presque accordé.", investment_reason="MainResidence",
            investment_type="Pinel", plot_status="LOOKS_FOR_PLOT_ALSO", surface_living=88,
        ),
        "financing": Financing(
            gross_monthly_income=4_600, net_monthly_income=3_600, annual_tax=3_240,
            saving_capacity=45_000,
        ),
        "person_status": PersonStatus(
            employment="CDI", children_at_home=2, date_of_birth="1988-01-01",
            marital_status="Marié", household_size="4",
        ),
    }  # fmt: skip


def _search() -> dict[str, Any]:
    return {
        "category": "PROPERTY_SEARCH",
        "intention": "TENANT",
        "message": "Bonjour, avez-vous autre chose dans ce quartier ?",
        "property": Property(
            types=("APARTMENT",), transactions=("RENT",), cities=("Bordeaux",),
            postal_codes=("33000",), rooms_min=2, surface_min=40, surface_unit="SQUARE_METER",
            budget_max=950,
        ),
    }  # fmt: skip


def _call() -> dict[str, Any]:
    landline = {"email": None, "phone": "+33199001234", "phone_raw": "0199001234"}
    return {
        "category": "CALL_TRACKING",
        "message": None,
        "is_called": True,
        "contact": _COMPLETE["contact"].model_copy(update=landline),
        "property": Property(
            reference="CD5678", classified_id="219560000", type="APARTMENT", transaction="RENT",
            city="Bordeaux", postal_code="33000", rent=850.5, currency="EUR", rooms=1, surface=24,
            surface_unit="SQUARE_METER",
        ),
    }  # fmt: skip


_OF_CATEGORY: dict[str, Callable[[], dict[str, Any]]] = {
    "CLASSIFIED": _classified,
    "AGENCY": _agency,
    "ESTIMATION": _estimation,
    "PROJECT": _project,
    "PROPERTY_SEARCH": _search,
    "CALL_TRACKING": _call,
}


def an_agency(
    *destinations: str, when: Condition | None = None, agents: Sequence[AgentConfig] = ()
) -> Mapping[str, Agency]:
    """The rules of every source: with ``when`` one route, without one every destination."""
    routes = (CompiledRoute(destinations, when),) if when else ()
    roster = Roster(tuple(agents), AssignmentConfig(), ZoneInfo("Europe/Paris"))
    agency = Agency("", roster, routes, destinations)
    return defaultdict(lambda: agency)
