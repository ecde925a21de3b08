"""The insurance plan the scenarios play with: ordinary terms, so that every component shows up."""

from __future__ import annotations

from chainbill.billing.terms import Category, CategoryTerms, FeeTerms, PlanTerms
from chainbill.money import DOLLAR
from chainbill.records.catalogue import Catalogue

PLAN = PlanTerms(deductible=250 * DOLLAR, oop_max=2_000 * DOLLAR)
"""A yearly deductible of $250 and an out-of-pocket maximum of $2,000."""

CATEGORIES: dict[int, CategoryTerms] = {
    Category.OFFICE_VISIT: CategoryTerms(deductible_applies=False, copay=25 * DOLLAR),
    Category.TELEHEALTH: CategoryTerms(deductible_applies=False, copay=15 * DOLLAR),
    Category.EMERGENCY: CategoryTerms(
        copay=150 * DOLLAR, coinsurance_bps=2_000, coinsurance_after_copay=True
    ),
    Category.INPATIENT: CategoryTerms(coinsurance_bps=2_000),
    Category.LABORATORY: CategoryTerms(coinsurance_bps=2_000),
    Category.PHARMACY: CategoryTerms(deductible_applies=False, copay=10 * DOLLAR),
    Category.REMOTE_MONITORING: CategoryTerms(deductible_applies=False, coinsurance_bps=2_000),
    Category.DIGITAL_THERAPEUTICS: CategoryTerms(copay=20 * DOLLAR, copay_first=True),
}
"""Copays for visits, telehealth and pharmacy; deductible and 20 % for the rest."""

MAX_UNITS = 10
"""Units of one service that the scenarios' insurer allows at once."""


def fee_schedule(catalogue: Catalogue) -> dict[str, FeeTerms]:
    """One fee per service of the catalogue: what the insurer allows is the default fee."""
    return {
        service: FeeTerms(amount=entry.fee, category=entry.category, max_units=MAX_UNITS)
        for service, entry in catalogue.entries.items()
    }
