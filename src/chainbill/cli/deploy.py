"""``chainbill deploy``, and ``deploy verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.shell.command import ActingGroup, ExitCode
from chainbill.cli.shell.confirming import confirm, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.output import emit, note, several, show_duration, show_table
from chainbill.cli.shell.parameters import ACCOUNT, DURATION, Count
from chainbill.cli.shell.written_files import check_place, force_option, write_output

if TYPE_CHECKING:
    from chainbill.operations.deploying import Deployed, DeploymentRequest, Prepared
    from chainbill.operations.deployment_check import DeploymentCheck


@click.group(
    "deploy",
    cls=ActingGroup,
    invoke_without_command=True,
    example="chainbill deploy --oracle-member node-1 --oracle-member node-2 --threshold 2 --test-token\n"
    "chainbill deploy --as us --oracle-member node-1 --threshold 1 --output deployment.json"
    " --token 0x92fe68e2fd8a4529edb29d55bc7eefc72a7d0fef",
)
@click.option(
    "--as",
    "name",
    type=ACCOUNT,
    default="governor",
    show_default=True,
    help="Whose account deploys: an encrypted keystore of this state directory.",
)
@click.option(
    "--oracle-member",
    "oracle_members",
    multiple=True,
    metavar="ACCOUNT|ADDRESS",
    help="A key that signs batches; give each.",
)
@click.option("--threshold", type=Count(1), help="How many of them must sign a batch.")
@click.option("--token", metavar="ADDRESS", help="The dollar token of the chain, of six decimals.")
@click.option(
    "--test-token", is_flag=True, help="Deploy DevUSD, play money of the governor's. On test networks only."
)
@click.option(
    "--token-holder",
    metavar="ADDRESS",
    help="Somebody who holds some, to try the token with.  [default: the account that deploys]",
)
@click.option("--untried-token", is_flag=True, help="Take the token without trying what it does on transfer.")
@click.option(
    "--admin-delay",
    type=DURATION,
    default="2d",
    show_default=True,
    help="How long before it is made an admin's call must be announced; 0s: it need not be.",
)
@click.option(
    "--registrar-delay",
    type=DURATION,
    default="2d",
    show_default=True,
    help="The same of a registrar's call.",
)
@click.option(
    "--salt",
    default="chainbill",
    show_default=True,
    help="What the addresses depend on that are the same on every chain.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the deployment.json here, too."
)
@force_option
@click.option(
    "--start-over", is_flag=True, help="Give up a deployment that was begun, and what stands of it already."
)
@yes_option
@click.pass_context
@pass_invocation
def deploy_group(
    invocation: Invocation,
    context: click.Context,
    /,
    name: str,
    output: Path | None,
    force: bool,
    **options: Any,
) -> None:
    """Deploy chainbill on a network, and record where it is.

    The account pays for it and has all of the governor's roles thereafter. Cut off at any transaction, the
    same command goes on where it stopped. Ends with what `deploy verify` does, and exits with 3 where
    something is not as it should be.
    """
    if context.invoked_subcommand is not None:
        return
    from chainbill.chain.deployments import deployment_text
    from chainbill.operations.deploying import carry_out_deployment, prepare

    if output is not None:
        check_place(output, force=force)
    prepared = prepare(invocation.state, _request(name, **options), invocation.rpc_url)
    confirm(f"{name} deploys chainbill on {prepared.network.name}", _plan_facts(prepared))
    done = carry_out_deployment(invocation.state, prepared, on_step=lambda step: note(f"{step} …"))
    if output is not None:
        write_output(output, deployment_text(done.deployment).encode(), force=force)
    emit(_deployed_facts(prepared, done), lambda: _show_deployed(prepared, done, output))
    if done.check.differences:
        context.exit(ExitCode.DISCREPANCIES)


@deploy_group.command(example="chainbill deploy verify\nchainbill deploy verify --deployment deployment.json")
@click.option(
    "--deployment",
    "record",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The deployment.json to hold the chain to.  [default: what is recorded of the network or devnet]",
)
@click.pass_context
@pass_invocation
def verify(invocation: Invocation, context: click.Context, record: Path | None) -> None:
    """Prove that the code on chain is this package's, and that roles and wiring are as written.

    Code is compared to the byte. Every difference is named. Exits with 3 where there is one.
    """
    from chainbill.operations.deploying import verify_deployment

    check = verify_deployment(invocation.state, invocation.rpc_url, record=record)
    emit(_check_facts(check), lambda: _show_check(check))
    if check.differences:
        context.exit(ExitCode.DISCREPANCIES)


def _request(
    name: str,
    *,
    oracle_members: tuple[str, ...],
    threshold: int | None,
    token: str | None,
    test_token: bool,
    admin_delay: int,
    registrar_delay: int,
    **rest: Any,
) -> DeploymentRequest:
    from chainbill.chain.roles import GovernanceDelays
    from chainbill.operations.deploying import DeploymentRequest

    if not oracle_members or threshold is None:
        raise click.UsageError("say who signs batches: --oracle-member for each, and --threshold")
    if (token is None) != test_token:
        raise click.UsageError(
            "say in which token is paid: --token ADDRESS, or --test-token on a test network"
        )
    delays = GovernanceDelays(admin_seconds=admin_delay, registrar_seconds=registrar_delay)
    return DeploymentRequest(name, oracle_members, threshold, delays, token, **rest)


def _plan_facts(prepared: Prepared) -> dict[str, str]:
    from chainbill.chain.node.fees import coins

    plan = prepared.plan
    facts = {
        "chain": str(plan.chain_id),
        "governor": plan.deployer,
        "delays": f"admin {show_duration(plan.admin_delay_seconds)}, "
        f"registrar {show_duration(plan.registrar_delay_seconds)}",
        "oracle": f"{plan.threshold} of {', '.join(plan.oracle_members)}",
        "token": plan.token or "DevUSD: play money, made by the governor at will",
        "costs": f"at most {coins(prepared.cost)} of the chain's coin, at the present price of gas",
    }
    if prepared.begun:
        left = [step for step in plan.steps if step not in plan.done]
        facts["goes on"] = f"with what was begun; still to do: {', '.join(left)}"
    return facts


def _deployed_facts(prepared: Prepared, done: Deployed) -> dict[str, Any]:
    return {
        "network": prepared.network.name,
        "resumed": prepared.begun,
        "deterministic": prepared.deterministic,
        "transactions": done.transactions,
        **_check_facts(done.check),
    }


def _show_deployed(prepared: Prepared, done: Deployed, output: Path | None) -> None:
    went_on = ", going on with what was begun" if prepared.begun else ""
    click.echo(f"chainbill is deployed on {prepared.network.name}{went_on}.")
    click.echo(
        "Governance and a token of ours have addresses that are the same on every chain (CREATE2)."
        if prepared.deterministic
        else "Addresses come from the account's nonces: the CREATE2 proxy is not on this chain."
    )
    _show_check(done.check)
    if output is not None:
        click.echo(f"\nThe record is in {output}, for whoever uses this deployment.")


def _check_facts(check: DeploymentCheck) -> dict[str, Any]:
    made = check.made
    return {
        "chain_id": check.deployment.chain_id,
        "block": check.deployment.block,
        "contracts": {name: each.model_dump(mode="json") for name, each in made.contracts.items()},
        "governor": made.governor,
        "admin_delay_seconds": made.admin_delay_seconds,
        "registrar_delay_seconds": made.registrar_delay_seconds,
        "oracle_members": made.oracle_members,
        "oracle_threshold": made.oracle_threshold,
        "test_token": made.test_token,
        "differences": [
            {"about": each.about, "what": each.what, "written": each.written, "found": each.found}
            for each in check.differences
        ],
    }


def _show_check(check: DeploymentCheck) -> None:
    made = check.made
    rows = [
        (f"  {name}", each.contract, each.address, each.way.value) for name, each in made.contracts.items()
    ]
    click.echo()
    if check.differences:
        click.echo("As it is written, and not all of it is so (see the differences):\n")
    show_table(("", "contract", "address", "by"), rows)
    click.echo(f"\n  governor  {made.governor}, in every role")
    click.echo(
        f"  delays    admin {show_duration(made.admin_delay_seconds)}, "
        f"registrar {show_duration(made.registrar_delay_seconds)}"
    )
    click.echo(f"  oracle    {made.oracle_threshold} of {', '.join(made.oracle_members)}")
    if not check.differences:
        click.echo(
            "\nThe code is this package's to the byte; roles, delays, quorum and wiring are as written."
        )
        return
    found = several(len(check.differences), "difference")
    click.echo(f"\n{found} between the chain and what is written:")
    for each in check.differences:
        click.echo(f"  {each}")
