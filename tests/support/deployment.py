"""The whole protocol deployed in one EVM, with everybody who takes part, and their verbs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple

from eth_account import Account
from eth_account.signers.local import LocalAccount
from tests.contracts.claims import Settled, settled_claims
from tests.support.evm import CALL_GAS, Contract, Evm, Receipt, creation_code

from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain, SectionsObjection, SettlementBatch
from chainbill.billing.accumulators import Accumulators, FamilyAccumulators
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.chain.format.batch_codec import BatchRow, BatchSection, encode_sections
from chainbill.chain.format.events import DisputeParty
from chainbill.chain.format.section_signing import sign_bundled
from chainbill.chain.roles import RESTRICTED, GovernorRole
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256

NOW = int(datetime(2024, 6, 15, 12, tzinfo=UTC).timestamp())
"""Where every test's clock starts: far from a year's end."""

YEAR = 2024
HOUR, DAY = 3600, 86_400
NOTICE, MAX_BATCH_LIFE, WITHDRAWAL_LIFE = DAY, 6 * HOUR, 7 * DAY
QUORUM_SILENCE, UNANSWERED_LIFE, UNANSWERED_DELAY = 7 * DAY, 7 * DAY, 23 * DAY
MAX_ANNOUNCEMENT, PAYOUT_CHANGE_DELAY = 400 * DAY, 2 * DAY
DISPUTE_WINDOW, BUCKET, ANSWER_TIME, RULING_TIME = 7 * DAY, DAY, 3 * DAY, 14 * DAY
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
VISIT, REFILL, THERAPY = b"visit\0\0\0", b"refill\0\0", b"therapy\0"
COSMETIC, UNLISTED = b"cosmetic", b"unlisted"
FEES = {
    VISIT: FeeTerms(amount=150 * DOLLAR, category=SHARED, max_units=4),
    REFILL: FeeTerms(amount=80 * DOLLAR, category=COPAY),
    THERAPY: FeeTerms(amount=50 * DOLLAR, category=SHARED, max_units=6, annual_units=4),
    COSMETIC: FeeTerms(amount=900 * DOLLAR, category=UNCOVERED),
}
CASH_PRICES = {VISIT: 120 * DOLLAR, REFILL: 60 * DOLLAR}
"""What the provider asks of patients without a plan."""
PATIENT_FUNDS, POOL_FUNDS, CONSENT_LIMIT = 5_000 * DOLLAR, 100_000 * DOLLAR, 2_000 * DOLLAR


class Credit(NamedTuple):
    """A provider's or an operator's money, as the contract's struct."""

    matured: int = 0
    maturing: int = 0
    held: int = 0
    bond: int = 0
    advanced: int = 0
    owed: int = 0
    open_disputes: int = 0
    suspended: bool = False

    @property
    def tokens(self) -> int:
        """What settlement holds for it."""
        return self.matured + self.maturing + self.held + self.bond - self.advanced


@dataclass(frozen=True)
class State:
    """All that settlement could write, for comparing before and after."""

    balances: tuple[int, ...]
    spent_today: tuple[int, ...]
    pools: tuple[int, ...]
    credits: tuple[Credit, ...]
    fees: tuple[Credit, ...]
    refunds: tuple[int, ...]
    """Of payers, that could not be sent."""
    members: tuple[Any, ...]
    families: tuple[Any, ...]
    units: tuple[int, ...]
    spent: tuple[bool, ...]
    tokens: tuple[int, ...]
    """Held by the escrow, each payer, and settlement."""


def account(name: str) -> LocalAccount:
    """The account a role has in every run."""
    owner: LocalAccount = Account.from_key(keccak256(name.encode()))
    _known[owner.address] = owner
    return owner


_known: dict[str, LocalAccount] = {}
"""Accounts by address."""


