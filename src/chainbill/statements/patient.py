"""A patient's statement: an Explanation of Benefits for everything the ledger holds on one account."""

from __future__ import annotations

from collections.abc import Sequence

from chainbill.billing.outcomes import Outcome
from chainbill.errors import LedgerError
from chainbill.money import show_dollars
from chainbill.records.service_event import PriceSource
from chainbill.statements.advice import general_advice, what_to_do
from chainbill.statements.cost_sharing import explain
from chainbill.statements.facts import (
    AccountFacts,
    ClaimFacts,
    CostSharing,
    MemberYear,
    MovementKind,
    Names,
    TermsApplied,
    check_balance,
    current_claims,
    moved,
)
from chainbill.statements.model import Amounts, Counts, outcome_word, sharings
from chainbill.statements.patient_model import (
    BenefitYear,
    EventAmounts,
    PatientEvent,
    PatientStatement,
    Remaining,
    Share,
    Wallet,
)
from chainbill.statements.questions import Numbered, charged_separately, covered_by_insurance, look_alikes
from chainbill.statements.wording import (
    known_payer,
    movement_line,
    plain,
    provider_name,
    sentence,
    service_words,
    utc_day,
)

_ORDER = (Outcome.SETTLED, Outcome.DENIED, Outcome.PENDED)


def patient_statement(account: str, facts: AccountFacts, names: Names) -> PatientStatement:
    """Explain everything that happened on a patient's account.

    Raises:
        LedgerError: the wallet does not add up, or a paid event's terms are missing.
    """
    claims = sorted(current_claims(facts.claims), key=lambda claim: _ORDER.index(claim.outcome))
    totals = Amounts.total(sharings(claims))
    entries = [Numbered(number, claim) for number, claim in enumerate(claims, start=1)]
    paid = [entry for entry in entries if entry.claim.outcome is Outcome.SETTLED]
    return PatientStatement(
        account=account,
        name=_name(account, claims, names),
        as_of=utc_day(facts.as_of).isoformat(),
        counts=Counts.of(claims),
        totals=totals,
        benefit_years=[
            _benefit_year(year, names)
            for year in sorted(facts.years, key=lambda year: (year.benefit_year, year.payer_id))
        ],
        wallet=_wallet(facts, totals.patient_responsibility),
        events=[_event(entry, paid, names) for entry in entries],
        if_something_looks_wrong=general_advice(),
    )


def _name(account: str, claims: Sequence[ClaimFacts], names: Names) -> str:
    """The name all records agree on, else the address book's."""
    recorded = {plain(claim.record.patient.name) for claim in claims if claim.record}
    return recorded.pop() if len(recorded) == 1 else plain(names.accounts.get(account, ""))


def _event(entry: Numbered, paid: Sequence[Numbered], names: Names) -> PatientEvent:
    claim = entry.claim
    record = claim.record
    provider = provider_name(claim, names)
    insurer = known_payer(claim.payer_id, names) if claim.payer_id else None
    reference = f"0x{claim.reference.hex()}"
    return PatientEvent(
        number=entry.number,
        outcome=outcome_word(claim),
        reason=claim.reason.label,
        reason_text=sentence(claim.reason.explanation),
        service=service_words(claim),
        kind=record.kind.value if record else None,
        units=claim.units or (record.units if record else None),
        service_date=entry.day.isoformat() if entry.day else None,
        decided_date=utc_day(claim.decided_at).isoformat(),
        benefit_year=claim.benefit_year or (record.benefit_year if record else None),
        provider=provider,
        insurer=insurer,
        reference=reference,
        billed=_billed(claim),
        price_note=_price_note(claim),
        amounts=_amounts(claim),
        charged_separately=charged_separately(entry, paid),
        covered_by_insurance=covered_by_insurance(claim),
        what_to_do=what_to_do(claim.reason, reference, provider, insurer or "your insurer"),
        warnings=_warnings(entry, paid),
    )


def _billed(claim: ClaimFacts) -> int | None:
    """The price asked; an attested 0 stands for the fee schedule's, which a refused event never got."""
    if claim.sharing is not None:
        return claim.sharing.billed
    recorded = claim.record.billed_amount if claim.record else None
    return claim.billed_amount or recorded or None


