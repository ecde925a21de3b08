"""Gas per settled event, exactly: receipts on anvil (osaka rules), with fixed keys, salts and block times.

A scenario is measured in steady state unless it says otherwise: batches of the same shape have gone before,
nine days earlier and again earlier on the same day, so that balances, accumulators, credits and root slots
are in use; sequences run on, so that new words of the bitmap begin where they fall. The same run measures
what moving one payer's coin costs with the same token: a transfer, a transfer by signature (ERC-3009), and
transfers that a contract pulls from a hundred payers at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import Any

from web3.types import TxReceipt

from chainbill.attestation.patient_intents import (
    Intent,
    ReceiveWithAuthorization,
    TransferWithAuthorization,
)
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain
from chainbill.chain.contracts.settlement import settled_claims
from chainbill.chain.format.events import DisputeParty
from chainbill.chain.node.sender import Sender
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256
from chainbill.records.merkle_tree import merkle_proof
from chainbill.scenario.batched_transfer import BatchedTransfer
from chainbill.scenario.bench_setup import ENDS_AT, WINDOW_DAYS, BenchStage, Coverage, Shape, bench_stage


@dataclass(frozen=True, slots=True)
class GasFigure:
    """One scenario: gas of its transaction, base and calldata included, over its events (rounded up)."""

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
    """Size of each contract's deployed code; EIP-170 allows 24,576."""

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is measured, and of how many events it is the gas."""

    shape: Shape
    run: Callable[[BenchStage, Shape], TxReceipt]
    alone: bool = False
    """One event is measured, whatever the shape of the batch it belongs to."""

    def measure(self, stage: BenchStage) -> GasFigure:
        """Run it on the stage as it was set up, and leave the stage so."""
        events, patients = (1, 1) if self.alone else (self.shape.events, self.shape.patients)
        with stage.rolled_back():
            gas = int(self.run(stage, self.shape)["gasUsed"])
        return GasFigure(-(-gas // events), events, patients)


def measure_gas(
    only: Collection[str] = (), *, on_scenario: Callable[[str], None] = lambda _: None
) -> GasReport:
    """Run every scenario and the peers, or ``only`` some scenarios.

    Raises:
        DevnetError: anvil is missing or would not start.
        ContractReverted: a contract refused what a scenario does.
    """
    chosen = {name: scenario for name, scenario in SCENARIOS.items() if not only or name in only}
    figures: dict[str, GasFigure] = {}
    with bench_stage() as stage:
        stage.set_up([scenario.shape for scenario in chosen.values()])
        for name, scenario in chosen.items():
            figures[name] = scenario.measure(stage)
            on_scenario(name)
        peers = {} if only else {name: peer(stage) for name, peer in PEERS.items()}
        return GasReport(figures, peers, stage.code_sizes())


# ---- scenarios ----------------------------------------------------------------------------------------


def _steady(stage: BenchStage, shape: Shape) -> TxReceipt:
    """The second batch of its day."""
    _first_of_day(stage, shape)
    return stage.settle(shape, root_slot=0)


def _first_of_day(stage: BenchStage, shape: Shape) -> TxReceipt:
    """The first batch of its day, which puts the last day's credit away. It uses a root slot of its own."""
    for root_slot in (0, 1):
        stage.settle(shape, root_slot=root_slot)
    stage.wait_days(WINDOW_DAYS)
    return stage.settle(shape, root_slot=1)


def _terms_forgotten(stage: BenchStage, shape: Shape) -> TxReceipt:
    """The second batch of its day; the payer, which has published since, does not remember its terms."""
    _first_of_day(stage, shape)
    stage.publish_another_plan()
    return stage.settle(shape, root_slot=0)


def _first_touch(stage: BenchStage, shape: Shape) -> TxReceipt:
    """The very first batch: every slot is new."""
    return stage.settle(shape, root_slot=0)


def _deposit(stage: BenchStage, shape: Shape) -> TxReceipt:
    """A patient's deposit by signature, submitted by a relay."""
    escrow, patient = stage.protocol.escrow, stage.patients(shape.coverage)[0]
    authorization = ReceiveWithAuthorization(
        patient.address, escrow.address, DOLLAR, 0, ENDS_AT, keccak256(b"chainbill bench deposit")
    )
    signature = _signed(patient, authorization, stage.protocol.token_domain)
    return escrow.deposit_with_authorization(stage.relay, authorization, signature)


