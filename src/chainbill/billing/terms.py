"""What an insurer publishes beforehand: plans, category terms and fees (DESIGN: adjudication)."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from chainbill.money import CENT, MAX_AMOUNT
from chainbill.protocol_constants import MAX_YEARLY_AMOUNT
from chainbill.stated import Stated

Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT, strict=True)]
"""Micro-dollars that fit a ``uint64``; no float, not even one without a fraction."""

YearlyAmount = Annotated[int, Field(ge=0, le=MAX_YEARLY_AMOUNT, strict=True)]
"""Micro-dollars of which a member may owe so much in a benefit year."""

YEARLY_AMOUNTS = ("deductible", "oop_max", "family_deductible", "family_oop_max", "annual_maximum")
"""The amounts of a plan's yearly terms, in the contract's order."""


class Category(IntEnum):
    """Benefit categories; the number is the ``uint8`` on chain."""

    OFFICE_VISIT = 1
    TELEHEALTH = 2
    EMERGENCY = 3
    INPATIENT = 4
    LABORATORY = 5
    PHARMACY = 6
    REMOTE_MONITORING = 7
    DIGITAL_THERAPEUTICS = 8

    @property
    def label(self) -> str:
        """The category as a lower-case word (``office_visit``)."""
        return self.name.lower()


class CobMode(IntEnum):
    """How a plan pays as secondary, after what the primary has paid; the number is the ``uint8`` on chain."""

    STANDARD = 0
    """Pays its own benefit, at most what is left to the patient."""
    CARVE_OUT = 1
    """Pays what its own benefit exceeds the primary's payment by, at most what is left to the patient."""

    @property
    def label(self) -> str:
        """The mode as a lower-case word (``carve_out``)."""
        return self.name.lower()


class PlanTerms(Stated):
    """One version of a plan's yearly terms, in micro-dollars."""

    deductible: YearlyAmount
    """What the member pays each benefit year before the plan shares."""
    oop_max: YearlyAmount
    """Out-of-pocket maximum: the most a member pays each benefit year for covered services."""
    family_deductible: Amount = 0
    """The deductible of a whole family together; 0: none."""
    family_oop_max: Amount = 0
    """The out-of-pocket maximum of a whole family together; 0: none."""
    annual_maximum: Amount = 0
    """The most the plan pays for a member each benefit year; 0: no limit."""
    rounding_unit: Annotated[int, Field(ge=1, lt=2**32)] = CENT
    """Coinsurance is rounded, half up for the plan, to whole multiples of this."""
    cob_mode: CobMode = CobMode.STANDARD
    """How the plan pays as secondary payer."""

    @model_validator(mode="after")
    def _whole_units(self) -> Self:
        for name in YEARLY_AMOUNTS:
            if getattr(self, name) % self.rounding_unit:
                raise ValueError(f"{name} is not a whole number of rounding units")
        return self


class CategoryTerms(Stated):
    """How a plan version shares the cost of one category."""

    covered: bool = True
    deductible_applies: bool = True
    copay: Amount = 0
    copay_first: bool = False
    """Take the copay before the deductible instead of after it."""
    coinsurance_bps: Annotated[int, Field(ge=0, le=10_000)] = 0
    """The member's share in basis points."""
    coinsurance_after_copay: bool = False
    """Charge coinsurance even where a copay is set."""


class FeeTerms(Stated):
    """One version of the fee for one service id."""

    amount: Amount
    """The most the plan allows for one unit, in micro-dollars."""
    category: Annotated[int, Field(ge=1, le=255)]
    max_units: Annotated[int, Field(ge=1, lt=2**16)] = 1
    """The most units of one event."""
    annual_units: Annotated[int, Field(ge=0, lt=2**16)] = 0
    """The most units a member may have settled in a benefit year; 0: no limit."""

    @property
    def category_label(self) -> str:
        """The category as a word, a number that is none of ``Category`` as it is."""
        known = self.category in set(Category)
        return Category(self.category).label if known else str(self.category)

    @model_validator(mode="after")
    def _product_fits(self) -> Self:
        if self.amount * self.max_units > MAX_AMOUNT:
            raise ValueError("amount times max_units does not fit 64 bits")
        return self
