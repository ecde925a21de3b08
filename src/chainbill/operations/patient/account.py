"""A patient's account."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.operations.balances import PatientWallet
from chainbill.operations.spending_money import give_spending_money
from chainbill.state.address_book import Role
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class PatientCreated:
    """A patient's account; amounts in micro-dollars."""

    name: str
    address: str
    created: bool
    """Was there none of the name?"""
    minted: int
    """DevUSD made for it just now."""
    outside: int
    """What it has to put into its wallet."""


def create(session: Session, name: str, *, mint: int | None = None) -> PatientCreated:
    """Make a patient's account where there is none; on a devnet it gets DevUSD to spend.

    Args:
        session: the chain, and the state directory that keeps its keystore.
        name: what it is called.
        mint: micro-dollars to make for it, on a devnet only; None: the usual, while it holds nothing.

    Raises:
        StateError: the name belongs to an account of another role, or is not a name.
        DevnetError: ``mint`` where no money is made.
        CallDelayed: the governor must announce the making first, and has.
    """
    created = name not in session.book.entries()
    entry = session.ensure_account(name, Role.PATIENT)
    token = session.protocol.token
    held = token.balance_of(entry.address) + PatientWallet(session, entry.address).balance()
    minted = give_spending_money(session, entry, held, mint)
    return PatientCreated(name, entry.address, created, minted, token.balance_of(entry.address))
