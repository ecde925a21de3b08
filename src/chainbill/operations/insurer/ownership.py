"""Whose a payer contract is: its insurer offers it to another account, which takes it over."""

from __future__ import annotations

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.chain.contracts import InsurerPayer
from chainbill.errors import StateError
from chainbill.operations.governor.registrations import insurer_of
from chainbill.state.address_book import Role
from chainbill.state.session import Session


def offer_payer(session: Session, name: str, account: str, *, new: bool = False) -> tuple[int, str, bool]:
    """Offer an insurer's payer contract to an address or a name; ``new`` makes an account of that name.
    Returns the payer's id, the address, and whether it was not offered to it before.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: the contract is not the insurer's any more, or the other account is nobody's, the
            insurer itself, of another role, or an insurer with a payer contract already.
    """
    payer_id, payer = _own(session, name)
    address = session.address_of(account, role=Role.INSURER, new=new)
    if address == payer.insurer():
        raise StateError(f"payer {payer_id} is {name}'s own already", hint="name another account")
    known = session.book.name_of(address)
    if known is not None:
        _check_has_none(session, known)
    changed = payer.successor() != address
    if changed:
        payer.transfer_ownership(session.sender(name), address)
    return payer_id, address, changed


def call_offer_off(session: Session, name: str) -> int:
    """Call the offer of an insurer's payer contract off; returns the payer's id.

    Raises:
        StateError: it is not the insurer's any more, or offered to nobody.
    """
    payer_id, payer = _own(session, name)
    if payer.successor() == ZERO_ADDRESS:
        raise StateError(f"payer {payer_id} is offered to nobody")
    payer.transfer_ownership(session.sender(name), ZERO_ADDRESS)
    return payer_id


def take_payer(session: Session, name: str, payer_id: int) -> bool:
    """Make an account the insurer of the payer contract that is offered to it, and write that down; False
    where it is its insurer already.

    Raises:
        ChainError: there is no such payer.
        StateError: no such insurer, it has another payer contract, or this one is not offered to it.
    """
    payer = session.protocol.payer(payer_id)
    entry = session.book.get(name, Role.INSURER)
    # An earlier attempt may have been cut off before it could write the id down.
    changed = payer.insurer() != entry.address
    if changed:
        _check_has_none(session, name)
        if payer.successor() != entry.address:
            raise StateError(
                f"payer {payer_id} is not offered to {name}",
                hint=f"its insurer offers it: chainbill insurer hand-over {name}",
            )
        payer.accept_ownership(session.sender(name))
    before = session.book.insurer(payer_id)
    if before is not None and before[0] != name:
        session.book.update(before[0], payer_id=None)
    session.book.update(name, payer_id=payer_id)
    return changed


def _own(session: Session, name: str) -> tuple[int, InsurerPayer]:
    """An insurer's payer contract, while it is its own."""
    entry, payer_id = insurer_of(session, name)
    payer = session.protocol.payer(payer_id)
    owner = payer.insurer()
    if owner != entry.address:
        raise StateError(
            f"payer {payer_id} is not {name}'s any more: {owner} has taken it over",
            hint=f"act as that account: --as {session.book.name_of(owner) or 'NAME'}",
        )
    return payer_id, payer


def _check_has_none(session: Session, name: str) -> None:
    """Refuse an account that is not an insurer's, or has a payer contract: it can act for one alone."""
    entry = session.book.get(name, Role.INSURER)
    if entry.payer_id is not None:
        raise StateError(
            f"{name} has payer {entry.payer_id} already, and an account acts for one alone",
            hint="use another account",
        )
