"""What a dispute brings along: a settled claim as its logs tell it, and the proof that its batch holds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chainbill.attestation.typed_data import Domain
from chainbill.chain.contracts.settlement import SettledClaim, settled_claims
from chainbill.chain.format.claim_tree import merkle_proof
from chainbill.chain.format.events import (
    BatchSettled,
    ClaimSettled,
    Event,
    RecordedEvent,
    SecondaryDetermined,
)
from chainbill.errors import LedgerError


@dataclass(frozen=True, slots=True)
class ProvenClaim:
    """A claim, and where its batch's root is kept for as long as the claim may be disputed."""

    claim_id: bytes
    settled: SettledClaim
    root_slot: int
    proof: tuple[bytes, ...]


def prove_claim(recorded: Iterable[RecordedEvent], settlement: Domain, claim_id: bytes) -> ProvenClaim:
    """Find a settled claim among events, and prove it.

    Args:
        recorded: every event of the deployment, in order.
        settlement: the domain of the contract that settled it.
        claim_id: 32 bytes.

    Raises:
        LedgerError: no batch settled such a claim.
    """
    for rows, batch, settled_at in _batches(recorded):
        claims = list(settled_claims([*rows, batch], settled_at))
        ids = [claim.claim_id(settlement) for claim in claims]
        if claim_id in ids:
            place = ids.index(claim_id)
            proof = tuple(merkle_proof(ids, place))
            return ProvenClaim(claim_id, claims[place], batch.root_slot, proof)
    raise LedgerError(f"no claim 0x{claim_id.hex()} was settled", hint="see: chainbill audit history")


def _batches(recorded: Iterable[RecordedEvent]) -> Iterator[tuple[list[Event], BatchSettled, int]]:
    """Each batch's rows, its own log, which follows them, and when it was settled."""
    rows: list[Event] = []
    transaction = ""
    for each in recorded:
        if each.transaction != transaction:
            rows, transaction = [], each.transaction
        if isinstance(each.event, ClaimSettled | SecondaryDetermined):
            rows.append(each.event)
        elif isinstance(each.event, BatchSettled):
            yield rows, each.event, each.block_time
            rows = []
