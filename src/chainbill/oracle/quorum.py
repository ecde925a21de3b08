"""The quorum of one epoch: as many nodes as it asks for, each of which signs for itself."""

from __future__ import annotations

from collections.abc import Sequence

from chainbill.attestation.typed_data import SectionsObjection, SettlementBatch
from chainbill.chain.protocol import Protocol
from chainbill.errors import AttestationError
from chainbill.oracle.node import OracleNode


class Quorum:
    """The nodes at hand for one epoch.

    Raises:
        AttestationError: fewer of them are members of the epoch than must sign.
    """

    def __init__(self, protocol: Protocol, nodes: Sequence[OracleNode]) -> None:
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

    def sign(self, batch: SettlementBatch) -> list[bytes]:
        """As many signatures as the epoch asks for, ordered by ascending signer.

        Raises:
            SigningRefused: a node has found what must not settle; nobody has signed what is returned.
            AttestationError: the batch says of an event what its provider has not attested.
            ChainError: the node of the chain could not be reached or refused.
        """
        return [node.sign(batch) for node in self._signing]

    def object(self, objection: SectionsObjection) -> list[bytes]:
        """As many signatures against announced sections, ordered by ascending signer."""
        return [node.object(objection) for node in self._signing]
