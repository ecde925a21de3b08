"""A provider's remittance advice: what was paid, what was taken off and why, and what it may withdraw.

Adjustments carry X12 claim adjustment group and reason codes (CARC, external code list 139), as a
billing office expects them from an 835.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Literal

from chainbill.billing.outcomes import (
    CARC,
    CARC_COINSURANCE,
    CARC_CONTRACTUAL,
    CARC_COPAY,
    CARC_DEDUCTIBLE,
    Outcome,
)
from chainbill.statements.facts import (
    AccountFacts,
    ClaimFacts,
    CostSharing,
    MovementKind,
    Names,
    check_balance,
    current_claims,
    moved,
)
from chainbill.statements.model import (
    STATEMENT_VERSION,
    Amounts,
    Counts,
    Dollars,
    MovementLine,
    OutcomeWord,
    StatementPart,
    outcome_word,
    sharings,
)
from chainbill.statements.wording import known_payer, known_provider, movement_line, plain, utc_day


class Adjustment(StatementPart):
    """An amount that the plan does not pay, and the code that says why."""

    code: str
    """Group and reason, for example ``CO-45``."""
    amount: Dollars


class RemittanceLine(StatementPart):
    """One event. ``billed`` less the adjustments is ``plan_paid``, settled or denied."""

    reference: str
    sequence: int
    outcome: OutcomeWord
    reason: str
    decided_date: str
    """YYYY-MM-DD, UTC: when it was paid, denied or last tried."""
    service_date: str | None
    """YYYY-MM-DD, UTC; None: the record cannot be opened."""
    service: str | None
    """The catalogue's name of the service, from the record."""
    patient: str
    """The record's name, else the account."""
    benefit_year: int | None
    insurer: str | None
    billed: Dollars | None
    allowed: Dollars
    plan_paid: Dollars
    patient_paid: Dollars
    credited: Dollars
    adjustments: list[Adjustment]


class Credit(StatementPart):
    """``balance == credited - paid_out``."""

    balance: Dollars
    credited: Dollars
    paid_out: Dollars
    payouts: list[MovementLine]


class ProviderStatement(StatementPart):
    """A remittance advice."""

    statement: Literal["provider"] = "provider"
    version: int = STATEMENT_VERSION
    provider_id: int
    name: str
    as_of: str
    """YYYY-MM-DD of the last block read."""
    counts: Counts
    totals: Amounts
    lines: list[RemittanceLine]
    """Decided ones in the ledger's order, then those that wait."""
    credit: Credit


def provider_statement(provider_id: int, facts: AccountFacts, names: Names) -> ProviderStatement:
    """Say what one provider was paid for and what not.

    Raises:
        LedgerError: the credit does not add up.
    """
    claims = current_claims(facts.claims)
    totals = Amounts.total(sharings(claims))
    return ProviderStatement(
        provider_id=provider_id,
        name=known_provider(provider_id, names),
        as_of=utc_day(facts.as_of).isoformat(),
        counts=Counts.of(claims),
        totals=totals,
        lines=[_line(claim, names) for claim in claims],
        credit=_credit(facts, totals.allowed),
    )


def adjustments(claim: ClaimFacts) -> list[Adjustment]:
    """The codes and amounts between what was billed and what the plan paid; none while it waits."""
    if claim.sharing is not None:
        found = _shared(claim.sharing)
    elif claim.outcome is Outcome.DENIED:
        found = [(CARC[claim.reason], claim.billed_amount or 0)]
    else:
        found = []
    return [Adjustment(code=code, amount=amount) for code, amount in found]


def _shared(sharing: CostSharing) -> Sequence[tuple[str, int]]:
    coded = (
        (CARC_CONTRACTUAL, sharing.contractual_adjustment),
        (CARC_DEDUCTIBLE, sharing.deductible),
        (CARC_COINSURANCE, sharing.coinsurance),
        (CARC_COPAY, sharing.copay),
    )
    return [(code, amount) for code, amount in coded if amount]


def _line(claim: ClaimFacts, names: Names) -> RemittanceLine:
    sharing, record = claim.sharing, claim.record
    recorded = record.billed_amount if record else None
    return RemittanceLine(
        reference=f"0x{claim.reference.hex()}",
        sequence=claim.sequence,
        outcome=outcome_word(claim),
        reason=claim.reason.label,
        decided_date=utc_day(claim.decided_at).isoformat(),
        service_date=record.performed_at.astimezone(UTC).date().isoformat() if record else None,
        service=plain(record.service) if record else None,
        patient=(plain(record.patient.name) if record else "") or claim.patient,
        benefit_year=claim.benefit_year or (record.benefit_year if record else None),
        insurer=known_payer(claim.payer_id, names) if claim.payer_id else None,
        billed=sharing.billed
        if sharing
        else claim.billed_amount
        if claim.billed_amount is not None
        else recorded,
        allowed=sharing.allowed if sharing else 0,
        plan_paid=sharing.plan_paid if sharing else 0,
        patient_paid=sharing.patient_responsibility if sharing else 0,
        credited=sharing.allowed if sharing else 0,
        adjustments=adjustments(claim),
    )


def _credit(facts: AccountFacts, credited: int) -> Credit:
    paid_out = moved(facts.movements, MovementKind.PAYOUT)
    check_balance("the provider's credit", credited - paid_out, facts.balance)
    return Credit(
        balance=facts.balance,
        credited=credited,
        paid_out=paid_out,
        payouts=[movement_line(movement) for movement in facts.movements],
    )
