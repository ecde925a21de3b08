"""``chainbill patient fund``, ``withdraw`` and ``void-signatures``."""

from __future__ import annotations

import click

from chainbill.cli.shell.acting import acting_as, actor
from chainbill.cli.shell.balances import (
    check_one_of,
    tell_announced,
    tell_called_off,
    tell_deposit,
    tell_taken,
    withdrawal_options,
)
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, it_holds
from chainbill.cli.shell.parameters import DOLLARS


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
    from chainbill.operations.patient import wallet

    deposit = wallet.deposit_with_permit if permit else wallet.deposit
    tell_deposit(name, deposit(actor(invocation, name, "patient"), amount))


@click.command(
    "withdraw",
    cls=ShellCommand,
    example="chainbill patient withdraw 100\nchainbill patient withdraw --take\n"
    "chainbill patient withdraw --cancel",
)
@withdrawal_options
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
    from chainbill.operations.patient import wallet

    check_one_of(amount, take=take, cancel=cancel)
    patient = actor(invocation, name, "patient")
    if amount is not None:
        tell_announced(name, "patient", wallet.request_withdrawal(patient, amount))
    elif take:
        tell_taken(name, wallet.withdraw(patient))
    else:
        tell_called_off(name, wallet.cancel_withdrawal(patient))


@click.command("void-signatures", cls=ShellCommand, example="chainbill patient void-signatures --as maria")
@acting_as("patient")
@dry_run_option
@pass_invocation
def void_signatures(invocation: Invocation, name: str) -> None:
    """Void what the patient has signed and nobody has sent yet.

    Holds for everything signed over the escrow's next nonce; a signed deposit or dispute counts apart.
    """
    from chainbill.operations.patient import wallet

    done = wallet.use_nonce(actor(invocation, name, "patient"))
    emit(
        {"account": name, "nonce": done.nonce, "effective_at": done.effective_at},
        f"What {name} had signed is void: nobody can send it any more. The next nonce is {done.nonce}. "
        f"{it_holds(done.effective_at or 0)}",
    )
