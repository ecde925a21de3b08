"""Letting in: a provider gets its place in the registry, an insurer its payer contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainbill.attestation.address import checksum_address
from chainbill.chain.contracts.payer_factory import payer_creation_code
from chainbill.chain.format import events
from chainbill.chain.format.logs import decode_receipt
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.effect import made
from chainbill.operations.governor.calls import acting, govern
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRegistered(Change):
    """A provider that the registry knows."""

    provider_id: int
    address: str
    """Its payout address, which alone manages it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerCreated(Change):
    """An insurer that has a payer contract."""

    payer_id: int
    address: str
    """The insurer's, whose the contract is."""


def register_provider(
    registrar: Actor, payout_address: str, attesters: Sequence[str] = ()
) -> ProviderRegistered:
    """Give a provider its id; where it was registered for itself before, tell that.

    Args:
        payout_address: where it is paid, and who manages it.
        attesters: whose keys sign its attestations; none: the payout address's.

    Raises:
        AttestationError: not an address.
        CallDelayed: the call is announced, and must wait.
        ChainError: the account is no registrar.
        ContractReverted: the registry refuses.
        StateError: the key is not at hand.
    """
    session, address = registrar.session, checksum_address(payout_address)
    keys = [checksum_address(each) for each in attesters] or [address]
    with acting(registrar) as sender:
        for known in registered_ids(session, address):
            return ProviderRegistered(changed=False, provider_id=known, address=address)
        registry = registrar.protocol.registry
        receipt = govern(session, sender, registry, "register", address, keys)
    logged = decode_receipt(receipt, registry.address, "ProviderRegistry")
    (registered,) = (event for event in logged if isinstance(event, events.ProviderRegistered))
    return ProviderRegistered(
        **made(session, receipt),
        provider_id=registered.provider_id,
        address=address,
    )


def create_payer(registrar: Actor, insurer: str) -> PayerCreated:
    """Make an insurer's payer contract; where it owns one already, tell that.

    Raises:
        AttestationError: not an address.
        CallDelayed: the call is announced, and must wait.
        ChainError: the account is no registrar.
        StateError: the key is not at hand.
    """
    session, owner = registrar.session, checksum_address(insurer)
    with acting(registrar) as sender:
        known = owned_payer(session, owner)
        if known is not None:
            return PayerCreated(changed=False, payer_id=known, address=owner)
        payers = registrar.protocol.payers
        receipt = govern(session, sender, payers, "createPayer", owner, payer_creation_code())
    logged = decode_receipt(receipt, payers.address, "InsurerPayerFactory")
    (created,) = (event for event in logged if isinstance(event, events.PayerCreated))
    return PayerCreated(
        **made(session, receipt),
        payer_id=created.payer_id,
        address=owner,
    )


def registered_ids(session: Session, address: str) -> list[int]:
    """The ids under which an account was registered as a provider and that are still its own: it is paid
    there, or signs. Only the governor registers; a provider that names somebody else's account as a key or a
    payout address is not found by it."""
    registry, block = session.protocol.registry, session.protocol.deployment.block
    logs = registry.logged("ProviderRegistered", from_block=block, payoutAddress=address)
    ids = [int(log["providerId"]) for log in logs]
    return [
        each
        for each in ids
        if registry.payout_address(each) == address or registry.is_attester(each, address)
    ]


def owned_payer(session: Session, address: str) -> int | None:
    """The id of the payer contract that an address owns; None where it owns none."""
    ids = range(1, session.protocol.payers.payer_count() + 1)
    return next((number for number in ids if session.protocol.payer(number).insurer() == address), None)
