"""``chainbill bench``: what settling costs, measured."""

from __future__ import annotations

import click

from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.output import emit, progress, show_table
from chainbill.protocol_constants import GAS_CAP
from chainbill.scenario.bench_fork import HARDFORKS, ForkReport, measure_fork
from chainbill.scenario.bench_gas import SCENARIOS, GasReport, measure_gas


@click.group("bench", cls=ShellGroup)
def bench_group() -> None:
    """Measure what settling costs."""


@bench_group.command(
    example="chainbill bench gas\nchainbill bench gas --only single --json\n"
    "chainbill bench gas --hardfork amsterdam"
)
@click.option(
    "--only", type=click.Choice(list(SCENARIOS)), multiple=True, help="Run this scenario alone; repeatable."
)
@click.option(
    "--hardfork",
    type=click.Choice(list(HARDFORKS)),
    help="Measure creating each contract, and settling, by the rules of this fork.",
)
def gas(only: tuple[str, ...], hardfork: str | None) -> None:
    """Gas per settled event, on a chain of its own, beside plain transfers of the same token.

    Exact and the same on every machine: receipts of anvil under osaka rules, base and calldata included, with
    fixed keys, salts and block times, in steady state. Takes about a minute; with --only, a scenario has the
    same figures in a few seconds, and the transfers are left out.

    With --hardfork, what it costs to create each contract, and to settle, by the rules of that fork: on anvil
    where it knows them, else on geth, which must be there (CHAINBILL_GETH, or `make networks`).
    """
    if hardfork is not None:
        if only:
            raise click.UsageError("--hardfork measures settling in its own way: leave --only out")
        fork = measure_fork(hardfork)
        emit(fork.to_json(), lambda: _show_fork(fork))
        return
    with progress("measuring", len(only or SCENARIOS)) as advance:
        report = measure_gas(only, on_scenario=lambda _: advance(1))
    emit(report.to_json(), lambda: _show(report))


def _show(report: GasReport) -> None:
    rows = [
        (name, figure.events, figure.patients, f"{figure.gas_per_event:,}")
        for name, figure in report.scenarios.items()
    ]
    show_table(("scenario", ">events", ">patients", ">gas per event"), rows)
    click.echo()
    if report.peers:
        moved = [(name, f"{gas:,}") for name, gas in report.peers.items()]
        show_table(("one payer's coin moved by", ">gas"), moved)
        click.echo()
    show_table(
        ("contract", ">bytes of code"),
        [(name, f"{size:,}") for name, size in report.bytecode_bytes.items()],
    )


def _show_fork(report: ForkReport) -> None:
    click.echo(f"rules of {report.hardfork}, on {report.engine}\n")
    show_table(
        ("created", ">gas", f"above {GAS_CAP:,}"),
        [(name, f"{gas:,}", "yes" if gas > GAS_CAP else "") for name, gas in report.creation_gas.items()],
    )
    click.echo()
    show_table(("settled", ">gas"), [(name, f"{gas:,}") for name, gas in report.settle_gas.items()])
