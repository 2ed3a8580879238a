"""Plausible, varied French leads in the vendor's wire shapes, from a seed. Nobody in them exists.

Phones come from the ranges ARCEP keeps for fiction, addresses from example domains.
"""

from __future__ import annotations

import random
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

CATEGORIES = ("CLASSIFIED", "AGENCY", "ESTIMATION", "PROJECT")
_SHARES = (62, 14, 16, 8)

_FIRST = (
    "Camille",
    "Léa",
    "Jean-Baptiste",
    "Chloé",
    "Mohamed",
    "Inès",
    "Hugo",
    "Zoé",
    "Thibault",
    "Aïcha",
    "Maëlle",
    "Paul",
    "Noémie",
    "Lucas",
    "Anaïs",
    "Yann",
    "Clémence",
    "Théo",
    "Élodie",
    "Karim",
    "Françoise",
    "Gaël",
    "Margaux",
    "Sébastien",
)
_LAST = (
    "Essai",
    "Modèle",
    "Delorme-Exemple",
    "Lefictif",
    "Duspécimen",
    "Martel-Test",
    "Imaginet",
    "de La Tourfictive",
    "N’Exemple",
    "Ébauche",
    "Échantillon",
    "Maquette",
    "Prototype",
    "Brouillon",
)
_CITIES = (
    ("75011", "Paris 11e"),
    ("69003", "Lyon 3e"),
    ("13008", "Marseille 8e"),
    ("33000", "Bordeaux"),
    ("31000", "Toulouse"),
    ("44000", "Nantes"),
    ("67000", "Strasbourg"),
    ("59800", "Lille"),
    ("34000", "Montpellier"),
    ("35000", "Rennes"),
    ("06000", "Nice"),
    ("92100", "Boulogne-Billancourt"),
    ("74000", "Annecy"),
    ("64200", "Biarritz"),
    ("56000", "Vannes"),
    ("37000", "Tours"),
)
_PHONES = ("0199 00", "0261 91", "0353 01", "0465 71", "0536 49", "0639 98", "0639 98", "0639 98")
_MESSAGES = (
    "Bonjour, votre annonce m’intéresse. Serait-il possible de visiter samedi matin ?",
    "Bonjour,\nPouvez-vous me préciser le montant des charges et de la taxe foncière ?\nMerci.",
    "Nous avons un accord de financement et souhaitons visiter. Merci de nous rappeler.",
    "Bonjour, je cherche pour mes parents. Y a-t-il un ascenseur et une place de parking ?",
    "Le bien est-il toujours disponible ? Je suis joignable après 18 h.",
    "Bonjour, investisseur, je souhaite connaître le loyer actuel et la rentabilité.",
    "Hello, is this property still available? We are moving from Brussels in January.",
    "Bonjour 😊 coup de cœur pour cette maison ! Peut-on la voir cette semaine ?",
    "Bonjour, les animaux sont-ils acceptés ? Nous avons un chat très calme.",
    "Merci de m’envoyer le DPE et les diagnostics avant la visite.",
)
_AGENCY_MESSAGES = (
    "Bonjour, je souhaite vendre mon appartement et aimerais rencontrer un conseiller.",
    "Bonjour, assurez-vous la gestion locative dans mon quartier ?",
    "Pouvez-vous me rappeler au sujet d’une mise en location ?",
)
_KINDS: tuple[tuple[str, str, str, tuple[int, int], tuple[int, int]], ...] = (
    ("APARTMENT", "apartment", "LOFT", (24, 130), (1, 5)),
    ("APARTMENT", "apartment", "DUPLEX", (45, 150), (2, 6)),
    ("HOUSE", "house", "SINGLE_FAMILY_HOUSE", (70, 220), (3, 8)),
    ("HOUSE", "house", "VILLA", (110, 320), (4, 10)),
    ("PLOT", "plot", "COMMERCIAL", (300, 2500), (0, 0)),
    ("OFFICE", "office", "SINGLE_OFFICE", (30, 400), (1, 12)),
    ("PARKING", "parking", "GARAGE", (12, 20), (0, 0)),
)

_DOMAINS = ("example.org", "example.com", "example.net")


@dataclass(frozen=True, slots=True)
class PortalLead:
    """One lead as the portal knows it: what every feed shows of it."""

    id: str
    category: str
    created_at: datetime
    feeds: Mapping[str, dict[str, Any]]
    """The wire form by feed; a lead is in ``leads`` and in the feed of its category."""
    single: dict[str, Any]
    """What operation 2 answers."""
    classified_id: int | None


