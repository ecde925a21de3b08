"""What the store here knows of events that are to settle without the oracle: which wait, how they ended."""

from __future__ import annotations

from dataclasses import dataclass

from web3.types import TxReceipt

from chainbill.chain.format.batch_codec import encode_sections
from chainbill.errors import StateError
from chainbill.operations.announcements import StandingAnnouncement
from chainbill.operations.oracle.at_hand import oracle_at_work
from chainbill.oracle.batching import plan_batches
from chainbill.oracle.receipts import SettledBatch as SettledBatch  # providers get it here
from chainbill.oracle.receipts import record_receipt
from chainbill.oracle.root_slots import RootSlots
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class WaitingSections:
    """What can be announced together."""

    sections: bytes
    """Packed, under the provider's signatures."""
    events: int
    left: int
    """Events that wait besides and did not fit."""


def waiting_sections(session: Session, provider_id: int) -> WaitingSections:
    """What a provider has attested and has not ended, as far as it fits one batch, under the terms of now.

    Raises:
        StateError: nothing waits, or the store cannot be used.
        ChainError: the node could not be reached or refused.
    """
    with oracle_at_work(session) as store:
        waiting = [each for each in store.open_attestations() if each.attestation.provider_id == provider_id]
        if not waiting:
            raise StateError(
                f"nothing that provider {provider_id} has attested waits to be settled",
                hint="attest it: chainbill provider attest",
            )
        first, *later = plan_batches(session.protocol, waiting, session.protocol.now())
    left = sum(len(batch.members) for batch in later)
    return WaitingSections(encode_sections(first.sections), len(first.members), left)


def free_root_slot(session: Session) -> int:
    """A root slot that is free now. Errors as ``waiting_sections``."""
    with oracle_at_work(session) as store:
        return RootSlots(session.protocol, store).next_free(session.protocol.now())


def record_unanswered(session: Session, settled: StandingAnnouncement, receipt: TxReceipt) -> SettledBatch:
    """Write down what became of announced events that are in the store. Errors as ``waiting_sections``."""
    with oracle_at_work(session) as store:
        return record_receipt(session.protocol, store, store.find_places(settled.places), receipt)
