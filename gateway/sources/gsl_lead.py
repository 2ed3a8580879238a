"""A GSL lead as the portal sends it, made a lead of ours.

The vendor's spellings are the wire names and stand only here and in ``gsl_sections``. Anything may
be missing, null or of another type than the vendor's page shows: what can not be read ends as null
and stays in ``original``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from gateway.contact import normal_email, normal_phone, split_name
from gateway.lead import Address, Contact, Lead, Number, Property, RejectedItem
from gateway.sources import gsl_sections
from gateway.sources.raw import at, expiry, flag, kind_of, moment, number, text, texts
from gateway.verbatim import verbatim

V = TypeVar("V")

FEEDS = ("leads", "classifieds", "agencies", "estimations", "projects")
"""The five searches, poorest first; ``lead`` is the single lead of operation 2."""

ID_LIMIT = 256
"""Characters of a leadId; the portal's are UUIDs."""

_MOST_SPECIFIC = ("projects", "estimations", "lead", "agencies", "classifieds", "leads")


def lead_id_of(item: Any) -> str | None:
    """The portal's leadId of a raw item, as text; None if it has none that can be used."""
    value = at(item, "leadMetaInfos", "leadId")
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    if isinstance(value, int) and abs(value) >= 10**ID_LIMIT:
        return None
    found = str(value).strip()
    # An id that had to be mended could meet another one's name.
    return found if 0 < len(found) <= ID_LIMIT and verbatim(found) == found else None


def normalise(
    items: Mapping[str, Any],
    *,
    source: str,
    identity: str,
    received_at: datetime,
    country: str = "FR",
) -> Lead:
    """One lead from the raw items of its feeds (feed name -> item). Raises :class:`RejectedItem`.

    ``country`` is where phone numbers without a country code are at home.
    """
    for item in items.values():
        if not isinstance(item, dict):
            raise RejectedItem(f"an item is {kind_of(item)} instead of an object")
    sent = [items[feed] for feed in _MOST_SPECIFIC if items.get(feed)]
    lead_id = lead_id_of(_original(sent))
    if lead_id is None:
        raise RejectedItem("an item has no leadMetaInfos.leadId")

    ranked = [verbatim(item) for item in sent]
    original, whole = _original(ranked), _whole(ranked)
    meta, request, wished = (
        whole.get(key) for key in ("leadMetaInfos", "contactRequest", "property")
    )
    created_at = moment(at(meta, "creationDate"))
    return Lead(
        id=lead_id,
        source=source,
        identity=identity,
        kind="gsl",
        category=text(at(meta, "leadCategory")),
        intention=text(at(meta, "projectIntention")),
        created_at=created_at,
        received_at=received_at,
        expires_at=expiry(at(meta, "timeToLive"), created_at or received_at),
        portals=texts(at(meta, "portals")),
        partner_id=text(at(meta, "partnerID")),
        seeker_id=text(at(meta, "seekerID")),
        is_called=flag(at(meta, "isCalled")),
        has_rental_documents=flag(at(meta, "hasRentalDocumentAttached")),
        message=text(at(request, "message")),
        contact=_contact(request, country),
        property=_property(wished, meta, whole.get("classified")),
        estimation=gsl_sections.estimation(whole.get("estimation")),
        project=gsl_sections.project(whole.get("project"), wished),
        financing=gsl_sections.financing(at(request, "borrowingCapacities")),
        person_status=gsl_sections.person_status(at(request, "personnalStatus")),
        original=original,
    )


def _original(ranked: list[dict[str, Any]]) -> dict[str, Any]:
    """The most specific feed's JSON, and the sections that it lacks from the others."""
    original: dict[str, Any] = {}
    for item in ranked:
        for key, value in item.items():
            if original.get(key) is None:
                original[key] = value
    return original


def _whole(ranked: list[dict[str, Any]]) -> dict[str, Any]:
    """What all feeds together say: where two speak of the same field, the most specific one."""
    whole: dict[str, Any] = ranked[0]
    for item in ranked[1:]:
        whole = _filled(whole, item)
    return whole


