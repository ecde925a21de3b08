"""``chainbill relay``: submit, show. Sends what patients have signed; anyone may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import click

from chainbill.cli.shell.acting import as_option
from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.confirming import dry_run_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.given_files import check_signed
from chainbill.cli.shell.output import emit, it_holds, note, show_time
from chainbill.errors import ChainbillError

if TYPE_CHECKING:
    from chainbill.operations.patient.signed_intents import SignedIntent


@click.group("relay", cls=ShellGroup)
def relay_group() -> None:
    """Send what patients have signed, and pay the chain's gas for it."""


@relay_group.command(
    example="chainbill relay submit consent.json\nchainbill relay submit --as clinic dispute.json"
)
@click.argument("file", type=click.File("rb"))
@as_option("provider", "Whose account sends the transaction; anyone may.")
@dry_run_option
@pass_invocation
def submit(invocation: Invocation, file: BinaryIO, name: str) -> None:
    """Send FILE, as `chainbill patient sign` wrote it; - reads it from stdin.

    It holds for the patient that signed it, whoever sends it, and can be sent once.
    """
    from chainbill.operations import relay
    from chainbill.operations.actor import Actor

    signed = _signed(file)
    session = invocation.session()
    done = relay.submit(Actor.holding(session, name), signed)
    facts = _facts(signed)
    emit(
        {
            **facts,
            "sent_by": name if done.changed else None,
            "changed": done.changed,
            "resumed": done.resumed,
            "transaction": done.transaction,
            "gas_used": done.gas_used,
            "effective_at": done.effective_at,
        },
        f"{facts['intent']} {'is done' if done.changed else 'was done before'}, "
        f"in block {done.block}: {done.transaction}\n"
        f"{it_holds(done.effective_at or 0)}",
    )


@relay_group.command(example="chainbill relay show consent.json")
@click.argument("file", type=click.File("rb"))
@pass_invocation
def show(invocation: Invocation, file: BinaryIO) -> None:
    """Say what a signed file asks for, before sending it; needs no chain.

    Of a dispute the chain, where it is there, tells which charge it is about.
    """
    signed = _signed(file)
    claim, unknown = _disputed(invocation, signed)
    facts = {**_facts(signed), "claim": claim}
    lines = [f"{facts['intent']}, for contract {facts['contract']} on chain {facts['chain_id']}"]
    lines += [f"  {name:<18} {value}" for name, value in (claim or {}).items() if value]
    lines += [f"  {name:<18} {_shown(name, value)}" for name, value in facts["message"].items()]
    emit(facts, "\n".join(lines))
    if unknown:
        note(f"note: which charge it is about cannot be told: {unknown}")


def _shown(name: str, value: object) -> object:
    """A member of a message, with its deadline as a time."""
    if name in _TIMES and isinstance(value, int) and value:
        return f"{show_time(value)} ({value})"
    return value


_TIMES = ("deadline", "expiresAt", "validBefore")


def _disputed(invocation: Invocation, signed: SignedIntent) -> tuple[dict[str, str] | None, str]:
    """The charge that a dispute is about, and why it cannot be told where it cannot; nothing of others."""
    from chainbill.cli.claims.question import claim_facts
    from chainbill.operations.relay import disputed_claim

    if not signed.is_dispute:
        return None, ""
    try:
        session = invocation.session()
        proven = disputed_claim(session, signed)
        provider_id = proven.settled.claim.provider_id
        entries = session.book.entries().items()
        patients = [name for name, entry in entries if entry.address == proven.settled.patient]
        providers = [name for name, entry in entries if entry.provider_id == provider_id]
        return claim_facts(session, proven, [*patients, *providers]), ""
    except ChainbillError as error:
        return None, str(error)


def _signed(file: BinaryIO) -> SignedIntent:
    from chainbill.operations.patient.signed_intents import SignedIntent

    content = file.read()
    check_signed(content, getattr(file, "name", "the file"))
    return SignedIntent.parse(content)


def _facts(signed: SignedIntent) -> dict[str, Any]:
    intent, domain = signed.read()
    return {
        "intent": type(intent).__name__,
        "chain_id": domain.chain_id,
        "contract": domain.verifying_contract,
        "message": signed.message["message"],
    }
