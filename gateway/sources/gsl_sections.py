"""The long sections of a GSL lead: estimation, project, financing, the person's status.

Owns one row per field of the vendor's page, its spelling on the right and ours on the left.
"""

from __future__ import annotations

from typing import Any

from gateway.lead import Estimation, Financing, PersonStatus, Project
from gateway.sources.raw import at, flag, number, text

# Most leads have none of these sections: what is not there is not looked for field by field.
_NO_ESTIMATION, _NO_PROJECT = Estimation(), Project()
_NO_FINANCING, _NO_STATUS = Financing(), PersonStatus()


def estimation(raw: Any) -> Estimation:
    """The ``estimation`` of feed estimations and of the single lead."""
    if not isinstance(raw, dict):
        return _NO_ESTIMATION
    estate = at(raw, "estimationProperty")
    spaces, structure = at(estate, "spaces"), at(estate, "structure")
    homes, rooms = at(spaces, "residential"), at(structure, "rooms")
    building, features = at(structure, "building"), at(estate, "features")
    return Estimation(
        time_to_market=text(at(raw, "estimationProject", "estimatedTimetoMarket")),
        contact_situation=text(at(raw, "estimationProject", "contactSituation")),
        transaction=text(at(raw, "estimationProject", "distributionType")),
        user_city=text(at(raw, "userLocation", "userCity")),
        user_postal_code=text(at(raw, "userLocation", "userZipCode")),
        actor_price=number(at(raw, "actorEstimatedPrice")),
        portal_price=number(at(estate, "avivEstimatedPrice")),
        free=flag(at(raw, "isFree")),
        message=text(at(estate, "additionalMessage")),
        type=text(at(estate, "estateType")),
        city=text(at(estate, "geo", "city")),
        postal_code=text(at(estate, "geo", "postalCode")),
        country=text(at(estate, "geo", "countryCode")),
        terraced_house=flag(at(estate, "isTerraceHouse")),
        surface=number(at(spaces, "overallSpace")),
        surface_unit=text(at(spaces, "spaceMeasureUnit")),
        surface_balcony=number(at(homes, "balconySpace")),
        surface_cellar=number(at(homes, "cellarSpace")),
        surface_living=number(at(homes, "livingSpace")),
        surface_outbuilding=number(at(homes, "outbuildingSpace")),
        surface_plot=number(at(homes, "plotSpace")),
        surface_terrace=number(at(homes, "terraceSpace")),
        rooms=number(at(rooms, "numberOfRooms")),
        bedrooms=number(at(rooms, "numberOfBedRooms")),
        balconies=number(at(rooms, "numberOfBalconies")),
        terraces=number(at(rooms, "numberOfTerraces")),
        calm=text(at(building, "calm")),
        cellar=text(at(building, "cellar")),
        elevator=text(at(building, "elevator", "person")),
        floor=number(at(building, "floorNumber")),
        floors=number(at(building, "numberOfFloors")),
        view=text(at(building, "withView")),
        garages=number(at(structure, "parkingLots", "garage")),
        parking_spaces=number(at(structure, "parkingLots", "parkingArea")),
        construction_year=text(at(estate, "conditions", "yearOfConstruction")),
        orientation=text(at(features, "propertyOrientation")),
        outbuilding=text(at(features, "residential", "outbuilding")),
        patio=text(at(features, "residential", "patio")),
        swimming_pool=text(at(features, "residential", "swimmingPool")),
        operating_costs_per_year=number(at(estate, "management", "operatingCostsPerYear")),
        leaseback=text(at(estate, "management", "leaseBack")),
        business_type=text(at(estate, "business", "businessType")),
        business_activity=text(at(estate, "business", "businessActivity")),
        business_sold=flag(at(estate, "business", "isBusinessSold")),
    )


