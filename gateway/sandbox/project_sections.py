"""The sections of a project lead, which are its own: a household, its means, and what it looks for.

Pure: the randomness comes in, the same one gives the same section.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from gateway.sandbox import words
from gateway.sandbox.lead_sections import place


def project(draw: random.Random, contact: Mapping[str, Any]) -> dict[str, Any]:
    """``contactRequest`` and ``project`` of a project lead."""
    where = place(draw)
    return {
        "contactRequest": {
            "personContact": {
                "email": contact["email"],
                "fullName": contact["fullName"],
                "phoneNumber": contact["phoneNumber"],
                "salutation": draw.choice(("Madame", "Monsieur")),
                "adresse": {
                    "postalCode": where["postalCode"],
                    "city": where["city"],
                    "street": "rue de l’Exemple",
                    "houseNumber": str(draw.randrange(1, 120)),
                    "country": "FR",
                },
            },
            "message": contact["message"],
            "personnalStatus": {
                "employmentStatus": draw.choice(("CDI", "CDD", "Indépendant", "Retraité")),
                "childrenAtHome": draw.randrange(4),
                "maritalStatus": draw.choice(("Marié", "Pacsé", "Célibataire")),
                "dateOfBirth": f"{draw.randrange(1955, 2001)}-01-01",
                "houseHoldSize": str(draw.randrange(1, 6)),
            },
            "borrowingCapacities": _borrowing(draw),
        },
        "project": {
            "servicesNeeded": draw.choice(("Financing", "Transportation")),
            "commercial": _commercial(draw),
            "distributionType": "BUY",
            "investment": {
                "investmentReason": draw.choice(("MainResidence", "TaxExemption")),
                "investmentType": "Pinel",
            },
            "build": {"plotStatus": draw.choice(("HAS_PLOT", "LOOKS_FOR_PLOT_ALSO"))},
        },
    }


def _borrowing(draw: random.Random) -> dict[str, Any]:
    """What a household earns, owes and saves, in every form the vendor has for it."""
    month = draw.randrange(18, 75) * 100
    home = month + draw.randrange(0, 40) * 100
    gross, tax = 1.28, 0.075
    return {
        "income": {
            "grossIncome": {
                "annualGrossIncome": round(month * gross * 12),
                "monthlyGrossIncome": round(month * gross),
                "annualGrossHouseHoldIncome": round(home * gross * 12),
                "monthlyGrossHouseHoldIncome": round(home * gross),
                "annualGrossCorporateIncome": 0,
            },
            "netIncome": {
                "annualNetIncome": month * 12,
                "monthlyNetIncome": month,
                "annualNetHouseHoldIncome": home * 12,
                "monthlyNetHouseHoldIncome": home,
                "annualNetCorporateIncome": 0,
            },
            "taxableIncome": {
                "annualTaxableIncome": round(month * 10.8),
                "monthlyTaxableIncome": round(month * 0.9),
                "annualTaxableHouseHoldIncome": round(home * 10.8),
                "monthlyTaxableHouseHoldIncome": round(home * 0.9),
                "annualTaxableCorporateIncome": 0,
            },
            "taxes": {
                "annualTax": round(month * tax * 12),
                "monthlyTax": round(month * tax),
                "annualHouseHoldTax": round(home * tax * 12),
                "monthlyHouseHoldTax": round(home * tax),
                "annualCorporateTax": 0,
            },
        },
        "passiveIncome": {
            "annualpassiveIncome": (passive := draw.choice((0, 0, 350, 720))) * 12,
            "monthlypassiveIncome": passive,
            "annualpassiveHouseHoldIncome": passive * 12,
            "monthlypassiveHouseHoldIncome": passive,
            "annualpassiveCorporateIncome": 0,
            "monthlypassiveCorporateIncome": 0,
        },
        "savings": {"savingCapacity": draw.randrange(5, 90) * 1000},
    }


def _commercial(draw: random.Random) -> dict[str, Any]:
    return {
        "usageType": {"leaseBack": "NOT_APPLICABLE"},
        "business": {
            "isBusinessSold": draw.random() < 0.1,
            "businessType": draw.choice(("All", "FOOD")),
            "activity": draw.choice(("Boulangerie", "Cabinet de conseil", "")),
            "numberOfStaff": "LESS_THAN_10",
            "societyName": draw.choice(("Société Exemple", "")),
            "relocationDate": draw.choice(("2027-03-01", "")),
            "commentOnProject": draw.choice(("Ouverture au printemps.", "")),
        },
    }


def wish(draw: random.Random) -> dict[str, Any]:
    """``property`` of a project lead: what is looked for."""
    postal_code, city = draw.choice(words.CITIES)
    budget = draw.randrange(12, 90) * 10_000
    rooms = draw.randrange(2, 6)
    return {
        "estateType": draw.choice((["HOUSE"], ["APARTMENT"], ["HOUSE", "APARTMENT"])),
        "structure": {
            "rooms": {
                "numberOfRooms": rooms,
                "numberOfRoomsMin": rooms,
                "numberOfRoomsMax": rooms + 2,
            }
        },
        "distributionType": ["BUY"],
        "spaces": {
            "residential": {"livingSpace": rooms * 22},
            "commercial": {"commercialSpace": draw.choice((0, 0, 60))},
            "overalSpaces": rooms * 24,
            "spaceMin": rooms * 20,
            "spaceMax": rooms * 35,
            "spaceMeasureUnit": "SQUARE_METER",
        },
        "additionnalMessage": "Proche des transports, au calme.",
        "geo": {
            "city": city,
            "country": "FR",
            "postalCodes": [postal_code],
            "departments": [postal_code[:2]],
        },
        "budget": {"amount": budget, "amountMin": round(budget * 0.8), "amountMax": budget},
    }
