"""An insurer's account, and the payer contract that is its own."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.operations.actor import Actor
from chainbill.operations.balances import InsurerPool
from chainbill.operations.governor.registrations import open_payer
from chainbill.operations.parties import insurer_of
from chainbill.operations.spending_money import give_spending_money
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class InsurerCreated:
    """An insurer's account with its payer contract; amounts in micro-dollars."""

    name: str
    address: str
    payer_id: int
    created: bool
    """Is the payer contract new?"""
    minted: int
    """DevUSD made for it just now."""
    outside: int
    """What it has to put into the pool."""


@dataclass(frozen=True, slots=True)
class OwnPayer:
    """An insurer's payer contract; ``created``: just now."""

    payer_id: int
    created: bool = False


def create(session: Session, name: str, *, mint: int | None = None) -> InsurerCreated:
    """Make an insurer's account where there is none, and have the governor make its payer contract.

    Args:
        session: the chain, and the state directory that keeps its keystore.
        name: what it is called.
        mint: micro-dollars to make for it, on a devnet only; None: the usual, while it holds nothing.

    Raises:
        StateError: the name belongs to an account of another role, or the governor's keystore is not here.
        DevnetError: ``mint`` where no money is made.
        CallDelayed: the governor must announce it first, and has.
    """
    created = open_payer(session, name).changed
    entry, payer_id = insurer_of(session, name)
    token = session.protocol.token
    held = token.balance_of(entry.address) + InsurerPool(session, payer_id).balance()
    minted = give_spending_money(session, entry, held, mint)
    return InsurerCreated(name, entry.address, payer_id, created, minted, token.balance_of(entry.address))


def payer_of(insurer: Actor) -> int:
    """The id of the insurer's payer contract.

    Raises:
        StateError: it has none.
    """
    return insurer_of(insurer.session, insurer.name)[1]


def own_payer(insurer: Actor) -> OwnPayer:
    """The insurer's payer contract; on a devnet, where the governor is at hand, it is made if there is none,
    but not for an address alone.

    Raises:
        StateError: it has none.
        CallDelayed: the governor must announce the making first, and has.
    """
    may_open = insurer.session.devnet is not None and not insurer.only_reads
    created = may_open and open_payer(insurer.session, insurer.name).changed
    return OwnPayer(payer_of(insurer), created)
