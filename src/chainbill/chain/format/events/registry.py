"""What the provider registry and the payers' factory log."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.chain.format.events.base import Event


@dataclass(frozen=True, slots=True)
class ProviderRegistered(Event):
    """A provider was registered."""

    provider_id: int
    payout_address: str


@dataclass(frozen=True, slots=True)
class AttesterAdded(Event):
    """A key may sign attestations from now on."""

    provider_id: int
    attester: str


@dataclass(frozen=True, slots=True)
class AttesterRevoked(Event):
    """A key may no longer sign attestations."""

    provider_id: int
    attester: str


@dataclass(frozen=True, slots=True)
class PayoutAddressAnnounced(Event):
    """The provider is paid at, and controlled by, ``payout_address`` from ``effective_at`` on."""

    provider_id: int
    payout_address: str
    effective_at: int


@dataclass(frozen=True, slots=True)
class PayoutAddressCancelled(Event):
    """An announced change of the payout address was called off."""

    provider_id: int


@dataclass(frozen=True, slots=True)
class CashPricePublished(Event):
    """What the provider charges without a plan for one unit, from ``effective_at`` on; 0: not offered."""

    provider_id: int
    service_id: bytes
    amount: int
    effective_at: int
    version: int


@dataclass(frozen=True, slots=True)
class PayerCreated(Event):
    """A payer contract was made."""

    payer_id: int
    payer: str
    insurer: str


@dataclass(frozen=True, slots=True)
class AuthorityUpdated(Event):
    """A contract's roles are kept elsewhere from now on."""

    authority: str
