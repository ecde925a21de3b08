"""What the roles' commands share: who acts, funding, withdrawing on notice, statements."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from pydantic import BaseModel

from chainbill.cli.shell.context import Invocation
from chainbill.cli.shell.output import emit, it_holds, note, show_time
from chainbill.cli.shell.parameters import ACCOUNT_OR_ADDRESS, DOLLARS
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from web3.types import TxReceipt

    from chainbill.chain.node.sender import Sender
    from chainbill.operations.balances import Announcement, Holding
    from chainbill.state.address_book import Contact
    from chainbill.state.directory import StateDirectory
    from chainbill.state.keystores import Keystores
    from chainbill.state.session import Session

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Statement = TypeVar("_Statement", bound=BaseModel)

FILE = click.Path(dir_okay=False, path_type=Path)

_PIPE_WIDTH = 88


def acting_as(role: str) -> Callable[[_Command], _Command]:
    """The option that says which account of a role acts, by name or address: by default the one named for the
    role, or, where there is none, the only one of the role whose key is here."""

    def named(context: click.Context, _: click.Parameter, given: str | None) -> str:
        invocation = context.find_object(Invocation)
        return given or role if invocation is None else _acting(invocation.state, role, given)

    return click.option(
        "--as",
        "name",
        type=ACCOUNT_OR_ADDRESS,
        callback=named,
        help=f"Which {role}'s account acts.  [default: {role}, or the only one here]",
    )


def _acting(state: StateDirectory, role: str, given: str | None) -> str:
    """The name of who acts.

    Raises:
        StateError: it is given as an address that is in no entry of the address book.
    """
    from chainbill.state.address_book import AddressBook, Role
    from chainbill.state.keystores import Keystores
    from chainbill.state.passphrase import passphrase_from

    book = AddressBook(state.address_book)
    if given is not None:
        entry = book.get(given) if given.startswith("0x") else None
        return given if entry is None else book.name_of(entry.address) or given
    keystores = Keystores(state.keystores, lambda: passphrase_from(state.passphrase))
    own = [name for name in book.entries(Role(role)) if name in keystores]
    return own[0] if role not in own and len(own) == 1 else role


def only_account(keystores: Keystores) -> str:
    """Who acts where that is not said: the only account here.

    Raises:
        StateError: there is none, or there are several.
    """
    from chainbill.errors import StateError

    names = keystores.names()
    if len(names) != 1:
        known = ", ".join(names) or "none; make one: chainbill accounts new NAME --role ROLE"
        raise StateError("say whose account: --as NAME", hint=f"accounts here: {known}")
    return names[0]


def new_option(command: _Command) -> _Command:
    """The option without which a name that nobody has makes no account: it may be mistyped."""
    return click.option("--new", is_flag=True, help="Make a new account of that name.")(command)


def who_is(session: Session, account: str, *, new: bool = False) -> str:
    """An account to which something is given, by both name and address, so that a mistake shows.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: nobody has the name, or somebody has and a ``new`` account is to be made.
    """
    from chainbill.state.address_book import Role

    if new:
        session.check_new(account)
        return f"{account}, a new account"
    address = session.address_of(account, role=Role.PROVIDER)
    name = session.book.name_of(address)
    return f"{address}, which is not in the address book" if name is None else f"{name} ({address})"


def mint_option(command: _Command) -> _Command:
    """The option that gives an account play money."""
    return click.option(
        "--mint",
        type=DOLLARS,
        metavar="AMOUNT",
        help="DevUSD to make for it, where that is the token.  [default: on a devnet as much as the first of"
        " its role has, while it holds nothing]",
    )(command)


def give_spending_money(session: Session, entry: Contact, held: int, mint: int | None) -> int:
    """Make DevUSD for an account that was created: ``mint``, else the usual where it holds nothing.
    Returns how much."""
    from chainbill.operations.governor.registrations import gives_at_once, hand_out
    from chainbill.state.devnet_accounts import SPENDING_MONEY

    if mint is None:
        usual = SPENDING_MONEY.get(entry.role.value, 0)
        mint = usual if held == 0 and gives_at_once(session) else 0
    if mint:
        hand_out(session, entry.address, mint)
    return mint


def fund(
    session: Session,
    name: str,
    role: str,
    holding: Holding,
    amount: int,
    *,
    put: Callable[[Sender], object] | None = None,
) -> None:
    """Deposit from the account's own dollars (by ``put``, where it is not plainly) and tell."""
    from chainbill.errors import HoldsTooLittle

    owner = session.sender(name)
    with owner.errand(holding.depositing(amount)) as earlier:
        try:
            if earlier is None:
                holding.deposit(owner, amount) if put is None else put(owner)
        except HoldsTooLittle as error:
            more = f"get it more of the dollar token {session.protocol.token.address}"
            made = f"make more: chainbill {role} create {name} --mint AMOUNT"
            error.hint = more if session.devnet is None else made
            raise
        balance, outside = holding.balance(), session.protocol.token.balance_of(owner.address)
        emit(
            {
                "account": name,
                "deposited": format_dollars(amount),
                "balance": format_dollars(balance),
                "outside": format_dollars(outside),
                **resumed_facts(earlier),
            },
            f"{show_dollars(amount)} put in. The balance is {show_dollars(balance)}; "
            f"{name} has {show_dollars(outside)} besides.{resumed_text(earlier)}",
        )


