"""Settles what is accepted: batches, the quorum's signatures, and the transaction."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.attestation.typed_data import SettlementBatch
from chainbill.billing.outcomes import Outcome
from chainbill.chain.format.batch_codec import encode_sections
from chainbill.chain.node.sender import Sender
from chainbill.chain.protocol import Protocol
from chainbill.chain.row_index import Place
from chainbill.oracle.api import Hold, Status
from chainbill.oracle.batching import PlannedBatch, plan_batches
from chainbill.oracle.examination import Examination
from chainbill.oracle.node import SigningRefused
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

    Before anything is batched, and by each node before it signs, the chain is asked again: what a revoked key
    has signed is held, and so is a commitment that was under another sequence.

    Safe to repeat after a crash at any point: what a lost run had settled is skipped by the contract, and
    found in the chain's logs with its claim id.

    Args:
        operator: who gets the operator's fee; the zero address: nobody, and no fee is taken.

    Raises:
        ContractReverted: the contract refused a whole batch; earlier batches stay settled and recorded.
        ChainError: the node could not be reached or refused.
    """
    recover(protocol, store)
    note_settled_recalls(protocol, store)
    signed_at = protocol.now()
    waiting = store.open_attestations()
    store.hold(_by_row(Examination(protocol, store).objections(waiting), waiting), at=signed_at)
    slots = RootSlots(protocol, store)
    done: list[SettledBatch] = []
    planned = deque(plan_batches(protocol, store.open_attestations(), signed_at))
    while planned:
        batch, members = _batch(planned.popleft(), quorum.epoch, signed_at, operator)
        left_out: Mapping[int, Hold] | set[int]
        try:
            signatures = quorum.sign(batch)
        except SigningRefused as refusal:
            left_out = _by_row(refusal.objections, members)
            store.hold(left_out, at=signed_at)
        else:
            # Written down before the signatures leave this process: from now on it may settle.
            left_out = store.mark_signed([member.row for member in members], batch.deadline)
        if left_out:
            others = [member for member in members if member.row not in left_out]
            planned.extendleft(reversed(plan_batches(protocol, others, signed_at)))
            continue
        slot = slots.next_free(protocol.now())
        receipt = protocol.settlement.settle(sender, batch, signatures, root_slot=slot)
        settled = record_receipt(protocol, store, members, receipt)
        for batch_done in _with_lost(protocol, store, members, settled):
            done.append(batch_done)
            if on_batch is not None:
                on_batch(batch_done)
    return done


def _by_row(objections: Mapping[Place, Hold], members: Iterable[StoredAttestation]) -> dict[int, Hold]:
    return {stored.row: objections[stored.place] for stored in members if stored.place in objections}


def note_settled_recalls(protocol: Protocol, store: OracleStore) -> None:
    """Write down which recalled attestations have settled nevertheless, by a batch that was signed before.

    Raises:
        ChainError: the node could not be reached or refused.
    """
    for stored in store.attestations(Status.RECALLED):
        attestation = stored.attestation
        if stored.signed_until and protocol.settlement.is_spent(
            attestation.provider_id, attestation.sequence
        ):
            store.mark_spent(stored.row)


def _batch(
    planned: PlannedBatch, epoch: int, signed_at: int, operator: str
) -> tuple[SettlementBatch, tuple[StoredAttestation, ...]]:
    batch = SettlementBatch(
        epoch=epoch,
        signed_at=signed_at,
        deadline=signed_at + BATCH_LIFE_SECONDS,
        operator=operator,
        sections=encode_sections(planned.sections),
    )
    return batch, planned.members


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
