"""Who acts, as programs name them."""

from __future__ import annotations

from typing import Annotated

from eth_account.signers.local import LocalAccount

from chainbill.client.arguments import Expected
from chainbill.errors import ArgumentError, looks_like_key
from chainbill.operations.actor import Actor
from chainbill.state.address_book import Role
from chainbill.state.session import Session

Who = Annotated[
    LocalAccount | str,
    Expected("an eth-account LocalAccount (Account.from_key), the name of a keystore, or an address"),
]
"""An account with its key; or, by name, one whose keystore is in the state directory; or an address, to read
only."""


def acting(session: Session, who: Who, role: Role | None = None, *, any_name: bool = False) -> Actor:
    """Who acts.

    Args:
        role: that a name has to be of; None: of any.
        any_name: a name of the address book will do whose keystore is elsewhere.

    Raises:
        ArgumentError: a private key, which no message repeats.
        AttestationError: it begins like an address and is none.
        StateError: nobody has the name, or nobody can have the address.
    """
    if isinstance(who, LocalAccount):
        return Actor.of(session, who)
    if looks_like_key(who):
        raise ArgumentError(
            "that is a private key, and no account", argument="who", hint="give Account.from_key(…) of it"
        )
    if who.startswith("0x"):
        return Actor.reading(session, who)
    if role is not None:
        return Actor.named(session, who, role)
    return Actor.known(session, who) if any_name else Actor.holding(session, who)
