"""A lead's sections in the vendor's wire shapes, drawn at random: who asks, and for what.

Pure: the randomness comes in, the same one gives the same section.
"""

from __future__ import annotations

import random
import unicodedata
import uuid
from datetime import datetime
from typing import Any

from gateway.sandbox import words

_THREE_YEARS = 3 * 365 * 86400


def meta(draw: random.Random, moment: datetime) -> dict[str, Any]:
    """What ``leadMetaInfos`` holds besides the ids and the time.

    ``timeToLive`` is 0 (no limit) or Unix seconds three years on, as the successor API says it.
    """
    return {
        "partnerID": f"AG-{draw.randrange(1000, 9999)}",
        "projectIntention": draw.choice(("BUYER", "BUYER", "SELLER", "TENANT")),
        "portals": [draw.choice(("SELOGER", "SELOGER", "LOGIC_IMMO", "BELLES_DEMEURES"))],
        "timeToLive": int(moment.timestamp()) + _THREE_YEARS if draw.random() < 0.5 else 0,
        "isCalled": draw.random() < 0.1,
        "seekerID": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
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
    estate, key, subtype, spaces, rooms = draw.choices(words.KINDS, words.KIND_SHARES)[0]
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
        "geo": place(draw),
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
        "conditions": {
            "ageState": draw.choice(("NEW", "OLD")),
            "buildState": "PROJECTED" if estate == "PROJECT" else "COMPLETED",
        },
        "management": {
            "marketStatus": "SOLD" if draw.random() < 0.04 else "AVAILABLE",
            "isForHolidayRental": rent and draw.random() < 0.05,
        },
        "spaces": {"overallSpace": surface, "spaceMeasureUnit": "SQUARE_METER"},
    }


def estimation(draw: random.Random) -> dict[str, Any]:
    """``estimation`` of an owner who wants a price."""
    surface = draw.randrange(35, 210)
    worth = surface * draw.randrange(25, 95) * 100
    where = place(draw)
    maybe = ("YES", "NO", "NOT_APPLICABLE")
    return {
        "estimationProject": {
            "estimatedTimetoMarket": draw.choice(("SELLING", "IN_3_MONTHS", "IN_6_MONTHS")),
            "contactSituation": draw.choice(("ownerSeller", "ownerCurious", "heir")),
            "distributionType": "BUY",
        },
        "userLocation": {"userCity": where["city"], "userZipCode": where["postalCode"]},
        "actorEstimatedPrice": round(worth * draw.uniform(0.9, 1.2), -3),
        "isFree": True,
        "estimationProperty": {
            "additionalMessage": "Travaux de rénovation réalisés récemment.",
            "estateType": draw.choice(("HOUSE", "APARTMENT")),
            "geo": where,
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


def place(draw: random.Random) -> dict[str, Any]:
    """A French town, as ``geo``."""
    postal_code, city = draw.choice(words.CITIES)
    return {"postalCode": postal_code, "city": city, "countryCode": "FR"}


def _phone(draw: random.Random) -> str:
    head = draw.choice(words.PHONES).replace(" ", "")
    digits = head + f"{draw.randrange(10_000):04d}"
    style = draw.random()
    if style < 0.5:
        return " ".join(digits[i : i + 2] for i in range(0, 10, 2))
    return digits if style < 0.8 else "+33" + digits[1:]
