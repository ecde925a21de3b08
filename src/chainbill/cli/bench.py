"""``chainbill bench``: what settling costs, measured."""

from __future__ import annotations

import click

from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.output import emit, progress, show_table
from chainbill.scenario.bench_gas import SCENARIOS, GasReport, measure_gas


@click.group("bench", cls=ShellGroup)
def bench_group() -> None:
    """Measure what settling costs."""


@bench_group.command(example="chainbill bench gas\nchainbill bench gas --only single --json")
@click.option(
    "--only", type=click.Choice(list(SCENARIOS)), multiple=True, help="Run this scenario alone; repeatable."
)
def gas(only: tuple[str, ...]) -> None:
    """Gas per settled event, on a chain of its own, beside plain transfers of the same token.

    Exact and the same on every machine: receipts of anvil under osaka rules, base and calldata included, with
    fixed keys, salts and block times, in steady state. Takes about a minute; with --only, a scenario has the
    same figures in a few seconds, and the transfers are left out.
    """
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