def _filled(known: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = dict(known)
    for key, value in other.items():
        mine = known.get(key)
        if mine is None or mine == "" or mine == []:
            both[key] = value
        elif isinstance(mine, dict) and isinstance(value, dict):
            both[key] = _filled(mine, value)
    return both


def _contact(request: Any, country: str) -> Contact:
    # Projects name the person one level deeper than the other feeds.
    person = at(request, "personContact")
    address = at(person, "adresse") or at(request, "adresse")

    def told(key: str) -> str | None:
        return text(at(person, key)) or text(at(request, key))

    full_name, phone = told("fullName"), told("phoneNumber")
    first, last = split_name(full_name)
    return Contact(
        full_name=full_name,
        first_name=first,
        last_name=last,
        salutation=told("salutation"),
        email=normal_email(told("email")),
        phone=normal_phone(phone, country),
        phone_raw=phone,
        address=Address(
            street=text(at(address, "street")),
            house_number=text(at(address, "houseNumber")),
            postal_code=text(at(address, "postalCode")),
            city=text(at(address, "city")),
            country=text(at(address, "country")),
        ),
    )


def _property(wished: Any, meta: Any, classified: Any) -> Property:
    types = texts(at(wished, "estateType"))
    transactions = texts(at(wished, "distributionType"))
    geo, spaces = at(wished, "geo"), at(wished, "spaces")
    rooms, budget = at(wished, "structure", "rooms"), at(wished, "budget")
    cities = texts(at(geo, "city"))
    # A search names several; the single one may come from the poorer feed of the same lead.
    postal_codes = texts(at(geo, "postalCodes")) or texts(at(geo, "postalCode"))
    price, price_hidden = _amount(at(wished, "prices", "buy", "price"))
    rent, rent_hidden = _amount(at(wished, "prices", "rent", "totalRent"))
    origins = at(wished, "metaData", "source"), at(classified, "metaData", "source")
    return Property(
        reference=_first(text(at(origin, "offererEstateId")) for origin in origins),
        marketing_key=_first(text(at(origin, "offererMarketingKey")) for origin in origins),
        classified_id=text(at(meta, "classifiedID")),
        type=types[0] if types else None,
        types=types,
        subtype=_subtype(at(wished, "estateSubType"), types),
        transaction=transactions[0] if transactions else None,
        transactions=transactions,
        city=cities[0] if cities else None,
        cities=cities,
        postal_code=postal_codes[0] if postal_codes else None,
        postal_codes=postal_codes,
        departments=texts(at(geo, "departments")),
        country=text(at(geo, "countryCode")) or text(at(geo, "country")),
        price=price,
        rent=rent,
        currency=text(at(wished, "prices", "currency")),
        price_on_demand=_on_demand(price, rent, price_hidden or rent_hidden),
        rooms=number(at(rooms, "numberOfRooms")),
        rooms_min=number(at(rooms, "numberOfRoomsMin")),
        rooms_max=number(at(rooms, "numberOfRoomsMax")),
        surface=_surface(spaces),
        surface_min=number(at(spaces, "spaceMin")),
        surface_max=number(at(spaces, "spaceMax")),
        surface_unit=text(at(spaces, "spaceMeasureUnit")),
        budget=number(at(budget, "amount")),
        budget_min=number(at(budget, "amountMin")),
        budget_max=number(at(budget, "amountMax")),
        age=text(at(wished, "conditions", "ageState")),
        build_state=text(at(wished, "conditions", "buildState")),
        market_status=text(at(wished, "management", "marketStatus")),
        holiday_rental=flag(at(wished, "management", "isForHolidayRental")),
        message=text(at(wished, "additionnalMessage")),
    )


def _amount(offer: Any) -> tuple[Number | None, bool]:
    """An amount, and whether it is on demand: then the amount is a filler and no price."""
    if text(at(offer, "priceInformation")) == "PRICE_ON_DEMAND":
        return None, True
    return number(at(offer, "amount")), False


def _on_demand(price: Number | None, rent: Number | None, hidden: bool) -> bool | None:
    return hidden if hidden or price is not None or rent is not None else None


def _surface(spaces: Any) -> Number | None:
    """The whole surface, under the spelling of either page; else of what was given a surface."""
    return _first(
        number(at(spaces, *path))
        for path in (
            ("overallSpace",),
            ("overalSpaces",),
            ("residential", "livingSpace"),
            ("commercial", "commercialSpace"),
        )
    )


def _subtype(subtypes: Any, types: tuple[str, ...]) -> str | None:
    """The subtype of the estate's own kind (``STORAGE_PRODUCTION``: ``storageProduction``)."""
    if not isinstance(subtypes, dict):
        return text(subtypes)
    by_kind = {key.lower(): value for key, value in subtypes.items()}
    own = (text(by_kind.get(kind.replace("_", "").lower())) for kind in types)
    return _first(own) or _first(text(value) for value in subtypes.values())


def _first(values: Iterable[V | None]) -> V | None:
    return next((value for value in values if value is not None), None)
