"""Settled claims read back from a receipt's logs, with what a dispute needs: words, id, slot and proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.support.evm import Receipt

from chainbill.chain.format.batch_rows import pair_rows
from chainbill.chain.format.claim_tree import claim_id, claim_prefix
from chainbill.chain.format.events import (
    BatchSettled,
    Claim,
    ClaimSettled,
    SecondaryShares,
)
from chainbill.chain.format.packed_claim import pack_claim, pack_secondary
from chainbill.records.merkle_tree import merkle_proof


@dataclass(frozen=True)
class Settled:
    """One settled claim."""

    batch_digest: bytes
    settled_at: int
    operator: str
    """Of the batch."""
    patient: str
    claim: Claim
    secondary: SecondaryShares
    claim_id: bytes
    root_slot: int
    proof: tuple[bytes, ...]

    @property
    def words(self) -> tuple[Any, ...]:
        """The SettledClaim that the contract takes."""
        packed = pack_claim(self.claim) + pack_secondary(self.secondary)
        numbers = (int.from_bytes(packed[at : at + 32], "big") for at in range(0, len(packed), 32))
        batch = self.batch_digest, self.settled_at, self.operator
        return *batch, self.patient, self.claim.commitment, *numbers


def settled_claims(receipt: Receipt, chain_id: int, settlement: str) -> list[Settled]:
    """All settled claims of one batch, in order."""
    (batch,) = receipt.of(BatchSettled)
    settled_at = batch.claims_dated(receipt.time)
    prefix = claim_prefix(chain_id, settlement, batch.digest, settled_at, batch.operator)
    rows = [
        (paired.row, paired.secondary)
        for paired in pair_rows([("", event) for event in receipt.events])
        if isinstance(paired.row, ClaimSettled)
    ]
    ids = [claim_id(prefix, event.patient, event.claim, secondary) for event, secondary in rows]
    return [
        Settled(
            batch_digest=batch.digest,
            settled_at=settled_at,
            operator=batch.operator,
            patient=event.patient,
            claim=event.claim,
            secondary=secondary,
            claim_id=ids[index],
            root_slot=batch.root_slot,
            proof=tuple(merkle_proof(ids, index)),
        )
        for index, (event, secondary) in enumerate(rows)
    ]