def resumed_facts(earlier: TxReceipt | None) -> dict[str, Any]:
    """For JSON: did an earlier run, which was cut off, do it already?"""
    return {
        "resumed": earlier is not None,
        "transaction": None if earlier is None else earlier["transactionHash"].to_0x_hex(),
    }


def resumed_text(earlier: TxReceipt | None) -> str:
    """The same in words, for the end of a sentence's line; empty where this run did it."""
    if earlier is None:
        return ""
    where = f"transaction {earlier['transactionHash'].to_0x_hex()}, block {earlier['blockNumber']}"
    return (
        f"\nResumed: an earlier run that was cut off had sent it ({where}), and it is not done twice."
        "\nTo do it once more, run the command again."
    )


def withdraw(
    session: Session,
    name: str,
    role: str,
    holding: Holding,
    amount: int | None,
    *,
    take: bool,
    cancel: bool,
) -> None:
    """Announce a withdrawal of ``amount``, take the announced one or call it off, and tell."""
    if (amount is not None) + take + cancel != 1:
        raise click.UsageError(
            "give either an amount, to announce it, or --take, to take what was announced, "
            "or --cancel, to call it off"
        )
    if amount is not None:
        _announce(session, name, role, holding, amount)
    elif take:
        _take(session, name, holding)
    else:
        _cancel(session, name, holding)


def announcement_facts(announced: Announcement | None) -> dict[str, Any] | None:
    """An announced withdrawal for JSON."""
    if announced is None:
        return None
    return {
        "amount": format_dollars(announced.amount),
        "available_at": announced.available_at,
        "lapses_at": announced.lapses_at,
    }


def announcement_text(announced: Announcement) -> str:
    """An announced withdrawal in words."""
    return (
        f"{show_dollars(announced.amount)} may be taken from {show_time(announced.available_at)} "
        f"until {show_time(announced.lapses_at)}"
    )


def emit_statement(statement: _Statement, render: Callable[..., str]) -> None:
    """Print a statement, as wide as the terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH
    emit(statement, lambda: click.echo(render(statement, width=width), nl=False))


def _announce(session: Session, name: str, role: str, holding: Holding, amount: int) -> None:
    owner = session.sender(name)
    # Left by a run that was cut off, it is sent now; mined already, it stands or was replaced since.
    with owner.errand(holding.announcing(amount)) as resumed:
        earlier = holding.announced(session.now())
        if earlier is not None and earlier.amount == amount:
            announced, said = earlier, "That is announced already"
        else:
            announced, resumed = holding.announce(owner, amount), None
            said = "Announced" if earlier is None else "Announced, in place of the earlier announcement"
        own = "" if name == role else f" --as {name}"
        emit(
            {
                "account": name,
                "announced": announcement_facts(announced),
                "withdrawn": None,
                "balance": format_dollars(holding.balance()),
                **resumed_facts(resumed),
            },
            f"{said}: {announcement_text(announced)}.\n"
            f"Until then claims are still paid from it. Then: chainbill {role} withdraw --take{own}",
        )


def _take(session: Session, name: str, holding: Holding) -> None:
    owner = session.sender(name)
    with owner.errand(holding.taking()) as earlier:
        announced = holding.announced(session.now())
        if earlier is None or announced is not None:
            # What an earlier run has taken was announced before this.
            amount, earlier = holding.take(owner), None
        else:
            amount = holding.taken(earlier)
        balance = holding.balance()
        if announced is not None and amount < announced.amount:
            left = f"{show_dollars(amount)} of the {show_dollars(announced.amount)}"
            note(f"note: claims since have left {left}")
        emit(
            {
                "account": name,
                "announced": None,
                "withdrawn": format_dollars(amount),
                "balance": format_dollars(balance),
                **resumed_facts(earlier),
            },
            f"{show_dollars(amount)} withdrawn to {name}'s own account. "
            f"The balance is {show_dollars(balance)}.{resumed_text(earlier)}",
        )


def _cancel(session: Session, name: str, holding: Holding) -> None:
    holding.cancel(session.sender(name))
    balance = holding.balance()
    emit(
        {
            "account": name,
            "announced": None,
            "withdrawn": None,
            "balance": format_dollars(balance),
            "effective_at": session.now(),
        },
        f"The withdrawal is called off. The balance is {show_dollars(balance)}. {it_holds(session.now())}",
    )
