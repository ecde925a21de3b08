"""What an insurer publishes beforehand: plans, category terms and fees (DESIGN: adjudication)."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chainbill.money import CENT, MAX_AMOUNT

Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
"""Micro-dollars that fit a ``uint64``."""


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


class _Terms(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlanTerms(_Terms):
    """One version of a plan's yearly terms, in micro-dollars."""

    deductible: Amount
    """What the member pays each benefit year before the plan shares."""
    oop_max: Amount
    """Out-of-pocket maximum: the most a member pays each benefit year for covered services."""
    rounding_unit: Annotated[int, Field(ge=1, lt=2**32)] = CENT
    """Coinsurance is rounded, half up for the plan, to whole multiples of this."""

    @model_validator(mode="after")
    def _whole_units(self) -> Self:
        for name in ("deductible", "oop_max"):
            if getattr(self, name) % self.rounding_unit:
                raise ValueError(f"{name} is not a whole number of rounding units")
        return self


class CategoryTerms(_Terms):
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


class FeeTerms(_Terms):
    """One version of the fee for one service id."""

    amount: Amount
    """The most the plan allows for one unit, in micro-dollars."""
    category: Annotated[int, Field(ge=1, le=255)]
    max_units: Annotated[int, Field(ge=1, lt=2**16)] = 1

    @model_validator(mode="after")
    def _product_fits(self) -> Self:
        if self.amount * self.max_units > MAX_AMOUNT:
            raise ValueError("amount times max_units does not fit 64 bits")
        return self
