"""The account that acts for a provider: whoever holds its payout address, and nobody else."""

from __future__ import annotations

from chainbill.chain.node.sender import Sender
from chainbill.errors import StateError
from chainbill.operations.actor import Actor
from chainbill.operations.governor.registrations import provider_of
from chainbill.state.session import Session


def payout_sender(session: Session, name: str) -> tuple[int, Sender]:
    """A provider's id, and the account at its payout address. It is the provider's own unless it was changed.

    Raises:
        StateError: no such provider, it is not registered, or the keystore of that account is not here.
    """
    _, provider_id = provider_of(session, name)
    return provider_id, payout_account(session, name, provider_id).sender()


def payout_account(session: Session, name: str, provider_id: int) -> Actor:
    """The account at a provider's payout address.

    Args:
        name: what the provider is called.

    Raises:
        StateError: the keystore of that account is not here.
    """
    address = session.protocol.registry.payout_address(provider_id)
    owner = session.book.name_of(address)
    if owner is None or owner not in session.keystores:
        raise StateError(
            f"{name} is paid at {address}, which alone may do this, and its keystore is not here",
            hint="run this where that account's keystore is",
        )
    return Actor.holding(session, owner)
