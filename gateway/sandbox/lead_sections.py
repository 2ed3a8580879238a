"""A lead's sections in the vendor's wire shapes, drawn at random: who asks, and for what.

Pure: the randomness comes in, the same one gives the same section.
"""

from __future__ import annotations

import random
import unicodedata
import uuid
from collections.abc import Mapping
from typing import Any

from gateway.sandbox import words


def meta(draw: random.Random) -> dict[str, Any]:
    """What ``leadMetaInfos`` holds besides the ids and the time."""
    return {
        "partnerID": f"AG-{draw.randrange(1000, 9999)}",
        "projectIntention": draw.choice(("BUYER", "BUYER", "SELLER", "TENANT")),
        "portals": [draw.choice(("SELOGER", "SELOGER", "LOGIC_IMMO", "BELLES_DEMEURES"))],
        "timeToLive": 0,
        "isCalled": draw.random() < 0.1,
        "seekerID": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        "hasRentalDocumentAttached": draw.random() < 0.15,
    }


def contact(draw: random.Random, kind: str) -> dict[str, Any]:
    """``contactRequest``; now and then without an e-mail or a phone."""
    first, last = draw.choice(words.FIRST), draw.choice(words.LAST)
    plain = unicodedata.normalize("NFKD", f"{first}.{last}").encode("ascii", "ignore").decode()
    local = "".join(c for c in plain.lower().replace(" ", "-") if c.isalnum() or c in ".-")
    way = draw.random()
    return {
        "fullName": f"{first} {last}",
        "email": None
        if way < 0.08
        else f"{local}{draw.randrange(90)}@{draw.choice(words.DOMAINS)}",
        "phoneNumber": None if 0.08 <= way < 0.16 else _phone(draw),
        "message": draw.choice(words.AGENCY_MESSAGES if kind == "AGENCY" else words.MESSAGES),
    }


def estate(draw: random.Random) -> dict[str, Any]:
    """``property`` of a classified lead."""
    estate, key, subtype, spaces, rooms = draw.choice(words.KINDS)
    rent = estate != "PLOT" and draw.random() < 0.3
    surface = draw.randrange(*spaces)
    on_demand = draw.random() < 0.07
    amount = surface * (draw.randrange(11, 30) if rent else draw.randrange(20, 110) * 100)
    price: dict[str, Any] = {"amount": 0 if on_demand else amount}
    if on_demand:
        price["priceInformation"] = "PRICE_ON_DEMAND"
    return {
        "estateType": estate,
        "estateSubType": {key: subtype},
        "distributionType": "RENT" if rent else "BUY",
        "geo": _place(draw),
        "metaData": {
            "source": {
                "offererMarketingKey": f"MK{draw.randrange(10**5):05d}",
                "offererEstateId": "".join(draw.choices("ABCD", k=2))
                + f"{draw.randrange(10**4):04d}",
            }
        },
        "prices": {
            "currency": "EUR",
            **({"rent": {"totalRent": price}} if rent else {"buy": {"price": price}}),
        },
        "structure": {"rooms": {"numberOfRooms": draw.randint(*rooms) if rooms[1] else None}},
        "conditions": {"ageState": draw.choice(("NEW", "OLD")), "buildState": "COMPLETED"},
        "management": {"marketStatus": "AVAILABLE", "isForHolidayRental": False},
        "spaces": {"overallSpace": surface, "spaceMeasureUnit": "SQUARE_METER"},
    }


