"""``ProviderRegistry``: who may attest, where providers are paid, and their cash prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from web3.types import TxReceipt

from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.node.sender import Sender


@dataclass(frozen=True, slots=True)
class AnnouncedPayoutAddress:
    """Where a provider will be paid from ``effective_at`` on (seconds since 1970; 0: no change announced)."""

    payout_address: str
    effective_at: int


@dataclass(frozen=True, slots=True)
class CashPrice:
    """What one unit costs without a plan, in micro-dollars (0: not offered); ``version`` 0: no price."""

    amount: int
    version: int


class ProviderRegistry(ContractClient):
    """Provider ids count from 1. Verbs are the payout address's unless said otherwise."""

    artifact = "ProviderRegistry"

    def register(self, sender: Sender, payout_address: str, attesters: Sequence[str]) -> int:
        """Register a provider as the governor; returns its id."""
        receipt = self._send(sender, "register", payout_address, list(attesters))
        return self._new_id(receipt)

    def add_attester(self, sender: Sender, provider_id: int, attester: str) -> TxReceipt:
        """Let another key sign."""
        return self._send(sender, "addAttester", provider_id, attester)

    def revoke_attester(self, sender: Sender, provider_id: int, attester: str) -> TxReceipt:
        """Stop a key from signing."""
        return self._send(sender, "revokeAttester", provider_id, attester)

    def rotate_attester(self, sender: Sender, provider_id: int, *, retired: str, attester: str) -> TxReceipt:
        """Replace a key by another in one step."""
        return self._send(sender, "rotateAttester", provider_id, retired, attester)

    def announce_payout_address(self, sender: Sender, provider_id: int, payout_address: str) -> TxReceipt:
        """Announce another payout address; it takes over after two days."""
        return self._send(sender, "announcePayoutAddress", provider_id, payout_address)

    def cancel_payout_address(self, sender: Sender, provider_id: int) -> TxReceipt:
        """Call an announced change off."""
        return self._send(sender, "cancelPayoutAddress", provider_id)

    def publish_cash_prices(self, sender: Sender, provider_id: int, prices: Mapping[bytes, int]) -> TxReceipt:
        """Publish prices by opaque service id, in micro-dollars a unit; 0: not offered any more."""
        return self._send(sender, "publishCashPrices", provider_id, list(prices), list(prices.values()))

    def is_attester(self, provider_id: int, attester: str) -> bool:
        """May this key sign for the provider?"""
        return bool(self._standing("isAttester", provider_id, attester))

    def payout_address(self, provider_id: int) -> str:
        """Where credit is paid; the zero address where the provider is unknown."""
        return str(self._standing("payoutAddress", provider_id))

    def announced_payout_address(self, provider_id: int) -> AnnouncedPayoutAddress:
        """The announced change of the payout address."""
        return AnnouncedPayoutAddress(*self._call("announcedPayoutAddress", provider_id))

    def cash_price_at(
        self, provider_id: int, service_id: bytes, time: int, *, block: int | str = "latest"
    ) -> CashPrice:
        """The price in force at ``time``."""
        return CashPrice(*self._standing("cashPriceAt", provider_id, service_id, time, block=block))

    def provider_count(self) -> int:
        """How many providers were ever registered."""
        return int(self._call("providerCount"))

    def _new_id(self, receipt: TxReceipt) -> int:
        # This contract's first log is ProviderRegistered; its first indexed field is the id.
        registered = next(log for log in receipt["logs"] if log["address"] == self.address)
        return int.from_bytes(registered["topics"][1], "big")
