"""The command line: a face without logic of its own.

Each group is a module of this package. It is imported when it is used, so that ``--help`` stays quick.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from chainbill.cli.shell.command import LazyGroup, ShellCommand
from chainbill.cli.shell.context import Invocation
from chainbill.cli.shell.failures import run
from chainbill.cli.shell.output import Notes

_NOTES = Notes()

COMMANDS: dict[str, LazyGroup.Entry] = {
    "devnet": ("chainbill.cli.devnet:devnet_group", "A chain of your own, with everything deployed."),
    "network": (
        "chainbill.cli.network:network_group",
        "Other chains by name: their nodes, fees and deployment, and which one is in use.",
    ),
    "deploy": (
        "chainbill.cli.deploy:deploy_group",
        "Deploy chainbill on a network, and record where it is.",
    ),
    "provider": (
        "chainbill.cli.provider.group:provider_group",
        "Attest service events from health records, and get paid for them.",
    ),
    "patient": (
        "chainbill.cli.patient.group:patient_group",
        "Fund a wallet, say who may be paid from it, and read what was charged.",
    ),
    "insurer": (
        "chainbill.cli.insurer.group:insurer_group",
        "Fund a pool, publish plans and fees, accept providers, enrol members.",
    ),
    "oracle": (
        "chainbill.cli.oracle.group:oracle_group",
        "Settle what providers have attested, and see what waits.",
    ),
    "governor": (
        "chainbill.cli.governor.group:governor_group",
        "Let providers, insurers and quorums in, stop what goes wrong, rule on disputes.",
    ),
    "claims": (
        "chainbill.cli.claims.group:claims_group",
        "See every disputed claim, and end disputes whose deadline has passed.",
    ),
    "contacts": (
        "chainbill.cli.contacts:contacts_group",
        "Keep who is who: accounts of others, with the keys that records are sealed to.",
    ),
    "accounts": (
        "chainbill.cli.accounts:accounts_group",
        "Keep the keys that are yours: make them, import them, list them.",
    ),
    "records": (
        "chainbill.cli.records:records_group",
        "Bring sealed records to their patients: by a file, or a folder that both reach.",
    ),
    "relay": (
        "chainbill.cli.relay:relay_group",
        "Send what patients have signed, and pay the chain's gas for it.",
    ),
    "audit": (
        "chainbill.cli.audit.group:audit_group",
        "Rebuild the ledger from the chain's logs, and prove that it adds up.",
    ),
    "bench": ("chainbill.cli.bench:bench_group", "Measure what settling costs, and what it gives away."),
    "demo": (
        "chainbill.cli.demo:demo",
        "Turn a health record into settled, explained and audited payments.",
    ),
    "doctor": ("chainbill.cli.doctor:doctor", "Check that everything needed is there, and say what to do."),
}
"""Where each command is, and its summary as the command itself gives it, in the order of the help."""


@click.group(cls=LazyGroup, entries=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="chainbill", message="chainbill %(version)s")
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where chain, keys and records are kept.  [env CHAINBILL_STATE_DIR; default ~/.chainbill]",
)
@click.option(
    "--network",
    help="The network that is meant.  [env CHAINBILL_NETWORK; default the one in use, else devnet]",
)
@click.option(
    "--rpc-url", help="The node to use instead of the network's or the devnet.  [env CHAINBILL_RPC_URL]"
)
@click.option("--json", "as_json", is_flag=True, help=ShellCommand.JSON_HELP)
@click.pass_context
def cli(
    context: click.Context,
    state_dir: Path | None,
    network: str | None,
    rpc_url: str | None,
    as_json: bool,
) -> None:
    """Pay for care one event at a time: attested, adjudicated and settled on chain.

    Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 ran well and found discrepancies.
    """
    context.obj = Invocation(state_dir=state_dir, network=network, rpc_url=rpc_url, json=as_json)


def main(arguments: Sequence[str] | None = None) -> None:
    """The ``chainbill`` program."""
    # Whatever is written is the user's own: state, and statements that tell of their health.
    os.umask(0o077)
    logging.getLogger("chainbill").addHandler(_NOTES)
    sys.exit(run(cli, list(sys.argv[1:] if arguments is None else arguments)))