def estimation(draw: random.Random) -> dict[str, Any]:
    """``estimation`` of an owner who wants a price."""
    surface = draw.randrange(35, 210)
    worth = surface * draw.randrange(25, 95) * 100
    place = _place(draw)
    maybe = ("YES", "NO", "NOT_APPLICABLE")
    return {
        "estimationProject": {
            "estimatedTimetoMarket": draw.choice(("SELLING", "IN_3_MONTHS", "IN_6_MONTHS")),
            "contactSituation": draw.choice(("ownerSeller", "ownerCurious", "heir")),
            "distributionType": "BUY",
        },
        "userLocation": {"userCity": place["city"], "userZipCode": place["postalCode"]},
        "actorEstimatedPrice": round(worth * draw.uniform(0.9, 1.2), -3),
        "isFree": True,
        "estimationProperty": {
            "additionalMessage": "Travaux de rénovation réalisés récemment.",
            "estateType": draw.choice(("HOUSE", "APARTMENT")),
            "geo": place,
            "isTerraceHouse": draw.random() < 0.2,
            "avivEstimatedPrice": worth,
            "spaces": {
                "spaceMeasureUnit": "SQUARE_METER",
                "overallSpace": surface,
                "residential": {
                    "balconySpace": draw.randrange(0, 12),
                    "cellarSpace": draw.randrange(0, 15),
                    "livingSpace": surface,
                    "outbuildingSpace": 0,
                    "plotSpace": draw.randrange(0, 900),
                    "terraceSpace": draw.randrange(0, 40),
                },
            },
            "structure": {
                "rooms": {
                    "numberOfBedRooms": surface // 30,
                    "numberOfRooms": surface // 22,
                    "numberOfBalconies": draw.randrange(2),
                    "numberOfTerraces": draw.randrange(2),
                },
                "building": {
                    "calm": draw.choice(maybe),
                    "cellar": draw.choice(maybe),
                    "elevator": {"person": draw.choice(maybe)},
                    "floorNumber": draw.randrange(6),
                    "numberOfFloors": draw.randrange(1, 8),
                    "withView": draw.choice(("SEA_VIEW", "GARDEN_VIEW", "NOT_APPLICABLE")),
                },
                "parkingLots": {"garage": draw.randrange(2), "parkingArea": draw.randrange(3)},
            },
            "conditions": {"yearOfConstruction": str(draw.randrange(1880, 2024))},
            "features": {
                "propertyOrientation": draw.choice(("NORTH", "SOUTH", "EAST", "WEST")),
                "residential": {
                    "outbuilding": draw.choice(maybe),
                    "patio": draw.choice(maybe),
                    "swimmingPool": draw.choice(maybe),
                },
            },
            "management": {
                "operatingCostsPerYear": draw.randrange(400, 4000),
                "leaseBack": "NOT_APPLICABLE",
            },
            "business": {
                "businessType": "NOT_APPLICABLE",
                "businessActivity": "",
                "isBusinessSold": False,
            },
        },
    }


def project(draw: random.Random, contact: Mapping[str, Any]) -> dict[str, Any]:
    """``contactRequest`` and ``project`` of a project lead."""
    monthly = draw.randrange(18, 75) * 100
    place = _place(draw)
    return {
        "contactRequest": {
            "personContact": {
                "email": contact["email"],
                "fullName": contact["fullName"],
                "phoneNumber": contact["phoneNumber"],
                "salutation": draw.choice(("Madame", "Monsieur")),
                "adresse": {
                    "postalCode": place["postalCode"],
                    "city": place["city"],
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
            "borrowingCapacities": {
                "income": {
                    "grossIncome": {
                        "monthlyGrossIncome": round(monthly * 1.28),
                        "annualGrossIncome": round(monthly * 15.4),
                    },
                    "netIncome": {"monthlyNetIncome": monthly, "annualNetIncome": monthly * 12},
                    "taxes": {"annualTax": round(monthly * 0.9)},
                },
                "savings": {"savingCapacity": draw.randrange(5, 90) * 1000},
            },
        },
        "project": {
            "servicesNeeded": "Financing",
            "distributionType": "BUY",
            "investment": {
                "investmentReason": draw.choice(("MainResidence", "TaxExemption")),
                "investmentType": "Pinel",
            },
            "build": {"plotStatus": draw.choice(("HAS_PLOT", "LOOKS_FOR_PLOT_ALSO"))},
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


def _place(draw: random.Random) -> dict[str, Any]:
    postal_code, city = draw.choice(words.CITIES)
    return {"postalCode": postal_code, "city": city, "countryCode": "FR"}


def _phone(draw: random.Random) -> str:
    head = draw.choice(words.PHONES).replace(" ", "")
    digits = head + f"{draw.randrange(10_000):04d}"
    style = draw.random()
    if style < 0.5:
        return " ".join(digits[i : i + 2] for i in range(0, 10, 2))
    return digits if style < 0.8 else "+33" + digits[1:]
