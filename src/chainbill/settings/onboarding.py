"""What the governor does for a new party: registers providers, makes payer contracts, hands out DevUSD.

On a devnet the governor's keystore is at hand, so these happen at a party's own command.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chainbill.chain.sender import Sender
from chainbill.errors import DevnetError, StateError
from chainbill.settings.addressbook import Contact, Role
from chainbill.settings.files import locked
from chainbill.settings.session import Session

GOVERNOR = "governor"
"""The account that deployed the protocol."""


def register_provider(session: Session, name: str) -> tuple[Contact, bool]:
    """The provider of that name, with an account and a place in the registry; True where it is new there.

    Its account is both its attester key and its payout address.

    Raises:
        StateError: the name belongs to another role, or the governor's keystore is not here.
        ContractReverted: the registry refuses.
    """
    entry = session.ensure_account(name, Role.PROVIDER)
    if entry.provider_id is not None:
        return entry, False
    registry = session.protocol.registry
    with _governor(session) as governor:
        # An earlier attempt may have been cut off before it could write the id down.
        ids = range(1, registry.provider_count() + 1)
        found = next((number for number in ids if registry.payout_address(number) == entry.address), None)
        provider_id = found or registry.register(governor, entry.address, [entry.address])
    return session.book.update(name, provider_id=provider_id), True


def open_payer(session: Session, name: str) -> tuple[Contact, bool]:
    """The insurer of that name, with an account and a payer contract; True where the contract is new.

    Raises:
        StateError: the name belongs to another role, or the governor's keystore is not here.
    """
    entry = session.ensure_account(name, Role.INSURER)
    if entry.payer_id is not None:
        return entry, False
    payers = session.protocol.payers
    with _governor(session) as governor:
        ids = range(1, payers.payer_count() + 1)
        owners = ((number, session.protocol.payer(number).insurer()) for number in ids)
        found = next((number for number, owner in owners if owner == entry.address), None)
        payer_id = found or payers.create_payer(governor, entry.address)
    return session.book.update(name, payer_id=payer_id), True


def hand_out(session: Session, address: str, amount: int) -> None:
    """Make DevUSD for an account, in micro-dollars.

    Raises:
        DevnetError: not on a devnet, where money is real.
    """
    if session.devnet is None:
        raise DevnetError("DevUSD is made on a devnet only", hint="on another chain, get its dollar token")
    with _governor(session) as governor:
        session.protocol.token.mint(governor, address, amount)


def provider_of(session: Session, name: str) -> tuple[Contact, int]:
    """A registered provider and its id.

    Raises:
        StateError: no such provider, or it is not registered on this chain.
    """
    entry = session.book.get(name, Role.PROVIDER)
    if entry.provider_id is None:
        raise StateError(
            f"{name} is not registered on this chain", hint=f"register it: chainbill provider register {name}"
        )
    return entry, entry.provider_id


def insurer_of(session: Session, name: str) -> tuple[Contact, int]:
    """An insurer with a payer contract, and its payer id.

    Raises:
        StateError: no such insurer, or it has no payer contract on this chain.
    """
    entry = session.book.get(name, Role.INSURER)
    if entry.payer_id is None:
        raise StateError(
            f"{name} has no payer contract on this chain",
            hint=f"the governor makes one: chainbill insurer create {name}",
        )
    return entry, entry.payer_id


@contextmanager
def _governor(session: Session) -> Iterator[Sender]:
    """The governor's account, for one process at a time: two would send transactions of one number."""
    if GOVERNOR not in session.keystores:
        raise StateError(
            f"only the governor may do this, and the keystore of {GOVERNOR!r} is not here",
            hint="ask whoever deployed the protocol on this chain",
        )
    with locked(session.state.root / "governor.lock"):
        yield session.sender(GOVERNOR)
