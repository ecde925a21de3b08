"""``chainbill governor roles``: list, grant, revoke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.governor.governing import governor_option, tell
from chainbill.cli.shell.acting import new_option, who_is
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import confirm, dry_run_option, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, show_duration, show_table, show_time
from chainbill.cli.shell.parameters import DURATION

if TYPE_CHECKING:
    from chainbill.operations.governor.roles import Membership, RoleGranted
    from chainbill.state.session import Session

_ROLES = ("admin", "registrar", "guardian", "arbiter")
"""The labels of ``GovernorRole``, named here so that the help needs no chain; a test compares."""

_role_argument = click.argument("role", type=click.Choice(_ROLES))
_account_argument = click.argument("account", metavar="ACCOUNT|ADDRESS")


@click.group("roles", cls=ShellGroup)
def roles_group() -> None:
    """Say who is admin, registrar, guardian and arbiter. Only an admin changes that.

    The admin changes roles; the registrar lets in; the guardian stops; the arbiter rules on disputes.
    """


@roles_group.command("list", example="chainbill governor roles list")
@pass_invocation
def list_roles(invocation: Invocation) -> None:
    """List who is in which role, since when, and how long its calls are delayed.

    Names roles beside the four, too, and functions that are under another role than the deployment put
    them under.
    """
    from chainbill.operations.governor.roles import everybody, label_of, reassigned

    session = invocation.session()
    found, moved = everybody(session), reassigned(session)
    rows = [
        (
            label_of(each.role),
            session.book.name_of(each.member.account) or "",
            each.member.account,
            show_time(each.member.since),
            _delay_text(each.member),
        )
        for each in found
    ]

    def show() -> None:
        show_table(("role", "account", "address", "since", "delay"), rows)
        for one in moved:
            click.echo(
                f"{one.contract}.{one.function} may be called by {label_of(one.role)}, "
                f"not by {one.usual_role.with_article}."
            )

    emit(
        {
            "members": [_facts(session, each.role, each.member) for each in found],
            "reassigned": [
                {
                    "contract": one.contract,
                    "function": one.function,
                    "role": label_of(one.role),
                    "usual_role": one.usual_role.label,
                }
                for one in moved
            ],
        },
        show,
    )


@roles_group.command(
    example="chainbill governor roles grant arbiter judge --new\n"
    "chainbill governor roles grant registrar 0xe0fc04fa2d34a66b779fd5cee748268032a146c0 --delay 2d"
)
@_role_argument
@_account_argument
@click.option(
    "--delay",
    type=DURATION,
    help="How long before it makes a call it must announce it."
    "  [default: as it is, for a new member as those who are in the role]",
)
@new_option
@governor_option
@dry_run_option
@yes_option
@pass_invocation
def grant(invocation: Invocation, role: str, account: str, delay: int | None, new: bool, name: str) -> None:
    """Put an account into a role, or change its delay there.

    ACCOUNT is a name in the address book, or an address. A shorter delay takes effect only after the
    difference to the longer one.
    """
    from chainbill.operations.governor.calls import governor_account
    from chainbill.operations.governor.roles import GovernorRole, grant_role, usual_delay
    from chainbill.state.address_book import Role

    session, wanted = invocation.session(), GovernorRole.labelled(role)
    shown = who_is(session, account, new=new)
    # An account that is still to be made is in no role.
    known = None if new else session.book.address_of(account)
    seconds = usual_delay(session, wanted, known) if delay is None else delay
    confirm(
        f"{name} makes another account {wanted.with_article}",
        {
            "account": shown,
            "delay": show_duration(seconds),
            "then": wanted.may,
        },
    )
    address = session.address_of(account, role=Role.GOVERNOR, new=new)

    def done(granted: RoleGranted) -> str:
        already = "" if granted.changed else " already"
        return f"{account} is {wanted.with_article}{already}; delay: {_delay_text(granted.member)}."

    tell(
        lambda: grant_role(governor_account(session, name), wanted, address, delay_seconds=seconds),
        {"role": role, "account": account, "address": address, "delay_seconds": seconds},
        done,
        new=new,
    )


@roles_group.command(example="chainbill governor roles revoke arbiter judge")
@_role_argument
@_account_argument
@governor_option
@dry_run_option
@yes_option
@pass_invocation
def revoke(invocation: Invocation, role: str, account: str, name: str) -> None:
    """Take an account out of a role. Whoever takes itself out, by --as, need not be an admin."""
    from chainbill.operations.governor.calls import governor_account
    from chainbill.operations.governor.roles import GovernorRole, revoke_role

    session, wanted = invocation.session(), GovernorRole.labelled(role)
    address = session.book.address_of(account)
    confirm(
        f"{name} takes an account out of a role",
        {"account": who_is(session, account), "role": role, "then": f"it no longer {wanted.may}"},
    )
    tell(
        lambda: revoke_role(governor_account(session, name), wanted, address),
        {"role": role, "account": account, "address": address},
        lambda revoked: f"{account} is {wanted.with_article} no more{'' if revoked.changed else ' already'}.",
    )


def _facts(session: Session, role: int, member: Membership) -> dict[str, Any]:
    from chainbill.operations.governor.roles import label_of

    changing = bool(member.next_delay_at)
    return {
        "role": label_of(role),
        "account": session.book.name_of(member.account),
        "address": member.account,
        "since": member.since,
        "delay_seconds": member.delay_seconds,
        "next_delay_seconds": member.next_delay_seconds if changing else None,
        "next_delay_at": member.next_delay_at if changing else None,
    }


def _delay_text(member: Membership) -> str:
    text = show_duration(member.delay_seconds)
    if member.next_delay_at:
        text += f", from {show_time(member.next_delay_at)} {show_duration(member.next_delay_seconds)}"
    return text
