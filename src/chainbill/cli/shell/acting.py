"""What the roles' commands share: who acts, what an earlier run had done, statements."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from pydantic import BaseModel

from chainbill.cli.shell.context import Invocation
from chainbill.cli.shell.output import emit, note
from chainbill.cli.shell.parameters import ACCOUNT_OR_ADDRESS, DOLLARS

if TYPE_CHECKING:
    from chainbill.operations.actor import Actor
    from chainbill.operations.change import Change
    from chainbill.state.directory import StateDirectory
    from chainbill.state.keystores import Keystores
    from chainbill.state.session import Session

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Statement = TypeVar("_Statement", bound=BaseModel)

FILE = click.Path(dir_okay=False, path_type=Path)

_PIPE_WIDTH = 88


def acting_as(role: str) -> Callable[[_Command], _Command]:
    """The option that says which account of a role acts: by default the one named for the role."""
    return as_option(role, f"Which {role}'s account acts.", role=role)


def as_option(default: str, help_text: str, *, role: str | None = None) -> Callable[[_Command], _Command]:
    """The option that says who acts, by name or address: by default the account of that name, or, where its
    key is elsewhere, the only one (of a role) whose key is here."""

    def named(context: click.Context, _: click.Parameter, given: str | None) -> str:
        invocation = context.find_object(Invocation)
        return given or default if invocation is None else _acting(invocation.state, given, default, role)

    return click.option(
        "--as",
        "name",
        type=ACCOUNT_OR_ADDRESS,
        callback=named,
        help=f"{help_text}  [default: {default}, or the only one here]",
    )


def _acting(state: StateDirectory, given: str | None, default: str, role: str | None) -> str:
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
    entries = book.entries(None if role is None else Role(role))
    own = [name for name in entries if name in keystores]
    return own[0] if default not in own and len(own) == 1 else default


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


def actor(invocation: Invocation, name: str, role: str) -> Actor:
    """The account of a role that acts, in a session of its own.

    Raises:
        StateError: nobody of the role has the name.
        ChainError: no node answers.
    """
    from chainbill.operations.actor import Actor
    from chainbill.state.address_book import Role

    return Actor.named(invocation.session(), name, Role(role))


def provider_named(session: Session, who: str) -> tuple[str, int]:
    """What a provider is called here, and its id, by its name, address or id.

    Raises:
        AttestationError: it begins like an address and is none.
        StateError: no such provider, or it is not registered on this chain.
    """
    from chainbill.cli.audit.text import PartyNames
    from chainbill.operations.parties import provider_of

    _, provider_id = provider_of(session, who)
    return PartyNames(session.book).provider(provider_id), provider_id


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


def resumption(change: Change) -> dict[str, Any]:
    """For JSON: did an earlier run, which was cut off, do it already, and by which transaction?"""
    return {"resumed": change.resumed, "transaction": change.transaction if change.resumed else None}


def resumed_lines(change: Change) -> list[str]:
    """The same in words, as lines of their own; none where this run did it."""
    if not change.resumed:
        return []
    return [
        f"Resumed: an earlier run that was cut off had sent it (transaction {change.transaction}, "
        f"block {change.block}), and it is not done twice.",
        "To do it once more, run the command again.",
    ]


def note_sealed(reader: Actor) -> bool:
    """Say on stderr where a statement has no details, because the key of its account is elsewhere; was it
    said?"""
    if reader.vault_key_at_hand() is not None:
        return False
    note(
        f"note: the details need the key of {reader.name}, which is not here\n"
        "hint: run this where the key is, or have it here: chainbill accounts import FILE"
    )
    return True


def emit_statement(statement: _Statement, render: Callable[..., str]) -> None:
    """Print a statement, as wide as the terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH
    emit(statement, lambda: click.echo(render(statement, width=width), nl=False))
