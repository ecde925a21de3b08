"""The benchmark's stage: a chain of its own with fixed keys, salts and block times, and everybody set up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, cast

from eth_account import Account
from eth_account.signers.local import LocalAccount
from hexbytes import HexBytes
from web3 import Web3
from web3.types import TxReceipt

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import SettlementBatch
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.chain.contracts import InsurerPayer
from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.deploy import deploy
from chainbill.chain.devnet import anvil
from chainbill.chain.devnet.devnet import Devnet
from chainbill.chain.devnet.scratch_devnet import scratch_devnet, scratch_folder
from chainbill.chain.format.batch_codec import BatchRow, BatchSection, encode_sections
from chainbill.chain.format.events import ClaimSettled, Event
from chainbill.chain.format.logs import decode_receipt
from chainbill.chain.format.section_signing import sign_bundled
from chainbill.chain.node.connection import connect
from chainbill.chain.node.sender import Sender
from chainbill.chain.protocol import Protocol
from chainbill.errors import ChainError
from chainbill.money import DOLLAR
from chainbill.protocol_constants import DAY_SECONDS, GAS_CAP
from chainbill.records.hashing import keccak256

STARTS_AT = 1_750_000_000
"""The chain's first second, seconds since 1970 (15 June 2025)."""

OPENS_AT = STARTS_AT - STARTS_AT % DAY_SECONDS + 3 * DAY_SECONDS
"""When the first batch is settled: a midnight (UTC) at which everything announced has taken effect."""

WINDOW_DAYS = 9
"""Days between batches of which the later may take the earlier one's root slot."""

YEAR = datetime.fromtimestamp(STARTS_AT, UTC).year
PLAN_ID, FAMILY_PLAN_ID, UNUSED_PLAN_ID = 1, 2, 3
FAMILY_SIZE = 4
SERVICE_ID = keccak256(b"chainbill bench service")[:8]
SECONDARY_SERVICE_ID = keccak256(b"chainbill bench service of the secondary")[:8]
PRICE, BILLED = 150 * DOLLAR, 180 * DOLLAR
PLENTY = 1_000_000 * DOLLAR
POST_GAS = 400_000
"""Enough for any call that sets a patient up."""
MAX_FEE = 10**11
"""More than any block of this chain asks for a unit of gas, in wei."""
ENDS_AT = STARTS_AT + 10**8
"""When consents and authorizations of this chain end, in seconds since 1970."""

PLAN = PlanTerms(deductible=100 * DOLLAR, oop_max=PLENTY)
FAMILY_PLAN = PLAN.model_copy(
    update={"family_deductible": 3 * 100 * DOLLAR, "family_oop_max": FAMILY_SIZE * PLENTY}
)
TERMS = CategoryTerms(coinsurance_bps=2_000)


class Coverage(StrEnum):
    """How a group of patients is covered."""

    ONE_PAYER = "one payer"
    ANY_PAYER = "one of several payers"
    """The patient's place among the patients says which."""
    FAMILY = "family"
    TWO_PAYERS = "two payers"
    SELF_PAY = "self-pay"


@dataclass(frozen=True, slots=True)
class Shape:
    """A batch: event n is patient n's (modulo ``patients``), patient i has provider i and payer i (modulo
    their numbers)."""

    events: int
    patients: int
    providers: int = 1
    payers: int = 1
    coverage: Coverage = Coverage.ONE_PAYER


@contextmanager
def bench_stage() -> Iterator[BenchStage]:
    """Start the chain; it is gone afterwards, whatever happens.

    Raises:
        DevnetError: anvil is missing or would not start.
    """
    with scratch_folder("bench") as folder, scratch_devnet(folder, timestamp=STARTS_AT) as devnet:
        # Block times must not depend on how fast this machine is: they are part of what is signed.
        devnet.anvil.call("anvil_setBlockTimestampInterval", 1)
        yield BenchStage(devnet)


