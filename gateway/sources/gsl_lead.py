"""A GSL lead as the portal sends it, made a lead of ours.

The vendor's spellings are the wire names and stand only here. Anything may be missing, null or of
another type than the vendor's page shows: what can not be read ends as null and stays in ``original``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.contact import normal_email, normal_phone, split_name
from gateway.lead import (
    Address,
    Contact,
    Estimation,
    Financing,
    Lead,
    Number,
    PersonStatus,
    Project,
    Property,
    RejectedItem,
)

FEEDS = ("leads", "classifieds", "agencies", "estimations", "projects")
"""The five searches, poorest first; ``lead`` is the single lead of operation 2."""

_MOST_SPECIFIC = ("projects", "estimations", "lead", "agencies", "classifieds", "leads")


def lead_id_of(item: Any) -> str | None:
    """The portal's leadId of a raw item, as text; None if it has none that can be used."""
    value = _at(item, "leadMetaInfos", "leadId")
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value).strip()
    return text if 0 < len(text) <= 256 else None


def normalise(
    items: Mapping[str, Any],
    *,
    source: str,
    identity: str,
    received_at: datetime,
    country: str = "FR",
) -> Lead:
    """One lead from the raw items of its feeds (feed name -> item). Raises :class:`RejectedItem`."""
    for item in items.values():
        if not isinstance(item, dict):
            raise RejectedItem(f"an item is {_kind(item)} instead of an object")
    original = _original(items)
    lead_id = lead_id_of(original)
    if lead_id is None:
        raise RejectedItem("an item has no leadMetaInfos.leadId")

    meta = original.get("leadMetaInfos")
    request = original.get("contactRequest")
    created_at = _moment(_at(meta, "creationDate"))
    wanted = _at(original, "property")
    return Lead(
        id=lead_id,
        source=source,
        identity=identity,
        kind="gsl",
        category=_text(_at(meta, "leadCategory")),
        intention=_text(_at(meta, "projectIntention")),
        created_at=created_at,
        received_at=received_at,
        expires_at=_expiry(_number(_at(meta, "timeToLive")), created_at or received_at),
        portals=_texts(_at(meta, "portals")),
        partner_id=_text(_at(meta, "partnerID")),
        seeker_id=_text(_at(meta, "seekerID")),
        is_called=_flag(_at(meta, "isCalled")),
        has_rental_documents=_flag(_at(meta, "hasRentalDocumentAttached")),
        message=_text(_at(request, "message")),
        contact=_contact(request, country),
        property=_property(wanted, meta, _at(original, "classified")),
        estimation=_estimation(_at(original, "estimation")),
        project=_project(_at(original, "project")),
        financing=_financing(_at(request, "borrowingCapacities")),
        person_status=_person_status(_at(request, "personnalStatus")),
        original=original,
    )


def _original(items: Mapping[str, Any]) -> dict[str, Any]:
    """The most specific feed's JSON, and the sections that it lacks from the others."""
    original: dict[str, Any] = {}
    for feed in _MOST_SPECIFIC:
        for key, value in (items.get(feed) or {}).items():
            original.setdefault(key, value)
    return original


def _contact(request: Any, country: str) -> Contact:
    person = _at(request, "personContact")
    person = person if isinstance(person, dict) else request
    address = _at(person, "adresse")
    full_name = _text(_at(person, "fullName"))
    first, last = split_name(full_name)
    phone = _text(_at(person, "phoneNumber"))
    return Contact(
        full_name=full_name,
        first_name=first,
        last_name=last,
        salutation=_text(_at(person, "salutation")),
        email=normal_email(_text(_at(person, "email"))),
        phone=normal_phone(phone, country),
        phone_raw=phone,
        address=Address(
            street=_text(_at(address, "street")),
            house_number=_text(_at(address, "houseNumber")),
            postal_code=_text(_at(address, "postalCode")),
            city=_text(_at(address, "city")),
            country=_text(_at(address, "country")),
        ),
    )


_SUBTYPES = {
    "HOUSE": "house",
    "APARTMENT": "apartment",
    "PLOT": "plot",
    "OFFICE": "office",
    "TRADING": "trading",
    "GASTRONOMY_HOTEL": "gastroHotel",
    "STORAGE_PRODUCTION": "storageProduction",
    "AGRICULTURE_FORESTRY": "agricultureForestry",
    "PARKING": "parking",
    "SENIOR": "senior",
    "PROJECT": "project",
}


