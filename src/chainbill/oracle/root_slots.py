"""Where a batch's Merkle root is to be kept: the lowest slot that is empty or whose dispute window has ended.

Few slots, used again and again, keep settling cheap. Which are in use is remembered in the store; the chain
is asked about the others, because anybody may submit a batch and choose its slot. Where somebody is quicker
the contract takes another one, and the batch's log says which.
"""

from __future__ import annotations

from itertools import count

from chainbill.chain.protocol import Protocol
from chainbill.oracle.store import OracleStore
from chainbill.protocol_constants import DISPUTE_WINDOW_SECONDS


class RootSlots:
    """The root slots of one settlement contract, as one oracle knows them."""

    def __init__(self, protocol: Protocol, store: OracleStore) -> None:
        self._settlement = protocol.settlement
        self._store = store

    def next_free(self, now: int) -> int:
        """The lowest slot that is free at ``now`` (seconds since 1970)."""
        taken = self._store.taken_root_slots(now)
        for slot in count():
            if slot in taken:
                continue
            settled_at = self._settlement.root_at(slot).settled_at
            free_at = settled_at + DISPUTE_WINDOW_SECONDS
            if settled_at == 0 or free_at <= now:
                return slot
            self._store.take_root_slot(slot, free_at)
        raise AssertionError("unreachable")

    def take(self, slot: int, settled_at: int) -> None:
        """Remember that a batch settled at ``settled_at`` uses the slot."""
        self._store.take_root_slot(slot, settled_at + DISPUTE_WINDOW_SECONDS)
