"""The shape of a patient's statement, and so of its JSON."""

from __future__ import annotations

from typing import Literal

from chainbill.statements.facts import ChargeState
from chainbill.statements.model import (
    STATEMENT_VERSION,
    Amounts,
    Counts,
    Disputable,
    Dollars,
    MovementLine,
    OutcomeWord,
    PeriodLine,
    ReadingsLine,
    StatementPart,
)


class Share(StatementPart):
    """One component of what the patient paid."""

    amount: Dollars
    why: str


class Remaining(StatementPart):
    """What could still be asked of the member just after an event: the rest of the member's own limits, or of
    the family's where that is less."""

    deductible: Dollars
    deductible_left: Dollars
    out_of_pocket_maximum: Dollars
    out_of_pocket_left: Dollars


class EventAmounts(StatementPart):
    """What a paid event cost and who paid it."""

    billed: Dollars
    allowed: Dollars
    contractual_adjustment: Dollars
    saving: str
    """The adjustment in words; empty where there is none."""
    plan_paid: Dollars
    secondary_paid: Dollars
    """What the second insurer took over of the four parts."""
    patient_responsibility: Dollars
    deductible: Share
    copay: Share
    coinsurance: Share
    outside_plan: Share
    """Above the plan's annual maximum, or the whole price where no insurer took part."""
    limit: str
    """What the out-of-pocket maximum did; empty where it did nothing."""
    remaining: Remaining | None
    """None where no insurer took part."""
    given_back: Dollars
    """What of ``patient_responsibility`` went back to the wallet."""


class PatientEvent(StatementPart):
    """One service on the statement."""

    number: str | None
    """The charge's one number (``2:7``), which every command about it takes and which never changes; None:
    the oracle has not taken it, so it has none yet."""
    outcome: OutcomeWord
    """How the ledger has it; a service that the oracle has not taken is ``pended``."""
    state: ChargeState
    """How it stands now."""
    reason: str
    """A ``Reason``'s label, the word of the oracle's refusal, ``accepted`` or ``recalled``; ``none`` where
    the event was paid."""
    reason_text: str
    """The same in words; empty where the event was paid."""
    service: str
    kind: str | None
    """A ``ServiceKind``; None without a record."""
    units: int | None
    service_date: str | None
    """YYYY-MM-DD at the place of service; None without a record."""
    readings: ReadingsLine | None
    """What it stands on; None: it is no month of monitoring, or its record says nothing of that."""
    decided_date: str
    """The day it was paid, refused or last tried; the statement's, where it was not tried yet."""
    benefit_year: int | None
    provider: str
    insurer: str | None
    """None: nobody but the patient was to pay."""
    second_insurer: str | None
    reference: str
    """The commitment."""
    record_note: str
    """Said where the reader has no record of it, or no oracle has vouched for it; else empty."""
    billed: Dollars | None
    """None where neither ledger nor record says."""
    price_note: str
    """Said where the billed amount is the provider's list price and not the record's; else empty."""
    amounts: EventAmounts | None
    """As it was paid; None: nothing was charged."""
    net: Amounts | None
    """The same less what was taken back since."""
    dispute: Disputable | None
    """None: nothing was paid."""
    since: list[str]
    """Disputes, reversals and corrections, in words."""
    charged_separately: str
    covered_by_insurance: str
    what_to_do: list[str]
    warnings: list[str]


class FamilyYear(StatementPart):
    """What a family has met together; a limit of 0 is none."""

    deductible: Dollars
    deductible_met: Dollars
    out_of_pocket_maximum: Dollars
    out_of_pocket_met: Dollars


class BenefitYear(StatementPart):
    """One benefit year with one insurer, as it stands now."""

    benefit_year: int
    insurer: str
    deductible: Dollars
    deductible_met: Dollars
    deductible_left: Dollars
    out_of_pocket_maximum: Dollars
    out_of_pocket_met: Dollars
    out_of_pocket_left: Dollars
    carried_in_deductible: Dollars
    """Opening entry: met elsewhere before enrolment; part of ``deductible_met``."""
    carried_in_out_of_pocket: Dollars
    coverage_ends: str | None
    """YYYY-MM-DD; None: open."""
    family: FamilyYear | None
    """None: the plan has no limits for a family, or the member none."""
    plan_maximum: Dollars | None
    """The most the plan pays in the year; None: no limit."""
    plan_paid: Dollars
    """What counts towards that."""
    counts_as_if_alone: bool
    """The insurer was second on a service: it counts what it would have made of it alone."""


class Wallet(StatementPart):
    """``balance == deposited - withdrawn - paid_for_care + refunded``."""

    balance: Dollars
    deposited: Dollars
    withdrawn: Dollars
    paid_for_care: Dollars
    refunded: Dollars
    movements: list[MovementLine]


class PatientStatement(StatementPart):
    """An Explanation of Benefits."""

    statement: Literal["patient"] = "patient"
    version: int = STATEMENT_VERSION
    account: str
    name: str
    """The one the records agree on, else the address book's; may be empty."""
    as_of: str
    """YYYY-MM-DD of the last block read: the newest that is final."""
    not_final: int
    """How many charges more were decided in later blocks. They are told of once these are final."""
    period: PeriodLine | None
    """The days that ``counts``, ``totals``, ``benefit_years`` and ``events`` are about; None: all."""
    outside_period: int
    """How many events are left out."""
    counts: Counts
    totals: Amounts
    benefit_years: list[BenefitYear]
    wallet: Wallet
    """Of all time, whatever the period."""
    announced: list[str]
    """What the patient has announced and does not hold yet, in words."""
    events: list[PatientEvent]
    """Paid ones in the order they were paid, then refused ones, then those that wait."""
    if_something_looks_wrong: list[str]
