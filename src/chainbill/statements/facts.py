"""What a statement is made of: the ledger's entries, the terms they were priced by, and the records.

Nothing here knows a chain or a file. ``from_ledger`` fills these in; tests write them by hand. Amounts
are micro-dollars, times are seconds since 1970 (block time), accounts are checksum addresses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from chainbill.attestation.claim_number import claim_number
from chainbill.billing.accumulators import UNTOUCHED, Accumulators, FamilyAccumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import PlanTerms
from chainbill.errors import LedgerError
from chainbill.money import show_dollars
from chainbill.protocol_constants import DISPUTE_WINDOW_SECONDS, UNANSWERED_DELAY_SECONDS
from chainbill.records.service_event import ServiceEvent
from chainbill.statements.sharing import CostSharing, TermsApplied

_HINT = "compare the ledger with the contracts: chainbill audit verify"


class DisputeStage(StrEnum):
    """How a dispute stands."""

    OPEN = "open"
    ANSWERED = "answered"
    UPHELD = "upheld"
    REVERSED = "reversed"


class Disputer(StrEnum):
    """Who has disputed a charge."""

    PATIENT = "patient"
    INSURER = "insurer"
    SECOND_INSURER = "second insurer"


class ChargeState(StrEnum):
    """How a charge stands at the time of the statement, whatever was logged of it first."""

    PAID = "paid"
    DISPUTED = "disputed"
    """Paid, and a dispute of it has not ended."""
    PARTLY_TAKEN_BACK = "partly_taken_back"
    TAKEN_BACK = "taken_back"
    """Paid once; all of it has gone back."""
    REFUSED = "refused"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    """A dispute of one settled event, or its reversal without one (no ``parties``)."""

    stage: DisputeStage
    parties: tuple[Disputer, ...] = ()
    deadline: int | None = None
    """Of the provider's answer, or of the ruling; None once it has ended."""


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
    payer_id: int | None
    """The only or primary insurer's; None: self-pay."""
    secondary_payer_id: int | None = None
    benefit_year: int
    service_id: bytes
    units: int
    billed_amount: int
    """As attested; 0 bills the fee schedule's price."""
    sharing: CostSharing | None = None
    """Present exactly where the event is settled."""
    taken_back: CostSharing | None = None
    """The differences of a reversal, in full or in part."""
    dispute: DisputeFacts | None = None
    corrects: bytes | None = None
    """The commitment of the event that this one replaces."""
    terms: TermsApplied | None = None
    """Present where an insured event is settled and the reader wants reasons: the patient."""
    unanswered: bool = False
    """Settled without the oracle, which had left it unanswered: it may be disputed for longer."""
    record: ServiceEvent | None = None
    """None: the reader's vault has no opening for it."""
    recalled: bool = False
    """Put back, and taken back by its provider since: it goes into no new batch."""
    record_damaged: bool = False
    """The vault has an opening, but not of this commitment: it is not used."""

    def __post_init__(self) -> None:
        if (self.sharing is not None) != (self.outcome is Outcome.SETTLED):
            raise LedgerError(
                f"entry 0x{self.reference.hex()} has amounts that do not fit its outcome", hint=_HINT
            )
        if self.sharing is not None:
            _check_adds_up(self.reference, self.sharing)

    @property
    def reason_word(self) -> str:
        """Why it was not paid, as a stable word: a ``Reason``'s label, or ``recalled``."""
        return "recalled" if self.recalled else self.reason.label

    @property
    def number(self) -> str:
        """The charge's one number, which every command about it takes."""
        return claim_number(self.provider_id, self.sequence)

    @property
    def dispute_until(self) -> int | None:
        """The moment from which on nobody can dispute it; None: nothing was paid."""
        if self.sharing is None:
            return None
        delay = UNANSWERED_DELAY_SECONDS if self.unanswered else 0
        return self.decided_at + delay + DISPUTE_WINDOW_SECONDS

    def may_be_disputed(self, party: Disputer, now: int) -> bool:
        """Would the contracts hear a dispute of it by ``party`` at ``now``?"""
        until = self.dispute_until
        if until is None or now >= until:
            return False
        found = self.dispute
        return found is None or (found.stage is not DisputeStage.REVERSED and party not in found.parties)

    def why_closed(self, parties: Collection[Disputer]) -> str:
        """Why none of ``parties`` could dispute it any more, were there time; empty where one could."""
        found = self.dispute
        if self.sharing is None or found is None:
            return ""
        if self.given_back:
            return "it was taken back, and cannot be disputed again"
        if found.stage is DisputeStage.REVERSED:
            return "it was ruled on, and cannot be disputed again"
        if set(parties) - set(found.parties):
            return ""
        if found.stage is DisputeStage.UPHELD:
            return "it was found to be right, and cannot be disputed again"
        return "it is disputed already"

    @property
    def state(self) -> ChargeState:
        """How it stands now."""
        if self.sharing is None:
            return ChargeState.REFUSED if self.outcome is Outcome.DENIED else ChargeState.WAITING
        if self.dispute is not None and self.dispute.stage in (DisputeStage.OPEN, DisputeStage.ANSWERED):
            return ChargeState.DISPUTED
        if self.given_back:
            return ChargeState.TAKEN_BACK
        return ChargeState.PARTLY_TAKEN_BACK if self.taken_back is not None else ChargeState.PAID

    @property
    def net(self) -> CostSharing | None:
        """How the event is shared now that something may have been taken back."""
        if self.sharing is None or self.taken_back is None:
            return self.sharing
        return self.sharing.less(self.taken_back)

    @property
    def given_back(self) -> bool:
        """Was it taken back in full?"""
        return self.taken_back is not None and self.net is not None and self.net.allowed == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedFacts:
    """A service that its provider attested and the chain knows nothing of: the oracle has not taken it, holds
    it, or has not settled it yet."""

    reference: bytes
    """The commitment that its attestation has or will have."""
    provider_id: int
    sequence: int | None
    """None: the oracle has not taken it, so it has no number yet."""
    reason: str
    """The word of a ``RefusalReason`` or a ``Hold``; ``accepted``: nothing is amiss."""
    refused_at: int
    """Of what is accepted: when the statement is made."""
    self_pay: bool
    record: ServiceEvent

    @property
    def number(self) -> str | None:
        """The number that it will be charged under."""
        return None if self.sequence is None else claim_number(self.provider_id, self.sequence)


