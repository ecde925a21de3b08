"""``chainbill contacts``: who is who elsewhere, by cards that the accounts' owners sign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chainbill.cli.accounts import ROLE
from chainbill.cli.shell.acting import FILE, only_account
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note, show_table, show_time
from chainbill.cli.shell.parameters import ACCOUNT, ADDRESS, DURATION, PARTY, Count
from chainbill.cli.shell.written_files import check_place, force_option, write_output
from chainbill.state.address_book import AddressBook, Contact, Role
from chainbill.state.keystores import Keystores
from chainbill.state.passphrase import passphrase_from


@click.group("contacts", cls=ShellGroup)
def contacts_group() -> None:
    """Keep who is who: accounts of others, with the keys that records are sealed to.

    Everybody makes a card of their own account and sends it to those they deal with; these import it.
    """


# ---- cards --------------------------------------------------------------------------------------------


@contacts_group.command(
    example="chainbill contacts card --as maria --output maria.card\n"
    "chainbill contacts card --as insurer --for clinic --output insurer-for-clinic.card"
)
@click.option("--as", "name", type=ACCOUNT, help="Whose card.  [default: the only account here]")
@click.option(
    "--for",
    "receiver",
    type=PARTY,
    metavar="NAME",
    help="Put the fee schedule on it (a provider: that of its cash prices), sealed to this contact alone.",
)
@click.option(
    "--valid-for", type=DURATION, default=30 * 24 * 3600, help="How long it can be imported.  [default: 30d]"
)
@click.option("--output", type=FILE, help="Write to this file.  [default: print it]")
@force_option
@pass_invocation
def card(
    invocation: Invocation,
    name: str | None,
    receiver: str | None,
    valid_for: int,
    output: Path | None,
    force: bool,
) -> None:
    """Make the card of an account here, signed by it, to be sent to others.

    It has the account's address, role and ids, and the key that records are sealed to: nothing secret. With
    --for it also hands over a schedule, which that contact alone can open.
    """
    from chainbill.operations.actor import Actor
    from chainbill.operations.contacts import sign_card

    if output is not None:
        check_place(output, force=force)
    session = invocation.session()
    name = only_account(session.keystores) if name is None else name
    signed = sign_card(Actor.named(session, name), valid_seconds=valid_for, schedule_for=receiver)
    if output is None:
        emit(signed, signed.to_text())
        return
    write_output(output, signed.to_text().encode() + b"\n", force=force)
    stated, _ = signed.read()
    also = "" if receiver is None else f", with the schedule for {receiver}"
    emit(
        {"account": name, "address": stated.account, "expires_at": stated.expires_at, "file": output},
        f"The card of {name} ({stated.account}) is in {output}{also}. "
        f"It can be imported until {show_time(stated.expires_at)}: chainbill contacts import {output.name}",
    )


@contacts_group.command(
    "import",
    example="chainbill contacts import maria.card\nchainbill contacts import clinic.card --name lakeview",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", type=ACCOUNT, help="What to call it.  [default: as its owner does]")
@pass_invocation
def import_card(invocation: Invocation, file: Path, name: str | None) -> None:
    """Put the account of a card into the address book, and keep a schedule that is on it for you.

    The card must be signed by its account, for this chain, and agree with it. It does not prove who that is:
    compare the address with what its owner tells you.
    """
    from chainbill.operations.contacts import SignedCard
    from chainbill.operations.contacts import import_card as take_in

    done = take_in(invocation.session(), SignedCard.read_file(file), name=name)
    told = f"{done.name} is {_described(done.contact)}."
    told += " Is that what its owner tells you?" if done.changed else " That was known already."
    if done.schedule:
        told += " The schedule on the card is kept."
    emit(
        {**_facts(done.name, done.contact), "changed": done.changed, "schedule_kept": done.schedule},
        told,
    )
    if done.schedule is False:
        note("note: the schedule on the card is sealed to somebody else, and is not kept")


# ---- the address book ---------------------------------------------------------------------------------


@contacts_group.command(
    example="chainbill contacts add maria 0xe0fc04fa2d34a66b779fd5cee748268032a146c0 --role patient"
)
@click.argument("name", type=ACCOUNT)
@click.argument("address", type=ADDRESS)
@click.option("--role", type=ROLE, required=True, help="What the account is for.")
@click.option("--provider-id", type=Count(1), help="A provider's id.  [default: as it is registered]")
@click.option("--vault-key", metavar="HEX", help="The X25519 key that its records are sealed to.")
@pass_invocation
def add(
    invocation: Invocation,
    name: str,
    address: str,
    role: str,
    provider_id: int | None,
    vault_key: str | None,
) -> None:
    """Give an address a name, without a card.

    Records are sealed to whoever holds the --vault-key, so take it from nobody but the account's owner. Ids
    are looked up on chain.
    """
    from chainbill.operations.contacts import add_contact

    wanted = Contact(
        role=Role(role), address=address, provider_id=provider_id, vault_public_key=_vault_key(vault_key)
    )
    found = add_contact(invocation.session(), name, wanted)
    emit(_facts(name, found), f"{name} is {_described(found)}.")


@contacts_group.command("list", example="chainbill contacts list --role provider")
@click.option("--role", type=ROLE, help="Only accounts of this role.")
@pass_invocation
def list_contacts(invocation: Invocation, role: str | None) -> None:
    """List everybody in the address book, and whose key is here."""
    from chainbill.operations.contacts import contacts

    known = contacts(invocation.state, None if role is None else Role(role))

    def show() -> None:
        if not known:
            click.echo("Nobody is in the address book yet: chainbill contacts import CARD")
            return
        rows = [
            (
                each.name,
                each.contact.role.value,
                each.contact.address,
                "" if _id_of(each.contact) is None else str(_id_of(each.contact)),
                "here" if each.key_here else "",
                "known" if each.contact.vault_public_key else "",
            )
            for each in known
        ]
        show_table(("name", "role", "address", ">id", "key", "vault key"), rows)

    facts = [{**_facts(each.name, each.contact), "key_here": each.key_here} for each in known]
    emit({"contacts": facts}, show)


@contacts_group.command("show", example="chainbill contacts show clinic")
@click.argument("who", type=PARTY)
@pass_invocation
def show_contact(invocation: Invocation, who: str) -> None:
    """Show one entry of the address book."""
    from chainbill.operations.contacts import contact

    known = contact(invocation.state, who)
    entry = known.contact
    lines = [
        f"{known.name} is {_described(entry)}.",
        f"  key            {'here' if known.key_here else 'elsewhere'}",
        f"  vault key      {entry.vault_public_key or 'not known: no record can be sealed to it'}",
        *([f"  card of        {show_time(entry.card_issued_at)}"] if entry.card_issued_at else []),
        *(["  schedule       here"] if known.schedule_here else []),
    ]
    facts = {"key_here": known.key_here, "schedule_here": known.schedule_here}
    emit({**_facts(known.name, entry), **facts}, "\n".join(lines))


@contacts_group.command(example="chainbill contacts remove maria")
@click.argument("name", type=ACCOUNT)
@pass_invocation
def remove(invocation: Invocation, name: str) -> None:
    """Take somebody else's account out of the address book; nothing on chain changes."""
    from chainbill.operations.contacts import remove_contact

    state = invocation.state
    keystores = Keystores(state.keystores, lambda: passphrase_from(state.passphrase))
    entry = remove_contact(AddressBook(state.address_book), keystores, name)
    emit(_facts(name, entry), f"{name} ({entry.address}) is no contact any more.")


