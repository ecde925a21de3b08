"""What all statements share: money that is dollars in JSON, and sums over settled events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationInfo, WithJsonSchema

from chainbill.billing.outcomes import Outcome
from chainbill.errors import AmountError
from chainbill.money import format_dollars, parse_dollars
from chainbill.statements.facts import ClaimFacts
from chainbill.statements.sharing import CostSharing

STATEMENT_VERSION = 3
"""Raised when a field of a statement's JSON changes its name or its meaning."""


def _read_dollars(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str):
        try:
            return parse_dollars(value)
        except AmountError as error:
            raise ValueError(str(error)) from None
    if info.mode == "json":
        # 125 would be read as 125 micro-dollars where somebody wrote dollars.
        raise ValueError('an amount is dollars in quotes, such as "125.00"')
    return value


Dollars = Annotated[
    int,
    BeforeValidator(_read_dollars),
    PlainSerializer(format_dollars, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+\.([0-9]{2}|[0-9]{6})$"}),
]
"""Micro-dollars in Python; in JSON a string of dollars, two decimals, six if finer."""


OutcomeWord = Literal["settled", "denied", "pended"]
"""How an event stands on a statement; skipped rows are not on it."""

_OUTCOME_WORDS: dict[Outcome, OutcomeWord] = {
    Outcome.SETTLED: "settled",
    Outcome.DENIED: "denied",
    Outcome.PENDED: "pended",
}


class StatementPart(BaseModel):
    """Base of every model of a statement."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Amounts(StatementPart):
    """Sums over settled events, less what was taken back of them.

    ``plan_paid + secondary_paid + patient_responsibility == allowed`` and
    ``allowed + taken_off + contractual_adjustment == billed``. The four parts from ``deductible`` to
    ``outside_plan`` are what the primary plans left to the patients; second insurers took ``secondary_paid``
    of them over.
    """

    billed: Dollars
    allowed: Dollars
    contractual_adjustment: Dollars
    """What the agreed prices saved."""
    taken_off: Dollars
    """What rulings in part took off the agreed prices; what was taken back in full is in no sum."""
    deductible: Dollars
    copay: Dollars
    coinsurance: Dollars
    outside_plan: Dollars
    """Above a plan's annual maximum, or paid without a plan."""
    plan_paid: Dollars
    secondary_paid: Dollars
    patient_responsibility: Dollars

    @classmethod
    def total(cls, sharings: Iterable[CostSharing | Amounts]) -> Amounts:
        """Add up."""
        sums = dict.fromkeys(cls.model_fields, 0)
        for sharing in sharings:
            for name in sums:
                sums[name] += getattr(sharing, name)
        return cls(**sums)


class Counts(StatementPart):
    """How many events ended how; refusals and waits by reason (a ``Reason``'s label, or ``recalled``)."""

    settled: int
    """Paid, and not taken back in full since."""
    taken_back: int
    """Paid once, and taken back in full."""
    denied: dict[str, int]
    pended: dict[str, int]

    @property
    def events(self) -> int:
        """All of them."""
        return self.settled + self.taken_back + sum(self.denied.values()) + sum(self.pended.values())

    @classmethod
    def of(cls, claims: Iterable[ClaimFacts]) -> Counts:
        """Count ``claims`` as they are: pass ``current_claims``."""
        listed = list(claims)
        taken_back = sum(claim.given_back for claim in listed)
        counted = Counter((claim.outcome, claim.reason, claim.reason_word) for claim in listed)
        by_reason: dict[Outcome, dict[str, int]] = {outcome: {} for outcome in Outcome}
        for (outcome, _, word), number in sorted(counted.items()):
            by_reason[outcome][word] = by_reason[outcome].get(word, 0) + number
        return cls(
            settled=sum(by_reason[Outcome.SETTLED].values()) - taken_back,
            taken_back=taken_back,
            denied=by_reason[Outcome.DENIED],
            pended=by_reason[Outcome.PENDED],
        )


class MovementLine(StatementPart):
    """Money that moved, care apart; ``amount`` without a sign."""

    date: str
    """YYYY-MM-DD, UTC."""
    kind: str
    amount: Dollars


class PeriodLine(StatementPart):
    """The days that a statement is about, both included."""

    first: str | None
    """YYYY-MM-DD; None: from the beginning."""
    last: str | None
    """YYYY-MM-DD; None: to the end."""
    words: str


class ReadingsLine(StatementPart):
    """What a charge for a month of monitoring stands on."""

    count: int
    """0: its record has none, though its code is for a device and its readings."""
    days: int
    """On how many different days."""
    first_day: str | None
    """YYYY-MM-DD: of the period that is charged; None: the record says nothing of it."""
    last_day: str | None
    words: str
    """``17 readings on 16 days, June 3 to June 30, 2026``"""


class Disputable(StatementPart):
    """How long a charge may be disputed; anybody's seven days are the same."""

    until: str
    """``2026-03-11T09:00:00Z``: the moment from which on nobody can, UTC."""
    by_reader: bool
    """Could the reader of the statement dispute it when the statement was made?"""
    closed: str
    """Why it cannot be disputed again, whatever the day, in words; empty where only time ends it."""


def sharings(claims: Iterable[ClaimFacts]) -> list[CostSharing]:
    """The cost sharing of the settled ones, less what was taken back."""
    return [net for claim in claims if (net := claim.net) is not None]


def outcome_word(claim: ClaimFacts) -> OutcomeWord:
    """How ``claim`` stands on a statement."""
    return _OUTCOME_WORDS[claim.outcome]
