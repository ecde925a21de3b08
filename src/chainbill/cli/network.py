"""``chainbill network``: add, list, show, use, remove."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from chainbill.cli.shell.command import ExitCode, ShellGroup
from chainbill.cli.shell.confirming import confirm, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note, show_table
from chainbill.cli.shell.parameters import ACCOUNT, GWEI, Count
from chainbill.state.networks import DEVNET, ENVIRONMENT, Networks

if TYPE_CHECKING:
    from chainbill.chain.node.fees import FeePolicy
    from chainbill.chain.node.finality import Finality
    from chainbill.operations.networks import NetworkStatus


@click.group("network", cls=ShellGroup)
def network_group() -> None:
    """Other chains by name: their nodes, fees and deployment, and which one is in use.

    Whatever belongs to a network's chain (contacts, records, schedules, worklists, the oracle's store) is
    kept apart from every other's. Keystores are shared.
    """


@network_group.command(
    example="chainbill network add clinic-net --rpc-url http://10.0.0.5:8545 --rpc-url http://10.0.0.6:8545\n"
    "chainbill network add clinic-net --replace --deployment deployment.json"
)
@click.argument("name", type=ACCOUNT)
@click.option(
    "--rpc-url", "rpc_urls", multiple=True, metavar="URL", help="A node; several in the order to try them in."
)
@click.option("--chain-id", type=Count(1), help="What every node must say.  [default: what the first says]")
@click.option(
    "--finality",
    type=click.Choice(["finalized", "safe", "depth"]),
    help="Which of the nodes' words makes a block final; depth: none.  [default: finalized]",
)
@click.option(
    "--confirmations",
    type=Count(0, 10_000),
    help="Blocks upon one that is final where the node gives no word.  [default: 64]",
)
@click.option("--fee-floor", type=GWEI, metavar="GWEI", help="The least to offer for gas.  [default: 0]")
@click.option("--fee-cap", type=GWEI, metavar="GWEI", help="The most to offer for gas.  [default: 1000]")
@click.option(
    "--tip", type=GWEI, metavar="GWEI", help="For the block's producer.  [default: the node's word]"
)
@click.option("--explorer-url", metavar="URL", help="Where a person looks transactions up.")
@click.option(
    "--deployment",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The deployment.json of where others have deployed chainbill there.",
)
@click.option("--replace", is_flag=True, help="Change it; what no option names stays as it is.")
@pass_invocation
def add(
    invocation: Invocation,
    /,
    name: str,
    rpc_urls: tuple[str, ...],
    finality: Literal["finalized", "safe", "depth"] | None,
    deployment: Path | None,
    replace: bool,
    **settings: Any,
) -> None:
    """Add a network, once a node of it has said which chain it is.

    The chain id is checked at every connection: a node of another chain is never spoken to.
    """
    from chainbill.operations.networks import NetworkSettings, add_network

    said = NetworkSettings(
        rpc_urls=rpc_urls,
        finality_tag=None if finality == "depth" else finality,
        depth_alone=finality == "depth",
        **settings,
    )
    status = add_network(invocation.home, name, said, deployment=deployment, change=replace)
    facts = _facts(status)
    told = f"The network {name} is chain {status.network.chain_id}."
    if status.deployment is None:
        told += f"\nNext: chainbill --network {name} deploy --help"
    elif not status.in_use:
        told += f"\nTo mean it from now on: chainbill network use {name}"
    emit(facts, told)


@network_group.command("list", example="chainbill network list")
@pass_invocation
def list_command(invocation: Invocation) -> None:
    """List the networks, and say which one is in use."""
    from chainbill.operations.networks import list_networks

    found = list_networks(invocation.home)
    in_use = invocation.state.network or DEVNET
    facts = {"in_use": in_use, "networks": [_facts(status) for status in found]}
    rows = [("*" if in_use == DEVNET else "", DEVNET, 31337, "this state directory's own", "")]
    rows += [
        (
            "*" if status.in_use else "",
            status.network.name,
            status.network.chain_id,
            ", ".join(_nodes(status)),
            "" if status.deployment is None else status.deployment.settlement,
        )
        for status in found
    ]
    emit(facts, lambda: show_table(("", "network", ">chain", "nodes", "settlement"), rows))


@network_group.command(example="chainbill network show\nchainbill network show clinic-net")
@click.argument("name", type=ACCOUNT, required=False)
@click.pass_context
@pass_invocation
def show(invocation: Invocation, context: click.Context, name: str | None) -> None:
    """Show a network's settings, deployment and nodes; without a name, of the one in use.

    Exits with 1 where no node answers.
    """
    from chainbill.operations.networks import network_status

    wanted = name or invocation.state.network or DEVNET
    if wanted == DEVNET:
        told = "The devnet of this state directory is meant. See it: chainbill devnet status"
        emit({"name": DEVNET, "in_use": invocation.state.network is None}, told)
        return
    status = network_status(invocation.home, wanted, ask_nodes=True)
    emit(_facts(status), lambda: _show(status))
    if all(node.block is None for node in status.nodes):
        context.exit(ExitCode.FAILED)


@network_group.command(example="chainbill network use clinic-net\nchainbill network use devnet")
@click.argument("name", type=ACCOUNT)
@pass_invocation
def use(invocation: Invocation, name: str) -> None:
    """Mean this network from now on, where neither --network nor CHAINBILL_NETWORK names another."""
    Networks(invocation.home).use(name)
    if (first := os.environ.get(ENVIRONMENT)) and first != name:
        note(f"note: {ENVIRONMENT} names {first}, and comes first as long as it is set")
    emit({"in_use": name}, f"Commands mean {name} from now on.")


@network_group.command(example="chainbill network remove clinic-net")
@click.argument("name", type=ACCOUNT)
@yes_option
@pass_invocation
def remove(invocation: Invocation, name: str) -> None:
    """Forget a network and all that is kept of its chain: contacts, sealed records, schedules, databases.

    Keystores stay. What only this state directory had is lost, the record of the deployment with it.
    """
    from chainbill.operations.networks import network_status

    networks = Networks(invocation.home)
    network = networks.get(name)
    held = networks.holdings(name)
    deployment = network_status(invocation.home, name).deployment
    if held:
        facts = {"chain": str(network.chain_id), "kept": ", ".join(held)}
        if deployment is not None:
            record = invocation.home.of_network(name).deployments / f"{network.chain_id}.json"
            facts["deployment.json"] = f"{record} is deleted: copy it first where it is the only one"
        confirm(f"The network {name} is forgotten, and what is kept of its chain", facts)
    was_in_use = networks.remove(name)
    if was_in_use:
        note(f"note: it was in use; commands mean the {DEVNET} from now on: chainbill network use NAME")
    emit({"removed": name, "forgotten": held}, f"The network {name} is forgotten. Keystores stay.")


def _facts(status: NetworkStatus) -> dict[str, Any]:
    network = status.network
    return {
        "name": network.name,
        "chain_id": network.chain_id,
        "in_use": status.in_use,
        "nodes": [{"node": node.node, "block": node.block, "trouble": node.trouble} for node in status.nodes]
        or _nodes(status),
        "finality": network.finality.tag,
        "confirmations": network.finality.confirmations,
        "fee_floor_wei": network.fees.floor,
        "fee_cap_wei": network.fees.cap,
        "tip_wei": network.fees.tip,
        "explorer_url": network.explorer_url,
        "deployment": None if status.deployment is None else status.deployment.addresses(),
    }


def _nodes(status: NetworkStatus) -> list[str]:
    from chainbill.chain.node.answer import node_name

    return [node_name(url) for url in status.network.rpc_urls]


def _show(status: NetworkStatus) -> None:
    network = status.network
    used = ", in use" if status.in_use else ""
    click.echo(f"The network {network.name}: chain {network.chain_id}{used}.\n")
    for node in status.nodes:
        answers = f"block {node.block}" if node.trouble is None else node.trouble
        click.echo(f"  node        {node.node}: {answers}")
    click.echo(f"  final       {_finality_text(network.finality)}")
    click.echo(f"  gas         {_fees_text(network.fees)}")
    if network.explorer_url is not None:
        click.echo(f"  explorer    {network.explorer_url}")
    if status.deployment is None:
        click.echo(f"\nchainbill is not deployed there: chainbill --network {network.name} deploy --help")
        return
    for what, address in status.deployment.addresses().items():
        click.echo(f"  {what:<11} {address}")


def _finality_text(finality: Finality) -> str:
    depth = f"under {finality.confirmations} blocks"
    return depth if finality.tag is None else f"what nodes call {finality.tag}; where they do not, {depth}"


def _fees_text(fees: FeePolicy) -> str:
    from chainbill.chain.node.fees import gwei

    tip = "as the node says" if fees.tip is None else f"{gwei(fees.tip)} gwei"
    return f"from {gwei(fees.floor)} to {gwei(fees.cap)} gwei, the tip {tip}"