class LeadFactory:
    """Makes leads, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def make(self, category: str | None = None, at: datetime | None = None) -> PortalLead:
        """One lead, created ``at`` (now). A category that is not named is drawn."""
        draw = self._random
        kind = category or draw.choices(CATEGORIES, _SHARES)[0]
        moment = (at or datetime.now(UTC)).astimezone(UTC)
        lead_id = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        classified_id = draw.randrange(10**8, 10**9) if kind in ("CLASSIFIED", "PROJECT") else None
        contact = self._contact(kind)
        return _assemble(
            lead_id,
            kind,
            moment,
            classified_id,
            contact,
            self._property(),
            self._meta(),
            self._estimation(),
            self._project(contact),
            self._wish(),
        )

    def _meta(self) -> dict[str, Any]:
        draw = self._random
        return {
            "partnerID": f"AG-{draw.randrange(1000, 9999)}",
            "projectIntention": draw.choice(("BUYER", "BUYER", "SELLER", "TENANT")),
            "portals": [draw.choice(("SELOGER", "SELOGER", "LOGIC_IMMO", "BELLES_DEMEURES"))],
            "timeToLive": 0,
            "isCalled": draw.random() < 0.1,
            "seekerID": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
            "hasRentalDocumentAttached": draw.random() < 0.15,
        }

    def _contact(self, kind: str) -> dict[str, Any]:
        draw = self._random
        first, last = draw.choice(_FIRST), draw.choice(_LAST)
        plain = unicodedata.normalize("NFKD", f"{first}.{last}").encode("ascii", "ignore").decode()
        local = "".join(c for c in plain.lower().replace(" ", "-") if c.isalnum() or c in ".-")
        way = draw.random()
        return {
            "fullName": f"{first} {last}",
            "email": None if way < 0.08 else f"{local}{draw.randrange(90)}@{draw.choice(_DOMAINS)}",
            "phoneNumber": None if 0.08 <= way < 0.16 else self._phone(),
            "message": draw.choice(_AGENCY_MESSAGES if kind == "AGENCY" else _MESSAGES),
        }

    def _phone(self) -> str:
        draw = self._random
        head = draw.choice(_PHONES).replace(" ", "")
        digits = head + f"{draw.randrange(10_000):04d}"
        style = draw.random()
        if style < 0.5:
            return " ".join(digits[i : i + 2] for i in range(0, 10, 2))
        return digits if style < 0.8 else "+33" + digits[1:]

    def _place(self) -> dict[str, Any]:
        postal_code, city = self._random.choice(_CITIES)
        return {"postalCode": postal_code, "city": city, "countryCode": "FR"}

    def _property(self) -> dict[str, Any]:
        draw = self._random
        estate, key, subtype, spaces, rooms = draw.choice(_KINDS)
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
            "geo": self._place(),
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

    def _estimation(self) -> dict[str, Any]:
        draw = self._random
        surface = draw.randrange(35, 210)
        worth = surface * draw.randrange(25, 95) * 100
        place = self._place()
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

    def _project(self, contact: Mapping[str, Any]) -> dict[str, Any]:
        draw = self._random
        monthly = draw.randrange(18, 75) * 100
        place = self._place()
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

    def _wish(self) -> dict[str, Any]:
        draw = self._random
        postal_code, city = draw.choice(_CITIES)
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


def _assemble(
    lead_id: str,
    kind: str,
    moment: datetime,
    classified_id: int | None,
    contact: dict[str, Any],
    estate: dict[str, Any],
    extra: dict[str, Any],
    estimation: dict[str, Any],
    project: dict[str, Any],
    wish: dict[str, Any],
) -> PortalLead:
    documents = extra.pop("hasRentalDocumentAttached")
    meta: dict[str, Any] = {
        "leadCategory": kind,
        "leadId": lead_id,
        "creationDate": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        **extra,
    }
    listed = {**meta, "classifiedID": classified_id} if classified_id else meta
    full = {**listed, "hasRentalDocumentAttached": documents}
    feeds: dict[str, dict[str, Any]] = {}
    if kind == "CLASSIFIED":
        feeds["leads"] = {"leadMetaInfos": full, "contactRequest": contact, "property": estate}
        feeds["classifieds"] = feeds["leads"]
    else:
        feeds["leads"] = {"leadMetaInfos": meta, "contactRequest": contact}
    single: dict[str, Any] = {"leadMetaInfos": meta, "contactRequest": contact}
    if kind == "AGENCY":
        feeds["agencies"] = feeds["leads"]
    if kind == "ESTIMATION":
        single["estimation"] = estimation
        feeds["estimations"] = single
    if kind == "PROJECT":
        origin = {"metaData": estate["metaData"]}
        feeds["projects"] = {
            "leadMetaInfos": listed,
            **project,
            "property": wish,
            "classified": origin,
        }
    return PortalLead(lead_id, kind, moment, feeds, single, classified_id)


def sample(category: str, at: datetime) -> dict[str, Any]:
    """A fixed, complete lead of a category as feed -> raw item, for ``preview`` and ``test``."""
    seeds = {"CLASSIFIED": 11, "AGENCY": 12, "ESTIMATION": 13, "PROJECT": 14}
    factory = LeadFactory(seeds[category])
    lead = factory.make(category, at)
    while not all(lead.feeds["leads"]["contactRequest"][key] for key in ("email", "phoneNumber")):
        lead = factory.make(category, at)
    return dict(lead.feeds)