class BenchStage:
    """Everybody on a devnet, whose clock and chain go forward and back as a scenario needs. Parties are made
    when a shape first asks for them."""

    def __init__(self, devnet: Devnet) -> None:
        self._devnet = devnet
        self.rpc_url = devnet.rpc_url
        self._w3 = connect(self.rpc_url)
        self._calldata: dict[tuple[object, ...], bytes] = {}
        self._nonces: dict[str, int] = {}
        self._nodes = sorted(
            (Signer(_account(f"oracle {n}")) for n in (1, 2, 3)), key=lambda node: int(node.address, 16)
        )
        members = [node.address for node in self._nodes]
        governor = _account("governor")
        devnet.give_gas(governor.address)
        deployed = deploy(self._w3, governor, oracle_members=members, threshold=2)
        self.protocol = Protocol(self._w3, deployed)
        self.governor = self._sender(governor)
        self.relay = self.sender("relay")
        self.insurer = self.sender("insurer")
        self.payee = self.sender("payee")
        self.protocol.token.mint(self.governor, self.payee.address, DOLLAR)
        self.providers: list[Sender] = []
        self._payers: list[InsurerPayer] = []
        self._patients: dict[Coverage, list[Sender]] = {}
        self._sequences: dict[int, int] = {}

    def sender(self, name: str) -> Sender:
        """The account of a name, with gas money."""
        account = _account(name)
        self._devnet.give_gas(account.address)
        return self._sender(account)

    def patients(self, coverage: Coverage) -> Sequence[Sender]:
        """The patients covered in this way, in the order they were set up."""
        return self._patients[coverage]

    def addresses(self) -> dict[str, str]:
        """Where each contract stands."""
        deployed = self.protocol.deployment
        return {
            "Governance": deployed.governance,
            "DevUSD": deployed.token,
            "ProviderRegistry": deployed.registry,
            "PatientEscrow": deployed.escrow,
            "InsurerPayerFactory": deployed.payers,
            "InsurerPayer": self._payers[0].address,
            "ClaimSettlement": deployed.settlement,
            "SettlementExtension": self.protocol.settlement.extension_code(),
            "SettlementAdmin": self.protocol.settlement.admin_code(),
        }

    def receipts(self) -> Iterator[TxReceipt]:
        """The receipts of all transactions so far, the oldest first."""
        for number in range(1, self._w3.eth.block_number + 1):
            for transaction in self._w3.eth.get_block(number)["transactions"]:
                yield self._w3.eth.get_transaction_receipt(cast(HexBytes, transaction))

    def code_sizes(self) -> dict[str, int]:
        """Bytes of each contract's deployed code."""
        code = self._w3.eth.get_code
        return {name: len(code(Web3.to_checksum_address(at))) for name, at in self.addresses().items()}

    # ---- setting up -----------------------------------------------------------------------------------

    def set_up(self, shapes: Sequence[Shape]) -> None:
        """Make every party that the shapes name, and open at ``OPENS_AT``."""
        self._open_payers(max(shape.payers for shape in shapes))
        self._register_providers(max(shape.providers for shape in shapes))
        for coverage in Coverage:
            alike = [shape for shape in shapes if shape.coverage is coverage]
            if alike:
                self._admit(coverage, alike)
        self._devnet.advance_to(OPENS_AT)

    def _open_payers(self, count: int) -> None:
        for number in range(1, count + 1):
            payer_id = self.protocol.payers.create_payer(self.governor, self.insurer.address)
            payer = self.protocol.payer(payer_id)
            self.protocol.token.mint(self.governor, self.insurer.address, 2 * PLENTY)
            self.protocol.token.approve(self.insurer, payer.address, PLENTY)
            payer.deposit(self.insurer, PLENTY)
            for plan_id, plan in ((PLAN_ID, PLAN), (FAMILY_PLAN_ID, FAMILY_PLAN)):
                payer.publish_plan(self.insurer, plan_id, plan, {1: TERMS})
            service = SERVICE_ID if number == 1 else SECONDARY_SERVICE_ID
            fees = dict.fromkeys((SERVICE_ID, service), FeeTerms(amount=PRICE, category=1))
            payer.publish_fees(self.insurer, fees)
            self._payers.append(payer)

    def publish_another_plan(self) -> None:
        """Let the first insurer publish a plan by which nobody is priced."""
        self._payers[0].publish_plan(self.insurer, UNUSED_PLAN_ID, PLAN, {1: TERMS})

    def _register_providers(self, count: int) -> None:
        for number in range(count):
            provider = self.sender(f"provider {number}")
            provider_id = self.protocol.registry.register(self.governor, provider.address, [provider.address])
            for payer in self._payers:
                payer.accept_provider(self.insurer, provider_id)
            self.protocol.registry.publish_cash_prices(provider, provider_id, {SERVICE_ID: PRICE})
            self.providers.append(provider)

    def _admit(self, coverage: Coverage, shapes: Sequence[Shape]) -> None:
        """Set up patients of one kind, for all shapes that use them."""
        token, escrow, first = self.protocol.token, self.protocol.escrow, shapes[0]
        names = [f"{coverage} patient {n}" for n in range(max(shape.patients for shape in shapes))]
        patients = [self.sender(name) for name in names]
        with self.mined_together():
            for patient in patients:
                self.post(self.governor, token, "mint", patient.address, 2 * PLENTY)
        with self.mined_together():
            for number, patient in enumerate(patients):
                provider_id, payers = number % first.providers + 1, _payers_of(first, number)
                self.post(patient, token, "approve", escrow.address, 2 * PLENTY)
                self.post(patient, escrow, "deposit", PLENTY)
                self.post(patient, escrow, "setLimits", 10_000 * DOLLAR, 100_000 * DOLLAR)
                self_pay = coverage is Coverage.SELF_PAY
                self.post(patient, escrow, "grantConsent", provider_id, PLENTY, ENDS_AT, self_pay)
                if not self_pay:
                    self.post(patient, escrow, "acceptPayer", *payers)
                family = number // FAMILY_SIZE + 1 if coverage is Coverage.FAMILY else 0
                for payer_id in filter(None, payers):
                    opening = (YEAR, _plan_of(first), family, 0, 0, 0)
                    payer = self._payers[payer_id - 1]
                    self.post(self.insurer, payer, "enrol", patient.address, *opening)
        self._patients[coverage] = patients

    @contextmanager
    def mined_together(self) -> Iterator[None]:
        """Mine what is posted inside in as few blocks as hold it."""
        node = self._devnet.anvil
        node.call("evm_setAutomine", False)
        yield
        while int(node.call("txpool_status")["pending"], 16):
            node.call("evm_mine")
        node.call("evm_setAutomine", True)

    def post(self, sender: Sender, contract: ContractClient, function: str, *arguments: object) -> None:
        """Send a call without asking what became of it: there are thousands, and what is measured works only
        if all of them have. An account that posts sends in no other way outside ``rolled_back``."""
        call = (contract.address, function, arguments)
        if call not in self._calldata:
            self._calldata[call] = contract.calldata(function, *arguments)
        if sender.address not in self._nonces:
            self._nonces[sender.address] = self._w3.eth.get_transaction_count(sender.address)
        signed = sender.account.sign_transaction(
            {
                "to": contract.address,
                "data": self._calldata[call],
                "nonce": self._nonces[sender.address],
                "gas": POST_GAS,
                "maxFeePerGas": MAX_FEE,
                "maxPriorityFeePerGas": 0,
                "chainId": anvil.CHAIN_ID,
            }
        )
        self._nonces[sender.address] += 1
        self._devnet.anvil.call("eth_sendRawTransaction", signed.raw_transaction.to_0x_hex())

    # ---- running --------------------------------------------------------------------------------------

    def settle(self, shape: Shape, *, root_slot: int, end: type[Event] = ClaimSettled) -> TxReceipt:
        """Settle one batch of a shape, of which every row must ``end`` in that way."""
        batch = self.batch(shape)
        digest = batch.digest(self.protocol.domain)
        signatures = [node.sign(digest) for node in self._nodes[:2]]
        receipt = self.protocol.settlement.settle(self.relay, batch, signatures, root_slot=root_slot)
        ended = sum(isinstance(event, end) for event in self.events(receipt))
        if ended != shape.events:
            first = self.events(receipt)[0]
            raise ChainError(f"{ended} of {shape.events} rows ended as {end.__name__}: {first}")
        return receipt

    def events(self, receipt: TxReceipt) -> list[Event]:
        """What settlement logged in a transaction."""
        return decode_receipt(receipt, self.protocol.deployment.settlement)

    def batch(self, shape: Shape) -> SettlementBatch:
        """The next batch of a shape: its sequences go on from the last one's."""
        now = self.protocol.now()
        return SettlementBatch(1, now, now + 3_600, ZERO_ADDRESS, encode_sections(self._sections(shape)))

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """Undo afterwards what happens inside: every scenario begins with the same chain and clock."""
        snapshot = self._devnet.anvil.call("evm_snapshot")
        self._sequences.clear()
        try:
            yield
        finally:
            self._devnet.anvil.call("evm_revert", snapshot)

    def wait_days(self, days: int) -> None:
        """Move the clock to the midnight (UTC) that lies so many days ahead."""
        today = self._devnet.latest()[1] // DAY_SECONDS
        self._devnet.advance_to((today + days) * DAY_SECONDS)

    def _sections(self, shape: Shape) -> list[BatchSection]:
        rows: dict[_Parties, list[BatchRow]] = {}
        for number in range(shape.events):
            patient = number % shape.patients
            provider_id = patient % shape.providers + 1
            parties = _Parties(*_payers_of(shape, patient), provider_id)
            rows.setdefault(parties, []).append(self._row(shape, patient, provider_id))
        return [self._signed(_section(shape, parties, rows[parties])) for parties in sorted(rows)]

    def _signed(self, section: BatchSection) -> BatchSection:
        """The section under one signature of its provider's."""
        return sign_bundled(
            section, Signer(_account(f"provider {section.provider_id - 1}")), self.protocol.domain
        )

    def _row(self, shape: Shape, patient: int, provider_id: int) -> BatchRow:
        sequence = self._sequences[provider_id] = self._sequences.get(provider_id, 0) + 1
        return BatchRow(
            patient=bytes.fromhex(self._patients[shape.coverage][patient].address[2:]),
            commitment=keccak256(b"chainbill bench record %d of %d" % (sequence, provider_id)),
            service_id=SERVICE_ID,
            units=1,
            billed=BILLED,
            benefit_year=YEAR,
            sequence=sequence,
            secondary_service_id=SECONDARY_SERVICE_ID if shape.coverage is Coverage.TWO_PAYERS else b"",
        )

    def _sender(self, account: LocalAccount) -> Sender:
        # Estimates would double what a run takes, and whatever is asked for, only what is used counts.
        return Sender(self._w3, account, gas=GAS_CAP)


