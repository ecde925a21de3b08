"""A provider's remittance advice: what was paid, what was taken off and why, and what it may withdraw.

Adjustments carry X12 claim adjustment group and reason codes (CARC, external code list 139), as a
billing office expects them from an 835.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from chainbill.billing.outcomes import (
    CARC,
    CARC_COINSURANCE,
    CARC_CONTRACTUAL,
    CARC_COPAY,
    CARC_DEDUCTIBLE,
    CARC_MAXIMUM_REACHED,
    CARC_SELF_PAY,
    Outcome,
)
from chainbill.errors import StateError
from chainbill.statements.asked_for import hint_for_unlisted
from chainbill.statements.facts import (
    AccountFacts,
    ChargeState,
    ClaimFacts,
    Disputer,
    DisputeStage,
    MovementKind,
    Names,
    ProviderBalance,
    check_balance,
    current_claims,
    moved,
)
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
    outcome_word,
    sharings,
)
from chainbill.statements.period import Period, within
from chainbill.statements.sharing import CostSharing
from chainbill.statements.wording import (
    iso_moment,
    join_words,
    known_payer,
    known_provider,
    movement_line,
    plain,
    readings_line,
    show_date,
    utc_day,
)


class Adjustment(StatementPart):
    """An amount that the plan does not pay, and the code that says why."""

    code: str
    """Group and reason, for example ``CO-45``."""
    amount: Dollars


class RemittanceLine(StatementPart):
    """One event as it was decided. ``billed`` less the adjustments is ``plan_paid``, settled or denied, and
    ``plan_paid + second_insurer_paid + patient_paid - operator_fee == credited``."""

    number: str
    """The charge's one number (``2:7``), which every command about it takes and which never changes."""
    reference: str
    sequence: int
    outcome: OutcomeWord
    state: ChargeState
    """How it stands now; the amounts from ``billed`` to ``adjustments`` are as it was decided."""
    reason: str
    decided_date: str
    """YYYY-MM-DD, UTC: when it was paid, denied or last tried."""
    service_date: str | None
    """YYYY-MM-DD at the place of service; None: the record cannot be opened."""
    service: str | None
    """The catalogue's name of the service, from the record."""
    readings: ReadingsLine | None
    """What it stands on; None: it is no month of monitoring, or its record says nothing of that."""
    patient: str
    """The record's name, else the account."""
    benefit_year: int
    insurer: str | None
    """None: the patient pays without one."""
    second_insurer: str | None
    billed: Dollars | None
    """None: the fee schedule's price, which a refused or waiting event never got."""
    allowed: Dollars
    plan_paid: Dollars
    second_insurer_paid: Dollars
    patient_paid: Dollars
    operator_fee: Dollars
    """Kept by whoever had the batch signed and submitted."""
    credited: Dollars
    adjustments: list[Adjustment]
    dispute: str
    """How a dispute stands, in words; empty where there is none."""
    disputable: Disputable | None
    """How long patient and insurers may dispute it (``by_reader``: may any of them now); None: nothing was
    paid."""
    taken_back: Dollars
    """What of ``allowed`` a reversal gave back."""
    net: Amounts | None
    """The amounts less what was taken back; None: nothing was paid."""
    credited_now: Dollars
    """``credited`` less what was taken back of it."""
    corrects: str | None
    """The reference of the event that this one replaces."""


class ProviderCredit(StatementPart):
    """``balance == matured + maturing + held + bond - advanced``, and it is what was credited less what was
    taken back, paid out and paid to insurers, and what the bond brought."""

    balance: Dollars
    credited: Dollars
    taken_back: Dollars
    paid_out: Dollars
    """Payouts and advances."""
    receivables_paid: Dollars
    bond_put_up: Dollars
    bond_returned: Dollars
    matured: Dollars
    may_be_withdrawn: Dollars
    """Matured, less what is owed."""
    maturing: Dollars
    """Still disputable: matures eight days after the beginning of the day of settlement."""
    held: Dollars
    """Disputed."""
    bond: Dollars
    advanced: Dollars
    """Maturing credit that was paid out against the bond."""
    owed: Dollars
    """To insurers, for events given back."""
    movements: list[MovementLine]