def _property(wanted: Any, meta: Any, classified: Any) -> Property:
    types = _texts(_at(wanted, "estateType"))
    transactions = _texts(_at(wanted, "distributionType"))
    cities = _texts(_at(wanted, "geo", "city"))
    postal_codes = _texts(_at(wanted, "geo", "postalCode")) or _texts(
        _at(wanted, "geo", "postalCodes")
    )
    buy, rent = _at(wanted, "prices", "buy", "price"), _at(wanted, "prices", "rent", "totalRent")
    on_demand = "PRICE_ON_DEMAND" in (_at(buy, "priceInformation"), _at(rent, "priceInformation"))
    origin = _at(wanted, "metaData", "source") or _at(classified, "metaData", "source")
    surface = _number(_at(wanted, "spaces", "overallSpace"))
    return Property(
        reference=_text(_at(origin, "offererEstateId")),
        marketing_key=_text(_at(origin, "offererMarketingKey")),
        classified_id=_text(_at(meta, "classifiedID")),
        type=types[0] if types else None,
        types=types,
        subtype=_subtype(_at(wanted, "estateSubType"), types),
        transaction=transactions[0] if transactions else None,
        transactions=transactions,
        city=cities[0] if cities else None,
        cities=cities,
        postal_code=postal_codes[0] if postal_codes else None,
        postal_codes=postal_codes,
        departments=_texts(_at(wanted, "geo", "departments")),
        country=_text(_at(wanted, "geo", "countryCode")) or _text(_at(wanted, "geo", "country")),
        price=None if on_demand else _number(_at(buy, "amount")),
        rent=None if on_demand else _number(_at(rent, "amount")),
        currency=_text(_at(wanted, "prices", "currency")),
        price_on_demand=on_demand if buy is not None or rent is not None else None,
        rooms=_number(_at(wanted, "structure", "rooms", "numberOfRooms")),
        rooms_min=_number(_at(wanted, "structure", "rooms", "numberOfRoomsMin")),
        rooms_max=_number(_at(wanted, "structure", "rooms", "numberOfRoomsMax")),
        surface=_number(_at(wanted, "spaces", "overalSpaces")) if surface is None else surface,
        surface_min=_number(_at(wanted, "spaces", "spaceMin")),
        surface_max=_number(_at(wanted, "spaces", "spaceMax")),
        surface_living=_number(_at(wanted, "spaces", "residential", "livingSpace")),
        surface_commercial=_number(_at(wanted, "spaces", "commercial", "commercialSpace")),
        surface_unit=_text(_at(wanted, "spaces", "spaceMeasureUnit")),
        budget=_number(_at(wanted, "budget", "amount")),
        budget_min=_number(_at(wanted, "budget", "amountMin")),
        budget_max=_number(_at(wanted, "budget", "amountMax")),
        age=_text(_at(wanted, "conditions", "ageState")),
        build_state=_text(_at(wanted, "conditions", "buildState")),
        market_status=_text(_at(wanted, "management", "marketStatus")),
        holiday_rental=_flag(_at(wanted, "management", "isForHolidayRental")),
        message=_text(_at(wanted, "additionnalMessage")),
    )


def _subtype(subtypes: Any, types: tuple[str, ...]) -> str | None:
    if not isinstance(subtypes, dict):
        return _text(subtypes)
    for kind in types:
        if found := _text(subtypes.get(_SUBTYPES.get(kind, ""))):
            return found
    return next((found for value in subtypes.values() if (found := _text(value))), None)


