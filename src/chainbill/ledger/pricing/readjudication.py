"""What the published terms say about one row: the contracts' decision, taken again on the rebuilt ledger.

The order of the questions is that of ``ClaimSettlement``, ``Coordination`` and ``InsurerPayer``: a row that
fails several is put back or denied for the first.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.billing.accumulators import Accumulators, FamilyAccumulators
from chainbill.billing.adjudication import BPS, Adjudication, adjudicate
from chainbill.billing.coordination import Coordination, coordinate
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.self_pay import price_self_pay
from chainbill.billing.terms import CategoryTerms
from chainbill.chain.contracts.payer import PublishedFee
from chainbill.chain.format.events import Claim
from chainbill.ledger.accounts import Ledger, MemberYear, PayerAccount, PlanVersion
from chainbill.ledger.pricing.attested_row import AttestedRow, year_of
from chainbill.ledger.pricing.spendable import charge_reason, escrow_reason
from chainbill.money import MAX_AMOUNT


@dataclass(frozen=True, slots=True)
class PricedBy:
    """The published terms that one payer prices a claim by, and where the member stood before it."""

    plan: PlanVersion
    fee: PublishedFee
    category: CategoryTerms | None
    """None: the plan names no terms for the fee's category, so does not cover it."""
    met: Accumulators
    family: FamilyAccumulators | None
    units_used: int


@dataclass(frozen=True, slots=True)
class Readjudication:
    """How a row ends by the terms in force at its batch's ``signed_at``."""

    outcome: Outcome
    reason: Reason
    priced_by: PricedBy | None = None
    """The only or primary payer's terms; None where the row is decided before them, and for self-pay."""
    adjudication: Adjudication | None = None
    """Every component; None where the row is decided before it is priced."""
    secondary: Adjudication | None = None
    """The secondary as if it were alone; None where it counts nothing."""
    secondary_priced_by: PricedBy | None = None
    fee: int = 0
    """The operator's."""


def readjudicate(ledger: Ledger, row: AttestedRow) -> Readjudication:
    """Decide a row on the ledger as it stood before it."""
    claim = row.claim
    provider = ledger.providers.get(claim.provider_id)
    if provider is not None and claim.sequence in provider.spent:
        return Readjudication(Outcome.SKIPPED, Reason.SEQUENCE_SPENT)
    if any(payer_id and payer_id not in ledger.payers for payer_id in row.payers):
        return _ended(Reason.UNKNOWN_PAYER)
    if provider is None or provider.credit.suspended:
        return _ended(Reason.PROVIDER_NOT_ACTIVE)
    reason = _year_reason(claim, row.signed_at)
    if reason is Reason.NONE and row.one_by_one:
        reason = escrow_reason(ledger, row)
    if reason is not Reason.NONE:
        return _ended(reason)
    if claim.payer_id == 0:
        return _self_pay(ledger, row)
    return _covered(ledger, row)


def _ended(reason: Reason) -> Readjudication:
    return Readjudication(reason.outcome, reason)


def _year_reason(claim: Claim, signed_at: int) -> Reason:
    """The year in which the batch was signed and the one before may be billed."""
    current_year = year_of(signed_at)
    if claim.benefit_year + 1 < current_year:
        return Reason.BENEFIT_YEAR_CLOSED
    return Reason.BENEFIT_YEAR_NOT_OPEN if claim.benefit_year > current_year else Reason.NONE


# ---- self-pay -------------------------------------------------------------------------------------------


def _self_pay(ledger: Ledger, row: AttestedRow) -> Readjudication:
    claim = row.claim
    price = ledger.provider(claim.provider_id).cash_price_at(claim.service_id, row.signed_at)
    if price == 0:
        return _ended(Reason.NO_CASH_PRICE)
    if claim.units == 0:
        return _ended(Reason.UNITS_EXCEEDED)
    decided = price_self_pay(billed_amount=row.billed_amount, units=claim.units, cash_price=price)
    if max(decided.billed, decided.allowed) > MAX_AMOUNT:
        return _ended(Reason.PATIENT_UNFUNDED)
    return _settling(ledger, row, decided, charge_reason(ledger, row, decided.patient_responsibility))


# ---- one or two payers ----------------------------------------------------------------------------------


def _covered(ledger: Ledger, row: AttestedRow) -> Readjudication:
    """Priced by the only or primary payer, and by the secondary where there is one."""
    claim = row.claim
    payer = ledger.payer(claim.payer_id)
    plan = _plan(payer, row, claim.plan_id, claim.terms_version)
    if isinstance(plan, Reason):
        return _ended(plan)
    if not row.one_by_one and (reason := escrow_reason(ledger, row)) is not Reason.NONE:
        return _ended(reason)
    priced_by = _terms(payer, row, plan, claim.plan_id, claim.service_id)
    if isinstance(priced_by, Reason):
        return _ended(priced_by)
    decided = _price(row, priced_by)
    if decided.outcome is not Outcome.SETTLED:
        return Readjudication(decided.outcome, decided.reason, priced_by, decided)
    if claim.secondary_payer_id:
        return _coordinated(ledger, row, priced_by, decided)
    short = charge_reason(ledger, row, decided.patient_responsibility)
    if short is Reason.NONE and decided.plan_paid > payer.pool:
        short = Reason.PAYER_UNFUNDED
    return _settling(ledger, row, decided, short, priced_by)