def project(raw: Any, wished: Any) -> Project:
    """The ``project`` of feed projects, and the surfaces its ``property`` wishes for."""
    living = number(at(wished, "spaces", "residential", "livingSpace"))
    commercial = number(at(wished, "spaces", "commercial", "commercialSpace"))
    if not isinstance(raw, dict) and living is None and commercial is None:
        return _NO_PROJECT
    business = at(raw, "commercial", "business")
    return Project(
        services_needed=text(at(raw, "servicesNeeded")),
        transaction=text(at(raw, "distributionType")),
        leaseback=text(at(raw, "commercial", "usageType", "leaseBack")),
        business_sold=flag(at(business, "isBusinessSold")),
        business_type=text(at(business, "businessType")),
        business_activity=text(at(business, "activity")),
        staff_count=text(at(business, "numberOfStaff")),
        company_name=text(at(business, "societyName")),
        relocation_date=text(at(business, "relocationDate")),
        comment=text(at(business, "commentOnProject")),
        investment_reason=text(at(raw, "investment", "investmentReason")),
        investment_type=text(at(raw, "investment", "investmentType")),
        plot_status=text(at(raw, "build", "plotStatus")),
        surface_living=living,
        surface_commercial=commercial,
    )


def financing(raw: Any) -> Financing:
    """The ``contactRequest.borrowingCapacities`` of feed projects."""
    if not isinstance(raw, dict):
        return _NO_FINANCING
    gross, net = at(raw, "income", "grossIncome"), at(raw, "income", "netIncome")
    taxable, taxes = at(raw, "income", "taxableIncome"), at(raw, "income", "taxes")
    passive = at(raw, "passiveIncome")
    return Financing(
        gross_annual_income=number(at(gross, "annualGrossIncome")),
        gross_monthly_income=number(at(gross, "monthlyGrossIncome")),
        gross_annual_household_income=number(at(gross, "annualGrossHouseHoldIncome")),
        gross_monthly_household_income=number(at(gross, "monthlyGrossHouseHoldIncome")),
        gross_annual_corporate_income=number(at(gross, "annualGrossCorporateIncome")),
        net_annual_income=number(at(net, "annualNetIncome")),
        net_monthly_income=number(at(net, "monthlyNetIncome")),
        net_annual_household_income=number(at(net, "annualNetHouseHoldIncome")),
        net_monthly_household_income=number(at(net, "monthlyNetHouseHoldIncome")),
        net_annual_corporate_income=number(at(net, "annualNetCorporateIncome")),
        taxable_annual_income=number(at(taxable, "annualTaxableIncome")),
        taxable_monthly_income=number(at(taxable, "monthlyTaxableIncome")),
        taxable_annual_household_income=number(at(taxable, "annualTaxableHouseHoldIncome")),
        taxable_monthly_household_income=number(at(taxable, "monthlyTaxableHouseHoldIncome")),
        taxable_annual_corporate_income=number(at(taxable, "annualTaxableCorporateIncome")),
        annual_tax=number(at(taxes, "annualTax")),
        monthly_tax=number(at(taxes, "monthlyTax")),
        annual_household_tax=number(at(taxes, "annualHouseHoldTax")),
        monthly_household_tax=number(at(taxes, "monthlyHouseHoldTax")),
        annual_corporate_tax=number(at(taxes, "annualCorporateTax")),
        passive_annual_income=number(at(passive, "annualpassiveIncome")),
        passive_monthly_income=number(at(passive, "monthlypassiveIncome")),
        passive_annual_household_income=number(at(passive, "annualpassiveHouseHoldIncome")),
        passive_monthly_household_income=number(at(passive, "monthlypassiveHouseHoldIncome")),
        passive_annual_corporate_income=number(at(passive, "annualpassiveCorporateIncome")),
        passive_monthly_corporate_income=number(at(passive, "monthlypassiveCorporateIncome")),
        saving_capacity=number(at(raw, "savings", "savingCapacity")),
    )


def person_status(raw: Any) -> PersonStatus:
    """The ``contactRequest.personnalStatus`` of feed projects."""
    if not isinstance(raw, dict):
        return _NO_STATUS
    return PersonStatus(
        employment=text(at(raw, "employmentStatus")),
        children_at_home=number(at(raw, "childrenAtHome")),
        date_of_birth=text(at(raw, "dateOfBirth")),
        marital_status=text(at(raw, "maritalStatus")),
        household_size=text(at(raw, "houseHoldSize")),
    )
