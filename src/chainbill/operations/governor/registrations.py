"""What the governor does for a new party: registers providers, makes payer contracts, hands out DevUSD.

On a devnet the governor's keystore is at hand, so these happen at a party's own command: at once, or, where
the governor is bound to announce its calls, when the command is given again after the delay.
"""

from __future__ import annotations

from chainbill.chain.contracts.payer_factory import payer_creation_code
from chainbill.errors import DevnetError, StateError
from chainbill.operations.governor.calls import GOVERNOR, govern, governor, is_bound
from chainbill.state.address_book import Contact, Role
from chainbill.state.session import Session


def register_provider(session: Session, name: str, *, governed_by: str = GOVERNOR) -> tuple[Contact, bool]:
    """The provider of that name, with an account and a place in the registry; True where it is new there.

    Its account is both its attester key and its payout address.

    Raises:
        StateError: the name belongs to another role, or the governor's keystore is not here.
        CallDelayed: the governor must announce it first, and has.
        ContractReverted: the registry refuses.
    """
    entry = session.ensure_account(name, Role.PROVIDER)
    if entry.provider_id is not None:
        return entry, False
    registry = session.protocol.registry
    with governor(session, governed_by) as sender:
        # An earlier attempt may have been cut off before it could write the id down.
        provider_id = _registered(session, entry.address)
        if provider_id is None:
            govern(session, sender, registry, "register", entry.address, [entry.address])
            provider_id = _registered(session, entry.address)
    return session.book.update(name, provider_id=provider_id), True


def open_payer(session: Session, name: str, *, governed_by: str = GOVERNOR) -> tuple[Contact, bool]:
    """The insurer of that name, with an account and a payer contract; True where the contract is new.

    Raises:
        StateError: the name belongs to another role, or the governor's keystore is not here.
        CallDelayed: the governor must announce it first, and has.
    """
    entry = session.ensure_account(name, Role.INSURER)
    if entry.payer_id is not None:
        return entry, False
    payers = session.protocol.payers
    with governor(session, governed_by) as sender:
        payer_id = _owned(session, entry.address)
        if payer_id is None:
            govern(session, sender, payers, "createPayer", entry.address, payer_creation_code())
            payer_id = _owned(session, entry.address)
    return session.book.update(name, payer_id=payer_id), True


def hand_out(session: Session, address: str, amount: int) -> None:
    """Make DevUSD for an account, in micro-dollars.

    Raises:
        DevnetError: not on a devnet, where money is real.
        CallDelayed: the governor must announce it first, and has.
    """
    if session.devnet is None:
        raise DevnetError("DevUSD is made on a devnet only", hint="on another chain, get its dollar token")
    with governor(session) as sender:
        govern(session, sender, session.protocol.token, "mint", address, amount)


def gives_at_once(session: Session) -> bool:
    """Can DevUSD be made here without announcing it?"""
    if session.devnet is None or GOVERNOR not in session.keystores:
        return False
    account = session.book.get(GOVERNOR, Role.GOVERNOR).address
    return not is_bound(session, account, session.protocol.token, "mint")


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


def _registered(session: Session, address: str) -> int | None:
    """The id of the provider that is paid at an address."""
    registry = session.protocol.registry
    ids = range(1, registry.provider_count() + 1)
    return next((number for number in ids if registry.payout_address(number) == address), None)


def _owned(session: Session, address: str) -> int | None:
    """The id of the payer contract that an address owns."""
    ids = range(1, session.protocol.payers.payer_count() + 1)
    return next((number for number in ids if session.protocol.payer(number).insurer() == address), None)
