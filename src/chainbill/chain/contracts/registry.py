"""``ProviderRegistry``: who may attest and where they are paid."""

from __future__ import annotations

from collections.abc import Sequence

from web3.types import TxReceipt

from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.sender import Sender


class ProviderRegistry(ContractClient):
    """Provider ids count from 1."""

    artifact = "ProviderRegistry"

    def register(self, sender: Sender, payout_address: str, attesters: Sequence[str]) -> int:
        """Register a provider as the governor; returns its id."""
        receipt = self._send(sender, "register", payout_address, list(attesters))
        return self._new_id(receipt)

    def add_attester(self, sender: Sender, provider_id: int, attester: str) -> TxReceipt:
        """Let another key sign; the payout address's."""
        return self._send(sender, "addAttester", provider_id, attester)

    def revoke_attester(self, sender: Sender, provider_id: int, attester: str) -> TxReceipt:
        """Stop a key from signing; the payout address's."""
        return self._send(sender, "revokeAttester", provider_id, attester)

    def suspend(self, sender: Sender, provider_id: int) -> TxReceipt:
        """Stop new settlement; the governor's."""
        return self._send(sender, "suspend", provider_id)

    def reinstate(self, sender: Sender, provider_id: int) -> TxReceipt:
        """Undo a suspension; the governor's."""
        return self._send(sender, "reinstate", provider_id)

    def is_active(self, provider_id: int) -> bool:
        """Registered and not suspended."""
        return bool(self._call("isActive", provider_id))

    def is_attester(self, provider_id: int, attester: str) -> bool:
        """May this key sign for the provider?"""
        return bool(self._call("isAttester", provider_id, attester))

    def payout_address(self, provider_id: int) -> str:
        """Where credit is paid; the zero address where the provider is unknown."""
        return str(self._call("payoutAddress", provider_id))

    def provider_count(self) -> int:
        """How many providers were ever registered."""
        return int(self._call("providerCount"))

    @staticmethod
    def _new_id(receipt: TxReceipt) -> int:
        # The first log is ProviderRegistered; its first indexed field is the id.
        return int.from_bytes(receipt["logs"][0]["topics"][1], "big")
