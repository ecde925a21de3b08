"""The governor's calls: made at once, or, where its role is delayed, announced first and made later.

Doing the same again is all it takes: a call that is announced is made once its delay is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from web3.types import TxReceipt

from chainbill.chain.contracts.client import ContractClient
from chainbill.chain.node.sender import Sender
from chainbill.chain.roles import RESTRICTED, GovernorRole
from chainbill.errors import CallDelayed, ChainError, StateError
from chainbill.operations.actor import Actor
from chainbill.operations.effect import Made, made
from chainbill.operations.times import show_time
from chainbill.state.names import whom_else
from chainbill.state.private_files import locked
from chainbill.state.session import Session

GOVERNOR = "governor"
"""The account that deployed the protocol."""


def governor_account(session: Session, name: str = GOVERNOR) -> Actor:
    """An account that may be in one of the governor's roles: the chain says whether it is.

    Raises:
        StateError: its keystore is not here.
    """
    if name not in session.keystores:
        raise StateError(
            f"only the governor may do this, and the keystore of {name!r} is not here",
            hint=whom_else(name, session.keystores.names(), none="it is with whoever deployed the protocol"),
        )
    return Actor.holding(session, name)


@contextmanager
def acting(governor: Actor) -> Iterator[Sender]:
    """The account's sender, for one process at a time: another could announce the same call meanwhile.

    Raises:
        StateError: its key is not at hand, or another process has its turn for over a minute.
    """
    sender = governor.sender()
    with locked(governor.session.state.root / "governor.lock"):
        yield sender


@contextmanager
def governor(session: Session, name: str = GOVERNOR) -> Iterator[Sender]:
    """A named account, acting; errors as ``governor_account`` and ``acting``."""
    with acting(governor_account(session, name)) as sender:
        yield sender


def govern(
    session: Session, sender: Sender, target: ContractClient, function: str, *arguments: object
) -> TxReceipt:
    """Make a restricted call as the governor.

    Raises:
        CallDelayed: it is announced, now or earlier, and its delay is not over.
        ChainError: the account has not the role that the call needs.
        ContractReverted: the contract refuses.
    """
    await_call(session, sender, target, function, *arguments)
    return session.protocol.governance.execute(sender, target, function, *arguments)


def settlement_call(governor: Actor, function: str, *arguments: object) -> Made:
    """Make a restricted call of settlement; errors as ``acting`` and ``govern``."""
    session = governor.session
    with acting(governor) as sender:
        receipt = govern(session, sender, session.protocol.settlement, function, *arguments)
    return made(session, receipt)


def await_call(
    session: Session, sender: Sender, target: ContractClient, function: str, *arguments: object
) -> None:
    """Return once the sender may make a restricted call; announce it where it must, and nobody has.

    Raises:
        CallDelayed: it is announced, now or earlier, and its delay is not over.
        ChainError: the account has not the role that the call needs.
    """
    governance = session.protocol.governance
    permission = governance.can_call(sender.address, target, function)
    if not permission.allowed:
        # Whatever was put under no other role is the admin's.
        role = RESTRICTED.get(target.artifact, {}).get(function, GovernorRole.ADMIN)
        raise ChainError(
            f"account {sender.address} is no {role.label}, and only {role.with_article} may do this",
            hint="name an account that is: `who=NAME`",
        )
    if not permission.immediate:
        _announce(session, sender, target, function, *arguments)


def _announce(
    session: Session, sender: Sender, target: ContractClient, function: str, *arguments: object
) -> None:
    """Return once an announced call may be made; announce it where nobody has."""
    governance = session.protocol.governance
    operation_id = governance.operation_id(sender.address, target, function, *arguments)
    ready_at = governance.get_schedule(operation_id)
    if 0 < ready_at <= session.now():
        return
    new = ready_at == 0
    if new:
        governance.schedule(sender, target, function, *arguments)
        ready_at = governance.get_schedule(operation_id)
    raise CallDelayed(
        f"{function} is announced and can be made from {show_time(ready_at)}",
        operation_id=operation_id,
        ready_at=ready_at,
        new=new,
        hint="run the same command again after that; on a devnet: chainbill devnet advance 2d",
    )


def is_bound(session: Session, account: str, target: ContractClient, function: str) -> bool:
    """Must the governor's account announce this call beforehand?"""
    return not session.protocol.governance.can_call(account, target, function).immediate