def _estimation(raw: Any) -> Estimation:
    estate = _at(raw, "estimationProperty")
    spaces, structure = _at(estate, "spaces"), _at(estate, "structure")
    homes, rooms = _at(spaces, "residential"), _at(structure, "rooms")
    building, features = _at(structure, "building"), _at(estate, "features")
    return Estimation(
        time_to_market=_text(_at(raw, "estimationProject", "estimatedTimetoMarket")),
        contact_situation=_text(_at(raw, "estimationProject", "contactSituation")),
        transaction=_text(_at(raw, "estimationProject", "distributionType")),
        user_city=_text(_at(raw, "userLocation", "userCity")),
        user_postal_code=_text(_at(raw, "userLocation", "userZipCode")),
        actor_price=_number(_at(raw, "actorEstimatedPrice")),
        portal_price=_number(_at(estate, "avivEstimatedPrice")),
        free=_flag(_at(raw, "isFree")),
        message=_text(_at(estate, "additionalMessage")),
        type=_text(_at(estate, "estateType")),
        city=_text(_at(estate, "geo", "city")),
        postal_code=_text(_at(estate, "geo", "postalCode")),
        country=_text(_at(estate, "geo", "countryCode")),
        terraced_house=_flag(_at(estate, "isTerraceHouse")),
        surface=_number(_at(spaces, "overallSpace")),
        surface_unit=_text(_at(spaces, "spaceMeasureUnit")),
        surface_balcony=_number(_at(homes, "balconySpace")),
        surface_cellar=_number(_at(homes, "cellarSpace")),
        surface_living=_number(_at(homes, "livingSpace")),
        surface_outbuilding=_number(_at(homes, "outbuildingSpace")),
        surface_plot=_number(_at(homes, "plotSpace")),
        surface_terrace=_number(_at(homes, "terraceSpace")),
        rooms=_number(_at(rooms, "numberOfRooms")),
        bedrooms=_number(_at(rooms, "numberOfBedRooms")),
        balconies=_number(_at(rooms, "numberOfBalconies")),
        terraces=_number(_at(rooms, "numberOfTerraces")),
        calm=_text(_at(building, "calm")),
        cellar=_text(_at(building, "cellar")),
        elevator=_text(_at(building, "elevator", "person")),
        floor=_number(_at(building, "floorNumber")),
        floors=_number(_at(building, "numberOfFloors")),
        view=_text(_at(building, "withView")),
        garages=_number(_at(structure, "parkingLots", "garage")),
        parking_spaces=_number(_at(structure, "parkingLots", "parkingArea")),
        construction_year=_text(_at(estate, "conditions", "yearOfConstruction")),
        orientation=_text(_at(features, "propertyOrientation")),
        outbuilding=_text(_at(features, "residential", "outbuilding")),
        patio=_text(_at(features, "residential", "patio")),
        swimming_pool=_text(_at(features, "residential", "swimmingPool")),
        operating_costs_per_year=_number(_at(estate, "management", "operatingCostsPerYear")),
        leaseback=_text(_at(estate, "management", "leaseBack")),
        business_type=_text(_at(estate, "business", "businessType")),
        business_activity=_text(_at(estate, "business", "businessActivity")),
        business_sold=_flag(_at(estate, "business", "isBusinessSold")),
    )


def _project(raw: Any) -> Project:
    business = _at(raw, "commercial", "business")
    return Project(
        services_needed=_text(_at(raw, "servicesNeeded")),
        transaction=_text(_at(raw, "distributionType")),
        leaseback=_text(_at(raw, "commercial", "usageType", "leaseBack")),
        business_sold=_flag(_at(business, "isBusinessSold")),
        business_type=_text(_at(business, "businessType")),
        business_activity=_text(_at(business, "activity")),
        staff_count=_text(_at(business, "numberOfStaff")),
        company_name=_text(_at(business, "societyName")),
        relocation_date=_text(_at(business, "relocationDate")),
        comment=_text(_at(business, "commentOnProject")),
        investment_reason=_text(_at(raw, "investment", "investmentReason")),
        investment_type=_text(_at(raw, "investment", "investmentType")),
        plot_status=_text(_at(raw, "build", "plotStatus")),
    )


