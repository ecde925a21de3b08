"""``chainbill patient fund``, ``withdraw`` and ``void-signatures``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainbill.cli.shell.acting import acting_as, fund, withdraw
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, it_holds
from chainbill.cli.shell.parameters import DOLLARS

if TYPE_CHECKING:
    from chainbill.operations.balances import PatientWallet
    from chainbill.state.address_book import Contact
    from chainbill.state.session import Session


@click.command(
    "fund",
    cls=ShellCommand,
    example="chainbill patient fund 500\nchainbill patient fund 80 --permit --as maria",
)
@click.argument("amount", type=DOLLARS)
@click.option("--permit", is_flag=True, help="Approve by signature (ERC-2612): one transaction, not two.")
@acting_as("patient")
@dry_run_option
@pass_invocation
def fund_wallet(invocation: Invocation, amount: int, permit: bool, name: str) -> None:
    """Put dollars into the wallet that the patient's share of care is paid from.

    A patient without the chain's gas coin signs a deposit instead: `patient sign fund`.
    """
    from chainbill.operations.patient.signed_intents import fund_with_permit

    session = invocation.session()
    wallet = wallet_of(session, patient_entry(session, name))
    put = (lambda owner: fund_with_permit(session, owner, amount)) if permit else None
    fund(session, name, "patient", wallet, amount, put=put)


@click.command(
    "withdraw",
    cls=ShellCommand,
    example="chainbill patient withdraw 100\nchainbill patient withdraw --take\n"
    "chainbill patient withdraw --cancel",
)
@click.argument("amount", type=DOLLARS, required=False)
@click.option("--take", is_flag=True, help="Take what was announced, once its notice is over.")
@click.option("--cancel", is_flag=True, help="Call the announced withdrawal off.")
@acting_as("patient")
@dry_run_option
@pass_invocation
def withdraw_from_wallet(
    invocation: Invocation, amount: int | None, take: bool, cancel: bool, name: str
) -> None:
    """Announce that AMOUNT is to leave the wallet, and a day later --take it.

    A signed batch may rely on the money, hence the notice. Until it is taken, care is still paid from it. It
    covers no later deposit, and lapses a week after the notice is over.
    """
    session = invocation.session()
    wallet = wallet_of(session, patient_entry(session, name))
    withdraw(session, name, "patient", wallet, amount, take=take, cancel=cancel)


@click.command("void-signatures", cls=ShellCommand, example="chainbill patient void-signatures --as maria")
@acting_as("patient")
@dry_run_option
@pass_invocation
def void_signatures(invocation: Invocation, name: str) -> None:
    """Void what the patient has signed and nobody has sent yet.

    Holds for everything signed over the escrow's next nonce; a signed deposit or dispute counts apart.
    """
    from chainbill.operations.effect import effective_at

    session = invocation.session()
    address = patient_entry(session, name).address
    since = effective_at(session, session.protocol.escrow.use_nonce(session.sender(name)))
    nonce = session.protocol.escrow.nonce_of(address)
    emit(
        {"account": name, "nonce": nonce, "effective_at": since},
        f"What {name} had signed is void: nobody can send it any more. The next nonce is {nonce}. "
        f"{it_holds(since)}",
    )


def patient_entry(session: Session, name: str) -> Contact:
    """The patient of that name.

    Raises:
        StateError: there is none.
    """
    from chainbill.state.address_book import Role

    return session.book.get(name, Role.PATIENT)


def wallet_of(session: Session, entry: Contact) -> PatientWallet:
    """A patient's balance in the escrow."""
    from chainbill.operations.balances import PatientWallet

    return PatientWallet(session.protocol, entry.address)
