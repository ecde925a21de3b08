"""What a statement is made of: the ledger's entries, the terms they were priced by, and the records.

Nothing here knows a chain or a file. ``from_ledger`` fills these in; tests write them by hand. Amounts
are micro-dollars, times are seconds since 1970 (block time), accounts are checksum addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from chainbill.billing.accumulators import UNTOUCHED, Accumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import CategoryTerms, PlanTerms
from chainbill.errors import LedgerError
from chainbill.money import show_dollars
from chainbill.records.service_event import ServiceEvent

_HINT = "compare the ledger with the contracts: chainbill audit verify"


@dataclass(frozen=True, slots=True)
class CostSharing:
    """How one settled event was shared, as it was logged."""

    billed: int
    allowed: int
    contractual_adjustment: int
    deductible: int
    copay: int
    coinsurance: int
    plan_paid: int

    @property
    def patient_responsibility(self) -> int:
        """Deductible, copay and coinsurance together."""
        return self.deductible + self.copay + self.coinsurance


@dataclass(frozen=True, slots=True)
class TermsApplied:
    """The published terms a settled event was priced by, and where the member stood just before it."""

    plan: PlanTerms
    category: CategoryTerms
    category_id: int
    """Number of ``billing.terms.Category``; others are allowed on chain."""
    met_before: Accumulators


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimFacts:
    """One row of a batch as it was logged, with the record it commits to where that can be opened."""

    reference: bytes
    """The commitment, 32 bytes."""
    provider_id: int
    sequence: int
    """The provider's own number of the attestation: retries of a pended event share it."""
    patient: str
    outcome: Outcome
    reason: Reason = Reason.NONE
    decided_at: int
    payer_id: int | None = None
    """None: a pended event, whose log does not say. So for the next four."""
    benefit_year: int | None = None
    service_id: bytes | None = None
    units: int | None = None
    billed_amount: int | None = None
    """As attested; 0 bills the fee schedule's price."""
    sharing: CostSharing | None = None
    """Present exactly where the event is settled."""
    terms: TermsApplied | None = None
    """Present where the event is settled and the reader wants reasons: the patient."""
    record: ServiceEvent | None = None
    """None: the reader's vault has no opening for it."""
    record_damaged: bool = False
    """The vault has an opening, but not of this commitment: it is not used."""

    def __post_init__(self) -> None:
        if (self.sharing is not None) != (self.outcome is Outcome.SETTLED):
            raise LedgerError(
                f"entry 0x{self.reference.hex()} has amounts that do not fit its outcome", hint=_HINT
            )
        if self.sharing is not None:
            _check_adds_up(self.reference, self.sharing)


class MovementKind(StrEnum):
    """Which way money moved in or out of a balance, care apart."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    PAYOUT = "payout"


@dataclass(frozen=True, slots=True)
class Movement:
    """A deposit, a withdrawal or a payout."""

    at: int
    kind: MovementKind
    amount: int


@dataclass(frozen=True, slots=True)
class MemberYear:
    """A member's benefit year with one insurer."""

    payer_id: int
    benefit_year: int
    plan: PlanTerms
    """The version in force when the statement is made."""
    met: Accumulators
    opening: Accumulators = UNTOUCHED
    """Carried in from elsewhere at enrolment; part of ``met``."""
    coverage_ends_at: int | None = None
    """None: open."""


@dataclass(frozen=True, slots=True)
class Names:
    """What an address book calls the parties."""

    providers: Mapping[int, str] = field(default_factory=dict)
    payers: Mapping[int, str] = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """All the ledger holds on one account: a patient, an insurer's payer contract or a provider."""

    as_of: int
    """Time of the last block read."""
    claims: Sequence[ClaimFacts]
    """In the ledger's order."""
    movements: Sequence[Movement]
    balance: int
    """Wallet, pool or credit."""
    years: Sequence[MemberYear] = ()
    """A patient's benefit years."""


def current_claims(claims: Iterable[ClaimFacts]) -> list[ClaimFacts]:
    """How each event stands now: every settled and denied one, and pended ones as last tried.

    A pended event that was settled or denied later is that and no longer pended. A skipped row is left
    out: its sequence was spent by an entry that is in the ledger already.
    """
    final: list[ClaimFacts] = []
    waiting: dict[tuple[int, int], ClaimFacts] = {}
    for claim in claims:
        attestation = (claim.provider_id, claim.sequence)
        if claim.outcome is Outcome.PENDED:
            waiting.pop(attestation, None)  # so that it stands where it was last tried
            waiting[attestation] = claim
        elif claim.outcome is not Outcome.SKIPPED:
            final.append(claim)
    for claim in final:
        waiting.pop((claim.provider_id, claim.sequence), None)
    return [*final, *waiting.values()]


def moved(movements: Iterable[Movement], kind: MovementKind) -> int:
    """The sum of one kind of movement."""
    return sum(movement.amount for movement in movements if movement.kind is kind)


def check_balance(what: str, expected: int, actual: int) -> None:
    """Return where a balance is what its entries add up to.

    Raises:
        LedgerError: it is not; a statement on it would be wrong.
    """
    if expected != actual:
        raise LedgerError(
            f"{what} does not add up: its entries come to {show_dollars(expected)}, "
            f"the ledger says {show_dollars(actual)}",
            hint=_HINT,
        )


def _check_adds_up(reference: bytes, sharing: CostSharing) -> None:
    shared = sharing.plan_paid + sharing.patient_responsibility
    if shared != sharing.allowed or sharing.allowed + sharing.contractual_adjustment != sharing.billed:
        raise LedgerError(f"the amounts of entry 0x{reference.hex()} do not add up", hint=_HINT)
