"""What a dispute brings along: a settled claim as its logs tell it, and the proof that its batch holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from chainbill.attestation.typed_data import Domain
from chainbill.chain.contracts.settlement import SettledClaim, settled_claim
from chainbill.chain.format.batch_rows import pair_rows
from chainbill.chain.format.events import ClaimSettled, RecordedEvent
from chainbill.errors import LedgerError
from chainbill.records.merkle_tree import merkle_proof


@dataclass(frozen=True, slots=True)
class ProvenClaim:
    """A claim, and where its batch's root is kept for as long as the claim may be disputed."""

    claim_id: bytes
    settled: SettledClaim
    block_time: int
    """When it was settled, seconds since 1970."""
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
    events = list(recorded)
    paired = pair_rows([(each.transaction, each.event) for each in events])
    for _, of_batch in groupby(paired, key=lambda row: id(row.batch)):
        rows = [row for row in of_batch if isinstance(row.row, ClaimSettled)]
        if not rows or (batch := rows[0].batch) is None:
            continue
        block_time = events[rows[0].place].block_time
        claims = [
            settled_claim(each.row, batch, each.secondary, block_time)
            for each in rows
            if isinstance(each.row, ClaimSettled)
        ]
        ids = [claim.claim_id(settlement) for claim in claims]
        if claim_id in ids:
            place = ids.index(claim_id)
            proof = tuple(merkle_proof(ids, place))
            return ProvenClaim(claim_id, claims[place], block_time, batch.root_slot, proof)
    raise LedgerError(f"no claim 0x{claim_id.hex()} was settled", hint="see: chainbill audit history")