class Protocol:
    """Deployed as ``chain.deploy`` does it, with one provider, one payer and two funded patients.

    ``token`` names another token contract (a mock); its constructor gets the authority.
    """

    def __init__(self, evm: Evm, *, token: str = "DevUSD") -> None:
        self.evm = evm
        self.governor = account("governor").address
        self.arbiter = account("arbiter").address
        self.operator = account("operator").address
        self.provider = account("provider").address
        self.insurer = account("insurer").address
        self.stranger = account("stranger").address
        self.oracles = sorted((Signer(account(f"oracle-{i}")) for i in (1, 2, 3)), key=_by_address)
        self.patient = account("patient").address
        self.neighbour = account("neighbour").address
        self.late = account("late").address  # no patient yet: not funded, not enrolled
        self.payer_contracts: dict[int, Contract] = {}
        self.attesters: dict[int, Signer] = {}
        self.insurers: dict[int, str] = {}
        self.funded: list[str] = [self.patient, self.neighbour, self.late]
        self._root_slots = count(1_000)  # tests name lower ones themselves
        self._deploy(token)
        self.domain = Domain(evm.chain_id, self.settlement.address)
        self._open()

    def _deploy(self, token: str) -> None:
        evm, deployer = self.evm, self.governor
        names = ("governance", "token", "registry", "payers", "escrow", "admin", "extension", "settlement")
        at = {name: evm.next_address(deployer, ahead) for ahead, name in enumerate(names)}
        authority, money, settlement = at["governance"], at["token"], at["settlement"]
        self.payer_code = creation_code("InsurerPayer")
        self.governance = evm.deploy(deployer, "Governance", deployer)
        self.token = evm.deploy(deployer, token, authority)
        self.registry = evm.deploy(deployer, "ProviderRegistry", settlement, authority)
        self.payers = evm.deploy(
            *(deployer, "InsurerPayerFactory", money, settlement, at["registry"]),
            *(keccak256(self.payer_code), authority),
        )
        self.escrow = evm.deploy(deployer, "PatientEscrow", money, settlement, at["payers"], at["registry"])
        around = money, at["escrow"], at["payers"], at["registry"]
        self.admin = evm.deploy(deployer, "SettlementAdmin", *around)
        self.extension = evm.deploy(deployer, "SettlementExtension", *around, self.admin.address)
        self.settlement = evm.deploy(deployer, "ClaimSettlement", *around, authority, self.extension.address)
        assert [at[name].lower() for name in names] == [getattr(self, name).address.lower() for name in names]
        self._hand_out_roles()
        self.open_epoch()

    def _hand_out_roles(self) -> None:
        """All roles to the governor, but the arbiter's to the arbiter; nothing is delayed."""
        for contract in (self.registry, self.payers, self.settlement):
            for verb, role in RESTRICTED[contract.name].items():
                selectors = [contract.functions[verb].selector]
                self.govern("setTargetFunctionRole", contract.address, selectors, role)
        for role in (GovernorRole.REGISTRAR, GovernorRole.GUARDIAN):
            self.govern("grantRole", role, self.governor, 0)
        self.govern("grantRole", GovernorRole.ARBITER, self.arbiter, 0)

    def _open(self) -> None:
        self.provider_id = self.register_provider(self.provider)
        self.payer_id = self.create_payer(self.insurer)
        self.payer = self.payer_contracts[self.payer_id]
        self.fund_payer(self.payer_id, POOL_FUNDS)
        self.publish_plan(PLAN, CATEGORIES)
        self.publish_fees(FEES)
        self.accept_provider()
        for patient in (self.patient, self.neighbour):
            self.welcome(patient)

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """Undo everything that happens inside."""
        payers, insurers, funded = dict(self.payer_contracts), dict(self.insurers), list(self.funded)
        attesters = dict(self.attesters)
        with self.evm.rolled_back():
            yield
        self.payer_contracts, self.insurers, self.funded = payers, insurers, funded
        self.attesters = attesters

    def advance(self, seconds: int) -> None:
        """Let time pass."""
        self.evm.now += seconds

    # ---- governor -------------------------------------------------------------------------------------

    def govern(self, verb: str, *arguments: Any) -> Receipt:
        """Change roles."""
        return self.governance.send(self.governor, verb, *arguments)

    def register_provider(self, payout: str) -> int:
        """Register a provider that attests with its payout key."""
        provider_id = int(self.registry.send(self.governor, "register", payout, [payout]).value)
        if payout in _known:
            self.attesters[provider_id] = Signer(_known[payout])
        return provider_id

    def attested(self, section: BatchSection) -> BatchSection:
        """The section under one signature of its provider's, unless it has some already."""
        key = self.attesters.get(section.provider_id) or Signer(account("provider"))
        if section.attestations or not section.rows:
            return section
        return sign_bundled(section, key, self.domain)

    def packed(self, *sections: BatchSection) -> bytes:
        """Sections packed, each under a signature."""
        return encode_sections(map(self.attested, sections))

    def create_payer(self, insurer: str) -> int:
        """Make a payer contract."""
        payer_id, address = self.payers.send(self.governor, "createPayer", insurer, self.payer_code).value
        self.payer_contracts[payer_id] = self.evm.at(address, "InsurerPayer", payer_id=payer_id)
        self.insurers[payer_id] = insurer
        return int(payer_id)

    def open_epoch(self, members: Sequence[Signer] | None = None, threshold: int = 2) -> Receipt:
        """Open an epoch of these oracles, or of the three that are always there."""
        addresses = [member.address for member in (self.oracles if members is None else members)]
        return self.settlement.send(self.governor, "openEpoch", addresses, threshold)

    def set_operator_fee(self, flat: int, bps: int) -> Receipt:
        """Announce the operator's fee; it holds after NOTICE."""
        return self.settlement.send(self.governor, "setOperatorFee", flat, bps)

    def suspend(self, provider_id: int | None = None) -> Receipt:
        """Stop a provider's new events."""
        return self.settlement.send(self.governor, "suspend", provider_id or self.provider_id)

    # ---- money in -------------------------------------------------------------------------------------

    def mint(self, owner: str, amount: int, spender: Contract | None = None) -> None:
        """Give tokens and, for a spender, its allowance."""
        self.token.send(self.governor, "mint", owner, amount)
        if spender is not None:
            self.token.send(owner, "approve", spender.address, amount)

    def fund_payer(self, payer_id: int, amount: int) -> None:
        """Mint and deposit into a payer's pool."""
        payer, owner = self.payer_contracts[payer_id], self.insurers[payer_id]
        self.mint(owner, amount, payer)
        payer.send(owner, "deposit", amount)

    def fund_patient(self, patient: str, amount: int) -> None:
        """Mint and deposit into a patient's balance."""
        if patient not in self.funded:
            self.funded.append(patient)
        self.mint(patient, amount, self.escrow)
        self.escrow.send(patient, "deposit", amount)

    def deposit_bond(self, amount: int, provider_id: int | None = None, owner: str | None = None) -> Receipt:
        """Mint and deposit into a provider's bond."""
        owner = owner or self.provider
        self.mint(owner, amount, self.settlement)
        return self.settlement.send(owner, "depositBond", provider_id or self.provider_id, amount)

    # ---- patient --------------------------------------------------------------------------------------

    def welcome(
        self, patient: str, amount: int = PATIENT_FUNDS, payers: tuple[int, int] | None = None
    ) -> None:
        """Make a patient who can be charged: funded, insured, consenting and enrolled.

        ``payers`` are the primary and the secondary; 0: none.
        """
        primary, secondary = payers or (self.payer_id, 0)
        self.fund_patient(patient, amount)
        if primary:
            self.escrow.send(patient, "acceptPayer", primary, secondary)
        self.grant(patient)
        for payer_id in (primary, secondary):
            if payer_id:
                self.enrol(patient, payer_id=payer_id)

    def grant(
        self,
        patient: str,
        limit: int = CONSENT_LIMIT,
        expires_at: int = NEVER,
        *,
        self_pay: bool = False,
        provider_id: int | None = None,
    ) -> Receipt:
        """Consent to a provider's charges."""
        provider = provider_id or self.provider_id
        return self.escrow.send(patient, "grantConsent", provider, limit, expires_at, self_pay)

    # ---- insurer --------------------------------------------------------------------------------------

    def accept_provider(self, provider_id: int | None = None, payer_id: int | None = None) -> Receipt:
        """Have a payer pay a provider's events."""
        payer_id = payer_id or self.payer_id
        return self.payer_contracts[payer_id].send(
            self.insurers[payer_id], "acceptProvider", provider_id or self.provider_id
        )

    def enrol(
        self,
        member: str,
        year: int = YEAR,
        plan: int = 1,
        met: Accumulators | None = None,
        *,
        family: int = 0,
        payer_id: int | None = None,
        insurer: str | None = None,
    ) -> Receipt:
        """Open a member's benefit year, or resume it."""
        opening, payer_id = met or Accumulators(), payer_id or self.payer_id
        return self.payer_contracts[payer_id].send(
            insurer or self.insurers[payer_id],
            "enrol",
            *(member, year, plan, family),
            *(opening.deductible_met, opening.oop_met, opening.plan_paid),
        )

    def second_payer(
        self,
        *patients: str,
        plan: PlanTerms = PLAN,
        categories: dict[int, CategoryTerms] | None = None,
        fees: dict[bytes, FeeTerms] | None = None,
        insurer: str = "second insurer",
    ) -> int:
        """Another insurer, with the same terms unless said otherwise; these patients are insured with it
        alone."""
        payer_id = self.create_payer(account(insurer).address)
        self.fund_payer(payer_id, POOL_FUNDS)
        self.publish_plan(plan, CATEGORIES if categories is None else categories, payer_id=payer_id)
        self.publish_fees(FEES if fees is None else fees, payer_id=payer_id)
        self.accept_provider(payer_id=payer_id)
        for patient in patients:
            self.welcome(patient, payers=(payer_id, 0))
        return payer_id

    def publish_plan(
        self,
        terms: PlanTerms,
        categories: dict[int, CategoryTerms],
        *,
        plan: int = 1,
        effective_at: int = 0,
        payer_id: int | None = None,
        insurer: str | None = None,
    ) -> Receipt:
        """Publish the next version of a plan."""
        payer_id = payer_id or self.payer_id
        return self.payer_contracts[payer_id].send(
            insurer or self.insurers[payer_id],
            "publishPlan",
            plan,
            plan_words(terms, effective_at),
            list(categories),
            [category_words(category) for category in categories.values()],
        )

    def publish_fees(
        self,
        fees: dict[bytes, FeeTerms],
        *,
        effective_at: int = 0,
        payer_id: int | None = None,
        insurer: str | None = None,
    ) -> Receipt:
        """Publish fees."""
        payer_id = payer_id or self.payer_id
        return self.payer_contracts[payer_id].send(
            insurer or self.insurers[payer_id],
            "publishFees",
            list(fees),
            [fee_words(fee, effective_at) for fee in fees.values()],
        )

    # ---- provider -------------------------------------------------------------------------------------

    def publish_cash_prices(
        self,
        prices: dict[bytes, int] | None = None,
        *,
        provider_id: int | None = None,
        caller: str | None = None,
    ) -> Receipt:
        """Publish cash prices by service id."""
        chosen = CASH_PRICES if prices is None else prices
        return self.registry.send(
            caller or self.provider,
            "publishCashPrices",
            provider_id or self.provider_id,
            list(chosen),
            list(chosen.values()),
        )

    def withdraw(self, provider_id: int | None = None) -> Receipt:
        """Have a provider's matured credit paid out; anybody may."""
        return self.settlement.send(self.stranger, "withdraw", provider_id or self.provider_id)

    def mature(self) -> None:
        """Let all credit of today mature."""
        self.evm.now = matures_at(self.evm.now)

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

    def coordinated(self, *rows: BatchRow, secondary: int, **changes: Any) -> BatchSection:
        """A section with a secondary payer, under its first terms; a row without a service id of the
        secondary's has the same with both."""
        both = [replace(row, secondary_service_id=row.secondary_service_id or row.service_id) for row in rows]
        terms = {"secondary_plan_id": 1, "secondary_terms_version": 1}
        return self.section(*both, secondary_payer_id=secondary, **terms | changes)

    def self_pay(self, *rows: BatchRow, **changes: Any) -> BatchSection:
        """A section without a payer."""
        return self.section(*rows, **{"payer_id": 0, "plan_id": 0, "terms_version": 0} | changes)

    def corrections(self, *rows: BatchRow, **changes: Any) -> BatchSection:
        """A section whose rows name in ``corrects`` the claims that they correct."""
        return self.section(*rows, corrections=True, **changes)

    def batch(
        self, sections: Iterable[BatchSection] | bytes, *, signed_at: int | None = None, **changes: Any
    ) -> SettlementBatch:
        """A batch signed now that lives an hour and names no operator, unless said otherwise."""
        packed = sections if isinstance(sections, bytes) else self.packed(*sections)
        at = self.evm.now if signed_at is None else signed_at
        fields = {
            "epoch": 1,
            "signed_at": at,
            "deadline": at + HOUR,
            "operator": ZERO_ADDRESS,
            "sections": packed,
        }
        return SettlementBatch(**fields | changes)

    def sign(self, batch: SettlementBatch, signers: Sequence[Signer] | None = None) -> list[bytes]:
        """Signatures of two oracle nodes in the order the contract wants, or of these signers as they are."""
        digest = batch.digest(self.domain)
        return [signer.sign(digest) for signer in (self.oracles[:2] if signers is None else signers)]

    def settle_arguments(
        self,
        batch: SettlementBatch,
        signatures: Sequence[bytes] | None = None,
        root_slot: int | None = None,
    ) -> tuple[Any, ...]:
        """What ``settle`` takes. The root goes to a slot that no other batch has used, unless said
        otherwise."""
        signed = self.sign(batch) if signatures is None else signatures
        slot = next(self._root_slots) if root_slot is None else root_slot
        return header_words(batch), batch.sections, self.members_of(batch.epoch) + b"".join(signed), slot

    def members_of(self, epoch: int) -> bytes:
        """The members of an epoch as ``settle`` wants them before the signatures."""
        return b"".join(bytes.fromhex(member[2:]) for member in self.settlement.read("membersOf", epoch))

    def submit(
        self,
        batch: SettlementBatch,
        signatures: Sequence[bytes] | None = None,
        gas: int = CALL_GAS,
        *,
        root_slot: int | None = None,
        caller: str | None = None,
    ) -> Receipt:
        """Submit a batch as a stranger: anyone may."""
        arguments = self.settle_arguments(batch, signatures, root_slot)
        return self.settlement.send(caller or self.stranger, "settle", *arguments, gas=gas)

    def settle(
        self, *rows: BatchRow, signed_at: int | None = None, operator: str = ZERO_ADDRESS, **section: Any
    ) -> Receipt:
        """Settle one section of rows."""
        batch = self.batch([self.section(*rows, **section)], signed_at=signed_at, operator=operator)
        return self.submit(batch)

    # ---- settling without the quorum ------------------------------------------------------------------

    def announce(
        self, sections: bytes, *, provider_id: int | None = None, caller: str | None = None
    ) -> SectionsObjection:
        """Announce packed sections; returns what the quorum may sign against them."""
        provider_id = provider_id or self.provider_id
        self.settlement.send(caller or self.provider, "announceSections", provider_id, sections)
        return SectionsObjection(provider_id, keccak256(sections), self.evm.now)

    def object(
        self, objection: SectionsObjection, signers: Sequence[Signer] | None = None, epoch: int = 1
    ) -> Receipt:
        """Submit an objection that two oracle nodes sign, or these; anybody may."""
        digest = objection.digest(self.domain)
        signed = [signer.sign(digest) for signer in (self.oracles[:2] if signers is None else signers)]
        return self.settlement.send(
            self.stranger,
            "objectToSections",
            *(objection.provider_id, objection.sections_hash, objection.announced_at),
            self.members_of(epoch) + b"".join(signed),
        )

    def settle_unanswered(
        self,
        sections: bytes,
        announced_at: int,
        *,
        provider_id: int | None = None,
        root_slot: int | None = None,
        caller: str | None = None,
    ) -> Receipt:
        """Settle what was announced then, as the provider."""
        slot = next(self._root_slots) if root_slot is None else root_slot
        arguments = provider_id or self.provider_id, announced_at, sections, slot
        return self.settlement.send(caller or self.provider, "settleUnanswered", *arguments)

    # ---- disputes -------------------------------------------------------------------------------------

    def settled_claim(self, receipt: Receipt, index: int = 0) -> Settled:
        """A claim that a batch has settled, with its proof; counted over the settled rows."""
        return settled_claims(receipt, self.evm.chain_id, self.settlement.address)[index]

    def dispute(
        self, settled: Settled, party: DisputeParty = DisputeParty.PATIENT, *, caller: str | None = None
    ) -> Receipt:
        """Dispute a claim as one of its parties."""
        return self.settlement.send(
            caller or self._disputer(settled, party),
            "dispute",
            *(settled.words, party, settled.root_slot, list(settled.proof)),
        )

    def _disputer(self, settled: Settled, party: DisputeParty) -> str:
        claim = settled.claim
        if party == DisputeParty.PATIENT:
            return settled.patient
        return self.insurers[claim.payer_id if party == DisputeParty.PRIMARY else claim.secondary_payer_id]

    def concede(self, settled: Settled, *, caller: str | None = None) -> Receipt:
        """Give a disputed claim back."""
        return self.settlement.send(caller or self.provider, "concede", settled.words)

    def void(self, settled: Settled, *, caller: str | None = None) -> Receipt:
        """Give an undisputed claim back."""
        arguments = settled.words, settled.root_slot, list(settled.proof)
        return self.settlement.send(caller or self.provider, "void", *arguments)

    def answer(
        self, settled: Settled, statement: bytes = b"\x01" * 32, *, caller: str | None = None
    ) -> Receipt:
        """Answer a dispute."""
        return self.settlement.send(caller or self.provider, "answer", settled.words, statement)

    def resolve(
        self,
        settled: Settled,
        ruling: tuple[int, int, int, int, bool] = (0, 0, 0, 0, False),
        *,
        caller: str | None = None,
    ) -> Receipt:
        """Rule on an answered dispute; the words of a Ruling, all 0: reverse it in full."""
        return self.settlement.send(caller or self.arbiter, "resolve", settled.words, ruling)

    def close(self, settled: Settled) -> Receipt:
        """End a dispute whose deadline has passed; anybody may."""
        return self.settlement.send(self.stranger, "close", settled.words)

    # ---- looking --------------------------------------------------------------------------------------

    def balance(self, patient: str) -> int:
        """A patient's balance in the escrow."""
        return int(self.escrow.read("balanceOf", patient))

    def credit_of(self, provider_id: int | None = None) -> Credit:
        """A provider's money, by kind."""
        return Credit(*self.settlement.read("creditOf", provider_id or self.provider_id))

    def credit(self, provider_id: int | None = None) -> int:
        """What a provider still gets for its events: matured, maturing and held, less advances."""
        credit = self.credit_of(provider_id)
        return credit.tokens - credit.bond

    def fees_of(self, operator: str | None = None) -> Credit:
        """An operator's fees, by kind."""
        return Credit(*self.settlement.read("feesOf", operator or self.operator))

    def pool(self, payer_id: int | None = None) -> int:
        """What a payer can still pay."""
        return int(self.payer_contracts[payer_id or self.payer_id].read("pool"))

    def member(self, patient: str, year: int = YEAR, payer_id: int | None = None) -> Accumulators:
        """A member's accumulators."""
        met, *_ = self.payer_contracts[payer_id or self.payer_id].read("memberYear", patient, year)
        return Accumulators(*met)

    def family(self, family: int, year: int = YEAR, payer_id: int | None = None) -> FamilyAccumulators:
        """A family's accumulators."""
        return FamilyAccumulators(
            *self.payer_contracts[payer_id or self.payer_id].read("familyYear", family, year)
        )

    def units_used(self, patient: str, service: bytes = THERAPY, payer_id: int | None = None) -> int:
        """Units of a service that count towards its yearly limit."""
        payer = self.payer_contracts[payer_id or self.payer_id]
        return int(payer.read("unitsUsed", patient, YEAR, service))

    def is_spent(self, sequence: int, provider_id: int | None = None) -> bool:
        """Was the provider's sequence settled or denied?"""
        return bool(self.settlement.read("isSpent", provider_id or self.provider_id, sequence))

    def tokens(self, holder: str) -> int:
        """Tokens that an address holds."""
        return int(self.token.read("balanceOf", holder))

    def patients(self) -> tuple[str, ...]:
        """Everybody who may appear as a patient: the three by name first."""
        return tuple(self.funded)

    def state(self, *sequences: int) -> State:
        """What settlement could have written."""
        payers, patients = self.payer_contracts.values(), self.patients()
        holders = (self.escrow, *payers, self.settlement)
        providers = range(1, self.registry.read("providerCount") + 1)
        return State(
            balances=tuple(self.balance(patient) for patient in patients),
            spent_today=tuple(self.escrow.read("spentToday", patient) for patient in patients),
            pools=tuple(payer.read("pool") for payer in payers),
            credits=tuple(self.credit_of(provider) for provider in providers),
            fees=tuple(self.fees_of(operator) for operator in (self.operator, self.stranger)),
            refunds=tuple(self.settlement.read("refundOf", payer_id) for payer_id in self.payer_contracts),
            members=tuple(
                payer.read("memberYear", patient, year)
                for payer in payers
                for patient in patients
                for year in (YEAR - 1, YEAR)
            ),
            families=tuple(payer.read("familyYear", 1, YEAR) for payer in payers),
            units=tuple(
                payer.read("unitsUsed", patient, YEAR, THERAPY) for payer in payers for patient in patients
            ),
            spent=tuple(self.is_spent(sequence) for sequence in sequences),
            tokens=tuple(self.tokens(holder.address) for holder in holders),
        )

    def assert_solvent(self) -> None:
        """Invariant 1: each contract holds exactly what it owes (nobody donates in these tests)."""
        state = self.state()
        owed = sum(credit.tokens for credit in (*state.credits, *state.fees)) + sum(state.refunds)
        assert state.tokens == (sum(state.balances), *state.pools, owed)


def matures_at(settled_at: int) -> int:
    """When a credit can be paid out: once the whole day it was settled on has passed its window."""
    return (settled_at // BUCKET + 1) * BUCKET + DISPUTE_WINDOW


def header_words(batch: SettlementBatch) -> tuple[int, int, int, str]:
    """A batch's header in the order of the Solidity struct."""
    return batch.epoch, batch.signed_at, batch.deadline, batch.operator


def plan_words(terms: PlanTerms, effective_at: int = 0) -> tuple[int, ...]:
    """Plan terms in the order of the Solidity struct."""
    return (
        terms.deductible,
        terms.oop_max,
        terms.family_deductible,
        terms.family_oop_max,
        terms.annual_maximum,
        terms.rounding_unit,
        int(terms.cob_mode),
        effective_at,
    )


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


def fee_words(fee: FeeTerms, effective_at: int = 0, version: int = 0) -> tuple[int, ...]:
    """A fee in the order of the Solidity struct."""
    return fee.amount, fee.category, fee.max_units, fee.annual_units, effective_at, version


def _by_address(signer: Signer) -> str:
    return signer.address.lower()
