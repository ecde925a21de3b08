"""What a reorganisation of the chain took back: batches that were in blocks which it no longer has."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.chain.node.connection import find_receipt, hash_of_block, newest_block
from chainbill.chain.node.finality import Finality, final_block
from chainbill.chain.protocol import Protocol
from chainbill.oracle.receipts import record_receipt
from chainbill.oracle.store import OracleStore, StoredBatch

FINAL_DEPTH = 128
"""A batch with fewer blocks upon its own is always looked for; Ethereum needs 64 to 96."""

FINAL = Finality(confirmations=FINAL_DEPTH)
"""Beyond that depth it is looked for until the node, if it has a word for it, calls its block final: a chain
may go on for hours before it agrees on what is final."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was written down anew after a reorganisation."""

    reopened: int = 0
    """Attestations that wait again: their batch is in no block now."""
    moved: int = 0
    """Attestations whose batch is in another block now; they stand as that one's receipt says."""


def find_dropped(protocol: Protocol, store: OracleStore) -> list[StoredBatch]:
    """The batches whose blocks the chain no longer has, oldest first.

    Every batch that is not final is looked up: one that came after a reorganisation says nothing of those
    before it.

    Raises:
        ChainError: the node could not be reached.
    """
    return [batch for batch in store.batches() if hash_of_block(protocol.w3, batch.block) != batch.block_hash]


def recover(protocol: Protocol, store: OracleStore) -> Recovery:
    """Let the attestations of dropped batches wait for a batch again, unless their own was mined anew.

    What somebody else has settled meanwhile, or settles before the next batch, the contract skips there.

    Raises:
        ChainError: the node could not be reached.
    """
    reopened = moved = 0
    newest = newest_block(protocol.w3)
    dropped = find_dropped(protocol, store)
    if dropped:
        store.forget_root_slots()
    for batch in dropped:
        members = store.members(batch)
        receipt = find_receipt(protocol.w3, batch.transaction)
        if receipt is not None and receipt["status"] == 1:
            record_receipt(protocol, store, members, receipt)
            moved += len(members)
        else:
            store.reopen(batch)
            reopened += len(members)
    store.forget_batches(min(newest - FINAL_DEPTH, final_block(protocol.w3, FINAL)))
    return Recovery(reopened, moved)
