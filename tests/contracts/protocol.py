"""The whole protocol deployed in one EVM, with everybody who takes part, and their verbs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from tests.contracts.evm import CALL_GAS, Contract, Evm, Receipt

from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain, SettlementBatch
from chainbill.billing.accumulators import Accumulators
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.chain.batch_codec import BatchRow, BatchSection, encode_sections
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256

NOW = int(datetime(2024, 6, 15, 12, tzinfo=UTC).timestamp())
"""Where every test's clock starts: far from a year's end."""

YEAR = 2024
HOUR, DAY = 3600, 86_400
NOTICE, MAX_BATCH_LIFE, WITHDRAWAL_LIFE = DAY, 6 * HOUR, 7 * DAY
ZERO_ADDRESS = "0x" + "00" * 20
NEVER = 2**40 - 1
"""A consent that does not end."""

PLAN = PlanTerms(deductible=100 * DOLLAR, oop_max=1_000 * DOLLAR)
SHARED, COPAY, UNCOVERED = 1, 2, 9
"""Categories: 20 % coinsurance after the deductible; a $25 copay alone; one the plan does not name."""
CATEGORIES = {
    SHARED: CategoryTerms(coinsurance_bps=2_000),
    COPAY: CategoryTerms(deductible_applies=False, copay=25 * DOLLAR),
}
VISIT, REFILL, COSMETIC, UNLISTED = b"visit\0\0\0", b"refill\0\0", b"cosmetic", b"unlisted"
FEES = {
    VISIT: FeeTerms(amount=150 * DOLLAR, category=SHARED, max_units=4),
    REFILL: FeeTerms(amount=80 * DOLLAR, category=COPAY),
    COSMETIC: FeeTerms(amount=900 * DOLLAR, category=UNCOVERED),
}
PATIENT_FUNDS, POOL_FUNDS, CONSENT_LIMIT = 5_000 * DOLLAR, 100_000 * DOLLAR, 2_000 * DOLLAR


@dataclass(frozen=True)
class State:
    """All that settlement could write, for comparing before and after."""

    balances: tuple[int, ...]
    pools: tuple[int, ...]
    credits: tuple[int, ...]
    members: tuple[Any, ...]
    spent: tuple[bool, ...]
    tokens: tuple[int, ...]
    """Held by the escrow, each payer, and settlement."""


def account(name: str) -> LocalAccount:
    """The account a role has in every run."""
    return Account.from_key(keccak256(name.encode()))


class Protocol:
    """Deployed as ``chain.deploy`` does it, with one provider, one payer and two funded patients.

    ``token`` names another token contract (a mock); its constructor gets the authority.
    """

    def __init__(self, evm: Evm, *, token: str = "DevUSD") -> None:
        self.evm = evm
        self.governor = account("governor").address
        self.provider = account("provider").address
        self.insurer = account("insurer").address
        self.stranger = account("stranger").address
        self.oracles = sorted((Signer(account(f"oracle-{i}")) for i in (1, 2, 3)), key=_by_address)
        self.patient = account("patient").address
        self.neighbour = account("neighbour").address
        self.late = account("late").address  # no patient yet: not funded, not enrolled
        self.payer_contracts: dict[int, Contract] = {}
        self._deploy(token)
        self.domain = Domain(evm.chain_id, self.settlement.address)
        self._open()

    def _deploy(self, token: str) -> None:
        evm, deployer = self.evm, self.governor
        names = ("governance", "token", "registry", "escrow", "payers", "settlement")
        at = {name: evm.next_address(deployer, ahead) for ahead, name in enumerate(names)}
        authority, money, registry = at["governance"], at["token"], at["registry"]
        self.governance = evm.deploy(deployer, "Governance", deployer)
        self.token = evm.deploy(deployer, token, authority)
        self.registry = evm.deploy(deployer, "ProviderRegistry", authority)
        self.escrow = evm.deploy(deployer, "PatientEscrow", money, at["settlement"], at["payers"], registry)
        self.payers = evm.deploy(
            deployer, "InsurerPayerFactory", money, at["settlement"], registry, authority
        )
        self.settlement = evm.deploy(
            deployer, "ClaimSettlement", money, at["escrow"], at["payers"], registry, authority
        )
        assert [at[name].lower() for name in names] == [getattr(self, name).address.lower() for name in names]
        self.settlement.send(deployer, "openEpoch", [oracle.address for oracle in self.oracles], 2)

    def _open(self) -> None:
        self.provider_id = self.register_provider(self.provider)
        self.payer_id = self.create_payer(self.insurer)
        self.payer = self.payer_contracts[self.payer_id]
        self.fund_payer(self.payer_id, POOL_FUNDS)
        self.publish_plan(PLAN, CATEGORIES)
        self.publish_fees(FEES)
        self.payer.send(self.insurer, "acceptProvider", self.provider_id)
        for patient in (self.patient, self.neighbour):
            self.welcome(patient)

    # ---- getting started ------------------------------------------------------------------------------

    def register_provider(self, payout: str) -> int:
        """Register a provider that attests with its payout key."""
        return int(self.registry.send(self.governor, "register", payout, [payout]).value)

    def create_payer(self, insurer: str) -> int:
        """Make a payer contract."""
        payer_id, address = self.payers.send(self.governor, "createPayer", insurer).value
        self.payer_contracts[payer_id] = self.evm.at(address, "InsurerPayer", payer_id=payer_id)
        return int(payer_id)

    def mint(self, owner: str, amount: int, spender: Contract | None = None) -> None:
        """Give tokens and, for a spender, its allowance."""
        self.token.send(self.governor, "mint", owner, amount)
        if spender is not None:
            self.token.send(owner, "approve", spender.address, 2**256 - 1)

    def fund_payer(self, payer_id: int, amount: int, insurer: str | None = None) -> None:
        """Mint and deposit into a payer's pool."""
        owner, payer = insurer or self.insurer, self.payer_contracts[payer_id]
        self.mint(owner, amount, payer)
        payer.send(owner, "deposit", amount)

    def fund_patient(self, patient: str, amount: int) -> None:
        """Mint and deposit into a patient's balance."""
        self.mint(patient, amount, self.escrow)
        self.escrow.send(patient, "deposit", amount)

    def welcome(self, patient: str, amount: int = PATIENT_FUNDS) -> None:
        """Make a patient who can be charged: funded, insured, consenting and enrolled."""
        self.fund_patient(patient, amount)
        self.escrow.send(patient, "acceptPayer", self.payer_id)
        self.escrow.send(patient, "grantConsent", self.provider_id, CONSENT_LIMIT, NEVER)
        self.enrol(patient)

    def enrol(self, member: str, year: int = YEAR, plan: int = 1, met: Accumulators | None = None) -> Receipt:
        """Open a member's benefit year."""
        opening = met or Accumulators()
        return self.payer.send(
            self.insurer, "enrol", member, year, plan, opening.deductible_met, opening.oop_met
        )

    def second_payer(self, *patients: str) -> int:
        """Another insurer with the same terms, whom these patients accept and are enrolled with."""
        insurer = account("second insurer").address
        payer_id = self.create_payer(insurer)
        payer = self.payer_contracts[payer_id]
        self.fund_payer(payer_id, POOL_FUNDS, insurer)
        self.publish_plan(PLAN, CATEGORIES, payer=payer, insurer=insurer)
        self.publish_fees(FEES, payer=payer, insurer=insurer)
        payer.send(insurer, "acceptProvider", self.provider_id)
        for patient in patients:
            self.fund_patient(patient, PATIENT_FUNDS)
            self.escrow.send(patient, "acceptPayer", payer_id)
            self.escrow.send(patient, "grantConsent", self.provider_id, CONSENT_LIMIT, NEVER)
            payer.send(insurer, "enrol", patient, YEAR, 1, 0, 0)
        return payer_id

    def publish_plan(
        self,
        terms: PlanTerms,
        categories: dict[int, CategoryTerms],
        *,
        plan: int = 1,
        effective_at: int = 0,
        payer: Contract | None = None,
        insurer: str | None = None,
    ) -> Receipt:
        """Publish the next version of a plan."""
        return (payer or self.payer).send(
            insurer or self.insurer,
            "publishPlan",
            plan,
            (terms.deductible, terms.oop_max, terms.rounding_unit, effective_at),
            list(categories),
            [category_words(category) for category in categories.values()],
        )

    def publish_fees(
        self,
        fees: dict[bytes, FeeTerms],
        *,
        effective_at: int = 0,
        payer: Contract | None = None,
        insurer: str | None = None,
    ) -> Receipt:
        """Publish fees."""
        rows = [(fee.amount, fee.category, fee.max_units, effective_at, 0) for fee in fees.values()]
        return (payer or self.payer).send(insurer or self.insurer, "publishFees", list(fees), rows)

    # ---- settling -------------------------------------------------------------------------------------

    def row(self, patient: str, sequence: int, service: bytes = VISIT, **changes: Any) -> BatchRow:
        """One event: a visit billed at $200 unless said otherwise."""
        row = BatchRow(
            patient=bytes.fromhex(patient[2:]),
            commitment=keccak256(b"%d" % sequence),
            service_id=service,
            units=1,
            billed=200 * DOLLAR,
            benefit_year=YEAR,
            sequence=sequence,
        )
        return replace(row, **changes)

    def section(self, *rows: BatchRow, **changes: Any) -> BatchSection:
        """The provider's rows under the payer's first terms, unless said otherwise."""
        section = BatchSection(self.provider_id, self.payer_id, 1, 1, rows)
        return replace(section, **changes)

    def batch(
        self, sections: Iterable[BatchSection] | bytes, *, signed_at: int | None = None, **changes: Any
    ) -> SettlementBatch:
        """A batch signed now that lives an hour, unless said otherwise."""
        packed = sections if isinstance(sections, bytes) else encode_sections(sections)
        at = self.evm.now if signed_at is None else signed_at
        fields = {"epoch": 1, "signed_at": at, "deadline": at + HOUR, "sections": packed}
        return SettlementBatch(**fields | changes)

    def sign(self, batch: SettlementBatch, signers: Sequence[Signer] | None = None) -> list[bytes]:
        """Signatures of two oracle nodes in the order the contract wants, or of these signers as they are."""
        digest = batch.digest(self.domain)
        return [signer.sign(digest) for signer in (self.oracles[:2] if signers is None else signers)]

    def submit(
        self, batch: SettlementBatch, signatures: Sequence[bytes] | None = None, gas: int = CALL_GAS
    ) -> Receipt:
        """Submit a batch as a stranger: anyone may."""
        header = (batch.epoch, batch.signed_at, batch.deadline)
        signed = self.sign(batch) if signatures is None else list(signatures)
        return self.settlement.send(self.stranger, "settle", header, batch.sections, signed, gas=gas)

    def settle(self, *rows: BatchRow, signed_at: int | None = None, **section: Any) -> Receipt:
        """Settle one section of rows."""
        return self.submit(self.batch([self.section(*rows, **section)], signed_at=signed_at))

    # ---- looking --------------------------------------------------------------------------------------

    def balance(self, patient: str) -> int:
        """A patient's balance in the escrow."""
        return int(self.escrow.read("balanceOf", patient))

    def credit(self, provider_id: int | None = None) -> int:
        """A provider's credit."""
        return int(self.settlement.read("creditOf", provider_id or self.provider_id))

    def member(self, patient: str, year: int = YEAR, payer: Contract | None = None) -> Accumulators:
        """A member's accumulators."""
        deductible, oop, *_ = (payer or self.payer).read("memberYear", patient, year)
        return Accumulators(deductible, oop)

    def is_spent(self, sequence: int, provider_id: int | None = None) -> bool:
        """Was the provider's sequence settled or denied?"""
        return bool(self.settlement.read("isSpent", provider_id or self.provider_id, sequence))

    def tokens(self, holder: str) -> int:
        """Tokens that an address holds."""
        return int(self.token.read("balanceOf", holder))

    def patients(self) -> tuple[str, str, str]:
        """Everybody who may appear as a patient."""
        return self.patient, self.neighbour, self.late

    def state(self, *sequences: int) -> State:
        """What settlement could have written."""
        payers = self.payer_contracts.values()
        holders = (self.escrow, *payers, self.settlement)
        providers = range(1, self.registry.read("providerCount") + 1)
        return State(
            balances=tuple(self.balance(patient) for patient in self.patients()),
            pools=tuple(payer.read("pool") for payer in payers),
            credits=tuple(self.credit(provider) for provider in providers),
            members=tuple(
                payer.read("memberYear", patient, year)
                for payer in payers
                for patient in self.patients()
                for year in (YEAR - 1, YEAR)
            ),
            spent=tuple(self.is_spent(sequence) for sequence in sequences),
            tokens=tuple(self.tokens(holder.address) for holder in holders),
        )

    def assert_solvent(self) -> None:
        """Invariant 1: each contract holds exactly what it owes (nobody donates in these tests)."""
        state = self.state()
        assert state.tokens == (sum(state.balances), *state.pools, sum(state.credits))


def category_words(category: CategoryTerms) -> tuple[bool, bool, bool, bool, int, int]:
    """Category terms in the order of the Solidity struct."""
    return (
        category.covered,
        category.deductible_applies,
        category.copay_first,
        category.coinsurance_after_copay,
        category.coinsurance_bps,
        category.copay,
    )


def _by_address(signer: Signer) -> str:
    return signer.address.lower()
