"""The pool that an insurer's plans pay from."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.chain.reads import Question
from chainbill.operations.actor import Actor
from chainbill.operations.balances import (
    Announcement,
    Deposit,
    InsurerPool,
    WithdrawalAnnounced,
    WithdrawalCalledOff,
    WithdrawalTaken,
)


@dataclass(frozen=True, slots=True)
class PoolStanding:
    """What an insurer has; amounts in micro-dollars."""

    payer_id: int
    balance: int
    outside: int
    """What the account holds besides."""
    announced: Announcement | None
    """A withdrawal."""
    offered_to: str | None
    """The address that the payer contract is offered to."""


def balance(insurer: Actor, payer_id: int) -> PoolStanding:
    """What the pool holds, and what is announced.

    Raises:
        ChainError: there is no such payer, or the node does not answer.
    """
    protocol, pool = insurer.protocol, InsurerPool(insurer.session, payer_id)
    payer = protocol.payer(payer_id)
    with protocol.reads.held():
        protocol.reads.learn(
            [
                *(Question(payer, name, ()) for name in ("pool", "pendingOwner", "withdrawalRequest")),
                Question(protocol.token, "balanceOf", (insurer.address,)),
            ]
        )
        successor = payer.successor()
        return PoolStanding(
            payer_id=payer_id,
            balance=pool.balance(),
            outside=protocol.token.balance_of(insurer.address),
            announced=pool.announced(),
            offered_to=None if successor == ZERO_ADDRESS else successor,
        )


def deposit(insurer: Actor, payer_id: int, amount: int) -> Deposit:
    """Put in ``amount`` (micro-dollars) of the account's own, once: what a run that was cut off had sent is
    not sent again.

    Raises:
        AmountError: nothing.
        HoldsTooLittle: the account holds less.
        ChainError: the chain refused it.
    """
    return InsurerPool(insurer.session, payer_id).deposit(insurer, amount)


def request_withdrawal(insurer: Actor, payer_id: int, amount: int) -> WithdrawalAnnounced:
    """Announce that ``amount`` (micro-dollars) is to leave the pool, in place of what was announced before.
    Announced already, its notice goes on.

    Raises:
        AmountError: nothing.
        ChainError: more than the balance, or the contract is not the insurer's.
    """
    return InsurerPool(insurer.session, payer_id).announce(insurer, amount)


def cancel_withdrawal(insurer: Actor, payer_id: int) -> WithdrawalCalledOff:
    """Call the announced withdrawal off.

    Raises:
        ChainError: none is announced.
    """
    return InsurerPool(insurer.session, payer_id).cancel(insurer)


def withdraw(insurer: Actor, payer_id: int) -> WithdrawalTaken:
    """Take the announced withdrawal, as far as claims since have left it.

    Raises:
        ChainError: none is announced, its notice is not over, it has lapsed, or nothing is left.
    """
    return InsurerPool(insurer.session, payer_id).take(insurer)