def _dispute(stage: BenchStage, shape: Shape) -> TxReceipt:
    """A patient's dispute of a claim; it has disputed another one of the batch before."""
    receipt = _steady(stage, shape)
    claims = list(settled_claims(stage.events(receipt), stage.protocol.now()))
    ids = [claim.claim_id(stage.protocol.domain) for claim in claims]
    patient = stage.patients(shape.coverage)[0]
    disputed, measured = [n for n, claim in enumerate(claims) if claim.patient == patient.address][:2]

    def dispute(place: int) -> TxReceipt:
        return stage.protocol.settlement.dispute(
            patient, claims[place], DisputeParty.PATIENT, root_slot=0, proof=merkle_proof(ids, place)
        )

    dispute(disputed)
    return dispute(measured)


def _signed(owner: Sender, intent: Intent, domain: Domain) -> bytes:
    return Signer(owner.account).sign(intent.digest(domain))


_HUNDRED = Shape(events=100, patients=100)

SCENARIOS: dict[str, Scenario] = {
    "single": Scenario(Shape(1, 1), _steady),
    "batch_100_patients_100": Scenario(_HUNDRED, _steady),
    "batch_100_patients_10": Scenario(Shape(100, 10), _steady),
    "batch_800_patients_10": Scenario(Shape(800, 10), _steady),
    "batch_200_mixed": Scenario(
        Shape(200, 100, providers=10, payers=3, coverage=Coverage.ANY_PAYER), _steady
    ),
    "deposit_3009": Scenario(Shape(1, 1), _deposit),
    "dispute_open": Scenario(Shape(100, 10), _dispute, alone=True),
    "family": Scenario(Shape(100, 100, coverage=Coverage.FAMILY), _steady),
    "secondary": Scenario(Shape(100, 100, payers=2, coverage=Coverage.TWO_PAYERS), _steady),
    "self_pay": Scenario(Shape(100, 100, coverage=Coverage.SELF_PAY), _steady),
    "single_terms_forgotten": Scenario(Shape(1, 1), _terms_forgotten),
    "first_of_day": Scenario(_HUNDRED, _first_of_day),
    "first_touch": Scenario(_HUNDRED, _first_touch),
}
"""By the key under which it is reported."""


# ---- peers --------------------------------------------------------------------------------------------

UNLIMITED = 2**256 - 1


def _erc20_transfer(stage: BenchStage) -> int:
    """A transfer between two holders."""
    return int(stage.protocol.token.transfer(stage.insurer, stage.payee.address, DOLLAR)["gasUsed"])


def _erc3009_transfer(stage: BenchStage) -> int:
    """A transfer between two holders by the payer's signature, submitted by a relay."""
    payer = stage.insurer
    authorization = TransferWithAuthorization(
        payer.address, stage.payee.address, DOLLAR, 0, ENDS_AT, keccak256(b"chainbill bench transfer")
    )
    signature = _signed(payer, authorization, stage.protocol.token_domain)
    receipt = stage.protocol.token.transfer_with_authorization(stage.relay, authorization, signature)
    return int(receipt["gasUsed"])


def _batched_transfer_from(stage: BenchStage, approved: int) -> int:
    """One of a hundred transfers that a contract pulls in one transaction, within what was approved."""
    token, payers = stage.protocol.token, stage.patients(Coverage.ONE_PAYER)
    puller = BatchedTransfer(stage.protocol.w3, stage.relay)
    with stage.mined_together():
        for payer in payers:
            stage.post(payer, token, "approve", puller.address, approved)
    addresses = [payer.address for payer in payers]
    gas = puller.pull(stage.relay, token.address, stage.payee.address, DOLLAR, addresses)
    return -(-gas // len(payers))


PEERS: dict[str, Callable[[BenchStage], int]] = {
    "erc20_transfer": _erc20_transfer,
    "erc3009_transfer": _erc3009_transfer,
    "batched_transfer_from": lambda stage: _batched_transfer_from(stage, 10 * DOLLAR),
    "batched_transfer_from_unlimited": lambda stage: _batched_transfer_from(stage, UNLIMITED),
}
"""By the key under which it is reported. An unlimited approval is not counted down and so costs less."""
