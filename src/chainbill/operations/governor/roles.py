"""Who is in which of the governor's roles, and what changes that."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.chain.contracts.governance import Membership
from chainbill.chain.roles import RESTRICTED, GovernorRole
from chainbill.errors import StateError
from chainbill.operations.governor.calls import GOVERNOR, govern, governor, targets
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class Reassigned:
    """A restricted function that an admin has put under another role than the deployment did."""

    contract: str
    function: str
    role: int
    usual_role: GovernorRole


def everybody(session: Session) -> tuple[tuple[int, Membership], ...]:
    """Everybody who is in any role or will be, by role and address; an admin can make roles beside ours."""
    deployed = session.protocol.deployment.block
    granted = session.protocol.governance.granted_roles(from_block=deployed)
    roles = sorted({*GovernorRole, *granted})
    return tuple((role, member) for role in roles for member in members(session, role))


def reassigned(session: Session) -> tuple[Reassigned, ...]:
    """The restricted functions whose callers are not those that the deployment named."""
    governance = session.protocol.governance
    clients = {client.artifact: client for client in targets(session).values()}
    found = [
        Reassigned(contract, function, governance.role_of(clients[contract], function), usual)
        for contract, functions in RESTRICTED.items()
        for function, usual in functions.items()
    ]
    return tuple(one for one in found if one.role != one.usual_role)


def members(session: Session, role: int) -> tuple[Membership, ...]:
    """Everybody who is in a role or will be, by address."""
    return session.protocol.governance.members(role, from_block=session.protocol.deployment.block)


def usual_delay(session: Session, role: GovernorRole, account: str | None) -> int:
    """How long calls of a member are to be delayed, in seconds, where nobody says: as long as they are, and
    those of a new one as long as the longest of those who are in the role.

    Raises:
        StateError: nobody is in it.
    """
    present = session.protocol.governance.membership(role, account) if account else None
    if present is not None and present.since:
        return present.next_delay_seconds if present.next_delay_at else present.delay_seconds
    delays = [member.delay_seconds for member in members(session, role)]
    if not delays:
        raise StateError(
            f"nobody is {role.with_article}, so there is no usual delay", hint="say how long: --delay 2d"
        )
    return max(delays)


def grant_role(
    session: Session, role: GovernorRole, account: str, delay_seconds: int, *, governed_by: str = GOVERNOR
) -> bool:
    """Put an address into a role, or change its delay there; False where it is so already.

    Raises:
        StateError: the governor's keystore is not here.
        CallDelayed: an admin must announce it first, and has.
        ChainError: ``governed_by`` is no admin.
    """
    governance = session.protocol.governance
    present = governance.membership(role, account)
    settled = present.next_delay_seconds if present.next_delay_at else present.delay_seconds
    if present.since and settled == delay_seconds:
        return False
    with governor(session, governed_by) as sender:
        govern(session, sender, governance, "grantRole", role, account, delay_seconds)
    return True


def revoke_role(session: Session, role: GovernorRole, account: str, *, governed_by: str = GOVERNOR) -> None:
    """Take an address out of a role. An account takes itself out at once, whatever its delay.

    Raises:
        StateError: the address is not in the role, is the last admin, or the governor's keystore is not
            here.
        CallDelayed: an admin must announce it first, and has.
        ChainError: ``governed_by`` is no admin.
    """
    governance = session.protocol.governance
    present = {member.account: member for member in members(session, role)}
    if account not in present:
        raise StateError(f"{account} is no {role.label}", hint="see who is: chainbill governor roles list")
    others = [member for member in present.values() if member.account != account]
    if role is GovernorRole.ADMIN and all(member.since > session.now() for member in others):
        raise StateError(
            f"{account} is the last admin, and without one nobody could change a role again",
            hint="make another one first: chainbill governor roles grant admin ACCOUNT",
        )
    with governor(session, governed_by) as sender:
        if sender.address == account:
            governance.renounce_role(sender, role)
        else:
            govern(session, sender, governance, "revokeRole", role, account)
