"""Gas per settled event, exactly: receipts on anvil (osaka rules), with fixed keys, salts and block times.

Every scenario is measured in steady state: a batch of the same shape has gone before, so that balances,
accumulators and credits are in use. The same run measures what moving one payer's coin costs elsewhere: a
plain ERC-20 transfer and an ERC-3009 transfer by signature of the same token.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3.types import TxReceipt

from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import SettlementBatch
from chainbill.billing.terms import CategoryTerms, FeeTerms, PlanTerms
from chainbill.chain import anvil
from chainbill.chain.artifacts import CONTRACTS, load_artifact
from chainbill.chain.batch_codec import BatchRow, BatchSection, encode_sections
from chainbill.chain.connection import connect
from chainbill.chain.contracts.escrow import Consent
from chainbill.chain.contracts.token import TransferAuthorization
from chainbill.chain.deploy import deploy
from chainbill.chain.devnet import Devnet
from chainbill.chain.protocol import Protocol
from chainbill.chain.sender import Sender
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256

STARTS_AT = 1_750_000_000
"""The bench chain's first second, seconds since 1970 (June 2025)."""

YEAR = datetime.fromtimestamp(STARTS_AT, UTC).year
PLAN_ID = 1
SERVICE_ID = keccak256(b"chainbill bench service")[:8]
PLENTY = 1_000_000 * DOLLAR


@dataclass(frozen=True, slots=True)
class GasFigure:
    """One scenario: gas of the settling transaction, base and calldata included, over its events."""

    gas_per_event: int
    events: int
    patients: int


@dataclass(frozen=True, slots=True)
class GasReport:
    """What ``chainbill bench gas --json`` prints."""

    scenarios: dict[str, GasFigure]
    peers: dict[str, int]
    """Gas of one transfer of one payer's coin, by kind."""
    bytecode_bytes: dict[str, int]
    """Size of each contract's creation code."""

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


SCENARIOS = {"single": (1, 1), "batch_100_patients_100": (100, 100), "batch_100_patients_10": (100, 10)}
"""Events and patients of each scenario; one provider and one payer."""


