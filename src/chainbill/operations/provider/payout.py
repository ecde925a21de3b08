"""The account that acts for a provider: whoever holds its payout address, and nobody else."""

from __future__ import annotations

from chainbill.chain.node.sender import Sender
from chainbill.errors import StateError
from chainbill.operations.governor.registrations import provider_of
from chainbill.state.session import Session


def payout_sender(session: Session, name: str) -> tuple[int, Sender]:
    """A provider's id, and the account at its payout address. It is the provider's own unless it was changed.

    Raises:
        StateError: no such provider, it is not registered, or the keystore of that account is not here.
    """
    _, provider_id = provider_of(session, name)
    address = session.protocol.registry.payout_address(provider_id)
    owner = session.book.name_of(address)
    if owner is None or owner not in session.keystores:
        raise StateError(
            f"{name} is paid at {address}, which alone may do this, and its keystore is not here",
            hint="run this where that account's keystore is",
        )
    return provider_id, session.sender(owner)
