"""Where a provider is paid. The account there, and nobody else, acts for it in all but attesting."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.chain.format.events import PayoutAddressAnnounced
from chainbill.chain.format.logs import decode_log
from chainbill.chain.node.connection import time_of_block
from chainbill.errors import StateError
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change, transaction_of
from chainbill.operations.effect import made, stood
from chainbill.operations.repeats import unless_so
from chainbill.state.address_book import Role
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class PayoutStanding:
    """Where a provider is paid, and an announced change."""

    provider_id: int
    payout_address: str
    announced: str | None
    """Where it is paid from ``effective_at`` on; None: no change is announced."""
    effective_at: int
    """Seconds since 1970; 0: no change is announced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutChangeAnnounced(Change):
    """Where a provider is to be paid from ``effective_at`` on."""

    provider_id: int
    announced: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutChangeCalledOff(Change):
    """Where a provider stays paid."""

    provider_id: int
    payout_address: str


def payout_address(session: Session, provider_id: int) -> PayoutStanding:
    """Where a provider is paid, and what is announced.

    Raises:
        ChainError: the node does not answer.
    """
    registry = session.protocol.registry
    address, announced = registry.payout_address(provider_id), registry.announced_payout_address(provider_id)
    changing = announced.payout_address if announced.effective_at else None
    return PayoutStanding(provider_id, address, changing, announced.effective_at)


def announce_payout_address(
    provider: Actor, provider_id: int, account: str, *, new: bool = False
) -> PayoutChangeAnnounced:
    """Announce another payout address; it takes over after two days, and then it alone manages keys, prices
    and disputes. What is announced last goes on as it is, and where it holds already that is told.

    Args:
        account: a name in the address book, or an address.
        new: make an account of that name.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: nobody has the name (or somebody has and ``new`` was asked for), or the key of the present
            payout address is not at hand.
        ContractReverted: the contract refuses.
    """
    owner, session = payout_actor(provider, provider_id).sender(), provider.session
    address = session.address_of(account, role=Role.PROVIDER, new=new)

    def do() -> PayoutChangeAnnounced:
        receipt = session.protocol.registry.announce_payout_address(owner, provider_id, address)
        return PayoutChangeAnnounced(**made(session, receipt), provider_id=provider_id, announced=address)

    return unless_so(lambda: _announced_before(session, provider_id, address), do)


def _announced_before(session: Session, provider_id: int, address: str) -> PayoutChangeAnnounced | None:
    """Since or from when a provider is paid at an address; None: it is not to be."""
    standing, registry = payout_address(session, provider_id), session.protocol.registry
    if address != (standing.announced or standing.payout_address):
        return None
    log = registry.newest_log(
        "PayoutAddressAnnounced",
        from_block=session.protocol.deployment.block,
        providerId=provider_id,
        payoutAddress=address,
    )
    told = stood(session, log)
    event = None if log is None else decode_log(log, registry.artifact)
    if isinstance(event, PayoutAddressAnnounced):
        told["effective_at"] = event.effective_at
    return PayoutChangeAnnounced(**told, provider_id=provider_id, announced=address)


def cancel_payout_address(provider: Actor, provider_id: int) -> PayoutChangeCalledOff:
    """Call the announced change of the payout address off.

    Raises:
        StateError: the key of the payout address is not at hand.
        ContractReverted: no change is announced.
    """
    owner, registry = payout_actor(provider, provider_id).sender(), provider.protocol.registry
    receipt = registry.cancel_payout_address(owner, provider_id)
    return PayoutChangeCalledOff(
        changed=True,
        effective_at=time_of_block(provider.protocol.w3, receipt["blockHash"]),
        transaction=transaction_of(receipt),
        block=receipt["blockNumber"],
        provider_id=provider_id,
        payout_address=registry.payout_address(provider_id),
    )


def payout_actor(provider: Actor, provider_id: int) -> Actor:
    """The account at a provider's payout address. It is the provider's own unless it was changed; another is
    used only for a provider that is named, as the state directory's own: whoever gives a key or an address
    acts with that alone.

    Raises:
        StateError: the keystore of that account is not here, or is not to be used.
    """
    session = provider.session
    address = session.protocol.registry.payout_address(provider_id)
    if address == provider.address:
        return provider
    if not provider.is_named:
        raise StateError(
            f"provider {provider_id} is paid at {address}, which alone may do this",
            hint="act as that account",
        )
    owner = session.book.name_of(address)
    if owner is None or owner not in session.keystores:
        raise StateError(
            f"{provider.name} is paid at {address}, which alone may do this, and its keystore is not here",
            hint="run this where that account's keystore is",
        )
    return Actor.holding(session, owner)
