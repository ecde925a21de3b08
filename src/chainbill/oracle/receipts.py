"""What a batch's receipt says: how each of its rows ended, and in which block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from web3.types import TxReceipt

from chainbill.attestation.typed_data import ServiceAttestation
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.contracts.settlement import settled_claims
from chainbill.chain.format.events import (
    BatchSettled,
    ClaimDenied,
    ClaimPended,
    ClaimSettled,
    ClaimSkipped,
    Event,
)
from chainbill.chain.format.logs import decode_receipt
from chainbill.chain.node.connection import time_of_block
from chainbill.chain.protocol import Protocol
from chainbill.oracle.api import Status
from chainbill.oracle.root_slots import RootSlots
from chainbill.oracle.store import Finished, OracleStore, StoredAttestation, StoredBatch

_FINAL = {
    Outcome.SETTLED: Status.SETTLED,
    Outcome.DENIED: Status.DENIED,
    Outcome.PENDED: Status.PENDED,
    Outcome.SKIPPED: Status.SPENT,
}


@dataclass(frozen=True, slots=True)
class RowOutcome:
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
    rows: tuple[RowOutcome, ...]
    earlier: bool = False
    """It was settled before, by a run that was cut off or by somebody else, and found in the chain's logs."""


def record_receipt(
    protocol: Protocol,
    store: OracleStore,
    members: Sequence[StoredAttestation],
    receipt: TxReceipt,
    *,
    earlier: bool = False,
) -> SettledBatch:
    """Read what became of a batch's rows, and write it down with the block that says so.

    Raises:
        ChainError: the node could not be reached, or has dropped that block since.
    """
    events = decode_receipt(receipt, protocol.deployment.settlement)
    (batch,) = (event for event in events if isinstance(event, BatchSettled))
    # By its hash: another block may have the number by now.
    block_time = time_of_block(protocol.w3, receipt["blockHash"])
    if batch.settled:
        RootSlots(protocol, store).take(batch.root_slot, batch.claims_dated(block_time))
    claim_ids = {
        (claim.claim.provider_id, claim.claim.sequence): claim.claim_id(protocol.domain)
        for claim in settled_claims(events, block_time)
    }
    outcomes = _outcomes(events)
    rows = []
    for stored in members:
        place = stored.attestation.provider_id, stored.attestation.sequence
        rows.append(RowOutcome(stored.attestation, *outcomes[place], claim_ids.get(place, b"")))
    store.finish(
        {
            stored.row: Finished(_FINAL[row.outcome], row.reason, row.claim_id)
            for stored, row in zip(members, rows, strict=True)
        },
        StoredBatch(bytes(receipt["transactionHash"]), receipt["blockNumber"], bytes(receipt["blockHash"])),
    )
    return SettledBatch(
        receipt["transactionHash"].to_0x_hex(),
        receipt["blockNumber"],
        receipt["gasUsed"],
        tuple(rows),
        earlier,
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