class ProviderStatement(StatementPart):
    """A remittance advice."""

    statement: Literal["provider"] = "provider"
    version: int = STATEMENT_VERSION
    provider_id: int
    name: str
    as_of: str
    """YYYY-MM-DD of the last block read: the newest that is final."""
    not_final: int
    """How many charges more were decided in later blocks. They are told of once these are final."""
    period: PeriodLine | None
    """The days that everything but ``credit`` is about; None: all."""
    outside_period: int
    """How many events are left out."""
    counts: Counts
    totals: Amounts
    operator_fees: Dollars
    """Of the events in ``totals``."""
    lines: list[RemittanceLine]
    """Decided ones in the ledger's order, then those that wait."""
    credit: ProviderCredit


def provider_statement(
    provider_id: int, facts: AccountFacts, names: Names, period: Period | None = None
) -> ProviderStatement:
    """Say what one provider was paid for and what not; in ``period``, where one is given.

    Raises:
        LedgerError: the credit does not add up.
    """
    everything = current_claims(facts.claims)
    claims = within(everything, period)
    net = sharings(claims)
    return ProviderStatement(
        provider_id=provider_id,
        name=known_provider(provider_id, names),
        as_of=utc_day(facts.as_of).isoformat(),
        not_final=facts.not_final,
        period=period.line() if period else None,
        outside_period=len(everything) - len(claims),
        counts=Counts.of(claims),
        totals=Amounts.total(net),
        operator_fees=sum(sharing.operator_fee for sharing in net),
        lines=[_line(claim, names, facts.as_of) for claim in claims],
        credit=_credit(facts, everything),
    )


def only_lines(statement: ProviderStatement, numbers: Collection[str]) -> ProviderStatement:
    """The same statement with those lines alone; its sums stay.

    Raises:
        StateError: one of them is not on the statement.
    """
    unknown = set(numbers) - {line.number for line in statement.lines}
    if unknown:
        where = "in this period" if statement.period else "on the statement"
        raise StateError(
            f"there is no charge {min(unknown)} {where}",
            hint=hint_for_unlisted("provider", statement.not_final),
        )
    return statement.model_copy(
        update={"lines": [line for line in statement.lines if line.number in numbers]}
    )


def adjustments(claim: ClaimFacts) -> list[Adjustment]:
    """The codes and amounts between what was billed and what the plan paid; none while it waits."""
    if claim.sharing is not None:
        found = _shared(claim.sharing, self_pay=claim.payer_id is None)
    elif claim.outcome is Outcome.DENIED:
        found = [(CARC[claim.reason], claim.billed_amount)]
    else:
        found = []
    return [Adjustment(code=code, amount=amount) for code, amount in found]


def _shared(sharing: CostSharing, *, self_pay: bool) -> Sequence[tuple[str, int]]:
    coded = (
        (CARC_CONTRACTUAL, sharing.contractual_adjustment),
        (CARC_DEDUCTIBLE, sharing.deductible),
        (CARC_COINSURANCE, sharing.coinsurance),
        (CARC_COPAY, sharing.copay),
        (CARC_SELF_PAY if self_pay else CARC_MAXIMUM_REACHED, sharing.outside_plan),
    )
    return [(code, amount) for code, amount in coded if amount]


