"""``chainbill relay``: submit, show. Sends what patients have signed; anyone may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import click

from chainbill.cli.acting import resumed_facts
from chainbill.cli.command import ShellGroup
from chainbill.cli.context import Invocation, pass_invocation
from chainbill.cli.output import emit
from chainbill.cli.parameters import ACCOUNT

if TYPE_CHECKING:
    from chainbill.settings.intents import SignedIntent


@click.group("relay", cls=ShellGroup)
def relay_group() -> None:
    """Send what patients have signed, and pay the chain's gas for it."""


@relay_group.command(
    example="chainbill relay submit consent.json\nchainbill relay submit --as clinic dispute.json"
)
@click.argument("file", type=click.File("rb"))
@click.option(
    "--as",
    "name",
    type=ACCOUNT,
    default="provider",
    show_default=True,
    help="Whose account sends the transaction; anyone may.",
)
@pass_invocation
def submit(invocation: Invocation, file: BinaryIO, name: str) -> None:
    """Send FILE, as `chainbill patient sign` wrote it; - reads it from stdin.

    It holds for the patient that signed it, whoever sends it, and can be sent once.
    """
    from chainbill.chain.sender import Errand
    from chainbill.settings.intents import SignedIntent, relay

    signed = SignedIntent.parse(file.read())
    session = invocation.session()
    sender, facts = session.sender(name), _facts(signed)
    with sender.errand(Errand(f"relay {signed.signature}")) as earlier:
        receipt = relay(session, sender, signed) if earlier is None else earlier
        transaction = receipt["transactionHash"].to_0x_hex()
        emit(
            {
                **facts,
                "sent_by": name,
                **resumed_facts(earlier),
                "transaction": transaction,
                "gas_used": receipt["gasUsed"],
            },
            f"{facts['intent']} is done, in block {receipt['blockNumber']}: {transaction}",
        )


@relay_group.command(example="chainbill relay show consent.json")
@click.argument("file", type=click.File("rb"))
def show(file: BinaryIO) -> None:
    """Say what a signed file asks for, before sending it; needs no chain."""
    from chainbill.settings.intents import SignedIntent

    facts = _facts(SignedIntent.parse(file.read()))
    lines = [f"{facts['intent']}, for contract {facts['contract']} on chain {facts['chain_id']}"]
    lines += [f"  {name:<18} {value}" for name, value in facts["message"].items()]
    emit(facts, "\n".join(lines))


def _facts(signed: SignedIntent) -> dict[str, Any]:
    intent, domain = signed.read()
    return {
        "intent": type(intent).__name__,
        "chain_id": domain.chain_id,
        "contract": domain.verifying_contract,
        "message": signed.message["message"],
    }
