"""Settles what is accepted: batches, the quorum's signatures, the transaction, and what it said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from web3.types import TxReceipt

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.attestation.typed_data import ServiceAttestation, SettlementBatch
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.batch_codec import encode_sections
from chainbill.chain.contracts.settlement import settled_claims
from chainbill.chain.events import (
    BatchSettled,
    ClaimDenied,
    ClaimPended,
    ClaimSettled,
    ClaimSkipped,
    Event,
)
from chainbill.chain.logs import decode_log
from chainbill.chain.protocol import Protocol
from chainbill.chain.sender import Sender
from chainbill.errors import ContractReverted
from chainbill.oracle.batching import PlannedBatch, plan_batches
from chainbill.oracle.quorum import Quorum
from chainbill.oracle.root_slots import RootSlots
from chainbill.oracle.store import Finished, OracleStore, Status

BATCH_LIFE_SECONDS = 3600
"""How long a signed batch stays good; the contract allows six hours."""

_FINAL = {
    Outcome.SETTLED: Status.SETTLED,
    Outcome.DENIED: Status.DENIED,
    Outcome.PENDED: Status.PENDED,
    Outcome.SKIPPED: Status.SPENT,
}


@dataclass(frozen=True, slots=True)
class SettledRow:
    """What became of one attestation in one batch."""

    attestation: ServiceAttestation
    outcome: Outcome
    reason: Reason
    claim_id: bytes = b""
    """Of the claim it became; empty where it did not settle."""


@dataclass(frozen=True, slots=True)
class SettledBatch:
    """One submitted batch."""

    transaction: str
    block: int
    gas_used: int
    rows: tuple[SettledRow, ...]


def settle_open(
    protocol: Protocol,
    store: OracleStore,
    quorum: Quorum,
    sender: Sender,
    *,
    operator: str = ZERO_ADDRESS,
    on_batch: Callable[[SettledBatch], None] | None = None,
) -> list[SettledBatch]:
    """Settle every open attestation; pended ones are tried again.

    Safe to repeat after a crash at any point: what a lost run had settled is skipped by the contract and
    written down as spent here.

    Args:
        operator: who gets the operator's fee; the zero address: nobody, and no fee is taken.

    Raises:
        ContractReverted: the contract refused a whole batch; earlier batches stay settled and recorded.
        ChainError: the node could not be reached or refused.
    """
    signed_at = protocol.now()
    slots = RootSlots(protocol, store)
    done: list[SettledBatch] = []
    for planned in plan_batches(protocol, store.open_attestations(), signed_at):
        batch = SettlementBatch(
            epoch=quorum.epoch,
            signed_at=signed_at,
            deadline=signed_at + BATCH_LIFE_SECONDS,
            operator=operator,
            sections=encode_sections(planned.sections),
        )
        receipt = _submit(protocol, sender, batch, quorum.sign(batch), slots)
        settled = _read_receipt(protocol, planned, receipt, slots)
        store.finish(
            {
                stored.row: Finished(_FINAL[row.outcome], row.reason, row.claim_id)
                for stored, row in zip(planned.members, settled.rows, strict=True)
            }
        )
        done.append(settled)
        if on_batch is not None:
            on_batch(settled)
    return done


def _submit(
    protocol: Protocol,
    sender: Sender,
    batch: SettlementBatch,
    signatures: Sequence[bytes],
    slots: RootSlots,
) -> TxReceipt:
    """Send a batch to a free root slot, and to another one where somebody else was quicker."""
    while True:
        slot = slots.next_free(protocol.now())
        try:
            return protocol.settlement.settle(sender, batch, signatures, root_slot=slot)
        except ContractReverted as refusal:
            if refusal.name != "RootSlotInUse":
                raise
            slots.avoid(slot, refusal.fields["until"])


def _read_receipt(
    protocol: Protocol, planned: PlannedBatch, receipt: TxReceipt, slots: RootSlots
) -> SettledBatch:
    own = [log for log in receipt["logs"] if log["address"] == protocol.deployment.settlement]
    events = [decode_log(log) for log in own]
    (batch,) = (event for event in events if isinstance(event, BatchSettled))
    settled_at = int(protocol.w3.eth.get_block(receipt["blockNumber"])["timestamp"])
    if batch.settled:
        slots.take(batch.root_slot, settled_at)
    claim_ids = {
        (claim.claim.provider_id, claim.claim.sequence): claim.claim_id(protocol.domain)
        for claim in settled_claims(events, settled_at)
    }
    outcomes = _outcomes(events)
    rows = []
    for stored in planned.members:
        place = stored.attestation.provider_id, stored.attestation.sequence
        rows.append(SettledRow(stored.attestation, *outcomes[place], claim_ids.get(place, b"")))
    return SettledBatch(
        receipt["transactionHash"].to_0x_hex(), receipt["blockNumber"], receipt["gasUsed"], tuple(rows)
    )


def _outcomes(events: Sequence[Event]) -> dict[tuple[int, int], tuple[Outcome, Reason]]:
    """How each row ended, by provider and sequence. A row that repeats another of its batch is skipped; what
    the first one came to counts."""
    outcomes: dict[tuple[int, int], tuple[Outcome, Reason]] = {}
    for event in events:
        match event:
            case ClaimSettled(claim=claim) | ClaimDenied(claim=claim) | ClaimPended(claim=claim):
                outcomes[claim.provider_id, claim.sequence] = (claim.reason.outcome, claim.reason)
            case ClaimSkipped(claim=claim):
                skipped = (Outcome.SKIPPED, Reason.SEQUENCE_SPENT)
                outcomes.setdefault((claim.provider_id, claim.sequence), skipped)
    return outcomes