def _account(name: str) -> LocalAccount:
    account: LocalAccount = Account.from_key(keccak256(b"chainbill bench key " + name.encode()))
    return account


def _payers_of(shape: Shape, patient: int) -> tuple[int, int]:
    """The ids of a patient's primary and secondary payer; 0: none."""
    match shape.coverage:
        case Coverage.SELF_PAY:
            return 0, 0
        case Coverage.TWO_PAYERS:
            return 1, 2
        case _:
            return patient % shape.payers + 1, 0


def _plan_of(shape: Shape) -> int:
    return FAMILY_PLAN_ID if shape.coverage is Coverage.FAMILY else PLAN_ID


class _Parties(NamedTuple):
    """Who a section is about; sections stand in this order."""

    payer_id: int
    secondary_payer_id: int
    provider_id: int


def _section(shape: Shape, parties: _Parties, rows: Sequence[BatchRow]) -> BatchSection:
    payer_id, secondary_payer_id, provider_id = parties
    return BatchSection(
        provider_id=provider_id,
        payer_id=payer_id,
        plan_id=_plan_of(shape) if payer_id else 0,
        terms_version=1 if payer_id else 0,
        rows=tuple(rows),
        secondary_payer_id=secondary_payer_id,
        secondary_plan_id=PLAN_ID if secondary_payer_id else 0,
        secondary_terms_version=1 if secondary_payer_id else 0,
    )
