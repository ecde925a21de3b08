"""The nodes' keys: k of n sign one batch digest."""

from __future__ import annotations

from collections.abc import Sequence

from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import Domain, SettlementBatch
from chainbill.chain.protocol import Protocol
from chainbill.errors import AttestationError


class Quorum:
    """The node keys at hand for one epoch.

    Raises:
        AttestationError: fewer of them are members of the epoch than must sign.
    """

    def __init__(self, protocol: Protocol, nodes: Sequence[Signer]) -> None:
        self.epoch = protocol.settlement.current_epoch()
        threshold, _, _ = protocol.settlement.epoch(self.epoch)
        members = [node for node in nodes if protocol.settlement.is_member(self.epoch, node.address)]
        if threshold == 0:
            raise AttestationError("no oracle epoch is open")
        if len(members) < threshold:
            raise AttestationError(
                f"epoch {self.epoch} needs {threshold} signatures, and {len(members)} member keys are here"
            )
        # The contract takes signatures by ascending address, and each one costs gas.
        self._signing = sorted(members, key=lambda node: int(node.address, 16))[:threshold]
        self._domain: Domain = protocol.domain

    def sign(self, batch: SettlementBatch) -> list[bytes]:
        """As many signatures as the epoch asks for, ordered by ascending signer."""
        digest = batch.digest(self._domain)
        return [node.sign(digest) for node in self._signing]
