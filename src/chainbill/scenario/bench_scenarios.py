"""What the benchmark does: scenarios of settling, and the peers that settling is compared with.

A scenario is in steady state unless it says otherwise: batches of the same shape have gone before, nine days
earlier and again earlier on the same day, so that balances, accumulators, credits and root slots are in use;
sequences run on, so that new words of the bitmap begin where they fall. The peers move one payer's coin with
the same token: a transfer, a transfer by signature (ERC-3009), and transfers that a contract pulls from a
hundred payers at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from web3.types import TxReceipt

from chainbill.attestation.patient_intents import (
    Intent,
    ReceiveWithAuthorization,
    TransferWithAuthorization,
)
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain
from chainbill.chain.contracts.escrow import Consent, Limits
from chainbill.chain.contracts.settlement import settled_claims
from chainbill.chain.format.events import ClaimPended, DisputeParty
from chainbill.chain.node.sender import Sender
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256
from chainbill.records.merkle_tree import merkle_proof
from chainbill.scenario.batched_transfer import BatchedTransfer
from chainbill.scenario.bench_setup import ENDS_AT, WINDOW_DAYS, BenchStage, Coverage, Shape


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is measured, and of how many events it is the gas."""

    shape: Shape
    run: Callable[[BenchStage, Shape], Sequence[TxReceipt]]
    """Gives the transactions that are measured."""
    alone: bool = False
    """One event, or patient, is measured, whatever the shape of the batch it belongs to."""

    @property
    def events(self) -> int:
        """Of how many events the gas is."""
        return 1 if self.alone else self.shape.events

    @property
    def patients(self) -> int:
        """Of how many patients these are."""
        return 1 if self.alone else self.shape.patients


# ---- scenarios ----------------------------------------------------------------------------------------


def _steady(stage: BenchStage, shape: Shape) -> list[TxReceipt]:
    """The second batch of its day."""
    _first_of_day(stage, shape)
    return [stage.settle(shape, root_slot=0)]


def _first_of_day(stage: BenchStage, shape: Shape) -> list[TxReceipt]:
    """The first batch of its day, which puts the last day's credit away. It uses a root slot of its own."""
    for root_slot in (0, 1):
        stage.settle(shape, root_slot=root_slot)
    stage.wait_days(WINDOW_DAYS)
    return [stage.settle(shape, root_slot=1)]


def _terms_forgotten(stage: BenchStage, shape: Shape) -> list[TxReceipt]:
    """The second batch of its day; the payer, which has published since, does not remember its terms."""
    _first_of_day(stage, shape)
    stage.publish_another_plan()
    return [stage.settle(shape, root_slot=0)]


def _first_touch(stage: BenchStage, shape: Shape) -> list[TxReceipt]:
    """The very first batch of patients who are there: the provider's slots and the batch's are new."""
    return [stage.settle(shape, root_slot=0)]


def _consent_ended(stage: BenchStage, shape: Shape) -> list[TxReceipt]:
    """A batch of patients who had been settled with and have revoked their consent since."""
    escrow = stage.protocol.escrow
    return _pended(stage, shape, lambda patient: escrow.revoke_consent(patient, provider_id=1))


def _over_limit(stage: BenchStage, shape: Shape) -> list[TxReceipt]:
    """A batch of patients who had been settled with and have set a lower limit since."""
    escrow, limits = stage.protocol.escrow, Limits(per_event=DOLLAR, per_day=DOLLAR)
    return _pended(stage, shape, lambda patient: escrow.set_limits(patient, limits))


def _pended(stage: BenchStage, shape: Shape, permit_less: Callable[[Sender], TxReceipt]) -> list[TxReceipt]:
    _first_of_day(stage, shape)
    for patient in stage.patients(shape.coverage)[: shape.patients]:
        permit_less(patient)
    stage.wait_days(WINDOW_DAYS)
    return [stage.settle(shape, root_slot=0, end=ClaimPended)]


def _open_patient(stage: BenchStage, _: Shape) -> list[TxReceipt]:
    """A patient who was not there before: a deposit by signature, a payer, and consent for a provider."""
    protocol, patient = stage.protocol, stage.sender("a new patient")
    protocol.token.mint(stage.governor, patient.address, 2 * DOLLAR)
    consent = Consent(per_event_limit=DOLLAR, expires_at=ENDS_AT)
    return [
        _deposit_by(stage, patient),
        protocol.escrow.accept_payer(patient, payer_id=1),
        protocol.escrow.grant_consent(patient, 1, consent),
    ]


def _deposit(stage: BenchStage, shape: Shape) -> list[TxReceipt]:
    """A patient's deposit by signature, submitted by a relay."""
    return [_deposit_by(stage, stage.patients(shape.coverage)[0])]