def measure_gas() -> GasReport:
    """Run every scenario on a chain of its own.

    Raises:
        DevnetError: anvil is missing or would not start.
    """
    with _bench_chain() as bench:
        bench.open(patients=max(patients for _, patients in SCENARIOS.values()))
        scenarios = {name: bench.scenario(*shape) for name, shape in SCENARIOS.items()}
        peers = {"erc20_transfer": bench.erc20_transfer(), "erc3009_transfer": bench.erc3009_transfer()}
    sizes = {name: len(load_artifact(name).bytecode) // 2 - 1 for name in CONTRACTS}
    return GasReport(scenarios, peers, sizes)


@contextmanager
def _bench_chain() -> Iterator[_Bench]:
    with tempfile.TemporaryDirectory(prefix="chainbill-bench-") as folder:
        node = anvil.start(Path(folder) / "state.json", Path(folder) / "anvil.log", timestamp=STARTS_AT)
        try:
            # Block times must not depend on how fast this machine is: they are part of what is signed.
            node.call("anvil_setBlockTimestampInterval", 1)
            yield _Bench(Devnet(node))
        finally:
            node.kill()


def _account(name: str) -> LocalAccount:
    account: LocalAccount = Account.from_key(keccak256(b"chainbill bench key " + name.encode()))
    return account


class _Bench:
    """One provider, one insurer, patients and oracle nodes with fixed keys."""

    def __init__(self, devnet: Devnet) -> None:
        self._devnet = devnet
        w3 = connect(devnet.rpc_url)
        self._nodes = sorted(
            (Signer(_account(f"oracle {n}")) for n in (1, 2, 3)), key=lambda node: int(node.address, 16)
        )
        governor = _account("governor")
        devnet.give_gas(governor.address)
        deployment = deploy(w3, governor, oracle_members=[node.address for node in self._nodes], threshold=2)
        self._protocol = Protocol(w3, deployment)
        self._governor = Sender(w3, governor)
        self._insurer, self._provider = self._sender("insurer"), self._sender("provider")
        self._patients: list[Sender] = []
        self._sequence = 0

    def open(self, *, patients: int) -> None:
        """Publish terms and fill every wallet."""
        protocol = self._protocol
        self._provider_id = protocol.registry.register(
            self._governor, self._provider.address, [self._provider.address]
        )
        self._payer_id = protocol.payers.create_payer(self._governor, self._insurer.address)
        payer = protocol.payer(self._payer_id)
        payer.publish_plan(
            self._insurer,
            PLAN_ID,
            PlanTerms(deductible=100 * DOLLAR, oop_max=PLENTY),
            {1: CategoryTerms(coinsurance_bps=2_000)},
        )
        payer.publish_fees(self._insurer, {SERVICE_ID: FeeTerms(amount=150 * DOLLAR, category=1)})
        payer.accept_provider(self._insurer, self._provider_id)
        self._fill(self._insurer, payer.address, payer)
        for number in range(patients):
            patient = self._sender(f"patient {number}")
            self._fill(patient, protocol.escrow.address, protocol.escrow)
            protocol.escrow.accept_payer(patient, self._payer_id)
            consent = Consent(per_event_limit=PLENTY, expires_at=STARTS_AT + 10**8)
            protocol.escrow.grant_consent(patient, self._provider_id, consent)
            payer.enrol(self._insurer, patient.address, YEAR, PLAN_ID)
            self._patients.append(patient)

    def scenario(self, events: int, patients: int) -> GasFigure:
        """Settle a batch like it first, then the one that is measured."""
        self._settle(events, patients)
        receipt = self._settle(events, patients)
        return GasFigure(-(-receipt["gasUsed"] // events), events, patients)

    def erc20_transfer(self) -> int:
        """Gas of a plain transfer between two holders."""
        payer, payee = self._patients[0], self._provider.address
        self._protocol.token.mint(self._governor, payee, DOLLAR)
        self._protocol.token.mint(self._governor, payer.address, 10 * DOLLAR)
        return int(self._protocol.token.transfer(payer, payee, DOLLAR)["gasUsed"])

    def erc3009_transfer(self) -> int:
        """Gas of a transfer between two holders by the payer's signature, submitted by a third."""
        token, payer = self._protocol.token, self._patients[0]
        authorization = TransferAuthorization(
            owner=payer.address,
            to=self._provider.address,
            value=DOLLAR,
            valid_after=0,
            valid_before=STARTS_AT + 10**8,
            nonce=keccak256(b"chainbill bench nonce"),
        )
        domain = {
            "name": "Dev USD",
            "version": "1",
            "chainId": self._protocol.deployment.chain_id,
            "verifyingContract": token.address,
        }
        signed = payer.account.sign_typed_data(
            domain, {TransferAuthorization.TYPE: _AUTHORIZATION}, authorization.to_message()
        )
        receipt = token.transfer_with_authorization(self._insurer, authorization, signed.signature)
        return int(receipt["gasUsed"])

    def _settle(self, events: int, patients: int) -> TxReceipt:
        now = self._protocol.now()
        section = BatchSection(
            self._provider_id, self._payer_id, PLAN_ID, 1, tuple(self._rows(events, patients))
        )
        batch = SettlementBatch(1, now, now + 3600, encode_sections([section]))
        digest = batch.digest(self._protocol.domain)
        signatures = [node.sign(digest) for node in self._nodes[:2]]
        return self._protocol.settlement.settle(self._provider, batch, signatures)

    def _rows(self, events: int, patients: int) -> Iterator[BatchRow]:
        for number in range(events):
            self._sequence += 1
            yield BatchRow(
                patient=bytes.fromhex(self._patients[number % patients].address[2:]),
                commitment=keccak256(b"chainbill bench record %d" % self._sequence),
                service_id=SERVICE_ID,
                units=1,
                billed=180 * DOLLAR,
                benefit_year=YEAR,
                sequence=self._sequence,
            )

    def _fill(self, owner: Sender, holder: str, contract: Any) -> None:
        self._protocol.token.mint(self._governor, owner.address, PLENTY)
        self._protocol.token.approve(owner, holder, PLENTY)
        contract.deposit(owner, PLENTY)

    def _sender(self, name: str) -> Sender:
        account = _account(name)
        self._devnet.give_gas(account.address)
        return Sender(self._protocol.w3, account)


_AUTHORIZATION: Sequence[dict[str, str]] = [
    {"name": "from", "type": "address"},
    {"name": "to", "type": "address"},
    {"name": "value", "type": "uint256"},
    {"name": "validAfter", "type": "uint256"},
    {"name": "validBefore", "type": "uint256"},
    {"name": "nonce", "type": "bytes32"},
]
