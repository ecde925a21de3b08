"""``chainbill bench``: what settling costs, measured."""

from __future__ import annotations

import click

from chainbill.cli.command import ShellGroup
from chainbill.cli.output import emit, show_table
from chainbill.scenario.bench_gas import GasReport, measure_gas


@click.group("bench", cls=ShellGroup)
def bench_group() -> None:
    """Measure what settling costs."""


@bench_group.command(example="chainbill bench gas\nchainbill bench gas --json > gas.json")
def gas() -> None:
    """Gas per settled event, on a chain of its own, beside a plain transfer of the same token.

    Exact and the same on every machine: receipts of anvil under osaka rules, base and calldata included, with
    fixed keys, salts and block times, in steady state. Takes about half a minute.
    """
    report = measure_gas()
    emit(report.to_json(), lambda: _show(report))


def _show(report: GasReport) -> None:
    rows = [
        (name, figure.events, figure.patients, f"{figure.gas_per_event:,}")
        for name, figure in report.scenarios.items()
    ]
    show_table(("scenario", ">events", ">patients", ">gas per event"), rows)
    click.echo()
    show_table(
        ("one payer's coin moved by", ">gas"), [(name, f"{gas:,}") for name, gas in report.peers.items()]
    )
    click.echo()
    show_table(
        ("contract", ">bytes to create"),
        [(name, f"{size:,}") for name, size in report.bytecode_bytes.items()],
    )