def _financing(raw: Any) -> Financing:
    gross, net = _at(raw, "income", "grossIncome"), _at(raw, "income", "netIncome")
    taxable, taxes = _at(raw, "income", "taxableIncome"), _at(raw, "income", "taxes")
    passive = _at(raw, "passiveIncome")
    return Financing(
        gross_annual_income=_number(_at(gross, "annualGrossIncome")),
        gross_monthly_income=_number(_at(gross, "monthlyGrossIncome")),
        gross_annual_household_income=_number(_at(gross, "annualGrossHouseHoldIncome")),
        gross_monthly_household_income=_number(_at(gross, "monthlyGrossHouseHoldIncome")),
        gross_annual_corporate_income=_number(_at(gross, "annualGrossCorporateIncome")),
        net_annual_income=_number(_at(net, "annualNetIncome")),
        net_monthly_income=_number(_at(net, "monthlyNetIncome")),
        net_annual_household_income=_number(_at(net, "annualNetHouseHoldIncome")),
        net_monthly_household_income=_number(_at(net, "monthlyNetHouseHoldIncome")),
        net_annual_corporate_income=_number(_at(net, "annualNetCorporateIncome")),
        taxable_annual_income=_number(_at(taxable, "annualTaxableIncome")),
        taxable_monthly_income=_number(_at(taxable, "monthlyTaxableIncome")),
        taxable_annual_household_income=_number(_at(taxable, "annualTaxableHouseHoldIncome")),
        taxable_monthly_household_income=_number(_at(taxable, "monthlyTaxableHouseHoldIncome")),
        taxable_annual_corporate_income=_number(_at(taxable, "annualTaxableCorporateIncome")),
        annual_tax=_number(_at(taxes, "annualTax")),
        monthly_tax=_number(_at(taxes, "monthlyTax")),
        annual_household_tax=_number(_at(taxes, "annualHouseHoldTax")),
        monthly_household_tax=_number(_at(taxes, "monthlyHouseHoldTax")),
        annual_corporate_tax=_number(_at(taxes, "annualCorporateTax")),
        passive_annual_income=_number(_at(passive, "annualpassiveIncome")),
        passive_monthly_income=_number(_at(passive, "monthlypassiveIncome")),
        passive_annual_household_income=_number(_at(passive, "annualpassiveHouseHoldIncome")),
        passive_monthly_household_income=_number(_at(passive, "monthlypassiveHouseHoldIncome")),
        passive_annual_corporate_income=_number(_at(passive, "annualpassiveCorporateIncome")),
        passive_monthly_corporate_income=_number(_at(passive, "monthlypassiveCorporateIncome")),
        saving_capacity=_number(_at(raw, "savings", "savingCapacity")),
    )


def _person_status(raw: Any) -> PersonStatus:
    return PersonStatus(
        employment=_text(_at(raw, "employmentStatus")),
        children_at_home=_number(_at(raw, "childrenAtHome")),
        date_of_birth=_text(_at(raw, "dateOfBirth")),
        marital_status=_text(_at(raw, "maritalStatus")),
        household_size=_text(_at(raw, "houseHoldSize")),
    )


def _at(value: Any, *path: str) -> Any:
    """What lies under a path of keys, or None as soon as something else than an object is met."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _text(value: Any) -> str | None:
    """Text of a scalar; blank is null. A list gives its first usable value."""
    if isinstance(value, list):
        return next((found for item in value if (found := _text(item))), None)
    if isinstance(value, str):
        # Lone surrogates can come in as \udXXX escapes; they have no UTF-8 form to send on.
        return value.strip().encode("utf-8", "replace").decode() or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**40 else None
    return str(value) if isinstance(value, float) and math.isfinite(value) else None


def _texts(value: Any) -> tuple[str, ...]:
    """Texts of a list or of a single scalar, in order and without doubles."""
    values = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(found for item in values[:100] if (found := _text(item))))


def _number(value: Any) -> Number | None:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, str):
        try:
            value = float(value.strip().replace(",", "."))
        except ValueError:
            return None
        value = int(value) if math.isfinite(value) and value.is_integer() else value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not math.isfinite(value) if isinstance(value, float) else abs(value) >= 2**63:
        return None
    return value


def _flag(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def _moment(value: Any) -> datetime | None:
    """ISO 8601, or Unix seconds or milliseconds; without a zone it is UTC."""
    number = _number(value) if not isinstance(value, str) else None
    try:
        if number is not None:
            return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
        moment = datetime.fromisoformat(str(value).strip()) if value else None
    except (ValueError, OverflowError, OSError):
        return None
    if moment is None:
        return None
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        return None


def _expiry(time_to_live: Number | None, created_at: datetime) -> datetime | None:
    """A value before the lead's creation can only be a duration; else it is a Unix time."""
    if not time_to_live or time_to_live < 0:
        return None
    try:
        if time_to_live < created_at.timestamp():
            return created_at + timedelta(seconds=float(time_to_live))
        return datetime.fromtimestamp(float(time_to_live), UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _kind(value: Any) -> str:
    names = {list: "a list", str: "text", int: "a number", float: "a number", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "something else")
