"""What all statements share: money that is dollars in JSON, and sums over settled events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from chainbill.billing.outcomes import Outcome
from chainbill.money import format_dollars, parse_dollars
from chainbill.statements.facts import ClaimFacts, CostSharing

STATEMENT_VERSION = 1
"""Raised when a field of a statement's JSON changes its name or its meaning."""


def _read_dollars(value: Any) -> Any:
    return parse_dollars(value) if isinstance(value, str) else value


Dollars = Annotated[
    int,
    BeforeValidator(_read_dollars),
    PlainSerializer(format_dollars, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^\d+\.(\d{2}|\d{6})$"}),
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
    """Sums over settled events. ``plan_paid + patient_responsibility == allowed`` and
    ``allowed + contractual_adjustment == billed``."""

    billed: Dollars
    allowed: Dollars
    contractual_adjustment: Dollars
    deductible: Dollars
    copay: Dollars
    coinsurance: Dollars
    plan_paid: Dollars
    patient_responsibility: Dollars

    @classmethod
    def total(cls, sharings: Iterable[CostSharing]) -> Amounts:
        """Add up."""
        sums = dict.fromkeys(cls.model_fields, 0)
        for sharing in sharings:
            for name in sums:
                sums[name] += getattr(sharing, name)
        return cls(**sums)


class Counts(StatementPart):
    """How many events ended how; refusals and waits by reason (a ``Reason``'s label)."""

    settled: int
    denied: dict[str, int]
    pended: dict[str, int]

    @property
    def events(self) -> int:
        """All of them."""
        return self.settled + sum(self.denied.values()) + sum(self.pended.values())

    @classmethod
    def of(cls, claims: Iterable[ClaimFacts]) -> Counts:
        """Count ``claims`` as they are: pass ``current_claims``."""
        counted = Counter((claim.outcome, claim.reason) for claim in claims)
        by_reason: dict[Outcome, dict[str, int]] = {outcome: {} for outcome in Outcome}
        for (outcome, reason), number in sorted(counted.items()):
            by_reason[outcome][reason.label] = number
        return cls(
            settled=sum(by_reason[Outcome.SETTLED].values()),
            denied=by_reason[Outcome.DENIED],
            pended=by_reason[Outcome.PENDED],
        )


class MovementLine(StatementPart):
    """A deposit, a withdrawal or a payout."""

    date: str
    """YYYY-MM-DD, UTC."""
    kind: str
    amount: Dollars


def sharings(claims: Iterable[ClaimFacts]) -> list[CostSharing]:
    """The cost sharing of the settled ones."""
    return [claim.sharing for claim in claims if claim.sharing is not None]


def outcome_word(claim: ClaimFacts) -> OutcomeWord:
    """How ``claim`` stands on a statement."""
    return _OUTCOME_WORDS[claim.outcome]
