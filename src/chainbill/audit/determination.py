"""What the published terms say about one claim: the contracts' decision, taken again on the rebuilt ledger.

The order of the questions is that of ``ClaimSettlement._determine`` and ``InsurerPayer._determine``: a row
that fails several is put back or denied for the first.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.audit.ledger import Ledger, MemberYear, PatientAccount, PayerAccount, PlanVersion
from chainbill.audit.notice import ConsentTerms
from chainbill.billing.accumulators import Accumulators
from chainbill.billing.adjudication import Adjudication, adjudicate
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import CategoryTerms
from chainbill.chain.contracts.payer import PublishedFee
from chainbill.chain.events import Claim
from chainbill.errors import LedgerError


@dataclass(frozen=True, slots=True)
class PricedBy:
    """The published terms that priced a claim, and where the member stood before it."""

    plan: PlanVersion
    fee: PublishedFee
    category: CategoryTerms | None
    """None: the plan names no terms for the fee's category, so does not cover it."""
    met: Accumulators


@dataclass(frozen=True, slots=True)
class Determination:
    """How a row ends by the terms in force at its batch's ``signed_at``."""

    outcome: Outcome
    reason: Reason
    priced_by: PricedBy | None = None
    adjudication: Adjudication | None = None
    """Every component; None where the row is decided before it is priced."""


def determine(
    ledger: Ledger, provider_id: int, patient: str, claim: Claim, *, signed_at: int, block_time: int
) -> Determination:
    """Decide a row on the ledger as it stood before it."""
    provider = ledger.providers.get(provider_id)
    if provider is not None and claim.sequence in provider.spent:
        return Determination(Outcome.SKIPPED, Reason.SEQUENCE_SPENT)
    payer = ledger.payers.get(claim.payer_id)
    if payer is None:
        return _pended(Reason.UNKNOWN_PAYER)
    if provider is None or provider.suspended:
        return _pended(Reason.PROVIDER_NOT_ACTIVE)

    acceptance = payer.acceptances.get(provider_id)
    if acceptance is None or not acceptance.at(signed_at):
        return _pended(Reason.PROVIDER_NOT_ACCEPTED)
    block_year = year_of(block_time)
    if claim.benefit_year + 1 < block_year:
        return Determination(Outcome.DENIED, Reason.BENEFIT_YEAR_CLOSED)
    if claim.benefit_year > block_year:
        return _pended(Reason.BENEFIT_YEAR_NOT_OPEN)
    plan = payer.plan_in_force(claim.plan_id, claim.terms_version, signed_at)
    if plan is None:
        return _pended(Reason.NO_TERMS_IN_FORCE)
    return _of_member(ledger, payer, plan, provider_id, patient, claim, signed_at)


def _of_member(
    ledger: Ledger,
    payer: PayerAccount,
    plan: PlanVersion,
    provider_id: int,
    patient: str,
    claim: Claim,
    signed_at: int,
) -> Determination:
    """The questions about the patient and the fee."""
    account = ledger.patients.get(patient, PatientAccount())
    if account.payer.at(signed_at) != claim.payer_id:
        return _pended(Reason.PAYER_NOT_ACCEPTED)
    limit, expires_at = account.consents.get(provider_id, ConsentTerms()).at(signed_at)
    if expires_at <= signed_at:
        return _pended(Reason.NO_CONSENT)
    standing = payer.members.get((patient, claim.benefit_year))
    if standing is None or not _covered(standing, claim.plan_id, signed_at):
        return _pended(Reason.NOT_ENROLLED)
    fee = payer.fee_at(claim.service_id, signed_at)
    if fee is None:
        if claim.service_id in payer.fees:
            return _pended(Reason.NO_TERMS_IN_FORCE)
        return Determination(Outcome.DENIED, Reason.UNKNOWN_SERVICE)

    priced_by = PricedBy(plan, fee, plan.categories.get(fee.terms.category), standing.met)
    decided = adjudicate(
        billed_amount=claim.billed_amount,
        units=claim.units,
        fee=fee.terms,
        category=priced_by.category,
        plan=plan.terms,
        met=standing.met,
    )
    short = _short(decided, limit=limit, balance=account.balance, pool=payer.pool)
    if short is not None:
        return Determination(Outcome.PENDED, short, priced_by, decided)
    return Determination(decided.outcome, decided.reason, priced_by, decided)


def _short(decided: Adjudication, *, limit: int, balance: int, pool: int) -> Reason | None:
    """What keeps a priced row from settling."""
    if decided.outcome is not Outcome.SETTLED:
        return None
    if decided.patient_responsibility > limit:
        return Reason.OVER_CONSENT_LIMIT
    if decided.patient_responsibility > balance:
        return Reason.PATIENT_UNFUNDED
    return Reason.PAYER_UNFUNDED if decided.plan_paid > pool else None


def _covered(standing: MemberYear, plan_id: int, signed_at: int) -> bool:
    ends_at = standing.coverage_ends_at
    return standing.plan_id == plan_id and (ends_at == 0 or signed_at < ends_at)


def _pended(reason: Reason) -> Determination:
    return Determination(Outcome.PENDED, reason)


def year_of(time: int) -> int:
    """The Gregorian year (UTC) of any time at all: the twin of ``Calendar.yearOf``.

    ``datetime`` ends with the year 9999; an edited ledger need not.
    """
    day = time // 86_400 + 719_468
    era, day_of_era = divmod(day, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    return year_of_era + era * 400 + (1 if day_of_year >= 306 else 0)


def check_sums(claim: Claim) -> None:
    """A settled claim adds up (invariant 2), whatever its terms.

    Raises:
        LedgerError: it does not; says how.
    """
    if claim.plan_paid + claim.patient_responsibility != claim.allowed:
        raise LedgerError(
            f"plan paid {claim.plan_paid} and patient responsibility {claim.patient_responsibility}"
            f" are not the allowed {claim.allowed}"
        )
    if claim.allowed + claim.contractual_adjustment != claim.billed:
        raise LedgerError(
            f"allowed {claim.allowed} and adjustment {claim.contractual_adjustment}"
            f" are not the billed {claim.billed}"
        )