class MovementKind(StrEnum):
    """Why money moved in or out of a balance, care apart."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    PAYOUT = "payout"
    REFUND = "refund"
    """A reversed event gave it back to a patient or an insurer."""
    ADVANCE = "advance"
    BOND_PUT_UP = "bond put up"
    BOND_RETURNED = "bond returned"
    TAKEN_BACK = "taken back"
    """A reversed event took it from a provider."""
    RECEIVABLE_PAID = "receivable paid"


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that moved; ``amount`` without a sign."""

    at: int
    kind: MovementKind
    amount: int


class PendingChangeKind(StrEnum):
    """What a patient has announced."""

    WITHDRAWAL = "withdrawal"
    INSURERS = "insurers"
    LIMITS = "limits"
    CONSENT = "consent"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingChange:
    """Something that is announced and does not hold yet; only what its kind needs is there."""

    kind: PendingChangeKind
    at: int
    """From when on it holds."""
    amount: int = 0
    """Of a withdrawal; the limit of a consent or for one event, 0: no limit."""
    per_day: int = 0
    """The limit for one day; 0: no limit."""
    payer_id: int | None = None
    secondary_payer_id: int | None = None
    provider_id: int | None = None
    expires_at: int = 0
    """Of a consent."""


@dataclass(frozen=True, slots=True)
class ProviderBalance:
    """A provider's money in settlement, by what may be done with it."""

    matured: int
    maturing: int
    held: int
    bond: int
    advanced: int
    owed: int

    @property
    def balance(self) -> int:
        """Everything that is there for the provider."""
        return self.matured + self.maturing + self.held + self.bond - self.advanced


@dataclass(frozen=True, slots=True)
class MemberYearFacts:
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
    family: FamilyAccumulators | None = None
    """What the member's family has met together; None: no family."""


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
    """Wallet, pool, or all of a provider's money in settlement."""
    years: Sequence[MemberYearFacts] = ()
    """A patient's benefit years."""
    refused: Sequence[RefusedFacts] = ()
    """A patient's services that the oracle has not taken."""
    pending_changes: Sequence[PendingChange] = ()
    """What a patient has announced."""
    standing: ProviderBalance | None = None
    """A provider's."""
    waiting_refund: int = 0
    """What could not be sent to an insurer yet."""
    receivables: Mapping[int, int] = field(default_factory=dict)
    """What a provider owes, by payer id; what is owed to an insurer, by provider id."""
    not_final: int = 0
    """How many charges more were decided in blocks that may still be taken back."""
    opened: bool = True
    """Is the key at hand to which the account's records are sealed? Without it no claim has its record."""


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
    parts = sharing.out_of_pocket + sharing.outside_plan + sharing.plan_paid
    if parts != sharing.allowed or sharing.allowed > sharing.billed or sharing.patient_responsibility < 0:
        raise LedgerError(f"the amounts of entry 0x{reference.hex()} do not add up", hint=_HINT)
