"""The ledger: everybody's accounts as the logs leave them, in integers.

Amounts are micro-dollars, times seconds since 1970, addresses checksummed. ``replay`` moves it; here is only
what it holds, and what each contract owes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from chainbill.attestation.typed_data import SectionsObjection
from chainbill.billing.accumulators import UNTOUCHED, Accumulators, FamilyAccumulators
from chainbill.billing.terms import CategoryTerms, PlanTerms
from chainbill.chain.contracts.payer import PublishedFee
from chainbill.chain.deployments import Deployment
from chainbill.errors import LedgerError
from chainbill.ledger.credit import CreditAccount
from chainbill.ledger.live_claims import Dispute, LiveClaim, OpenBatch, OpenReversal
from chainbill.ledger.patient_terms import ConsentChoice, Limits, PayersChoice
from chainbill.ledger.scheduled_changes import Acceptance, OperatorFee, Payout, PlanChoice, Withdrawal


@dataclass(frozen=True, slots=True)
class CashPrice:
    """One version of a provider's price for one unit without a plan; ``amount`` 0: not offered."""

    amount: int
    effective_at: int
    version: int


@dataclass(frozen=True, slots=True)
class Announcement:
    """Sections that a provider will settle without the quorum; that may sign ``objection``."""

    objection: SectionsObjection
    sections: bytes


@dataclass(slots=True)
class ProviderAccount:
    """A registered provider."""

    payout: Payout
    attesters: dict[str, bool] = field(default_factory=dict)
    """Every key ever named; False: revoked."""
    credit: CreditAccount = field(default_factory=CreditAccount)
    receivables: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """By payer id: what the provider owes it."""
    cash_prices: dict[bytes, list[CashPrice]] = field(default_factory=dict)
    """By opaque service id; versions count from 1."""
    spent: set[int] = field(default_factory=set)
    """Sequences that settled or were denied."""
    announced: Announcement | None = None
    """What stands announced, also when it has lapsed."""

    def cash_price_at(self, service_id: bytes, time: int) -> int:
        """The price of one unit in force at ``time``; 0: none."""
        published = reversed(self.cash_prices.get(service_id, []))
        return next((price.amount for price in published if price.effective_at <= time), 0)


@dataclass(slots=True)
class PatientAccount:
    """A patient's place in the escrow."""

    balance: int = 0
    withdrawal: Withdrawal = field(default_factory=Withdrawal)
    payers: PayersChoice = field(default_factory=PayersChoice)
    limits: Limits = field(default_factory=Limits)
    consents: dict[int, ConsentChoice] = field(default_factory=lambda: defaultdict(ConsentChoice))
    """By provider id."""
    nonce: int = 0
    """Of the escrow's verbs."""
    dispute_nonce: int = 0

    def catch_up(self, now: int) -> None:
        """Forget payers and limits that no batch on its way can name any more, as the contract does when it
        writes the patient's slot."""
        self.payers.catch_up(now)
        self.limits.catch_up(now)


@dataclass(slots=True)
class PlanVersion:
    """One published version of a plan, in force from ``effective_at`` until its successor's."""

    version: int
    terms: PlanTerms
    effective_at: int
    categories: dict[int, CategoryTerms] = field(default_factory=dict)


@dataclass(slots=True)
class MemberYear:
    """A member's standing in one benefit year; ``coverage_ends_at`` 0: open-ended, ``family_id`` 0: none."""

    plan: PlanChoice
    opening: Accumulators
    met: Accumulators
    family_id: int = 0
    coverage_ends_at: int = 0


@dataclass(slots=True)
class PayerAccount:
    """An insurer's payer contract."""

    address: str
    insurer: str
    pool: int = 0
    waiting_refund: int = 0
    """Refunds that settlement could not send; they wait there."""
    withdrawal: Withdrawal = field(default_factory=Withdrawal)
    plans: dict[int, list[PlanVersion]] = field(default_factory=dict)
    """By plan id; versions count from 1."""
    fees: dict[bytes, list[PublishedFee]] = field(default_factory=dict)
    """By opaque service id; versions count from 1."""
    acceptances: dict[int, Acceptance] = field(default_factory=dict)
    """By provider id."""
    members: dict[tuple[str, int], MemberYear] = field(default_factory=dict)
    """By member and benefit year."""
    families: dict[tuple[int, int], FamilyAccumulators] = field(
        default_factory=lambda: defaultdict(FamilyAccumulators)
    )
    """By family id and benefit year."""
    units: dict[tuple[str, int, bytes], int] = field(default_factory=lambda: defaultdict(int))
    """By member, benefit year and service id: units that count towards a yearly limit."""

    def plan_in_force(self, plan_id: int, version: int, time: int) -> PlanVersion | None:
        """That version, if it is the one in force at ``time``."""
        versions = self.plans.get(plan_id, [])
        if not 1 <= version <= len(versions) or versions[version - 1].effective_at > time:
            return None
        superseded = version < len(versions) and versions[version].effective_at <= time
        return None if superseded else versions[version - 1]

    def fee_at(self, service_id: bytes, time: int) -> PublishedFee | None:
        """The fee in force at ``time``."""
        published = reversed(self.fees.get(service_id, []))
        return next((fee for fee in published if fee.effective_at <= time), None)

    def family_of(self, standing: MemberYear, benefit_year: int) -> FamilyAccumulators | None:
        """What a member's family has met together; None where the member has no family."""
        if standing.family_id == 0:
            return None
        return self.families.get((standing.family_id, benefit_year), FamilyAccumulators())

    def units_used(self, member: str, benefit_year: int, service_id: bytes) -> int:
        """Units that count towards a yearly limit."""
        return self.units.get((member, benefit_year, service_id), 0)


