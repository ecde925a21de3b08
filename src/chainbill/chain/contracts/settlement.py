"""``ClaimSettlement``: settles signed batches and holds providers' credit."""

from __future__ import annotations

from collections.abc import Sequence

from web3.types import TxReceipt

from chainbill.attestation.typed_data import ServiceAttestation, SettlementBatch
from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.sender import Sender


class ClaimSettlement(ContractClient):
    """Anyone may settle a signed batch and pay a provider's credit out."""

    artifact = "ClaimSettlement"

    def settle(self, sender: Sender, batch: SettlementBatch, signatures: Sequence[bytes]) -> TxReceipt:
        """Settle a batch; signatures ordered by ascending signer address."""
        return self._send(sender, "settle", _header(batch), batch.sections, list(signatures))

    def withdraw(self, sender: Sender, provider_id: int) -> TxReceipt:
        """Pay the provider's whole credit to its registered payout address."""
        return self._send(sender, "withdraw", provider_id)

    def open_epoch(self, sender: Sender, members: Sequence[str], threshold: int) -> TxReceipt:
        """Open a new oracle epoch; the governor's. Members in any order."""
        return self._send(sender, "openEpoch", sorted(members, key=str.lower), threshold)

    def end_epoch(self, sender: Sender, epoch: int) -> TxReceipt:
        """End an epoch at once; the governor's."""
        return self._send(sender, "endEpoch", epoch)

    def pause(self, sender: Sender) -> TxReceipt:
        """Stop new settlement; the governor's."""
        return self._send(sender, "pause")

    def unpause(self, sender: Sender) -> TxReceipt:
        """Resume settlement; the governor's."""
        return self._send(sender, "unpause")

    def credit_of(self, provider_id: int, *, block: int | str = "latest") -> int:
        """What the provider may withdraw, in micro-dollars."""
        return int(self._call("creditOf", provider_id, block=block))

    def is_spent(self, provider_id: int, sequence: int) -> bool:
        """Was this sequence settled or denied?"""
        return bool(self._call("isSpent", provider_id, sequence))

    def current_epoch(self) -> int:
        """The newest oracle epoch; 0: none yet."""
        return int(self._call("currentEpoch"))

    def epoch(self, epoch: int) -> tuple[int, int, int]:
        """An epoch's threshold, number of members, and end (seconds since 1970, 0: open)."""
        threshold, members, ends_at = self._call("epochs", epoch)
        return threshold, members, ends_at

    def is_member(self, epoch: int, signer: str) -> bool:
        """May this key sign batches of the epoch?"""
        return bool(self._call("isMember", epoch, signer))

    def attestation_digest(self, attestation: ServiceAttestation) -> bytes:
        """The EIP-712 digest a provider signs, as the contract computes it."""
        return bytes(
            self._call(
                "attestationDigest",
                (
                    attestation.provider_id,
                    attestation.payer_id,
                    attestation.patient,
                    attestation.commitment,
                    attestation.service_id,
                    attestation.units,
                    attestation.billed_amount,
                    attestation.benefit_year,
                    attestation.sequence,
                ),
            )
        )

    def batch_digest(self, batch: SettlementBatch) -> bytes:
        """The EIP-712 digest the quorum signs, as the contract computes it."""
        return bytes(self._call("batchDigest", _header(batch), batch.sections))


def _header(batch: SettlementBatch) -> tuple[int, int, int]:
    return (batch.epoch, batch.signed_at, batch.deadline)
