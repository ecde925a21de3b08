"""Settles what is accepted: batches, the quorum's signatures, and the transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from web3.types import TxReceipt

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.attestation.typed_data import SettlementBatch
from chainbill.billing.outcomes import Outcome
from chainbill.chain.batch_codec import encode_sections
from chainbill.chain.protocol import Protocol
from chainbill.chain.sender import Sender
from chainbill.errors import ContractReverted
from chainbill.oracle.batching import plan_batches
from chainbill.oracle.quorum import Quorum
from chainbill.oracle.receipts import SettledBatch, record_receipt
from chainbill.oracle.reorganisation import recover
from chainbill.oracle.root_slots import RootSlots
from chainbill.oracle.settled_before import record_settled_before
from chainbill.oracle.store import OracleStore, StoredAttestation

BATCH_LIFE_SECONDS = 3600
"""How long a signed batch stays good; the contract allows six hours."""


def settle_open(
    protocol: Protocol,
    store: OracleStore,
    quorum: Quorum,
    sender: Sender,
    *,
    operator: str = ZERO_ADDRESS,
    on_batch: Callable[[SettledBatch], None] | None = None,
) -> list[SettledBatch]:
    """Settle every open attestation; pended ones are tried again, and those whose batch a reorganisation of
    the chain has dropped.

    Safe to repeat after a crash at any point: what a lost run had settled is skipped by the contract, and
    found in the chain's logs with its claim id.

    Args:
        operator: who gets the operator's fee; the zero address: nobody, and no fee is taken.

    Raises:
        ContractReverted: the contract refused a whole batch; earlier batches stay settled and recorded.
        ChainError: the node could not be reached or refused.
    """
    recover(protocol, store)
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
        settled = record_receipt(protocol, store, planned.members, receipt)
        for batch_done in _with_lost(protocol, store, planned.members, settled):
            done.append(batch_done)
            if on_batch is not None:
                on_batch(batch_done)
    return done


def _with_lost(
    protocol: Protocol, store: OracleStore, members: Sequence[StoredAttestation], settled: SettledBatch
) -> list[SettledBatch]:
    """A batch, and those in which rows that it skipped were settled before."""
    skipped = {
        stored.row
        for stored, row in zip(members, settled.rows, strict=True)
        if row.outcome is Outcome.SKIPPED
    }
    if not skipped:
        return [settled]
    lost = [stored for stored in members if stored.row in skipped]
    earlier = record_settled_before(protocol, store, lost)
    found = {row.attestation.commitment for batch in earlier for row in batch.rows}
    left = tuple(row for row in settled.rows if row.attestation.commitment not in found)
    return [replace(settled, rows=left), *earlier]


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
