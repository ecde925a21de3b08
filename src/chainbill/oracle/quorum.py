"""The nodes' keys: k of n sign one batch digest, each after it has asked the chain itself."""

from __future__ import annotations

from collections.abc import Sequence

from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import SettlementBatch
from chainbill.chain.protocol import Protocol
from chainbill.errors import AttestationError, ChainbillError
from chainbill.oracle.examination import Examination, check_rows_attested
from chainbill.oracle.store import Hold, StoredAttestation


class SigningRefused(ChainbillError):
    """A node does not sign a batch; ``objections`` says by row why not."""

    def __init__(self, objections: dict[int, Hold]) -> None:
        reasons = ", ".join(sorted(set(objections.values())))
        super().__init__(f"an oracle node does not sign {len(objections)} events of the batch: {reasons}")
        self.objections = objections


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
        self._protocol = protocol

    def sign(self, batch: SettlementBatch, members: Sequence[StoredAttestation]) -> list[bytes]:
        """As many signatures as the epoch asks for, ordered by ascending signer.

        Args:
            members: the attestations that the batch is of.

        Raises:
            SigningRefused: a node has found what must not settle; nobody has signed what is returned.
            AttestationError: the batch says of an event what its provider has not attested.
            ChainError: the node of the chain could not be reached or refused.
        """
        return [self._sign_alone(node, batch, members) for node in self._signing]

    def _sign_alone(
        self, node: Signer, batch: SettlementBatch, members: Sequence[StoredAttestation]
    ) -> bytes:
        """One node's part: it takes nobody's word that the batch was checked."""
        check_rows_attested(batch, members)
        objections = Examination(self._protocol).objections(members)
        if objections:
            raise SigningRefused(objections)
        return node.sign(batch.digest(self._protocol.domain))
