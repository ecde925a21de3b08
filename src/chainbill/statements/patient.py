"""A patient's statement: an Explanation of Benefits for everything the ledger holds on one account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from chainbill.billing.outcomes import Outcome
from chainbill.errors import LedgerError
from chainbill.money import show_dollars
from chainbill.records.service_event import PriceSource
from chainbill.statements.advice import (
    SEALED,
    after_refusal,
    after_taking_back,
    can_dispute,
    general_advice,
    no_record,
    see_recorded,
    settled_without_oracle,
    what_to_do,
    why_refused,
)
from chainbill.statements.claim_history import claim_history
from chainbill.statements.cost_sharing import Reasons, explain
from chainbill.statements.facts import (
    AccountFacts,
    ChargeState,
    ClaimFacts,
    Disputer,
    MemberYearFacts,
    MovementKind,
    Names,
    RefusedFacts,
    check_balance,
    current_claims,
    moved,
)
from chainbill.statements.model import Amounts, Counts, Disputable, outcome_word, sharings
from chainbill.statements.patient_model import (
    BenefitYear,
    EventAmounts,
    FamilyYear,
    PatientEvent,
    PatientStatement,
    Remaining,
    Share,
    Wallet,
)
from chainbill.statements.pending_changes import announcements
from chainbill.statements.questions import (
    NOT_CHARGED,
    StatementLine,
    charged_separately,
    covered_by_insurance,
    look_alikes,
)
from chainbill.statements.sharing import CostSharing, TermsApplied
from chainbill.statements.wording import (
    SEALED_SERVICE,
    explanation,
    iso_moment,
    known_payer,
    known_provider,
    movement_line,
    plain,
    provider_name,
    readings_line,
    recorded_provider,
    recorded_service,
    sentence,
    service_words,
    show_moment,
    utc_day,
)

_DEFAULT_ACCOUNT = "patient"
"""The account that acts where a command names none."""

_ORDER = (Outcome.SETTLED, Outcome.DENIED, Outcome.PENDED)

_SELF_PAY = (
    "No insurer took part: you paid no more than the price that {provider} has published for everyone."
)


def patient_statement(account: str, facts: AccountFacts, names: Names) -> PatientStatement:
    """Explain everything that happened on a patient's account.

    Raises:
        LedgerError: the wallet does not add up, or a paid event's terms are missing.
    """
    claims = sorted(current_claims(facts.claims), key=lambda claim: _ORDER.index(claim.outcome))
    entries = [StatementLine(claim) for claim in claims]
    reader = _Reader(_acts_as(account, names), facts.as_of, facts.opened)
    seconds = {(claim.secondary_payer_id, claim.benefit_year) for claim in claims if claim.sharing}
    return PatientStatement(
        account=account,
        name=_name(account, facts, names),
        as_of=utc_day(facts.as_of).isoformat(),
        not_final=facts.not_final,
        period=None,
        outside_period=0,
        counts=_counts(claims, facts.refused),
        totals=Amounts.total(sharings(claims)),
        benefit_years=[
            _benefit_year(year, names, as_if_alone=(year.payer_id, year.benefit_year) in seconds)
            for year in sorted(facts.years, key=lambda year: (year.benefit_year, year.payer_id))
        ],
        wallet=_wallet(facts, claims),
        announced=announcements(facts.pending_changes, names),
        events=[
            *(_event(entry, entries, names, reader) for entry in entries),
            *(_refused_event(refused, names) for refused in facts.refused),
        ],
        if_something_looks_wrong=general_advice(),
    )


def _name(account: str, facts: AccountFacts, names: Names) -> str:
    """The name all records agree on, else the address book's."""
    records = [*(claim.record for claim in facts.claims), *(refused.record for refused in facts.refused)]
    recorded = {plain(record.patient.name) for record in records if record}
    return recorded.pop() if len(recorded) == 1 else plain(names.accounts.get(account, ""))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who reads, and when."""

    account: str
    """The name to act as; empty: as the one that acts where none is named."""
    now: int
    opens: bool
    """Is the key at hand that opens the patient's records?"""


def _acts_as(account: str, names: Names) -> str:
    name = plain(names.accounts.get(account, ""))
    return "" if name == _DEFAULT_ACCOUNT else name


def _counts(claims: Sequence[ClaimFacts], refused: Sequence[RefusedFacts]) -> Counts:
    counts = Counts.of(claims)
    pended = Counter(counts.pended) + Counter(each.reason for each in refused)
    return counts.model_copy(update={"pended": dict(sorted(pended.items()))})