def _price_note(claim: ClaimFacts) -> str:
    if claim.record is None or claim.record.price_source is not PriceSource.CATALOGUE_DEFAULT:
        return ""
    return "The record names no price for this service, so the provider's list price was charged."


def _amounts(claim: ClaimFacts) -> EventAmounts | None:
    sharing, terms = claim.sharing, claim.terms
    if sharing is None:
        return None
    if terms is None:
        raise LedgerError(
            f"the terms that entry 0x{claim.reference.hex()} was priced by are not in the ledger"
        )
    reasons = explain(sharing, terms)
    saved = sharing.contractual_adjustment
    return EventAmounts(
        billed=sharing.billed,
        allowed=sharing.allowed,
        contractual_adjustment=saved,
        saving=f"Your insurer's agreed price saved you {show_dollars(saved)}." if saved else "",
        plan_paid=sharing.plan_paid,
        patient_responsibility=sharing.patient_responsibility,
        deductible=Share(amount=sharing.deductible, why=reasons.deductible),
        copay=Share(amount=sharing.copay, why=reasons.copay),
        coinsurance=Share(amount=sharing.coinsurance, why=reasons.coinsurance),
        limit=reasons.limit,
        remaining=_remaining(sharing, terms),
    )


def _remaining(sharing: CostSharing, terms: TermsApplied) -> Remaining:
    plan, met = terms.plan, terms.met_before
    return Remaining(
        deductible=plan.deductible,
        deductible_left=max(0, plan.deductible - met.deductible_met - sharing.deductible),
        out_of_pocket_maximum=plan.oop_max,
        out_of_pocket_left=max(0, plan.oop_max - met.oop_met - sharing.patient_responsibility),
    )


def _warnings(entry: Numbered, paid: Sequence[Numbered]) -> list[str]:
    """What a careful reader would have noticed."""
    claim, warnings = entry.claim, []
    if claim.record_damaged:
        warnings.append(
            "The record in your vault is damaged or was changed, so it is not shown: ask the provider."
        )
    if claim.record is not None:
        recorded = (claim.record.billed_amount, claim.record.units, claim.record.benefit_year)
        logged = (claim.billed_amount, claim.units, claim.benefit_year)
        if any(value is not None and value != told for value, told in zip(logged, recorded, strict=True)):
            warnings.append(
                "The price, number or year differs from the record in your vault: ask the provider."
            )
    if claim.outcome is Outcome.SETTLED:
        warnings += [
            f"Number {number} may be the same service charged twice. If you had it once, ask the provider."
            for number in look_alikes(entry, paid)
        ]
    return warnings


def _benefit_year(year: MemberYear, names: Names) -> BenefitYear:
    plan, met, opening = year.plan, year.met, year.opening
    ends = year.coverage_ends_at
    return BenefitYear(
        benefit_year=year.benefit_year,
        insurer=known_payer(year.payer_id, names),
        deductible=plan.deductible,
        deductible_met=met.deductible_met,
        deductible_left=max(0, plan.deductible - met.deductible_met),
        out_of_pocket_maximum=plan.oop_max,
        out_of_pocket_met=met.oop_met,
        out_of_pocket_left=max(0, plan.oop_max - met.oop_met),
        carried_in_deductible=opening.deductible_met,
        carried_in_out_of_pocket=opening.oop_met,
        coverage_ends=utc_day(ends).isoformat() if ends else None,
    )


def _wallet(facts: AccountFacts, paid_for_care: int) -> Wallet:
    deposited = moved(facts.movements, MovementKind.DEPOSIT)
    withdrawn = moved(facts.movements, MovementKind.WITHDRAWAL)
    check_balance("your wallet", deposited - withdrawn - paid_for_care, facts.balance)
    return Wallet(
        balance=facts.balance,
        deposited=deposited,
        withdrawn=withdrawn,
        paid_for_care=paid_for_care,
        movements=[movement_line(movement) for movement in facts.movements],
    )
