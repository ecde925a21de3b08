"""Whose a payer contract is: its insurer offers it to another account, which takes it over."""

from __future__ import annotations

from dataclasses import dataclass

from web3.types import TxReceipt

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.chain.contracts import InsurerPayer
from chainbill.errors import StateError
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.effect import made
from chainbill.state.address_book import Role
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerOffer(Change):
    """To whom a payer contract is offered; nobody else than its insurer acts for it until that takes it."""

    payer_id: int
    offered_to: str | None
    """Address; None: the offer is called off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerTakeover(Change):
    """A payer contract that is the account's own."""

    payer_id: int


def transfer_ownership(insurer: Actor, payer_id: int, account: str, *, new: bool = False) -> PayerOffer:
    """Offer the insurer's payer contract, with its pool, to another account; the same offer again is left
    alone.

    Args:
        insurer: whose contract.
        payer_id: which.
        account: an address, or a name in the address book.
        new: make an account of that name.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: the contract is not the insurer's any more, or the other account is nobody's, the
            insurer itself, of another role, or an insurer with a payer contract already.
        ChainError: the chain refused it.
    """
    session = insurer.session
    payer = _own(insurer, payer_id)
    address = session.address_of(account, role=Role.INSURER, new=new)
    if address == payer.insurer():
        raise StateError(f"payer {payer_id} is {insurer.name}'s own already", hint="name another account")
    known = session.book.name_of(address)
    if known is not None:
        _check_has_none(session, known)
    if payer.successor() == address:
        return PayerOffer(changed=False, payer_id=payer_id, offered_to=address)
    receipt = payer.transfer_ownership(insurer.sender(), address)
    return _offered(insurer, payer_id, address, receipt)


def cancel_transfer(insurer: Actor, payer_id: int) -> PayerOffer:
    """Call the offer of the insurer's payer contract off.

    Raises:
        StateError: it is not the insurer's any more, or offered to nobody.
        ChainError: the chain refused it.
    """
    payer = _own(insurer, payer_id)
    if payer.successor() == ZERO_ADDRESS:
        raise StateError(f"payer {payer_id} is offered to nobody")
    receipt = payer.transfer_ownership(insurer.sender(), ZERO_ADDRESS)
    return _offered(insurer, payer_id, None, receipt)


def accept_ownership(insurer: Actor, payer_id: int) -> PayerTakeover:
    """Become the insurer of the payer contract that is offered to the account, and write that down; its
    insurer already, nothing changes.

    Raises:
        ChainError: there is no such payer, or the chain refused it.
        StateError: the account has another payer contract, or this one is not offered to it.
    """
    session, payer = insurer.session, insurer.protocol.payer(payer_id)
    if payer.insurer() == insurer.address:
        # An earlier attempt may have been cut off before it could write the id down.
        _write_down(insurer, payer_id)
        return PayerTakeover(changed=False, payer_id=payer_id)
    _check_has_none(session, insurer.name)
    if payer.successor() != insurer.address:
        raise StateError(
            f"payer {payer_id} is not offered to {insurer.name}",
            hint=f"its insurer offers it: chainbill insurer hand-over {insurer.name}",
        )
    receipt = payer.accept_ownership(insurer.sender())
    _write_down(insurer, payer_id)
    return PayerTakeover(
        **made(insurer.session, receipt),
        payer_id=payer_id,
    )


def _offered(insurer: Actor, payer_id: int, address: str | None, receipt: TxReceipt) -> PayerOffer:
    return PayerOffer(
        **made(insurer.session, receipt),
        payer_id=payer_id,
        offered_to=address,
    )


def _write_down(insurer: Actor, payer_id: int) -> None:
    """Whose the contract is, in the address book; an account that is not there is not put there."""
    book = insurer.session.book
    before = book.insurer(payer_id)
    if before is not None and before[0] != insurer.name:
        book.update(before[0], payer_id=None)
    if book.name_of(insurer.address) is not None:
        book.update(insurer.name, payer_id=payer_id)


def _own(insurer: Actor, payer_id: int) -> InsurerPayer:
    """An insurer's payer contract, while it is its own."""
    payer = insurer.protocol.payer(payer_id)
    owner = payer.insurer()
    if owner != insurer.address:
        raise StateError(
            f"payer {payer_id} is not {insurer.name}'s any more: {owner} has taken it over",
            hint=f"act as that account: `who={insurer.session.book.name_of(owner) or 'NAME'}`",
        )
    return payer


def _check_has_none(session: Session, name: str) -> None:
    """Refuse an account that is not an insurer's, or has a payer contract: it can act for one alone."""
    if name.startswith("0x"):
        return
    entry = session.book.get(name, Role.INSURER)
    if entry.payer_id is not None:
        raise StateError(
            f"{name} has payer {entry.payer_id} already, and an account acts for one alone",
            hint="use another account",
        )