@dataclass(slots=True)
class OracleEpoch:
    """One oracle quorum; ``ends_at`` 0: open-ended."""

    threshold: int
    members: tuple[str, ...]
    ends_at: int = 0


class Ledger:
    """Every account of one deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.providers: dict[int, ProviderAccount] = {}
        self.operators: dict[str, CreditAccount] = defaultdict(CreditAccount)
        """By address: fees of whoever had batches signed for it."""
        self.operator_fee = OperatorFee()
        self.patients: dict[str, PatientAccount] = defaultdict(PatientAccount)
        self.payers: dict[int, PayerAccount] = {}
        self.epochs: dict[int, OracleEpoch] = {}
        self.paused = False
        self.claims: dict[bytes, LiveClaim] = {}
        """By claim id: every claim that settled."""
        self.disputes: dict[bytes, Dispute] = {}
        """By claim id: what became of those that were disputed or given back."""
        self.roots: dict[int, tuple[bytes, int]] = {}
        """By slot: the newest root kept there, and what its claims' dispute windows count from."""
        self.batch = OpenBatch()
        self.reversal = OpenReversal()
        self.tokens: dict[str, int] = defaultdict(int)
        """What transfers brought to an address less what they took; complete for our contracts alone."""
        self.escrow_owes = 0
        """The sum of all patients' balances."""
        self.settlement_owes = 0
        """Providers' and operators' credit, bonds, and refunds that wait."""

    def provider(self, provider_id: int) -> ProviderAccount:
        """Raises LedgerError: no such provider was registered."""
        if provider_id not in self.providers:
            raise LedgerError(f"there is no provider {provider_id}")
        return self.providers[provider_id]

    def payer(self, payer_id: int) -> PayerAccount:
        """Raises LedgerError: no such payer was created."""
        if payer_id not in self.payers:
            raise LedgerError(f"there is no payer {payer_id}")
        return self.payers[payer_id]

    def claim(self, claim_id: bytes) -> LiveClaim:
        """Raises LedgerError: no such claim settled."""
        if claim_id not in self.claims:
            raise LedgerError(f"there is no settled claim 0x{claim_id.hex()}")
        return self.claims[claim_id]

    def member_year(self, payer_id: int, member: str, benefit_year: int) -> MemberYear | None:
        """A member's standing; None where not enrolled in that year."""
        account = self.payers.get(payer_id)
        return account.members.get((member, benefit_year)) if account else None

    def accumulators(self, payer_id: int, member: str, benefit_year: int) -> Accumulators:
        """What a member has met in a benefit year; nothing where not enrolled."""
        standing = self.member_year(payer_id, member, benefit_year)
        return standing.met if standing else UNTOUCHED

    def balance_of(self, patient: str) -> int:
        """A patient's escrow balance."""
        account = self.patients.get(patient)
        return account.balance if account else 0

    def mature(self, now: int) -> None:
        """Bring in all credit whose dispute windows have ended by ``now``."""
        for account in self.credits():
            account.mature(now)

    def credits(self) -> list[CreditAccount]:
        """Providers' and operators' accounts."""
        return [*(provider.credit for provider in self.providers.values()), *self.operators.values()]

    def owed(self) -> dict[str, int]:
        """By contract: what it owes (invariant 1)."""
        owed = {self.deployment.escrow: self.escrow_owes, self.deployment.settlement: self.settlement_owes}
        return owed | {payer.address: payer.pool for payer in self.payers.values()}

    def surpluses(self) -> dict[str, int]:
        """By contract: tokens over what it owes. Donations make one; nothing takes one away."""
        return {address: self.tokens[address] - owed for address, owed in self.owed().items()}