def _deposit_by(stage: BenchStage, patient: Sender) -> TxReceipt:
    escrow = stage.protocol.escrow
    authorization = ReceiveWithAuthorization(
        patient.address, escrow.address, DOLLAR, 0, ENDS_AT, keccak256(b"chainbill bench deposit")
    )
    signature = _signed(patient, authorization, stage.protocol.token_domain)
    return escrow.deposit_with_authorization(stage.relay, authorization, signature)


def _dispute(stage: BenchStage, shape: Shape) -> list[TxReceipt]:
    """A patient's dispute of a claim; it has disputed another one of the batch before."""
    (receipt,) = _steady(stage, shape)
    claims = list(settled_claims(stage.events(receipt), stage.protocol.now()))
    ids = [claim.claim_id(stage.protocol.domain) for claim in claims]
    patient = stage.patients(shape.coverage)[0]
    disputed, measured = [n for n, claim in enumerate(claims) if claim.patient == patient.address][:2]

    def dispute(place: int) -> TxReceipt:
        return stage.protocol.settlement.dispute(
            patient, claims[place], DisputeParty.PATIENT, root_slot=0, proof=merkle_proof(ids, place)
        )

    dispute(disputed)
    return [dispute(measured)]


def _signed(owner: Sender, intent: Intent, domain: Domain) -> bytes:
    return Signer(owner.account).sign(intent.digest(domain))


_HUNDRED, _HUNDRED_OF_TEN = Shape(events=100, patients=100), Shape(events=100, patients=10)

SCENARIOS: dict[str, Scenario] = {
    "single": Scenario(Shape(1, 1), _steady),
    "batch_100_patients_100": Scenario(_HUNDRED, _steady),
    "batch_100_patients_10": Scenario(_HUNDRED_OF_TEN, _steady),
    "batch_800_patients_10": Scenario(Shape(800, 10), _steady),
    "batch_200_mixed": Scenario(
        Shape(200, 100, providers=10, payers=3, coverage=Coverage.ANY_PAYER), _steady
    ),
    "deposit_3009": Scenario(Shape(1, 1), _deposit),
    "dispute_open": Scenario(_HUNDRED_OF_TEN, _dispute, alone=True),
    "family": Scenario(Shape(100, 100, coverage=Coverage.FAMILY), _steady),
    "secondary": Scenario(Shape(100, 100, payers=2, coverage=Coverage.TWO_PAYERS), _steady),
    "pended": Scenario(_HUNDRED_OF_TEN, _consent_ended),
    "pended_over_limit": Scenario(_HUNDRED_OF_TEN, _over_limit),
    "self_pay": Scenario(Shape(100, 100, coverage=Coverage.SELF_PAY), _steady),
    "single_terms_forgotten": Scenario(Shape(1, 1), _terms_forgotten),
    "first_of_day": Scenario(_HUNDRED, _first_of_day),
    "first_touch": Scenario(_HUNDRED, _first_touch),
    "patient_opened": Scenario(Shape(1, 1), _open_patient, alone=True),
}
"""By the key under which it is reported."""


# ---- peers --------------------------------------------------------------------------------------------

Peer = Callable[[BenchStage], tuple[TxReceipt, int]]
"""Gives a transaction, and how many transfers it makes."""

UNLIMITED = 2**256 - 1


def _erc20_transfer(stage: BenchStage) -> tuple[TxReceipt, int]:
    """A transfer between two holders."""
    return stage.protocol.token.transfer(stage.insurer, stage.payee.address, DOLLAR), 1


def _erc3009_transfer(stage: BenchStage) -> tuple[TxReceipt, int]:
    """A transfer between two holders by the payer's signature, submitted by a relay."""
    payer = stage.insurer
    authorization = TransferWithAuthorization(
        payer.address, stage.payee.address, DOLLAR, 0, ENDS_AT, keccak256(b"chainbill bench transfer")
    )
    signature = _signed(payer, authorization, stage.protocol.token_domain)
    return stage.protocol.token.transfer_with_authorization(stage.relay, authorization, signature), 1


def _batched_transfer_from(stage: BenchStage, approved: int) -> tuple[TxReceipt, int]:
    """A hundred transfers that a contract pulls in one transaction, within what was approved."""
    token, payers = stage.protocol.token, stage.patients(Coverage.ONE_PAYER)
    puller = BatchedTransfer(stage.protocol.w3, stage.relay)
    with stage.mined_together():
        for payer in payers:
            stage.post(payer, token, "approve", puller.address, approved)
    addresses = [payer.address for payer in payers]
    receipt = puller.pull(stage.relay, token.address, stage.payee.address, DOLLAR, addresses)
    return receipt, len(payers)


PEERS: dict[str, Peer] = {
    "erc20_transfer": _erc20_transfer,
    "erc3009_transfer": _erc3009_transfer,
    "batched_transfer_from": lambda stage: _batched_transfer_from(stage, 10 * DOLLAR),
    "batched_transfer_from_unlimited": lambda stage: _batched_transfer_from(stage, UNLIMITED),
}
"""By the key under which it is reported. An unlimited approval is not counted down and so costs less."""