def _coordinated(
    ledger: Ledger, row: AttestedRow, priced_by: PricedBy, primary: Adjudication
) -> Readjudication:
    claim = row.claim
    payer = ledger.payer(claim.secondary_payer_id)
    plan = _plan(payer, row, claim.secondary_plan_id, claim.secondary_terms_version)
    terms = (
        plan
        if isinstance(plan, Reason)
        else _terms(payer, row, plan, claim.secondary_plan_id, claim.secondary_service_id)
    )
    if isinstance(terms, Reason) and terms.outcome is Outcome.PENDED:
        return Readjudication(Outcome.PENDED, terms, priced_by, primary)
    joined = Coordination(primary, None)  # a secondary that denies pays nothing
    if isinstance(terms, PricedBy):
        second = _price(row, terms, allowed_at_least=primary.allowed)
        joined = coordinate(primary, second, terms.plan.terms.cob_mode)
    return _settling(
        ledger,
        row,
        joined.claim,
        _short_of_two(ledger, row, joined.claim),
        priced_by,
        secondary=joined.secondary,
        secondary_priced_by=terms if isinstance(terms, PricedBy) else None,
    )


def _short_of_two(ledger: Ledger, row: AttestedRow, decided: Adjudication) -> Reason:
    """What keeps a coordinated row from settling, in the contract's order."""
    primary, secondary = (ledger.payer(payer_id).pool for payer_id in row.payers)
    if decided.secondary_paid > secondary:
        return Reason.PAYER_UNFUNDED
    short = charge_reason(ledger, row, decided.patient_responsibility)
    if short is Reason.NONE and decided.plan_paid > primary:
        return Reason.PAYER_UNFUNDED
    return short


def _settling(
    ledger: Ledger,
    row: AttestedRow,
    decided: Adjudication,
    short: Reason,
    priced_by: PricedBy | None = None,
    *,
    secondary: Adjudication | None = None,
    secondary_priced_by: PricedBy | None = None,
) -> Readjudication:
    """A priced row that settles, unless somebody is short."""
    fee = 0
    if row.operator != ZERO_ADDRESS:
        flat, bps = ledger.operator_fee.at(row.signed_at)
        fee = min(flat + decided.allowed * bps // BPS, decided.allowed)
    return Readjudication(short.outcome, short, priced_by, decided, secondary, secondary_priced_by, fee)


def _plan(payer: PayerAccount, row: AttestedRow, plan_id: int, version: int) -> PlanVersion | Reason:
    """The plan's terms, or why no row of this provider can be priced by them."""
    acceptance = payer.acceptances.get(row.claim.provider_id)
    if acceptance is None or not acceptance.at(row.signed_at):
        return Reason.PROVIDER_NOT_ACCEPTED
    return payer.plan_in_force(plan_id, version, row.signed_at) or Reason.NO_TERMS_IN_FORCE


def _terms(
    payer: PayerAccount, row: AttestedRow, plan: PlanVersion, plan_id: int, service_id: bytes
) -> PricedBy | Reason:
    """The terms for this member and service, or why there are none."""
    standing = payer.members.get((row.patient, row.claim.benefit_year))
    if standing is None or not _enrolled(standing, plan_id, row.signed_at):
        return Reason.NOT_ENROLLED
    fee = payer.fee_at(service_id, row.signed_at)
    if fee is None:
        return Reason.NO_TERMS_IN_FORCE if service_id in payer.fees else Reason.UNKNOWN_SERVICE
    return PricedBy(
        plan,
        fee,
        plan.categories.get(fee.terms.category),
        standing.met,
        payer.family_of(standing, row.claim.benefit_year),
        payer.units_used(row.patient, row.claim.benefit_year, service_id),
    )


def _enrolled(standing: MemberYear, plan_id: int, signed_at: int) -> bool:
    ends_at = standing.coverage_ends_at
    return standing.plan.at(signed_at) == plan_id and (ends_at == 0 or signed_at < ends_at)


def _price(row: AttestedRow, terms: PricedBy, *, allowed_at_least: int = 0) -> Adjudication:
    return adjudicate(
        billed_amount=row.billed_amount,
        units=row.claim.units,
        fee=terms.fee.terms,
        category=terms.category,
        plan=terms.plan.terms,
        met=terms.met,
        family=terms.family,
        units_used=terms.units_used,
        allowed_at_least=allowed_at_least,
    )
