"""Who is in which of the governor's roles, and what changes that."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.attestation.address import checksum_address
from chainbill.chain.contracts.governance import Membership
from chainbill.chain.roles import RESTRICTED, GovernorRole, label_of
from chainbill.errors import StateError
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.effect import made, stood
from chainbill.operations.governor.calls import acting, govern
from chainbill.operations.governor.scheduled import targets
from chainbill.state.session import Session

__all__ = [
    "GovernorRole",
    "Membership",
    "Reassigned",
    "RoleGranted",
    "RoleMember",
    "RoleRevoked",
    "everybody",
    "grant_role",
    "label_of",
    "members",
    "reassigned",
    "revoke_role",
    "usual_delay",
]


@dataclass(frozen=True, slots=True)
class Reassigned:
    """A restricted function that an admin has put under another role than the deployment did."""

    contract: str
    function: str
    role: int
    usual_role: GovernorRole


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGranted(Change):
    """An account that is in a role, or will be."""

    role: GovernorRole
    member: Membership


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRevoked(Change):
    """An account that is in a role no more."""

    role: GovernorRole
    account: str


@dataclass(frozen=True, slots=True)
class RoleMember:
    """Somebody's place in a role; other roles than ours are numbers."""

    role: int
    member: Membership


def everybody(session: Session) -> tuple[RoleMember, ...]:
    """Everybody who is in any role or will be, by role and address; an admin can make roles beside ours."""
    deployed = session.protocol.deployment.block
    granted = session.protocol.governance.granted_roles(from_block=deployed)
    roles = sorted({*GovernorRole, *granted})
    return tuple(RoleMember(role, member) for role in roles for member in members(session, role))


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
            f"nobody is {role.with_article}, so there is no usual delay",
            hint="say how long: `delay_seconds=`",
        )
    return max(delays)


def grant_role(
    admin: Actor, role: GovernorRole, account: str, *, delay_seconds: int | None = None
) -> RoleGranted:
    """Put an address into a role, or change its delay there. A shorter delay takes effect only after the
    difference to the longer one.

    Args:
        delay_seconds: how long before it makes a call it must announce it; None: as ``usual_delay`` says.

    Raises:
        AttestationError: not an address.
        CallDelayed: the call is announced, and must wait.
        ChainError: the account is no admin.
        StateError: nobody is in the role, so there is no usual delay; or the key is not at hand.
    """
    session, governance, address = admin.session, admin.protocol.governance, checksum_address(account)
    delay = usual_delay(session, role, address) if delay_seconds is None else delay_seconds
    present = governance.membership(role, address)
    settled = present.next_delay_seconds if present.next_delay_at else present.delay_seconds
    if present.since and settled == delay:
        return RoleGranted(changed=False, role=role, member=present)
    with acting(admin) as sender:
        receipt = govern(session, sender, governance, "grantRole", role, address, delay)
    member = governance.membership(role, address)
    told = made(session, receipt)
    told["effective_at"] = max(member.since, member.next_delay_at)
    return RoleGranted(**told, role=role, member=member)


def revoke_role(admin: Actor, role: GovernorRole, account: str) -> RoleRevoked:
    """Take an address out of a role. An account takes itself out at once, whatever its delay. One that was
    taken out before is told with since when; one that never was in is refused, for it may be mistyped.

    Raises:
        AttestationError: not an address.
        CallDelayed: the call is announced, and must wait.
        ChainError: the account is no admin.
        StateError: the address never was in the role, is the last admin, or the key is not at hand.
    """
    session, governance, address = admin.session, admin.protocol.governance, checksum_address(account)
    present = {member.account: member for member in members(session, role)}
    if address not in present:
        return _revoked_before(session, role, address)
    others = [member for member in present.values() if member.account != address]
    if role is GovernorRole.ADMIN and all(member.since > session.now() for member in others):
        raise StateError(
            f"{address} is the last admin, and without one nobody could change a role again",
            hint="make another one first: chainbill governor roles grant admin ACCOUNT",
        )
    with acting(admin) as sender:
        if sender.address == address:
            receipt = governance.renounce_role(sender, role)
        else:
            receipt = govern(session, sender, governance, "revokeRole", role, address)
    if not any(log["topics"][0] == governance.topic("RoleRevoked") for log in receipt["logs"]):
        # Another admin was faster, to which the contract does not object.
        return _revoked_before(session, role, address)
    return RoleRevoked(**made(session, receipt), role=role, account=address)


def _revoked_before(session: Session, role: GovernorRole, address: str) -> RoleRevoked:
    """An address that is not in a role, and was.

    Raises:
        StateError: it never was.
    """
    block = session.protocol.deployment.block
    left = session.protocol.governance.newest_log(
        "RoleRevoked", from_block=block, roleId=role, account=address
    )
    if left is None:
        raise StateError(f"{address} is no {role.label}", hint="see who is: chainbill governor roles list")
    return RoleRevoked(**stood(session, left), role=role, account=address)