def _vault_key(given: str | None) -> str | None:
    if given is None:
        return None
    text = given.lower().removeprefix("0x")
    try:
        well_formed = len(bytes.fromhex(text)) == 32
    except ValueError:
        well_formed = False
    if not well_formed:
        raise click.BadParameter("a vault key is 64 hexadecimal digits", param_hint="--vault-key")
    return text


def _id_of(entry: Contact) -> int | None:
    return entry.payer_id if entry.role is Role.INSURER else entry.provider_id


def _described(entry: Contact) -> str:
    number = _id_of(entry)
    match entry.role:
        case Role.PROVIDER:
            what = "a provider that is not registered yet" if number is None else f"provider {number}"
        case Role.INSURER:
            what = "an insurer without a payer contract yet" if number is None else f"payer {number}"
        case Role.ORACLE:
            what = "an oracle node"
        case _:
            what = f"a {entry.role.value}"
    return f"{what}, account {entry.address}"


def _facts(name: str, entry: Contact) -> dict[str, Any]:
    return {
        "name": name,
        "role": entry.role.value,
        "address": entry.address,
        "provider_id": entry.provider_id,
        "payer_id": entry.payer_id,
        "vault_public_key": entry.vault_public_key,
        "card_issued_at": entry.card_issued_at,
    }