def _event(
    entry: StatementLine, entries: Sequence[StatementLine], names: Names, reader: _Reader
) -> PatientEvent:
    claim = entry.claim
    paid = [other for other in entries if other.claim.sharing and not other.claim.given_back]
    record = claim.record
    provider = provider_name(claim, names)
    insurer = known_payer(claim.payer_id, names) if claim.payer_id else None
    second = known_payer(claim.secondary_payer_id, names) if claim.secondary_payer_id else None
    return PatientEvent(
        number=entry.number,
        outcome=outcome_word(claim),
        state=claim.state,
        reason=claim.reason_word,
        reason_text=sentence(explanation(claim)),
        service=service_words(claim) if reader.opens else SEALED_SERVICE,
        kind=record.kind.value if record else None,
        units=claim.units,
        service_date=entry.day.isoformat() if entry.day else None,
        readings=readings_line(record),
        decided_date=utc_day(claim.decided_at).isoformat(),
        benefit_year=claim.benefit_year,
        provider=provider,
        insurer=insurer,
        second_insurer=second,
        reference=f"0x{claim.reference.hex()}",
        record_note=" ".join(filter(None, (_oracle_note(claim), _record_note(claim, provider, reader)))),
        billed=_billed(claim),
        price_note=_price_note(claim),
        amounts=_amounts(claim, provider),
        net=Amounts.total([claim.net]) if claim.net else None,
        dispute=_disputable(claim, reader),
        since=claim_history(entry, entries, provider),
        charged_separately=charged_separately(entry, paid, opens=reader.opens),
        covered_by_insurance=covered_by_insurance(claim, insurer, second),
        what_to_do=_what_to_do(claim, provider, insurer, reader),
        warnings=_warnings(entry, paid),
    )


def _refused_event(refused: RefusedFacts, names: Names) -> PatientEvent:
    """A service that waits at its provider, because the oracle would not take it, or at the oracle."""
    record, why = refused.record, why_refused(refused.reason)
    provider = recorded_provider(record) or known_provider(refused.provider_id, names)
    return PatientEvent(
        number=refused.number,
        outcome="pended",
        state=ChargeState.WAITING,
        reason=refused.reason,
        reason_text=sentence(why),
        service=recorded_service(record),
        kind=record.kind.value,
        units=record.units,
        service_date=record.service_date.isoformat(),
        readings=readings_line(record),
        decided_date=utc_day(refused.refused_at).isoformat(),
        benefit_year=record.benefit_year,
        provider=provider,
        insurer=None,
        second_insurer=None,
        reference=f"0x{refused.reference.hex()}",
        record_note="",
        billed=record.billed_amount or None,
        price_note="",
        amounts=None,
        net=None,
        dispute=None,
        since=[],
        charged_separately=NOT_CHARGED,
        covered_by_insurance=f"Not yet: {why}. Nothing was charged.",
        what_to_do=after_refusal(refused.reason, provider),
        warnings=[],
    )


def _disputable(claim: ClaimFacts, reader: _Reader) -> Disputable | None:
    until = claim.dispute_until
    if until is None:
        return None
    return Disputable(
        until=iso_moment(until),
        by_reader=claim.may_be_disputed(Disputer.PATIENT, reader.now),
        closed=claim.why_closed([Disputer.PATIENT]),
    )


def _what_to_do(claim: ClaimFacts, provider: str, insurer: str | None, reader: _Reader) -> list[str]:
    if claim.given_back:
        return after_taking_back(claim.number)
    if claim.recalled:
        return [*after_refusal(claim.reason_word, provider), see_recorded(claim.number)]
    how = ""
    if claim.may_be_disputed(Disputer.PATIENT, reader.now):
        how = can_dispute(claim.number, show_moment(claim.dispute_until or 0), reader.account)
    return what_to_do(claim.reason, claim.number, provider, insurer, how)


def _oracle_note(claim: ClaimFacts) -> str:
    """Said of a charge that no oracle has vouched for."""
    if not claim.unanswered or claim.dispute_until is None or claim.given_back:
        return ""
    return settled_without_oracle(show_moment(claim.dispute_until))


def _record_note(claim: ClaimFacts, provider: str, reader: _Reader) -> str:
    """Said of a charge whose record the reader's vault cannot show."""
    if claim.record is not None or claim.record_damaged:
        return ""
    if not reader.opens:
        return SEALED
    if claim.may_be_disputed(Disputer.PATIENT, reader.now):
        return no_record(claim.number, show_moment(claim.dispute_until or 0), reader.account)
    missing = "The provider has not shown us a record of this."
    if claim.dispute_until is None or claim.given_back:
        return missing
    if claim.dispute is not None and Disputer.PATIENT in claim.dispute.parties:
        return f"{missing} You have disputed it."
    if closed := claim.why_closed([Disputer.PATIENT]):
        return f"{missing} {sentence(closed)}: ask {provider} for the record."
    last = show_moment(claim.dispute_until)
    return f"{missing} Its last day to be disputed was {last}: ask {provider} for the record."


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


