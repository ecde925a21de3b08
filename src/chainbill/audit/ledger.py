"""The ledger: everybody's accounts as the logs leave them, in integers.

Amounts are micro-dollars, times seconds since 1970, addresses checksummed. ``replay`` moves it; here is only
what it holds, and what each contract owes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from chainbill.audit.notice import Acceptance, ConsentTerms, PayerChoice, Withdrawal
from chainbill.billing.accumulators import UNTOUCHED, Accumulators
from chainbill.billing.terms import CategoryTerms, PlanTerms
from chainbill.chain.contracts.payer import PublishedFee
from chainbill.chain.deployments import Deployment
from chainbill.errors import LedgerError


@dataclass(slots=True)
class ProviderAccount:
    """A registered provider."""

    payout_address: str
    attesters: dict[str, bool] = field(default_factory=dict)
    """Every key ever named; False: revoked."""
    suspended: bool = False
    credit: int = 0
    spent: set[int] = field(default_factory=set)
    """Sequences that settled or were denied."""


@dataclass(slots=True)
class PatientAccount:
    """A patient's place in the escrow."""

    balance: int = 0
    withdrawal: Withdrawal = field(default_factory=Withdrawal)
    payer: PayerChoice = field(default_factory=PayerChoice)
    consents: dict[int, ConsentTerms] = field(default_factory=lambda: defaultdict(ConsentTerms))
    """By provider id."""


@dataclass(slots=True)
class PlanVersion:
    """One published version of a plan, in force from ``effective_at`` until its successor's."""

    version: int
    terms: PlanTerms
    effective_at: int
    categories: dict[int, CategoryTerms] = field(default_factory=dict)


@dataclass(slots=True)
class MemberYear:
    """A member's standing in one benefit year; ``coverage_ends_at`` 0: open-ended."""

    plan_id: int
    opening: Accumulators
    met: Accumulators
    coverage_ends_at: int = 0


@dataclass(slots=True)
class PayerAccount:
    """An insurer's payer contract."""

    address: str
    insurer: str
    pool: int = 0
    withdrawal: Withdrawal = field(default_factory=Withdrawal)
    plans: dict[int, list[PlanVersion]] = field(default_factory=dict)
    """By plan id; versions count from 1."""
    fees: dict[bytes, list[PublishedFee]] = field(default_factory=dict)
    """By opaque service id; versions count from 1."""
    acceptances: dict[int, Acceptance] = field(default_factory=dict)
    """By provider id."""
    members: dict[tuple[str, int], MemberYear] = field(default_factory=dict)
    """By member and benefit year."""

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
        self.patients: dict[str, PatientAccount] = defaultdict(PatientAccount)
        self.payers: dict[int, PayerAccount] = {}
        self.epochs: dict[int, OracleEpoch] = {}
        self.paused = False
        self.tokens: dict[str, int] = defaultdict(int)
        """What transfers brought to an address less what they took; complete for our contracts alone."""
        self.escrow_owes = 0
        """The sum of all patients' balances."""
        self.settlement_owes = 0
        """The sum of all providers' credits."""

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

    def owed(self) -> dict[str, int]:
        """By contract: what it owes (invariant 1)."""
        owed = {self.deployment.escrow: self.escrow_owes, self.deployment.settlement: self.settlement_owes}
        return owed | {payer.address: payer.pool for payer in self.payers.values()}

    def surpluses(self) -> dict[str, int]:
        """By contract: tokens over what it owes. Donations make one; nothing takes one away."""
        return {address: self.tokens[address] - owed for address, owed in self.owed().items()}
