"""Settles what is accepted: batches, the quorum's signatures, the transaction, and what it said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from web3.types import TxReceipt

from chainbill.attestation.typed_data import ServiceAttestation, SettlementBatch
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.batch_codec import encode_sections
from chainbill.chain.events import ClaimDenied, ClaimPended, ClaimSettled, ClaimSkipped
from chainbill.chain.logs import decode_log
from chainbill.chain.protocol import Protocol
from chainbill.chain.sender import Sender
from chainbill.oracle.batching import PlannedBatch, plan_batches
from chainbill.oracle.quorum import Quorum
from chainbill.oracle.store import OracleStore, Status, StoredAttestation

BATCH_LIFE_SECONDS = 3600
"""How long a signed batch stays good; the contract allows six hours."""


@dataclass(frozen=True, slots=True)
class SettledRow:
    """What became of one attestation in one batch."""

    attestation: ServiceAttestation
    outcome: Outcome
    reason: Reason


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
    on_batch: Callable[[SettledBatch], None] | None = None,
) -> list[SettledBatch]:
    """Settle every open attestation; pended ones are tried again.

    Safe to repeat after a crash at any point: what a lost run had settled is skipped by the contract and
    written down as spent here.

    Raises:
        ContractReverted: the contract refused a whole batch; earlier batches stay settled and recorded.
        ChainError: the node could not be reached or refused.
    """
    signed_at = protocol.now()
    done: list[SettledBatch] = []
    for planned in plan_batches(protocol, store.open_attestations(), signed_at):
        batch = SettlementBatch(
            epoch=quorum.epoch,
            signed_at=signed_at,
            deadline=signed_at + BATCH_LIFE_SECONDS,
            sections=encode_sections(planned.sections),
        )
        receipt = protocol.settlement.settle(sender, batch, quorum.sign(batch))
        settled = _read_receipt(planned, receipt, protocol.deployment.settlement)
        store.finish(_statuses(planned.members, settled.rows))
        done.append(settled)
        if on_batch is not None:
            on_batch(settled)
    return done


def _read_receipt(planned: PlannedBatch, receipt: TxReceipt, settlement: str) -> SettledBatch:
    outcomes: dict[tuple[int, int], tuple[Outcome, Reason]] = {}
    for log in receipt["logs"]:
        if log["address"] != settlement:
            continue
        event = decode_log(log)
        if isinstance(event, ClaimSettled):
            outcomes[event.provider_id, event.claim.sequence] = (Outcome.SETTLED, Reason.NONE)
        elif isinstance(event, ClaimDenied):
            outcomes[event.provider_id, event.claim.sequence] = (Outcome.DENIED, Reason(event.reason))
        elif isinstance(event, ClaimPended):
            outcomes[event.provider_id, event.sequence] = (Outcome.PENDED, Reason(event.reason))
        elif isinstance(event, ClaimSkipped):
            outcomes.setdefault((event.provider_id, event.sequence), (Outcome.SKIPPED, Reason.SEQUENCE_SPENT))
    rows = tuple(
        SettledRow(stored.attestation, *outcomes[stored.attestation.provider_id, stored.attestation.sequence])
        for stored in planned.members
    )
    return SettledBatch(
        receipt["transactionHash"].to_0x_hex(), receipt["blockNumber"], receipt["gasUsed"], rows
    )


def _statuses(
    members: Sequence[StoredAttestation], rows: Sequence[SettledRow]
) -> dict[int, tuple[Status, Reason]]:
    final = {
        Outcome.SETTLED: Status.SETTLED,
        Outcome.DENIED: Status.DENIED,
        Outcome.PENDED: Status.PENDED,
        Outcome.SKIPPED: Status.SPENT,
    }
    return {stored.row: (final[row.outcome], row.reason) for stored, row in zip(members, rows, strict=True)}
