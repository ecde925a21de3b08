"""``chainbill provider disputes``, ``concede``, ``answer``, ``void``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainbill.cli.claims.disputing import CLAIM, list_disputes, tell_step
from chainbill.cli.claims.question import ask_about, goes_back
from chainbill.cli.shell.acting import acting_as
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import dry_run_option, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import note

if TYPE_CHECKING:
    from chainbill.operations.actor import Actor
    from chainbill.operations.claims.lookup import ProvenClaim
    from chainbill.state.session import Session


@click.command(cls=ShellCommand, example="chainbill provider disputes --as lakeview")
@acting_as("provider")
@pass_invocation
def disputes(invocation: Invocation, name: str) -> None:
    """List the provider's claims that were disputed or given back, and what comes next."""
    from chainbill.operations.claims.lookup import PartyTo
    from chainbill.operations.parties import provider_of

    session = invocation.session()
    _, provider_id = provider_of(session, name)
    list_disputes(session, PartyTo(name, provider_id=provider_id))


@click.command(cls=ShellCommand, example="chainbill provider concede 1:7 --as lakeview")
@click.argument("claim", metavar=CLAIM)
@acting_as("provider")
@dry_run_option
@yes_option
@pass_invocation
def concede(invocation: Invocation, claim: str, name: str) -> None:
    """Give a disputed claim back in full: patient and insurers are refunded at once."""
    from chainbill.operations.claims import disputes

    session = invocation.session()
    provider_id, proven, payout = _own(session, name, claim)
    ask_about(session, name, proven, f"{name} concedes", goes_back(proven))
    tell_step(session, disputes.concede(payout, provider_id, proven), f"{name} concedes")


@click.command(
    cls=ShellCommand,
    example='chainbill provider answer 1:7 --statement "The visit took place; the consent form is on file."',
)
@click.argument("claim", metavar=CLAIM)
@click.option(
    "--statement", required=True, help="What the provider says to it. It stays here and off the chain."
)
@acting_as("provider")
@pass_invocation
def answer(invocation: Invocation, claim: str, statement: str, name: str) -> None:
    """Answer a dispute within three days; the arbiter then rules within fourteen.

    On chain goes a salted hash of the statement. The statement itself is kept in a file, for the arbiter.
    """
    from chainbill.operations.claims import disputes

    session = invocation.session()
    provider_id, proven, payout = _own(session, name, claim)
    step = disputes.answer(payout, provider_id, proven, statement)
    tell_step(session, step, f"{name} answers")
    note(f"note: the statement for the arbiter is in {step.statement_file}")


@click.command(cls=ShellCommand, example="chainbill provider void 1:7 --as lakeview")
@click.argument("claim", metavar=CLAIM)
@acting_as("provider")
@dry_run_option
@yes_option
@pass_invocation
def void(invocation: Invocation, claim: str, name: str) -> None:
    """Give a claim back in full that nobody disputes, such as one billed by mistake.

    The patient's part must be there in full: of credit and bond, or of your own dollars. What is missing of
    the insurers' is owed to them and paid from later credit.
    """
    from chainbill.operations.claims import disputes

    session = invocation.session()
    provider_id, proven, payout = _own(session, name, claim)
    ask_about(session, name, proven, f"{name} gives back", goes_back(proven))
    tell_step(session, disputes.void(payout, provider_id, proven), f"{name} gives back")


def _own(session: Session, name: str, claim: str) -> tuple[int, ProvenClaim, Actor]:
    """A provider's id, a settled claim of it, and the account that acts for it.

    Raises:
        LedgerError: there is no such claim.
        StateError: there is no such provider; the claim is another's, did not settle, or is named by more
            than one; or the key of the payout address is not here.
    """
    from chainbill.operations.actor import Actor
    from chainbill.operations.claims.lookup import PartyTo, find_claim
    from chainbill.operations.parties import provider_of
    from chainbill.operations.provider.payout import payout_actor
    from chainbill.state.address_book import Role

    _, provider_id = provider_of(session, name)
    proven = find_claim(session, claim, PartyTo(name, provider_id=provider_id))
    return provider_id, proven, payout_actor(Actor.named(session, name, Role.PROVIDER), provider_id)
