"""``chainbill patient dispute`` and ``disputes``."""

from __future__ import annotations

import click

from chainbill.cli.claims.disputing import CLAIM, list_disputes, tell_step
from chainbill.cli.claims.question import HELD, ask_about
from chainbill.cli.shell.acting import acting_as, actor
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import dry_run_option, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation


@click.command(
    cls=ShellCommand, example="chainbill patient dispute 1:7\nchainbill patient dispute 2:7 --as maria"
)
@click.argument("claim", metavar=CLAIM)
@acting_as("patient")
@dry_run_option
@yes_option
@pass_invocation
def dispute(invocation: Invocation, claim: str, name: str) -> None:
    """Dispute a settled claim, within seven days of its settlement.

    The provider's money for it is held. The provider gives it back, or answers within three days; then the
    arbiter rules within fourteen. A provider that is silent loses; an arbiter that is silent lets it stand.
    A claim is named by its number, as the statement has it: 2:7 is the seventh of provider 2.
    """
    from chainbill.operations.claims.disputes import dispute_as_patient
    from chainbill.operations.claims.lookup import PartyTo, find_claim

    patient = actor(invocation, name, "patient")
    proven = find_claim(patient.session, claim, PartyTo(name, patient=patient.address))
    ask_about(patient.session, name, proven, f"{name} disputes", HELD)
    tell_step(patient.session, dispute_as_patient(patient, proven), f"{name} disputes")


@click.command(cls=ShellCommand, example="chainbill patient disputes --as maria")
@acting_as("patient")
@pass_invocation
def disputes(invocation: Invocation, name: str) -> None:
    """List the patient's claims that were disputed or given back, and what comes next."""
    from chainbill.operations.claims.lookup import PartyTo

    patient = actor(invocation, name, "patient")
    list_disputes(patient.session, PartyTo(name, patient=patient.address))