def _line(claim: ClaimFacts, names: Names, now: int) -> RemittanceLine:
    sharing, record = claim.sharing or CostSharing(), claim.record
    net = claim.net or CostSharing()
    return RemittanceLine(
        number=claim.number,
        reference=f"0x{claim.reference.hex()}",
        sequence=claim.sequence,
        outcome=outcome_word(claim),
        state=claim.state,
        reason=claim.reason.label,
        decided_date=utc_day(claim.decided_at).isoformat(),
        service_date=record.service_date.isoformat() if record else None,
        service=plain(record.service) if record else None,
        readings=readings_line(record),
        patient=(plain(record.patient.name) if record else "") or claim.patient,
        benefit_year=claim.benefit_year,
        insurer=known_payer(claim.payer_id, names) if claim.payer_id else None,
        second_insurer=known_payer(claim.secondary_payer_id, names) if claim.secondary_payer_id else None,
        billed=sharing.billed if claim.sharing else claim.billed_amount or None,
        allowed=sharing.allowed,
        plan_paid=sharing.plan_paid,
        second_insurer_paid=sharing.secondary_paid,
        patient_paid=sharing.patient_responsibility,
        operator_fee=sharing.operator_fee,
        credited=sharing.allowed - sharing.operator_fee,
        adjustments=adjustments(claim),
        dispute=_dispute(claim),
        disputable=_disputable(claim, now),
        taken_back=claim.taken_back.allowed if claim.taken_back else 0,
        net=Amounts.total([claim.net]) if claim.net else None,
        credited_now=net.allowed - net.operator_fee,
        corrects=f"0x{claim.corrects.hex()}" if claim.corrects else None,
    )


def _disputable(claim: ClaimFacts, now: int) -> Disputable | None:
    if claim.dispute_until is None:
        return None
    parties = {Disputer.PATIENT: True, Disputer.INSURER: claim.payer_id is not None}
    parties[Disputer.SECOND_INSURER] = claim.secondary_payer_id is not None
    there = [party for party, takes_part in parties.items() if takes_part]
    return Disputable(
        until=iso_moment(claim.dispute_until),
        by_reader=any(claim.may_be_disputed(party, now) for party in there),
        closed=claim.why_closed(there),
    )


def _dispute(claim: ClaimFacts) -> str:
    dispute = claim.dispute
    if dispute is None:
        return ""
    by = join_words([party.value for party in dispute.parties])
    day = show_date(utc_day(dispute.deadline)) if dispute.deadline else ""
    match dispute.stage:
        case DisputeStage.OPEN:
            return f"disputed by {by}: answer by {day}, or it is taken back"
        case DisputeStage.ANSWERED:
            return f"disputed by {by}, answered: ruling due by {day}"
        case DisputeStage.UPHELD:
            return f"disputed by {by}, and upheld"
        case DisputeStage.REVERSED:
            how = "in full" if claim.given_back else "in part"
            return f"disputed by {by}, and taken back {how}" if by else f"given back {how}"


def _credit(facts: AccountFacts, claims: Sequence[ClaimFacts]) -> ProviderCredit:
    standing = facts.standing or ProviderBalance(0, 0, 0, 0, 0, 0)
    credited = sum(claim.sharing.allowed - claim.sharing.operator_fee for claim in claims if claim.sharing)
    taken_back = moved(facts.movements, MovementKind.TAKEN_BACK)
    paid_out = moved(facts.movements, MovementKind.PAYOUT) + moved(facts.movements, MovementKind.ADVANCE)
    receivables = moved(facts.movements, MovementKind.RECEIVABLE_PAID)
    put_up = moved(facts.movements, MovementKind.BOND_PUT_UP)
    returned = moved(facts.movements, MovementKind.BOND_RETURNED)
    expected = credited - taken_back - paid_out - receivables + put_up - returned
    check_balance("the provider's credit", expected, facts.balance)
    check_balance("the provider's credit by its parts", standing.balance, facts.balance)
    return ProviderCredit(
        balance=facts.balance,
        credited=credited,
        taken_back=taken_back,
        paid_out=paid_out,
        receivables_paid=receivables,
        bond_put_up=put_up,
        bond_returned=returned,
        matured=standing.matured,
        may_be_withdrawn=max(0, standing.matured - standing.owed),
        maturing=standing.maturing,
        held=standing.held,
        bond=standing.bond,
        advanced=standing.advanced,
        owed=standing.owed,
        movements=[movement_line(movement) for movement in facts.movements],
    )