def _amounts(claim: ClaimFacts, provider: str) -> EventAmounts | None:
    sharing = claim.sharing
    if sharing is None:
        return None
    reasons = _reasons(claim, sharing, provider)
    saved = sharing.contractual_adjustment
    whose = "Your insurer's agreed price" if claim.payer_id else "The published price"
    return EventAmounts(
        billed=sharing.billed,
        allowed=sharing.allowed,
        contractual_adjustment=saved,
        saving=f"{whose} saved you {show_dollars(saved)}." if saved else "",
        plan_paid=sharing.plan_paid,
        secondary_paid=sharing.secondary_paid,
        patient_responsibility=sharing.patient_responsibility,
        deductible=Share(amount=sharing.deductible, why=reasons.deductible),
        copay=Share(amount=sharing.copay, why=reasons.copay),
        coinsurance=Share(amount=sharing.coinsurance, why=reasons.coinsurance),
        outside_plan=Share(amount=sharing.outside_plan, why=reasons.outside_plan),
        limit=reasons.limit,
        remaining=_remaining(sharing, claim.terms) if claim.terms else None,
        given_back=claim.taken_back.patient_responsibility if claim.taken_back else 0,
    )


def _reasons(claim: ClaimFacts, sharing: CostSharing, provider: str) -> Reasons:
    if claim.payer_id is None:
        return Reasons("", "", "", "", _SELF_PAY.format(provider=provider))
    if claim.terms is None:
        raise LedgerError(
            f"the terms that entry 0x{claim.reference.hex()} was priced by are not in the ledger"
        )
    return explain(sharing, claim.terms)


def _remaining(sharing: CostSharing, terms: TermsApplied) -> Remaining:
    return Remaining(
        deductible=terms.plan.deductible,
        deductible_left=terms.deductible_left - sharing.deductible,
        out_of_pocket_maximum=terms.plan.oop_max,
        out_of_pocket_left=terms.out_of_pocket_left - sharing.out_of_pocket,
    )


def _warnings(entry: StatementLine, paid: Sequence[StatementLine]) -> list[str]:
    """What a careful reader would have noticed."""
    claim, warnings = entry.claim, []
    if claim.record_damaged:
        warnings.append(
            "The record in your vault is damaged or was changed, so it is not shown: ask the provider."
        )
    if claim.record is not None:
        recorded = (claim.record.billed_amount, claim.record.units, claim.record.benefit_year)
        logged = (claim.billed_amount, claim.units, claim.benefit_year)
        if logged != recorded:
            warnings.append(
                "The price, number or year differs from the record in your vault: ask the provider."
            )
    if claim.outcome is Outcome.SETTLED and not claim.given_back:
        warnings += [
            f"Number {number} may be the same service charged twice. If you had it once, ask the provider."
            for number in look_alikes(entry, paid)
        ]
    return warnings


def _benefit_year(year: MemberYearFacts, names: Names, *, as_if_alone: bool) -> BenefitYear:
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
        family=_family(year),
        plan_maximum=plan.annual_maximum or None,
        plan_paid=met.plan_paid,
        counts_as_if_alone=as_if_alone,
    )


def _family(year: MemberYearFacts) -> FamilyYear | None:
    plan, family = year.plan, year.family
    if family is None or not (plan.family_deductible or plan.family_oop_max):
        return None
    return FamilyYear(
        deductible=plan.family_deductible,
        deductible_met=family.deductible_met,
        out_of_pocket_maximum=plan.family_oop_max,
        out_of_pocket_met=family.oop_met,
    )


def _wallet(facts: AccountFacts, claims: Sequence[ClaimFacts]) -> Wallet:
    deposited = moved(facts.movements, MovementKind.DEPOSIT)
    withdrawn = moved(facts.movements, MovementKind.WITHDRAWAL)
    refunded = moved(facts.movements, MovementKind.REFUND)
    paid = sum(claim.sharing.patient_responsibility for claim in claims if claim.sharing)
    check_balance("your wallet", deposited - withdrawn - paid + refunded, facts.balance)
    return Wallet(
        balance=facts.balance,
        deposited=deposited,
        withdrawn=withdrawn,
        paid_for_care=paid,
        refunded=refunded,
        movements=[movement_line(movement) for movement in facts.movements],
    )
