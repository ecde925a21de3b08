"""``chainbill accounts``: the keys that are here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, show_table
from chainbill.cli.shell.parameters import ACCOUNT
from chainbill.state.address_book import AddressBook, Contact, Role

if TYPE_CHECKING:
    from chainbill.state.keystores import Keystores

ROLE = click.Choice([role.value for role in Role])
"""What an account is for."""


@click.group("accounts", cls=ShellGroup)
def accounts_group() -> None:
    """Keep the keys that are yours: make them, import them, list them.

    Each is an encrypted keystore in the state directory, locked with its passphrase.
    """


@accounts_group.command(example="chainbill accounts new maria --role patient")
@click.argument("name", type=ACCOUNT)
@click.option("--role", type=ROLE, required=True, help="What the account is for.")
@pass_invocation
def new(invocation: Invocation, name: str, role: str) -> None:
    """Make an account. Nothing is sent; no chain is needed."""
    from chainbill.operations.accounts import new_account

    book, keystores = _kept(invocation)
    was_here = name in keystores
    entry = new_account(book, keystores, name, Role(role))
    told = f"{name} is a new account, {entry.address}. Keep the passphrase: without it the account is lost."
    if was_here:
        told = f"{name} is the account {entry.address}, whose key is here already, now also on this network."
    emit(
        _facts(name, entry), f"{told}\nOthers get to know it by its card: chainbill contacts card --as {name}"
    )


@accounts_group.command(
    "import", example="chainbill accounts import UTC--2026-01-31T12-00-00Z--7e5f --name maria --role patient"
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", type=ACCOUNT, required=True, help="What to call it.")
@click.option("--role", type=ROLE, required=True, help="What the account is for.")
@click.option(
    "--passphrase-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Holds the passphrase of FILE; mode 600.  [default: it is asked for]",
)
@pass_invocation
def import_account(
    invocation: Invocation, file: Path, name: str, role: str, passphrase_file: Path | None
) -> None:
    """Keep the account of a keystore of elsewhere: of geth, clef, cast or a wallet.

    It is kept under the passphrase of the state directory; FILE stays as it is.
    """
    from chainbill.operations.accounts import import_account as take_in
    from chainbill.operations.accounts import read_keystore
    from chainbill.state.passphrase import passphrase_of

    key = read_keystore(file, lambda: passphrase_of(f"the keystore {file.name}", passphrase_file))
    book, keystores = _kept(invocation)
    entry = take_in(book, keystores, name, Role(role), key)
    emit(_facts(name, entry), f"{name} is account {entry.address}, and its key is here now.")


@accounts_group.command("list", example="chainbill accounts list")
@pass_invocation
def list_accounts(invocation: Invocation) -> None:
    """List the accounts whose keys are here."""
    from chainbill.operations.accounts import own_accounts

    own = own_accounts(*_kept(invocation))
    rows = [(each.name, "" if each.role is None else each.role.value, each.address) for each in own]

    def show() -> None:
        if rows:
            show_table(("name", "role", "address"), rows)
        else:
            click.echo("There is no account here: chainbill accounts new NAME --role ROLE")

    facts = [{"name": each.name, "role": each.role, "address": each.address} for each in own]
    emit({"accounts": facts}, show)


def _kept(invocation: Invocation) -> tuple[AddressBook, Keystores]:
    from chainbill.state.keystores import Keystores
    from chainbill.state.passphrase import passphrase_from

    state = invocation.state
    keystores = Keystores(state.keystores, lambda: passphrase_from(state.passphrase, twice=True))
    return AddressBook(state.address_book), keystores


def _facts(name: str, entry: Contact) -> dict[str, Any]:
    return {"name": name, "role": entry.role.value, "address": entry.address}
