"""``chainbill bench``: what settling costs, measured."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, fields
from functools import partial
from typing import Any

import click

from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.output import emit, progress, show_table
from chainbill.protocol_constants import GAS_CAP
from chainbill.scenario.bench_fork import HARDFORKS, ForkReport, measure_fork
from chainbill.scenario.bench_gas import GasReport, ScenarioProfile, measure_gas, profile_gas
from chainbill.scenario.bench_scenarios import SCENARIOS
from chainbill.scenario.gas_profile import GasProfile


@click.group("bench", cls=ShellGroup)
def bench_group() -> None:
    """Measure what settling costs."""


@bench_group.command(
    example="chainbill bench gas\nchainbill bench gas --only single --json\n"
    "chainbill bench gas --only single --profile\nchainbill bench gas --hardfork amsterdam"
)
@click.option(
    "--only", type=click.Choice(list(SCENARIOS)), multiple=True, help="Run this scenario alone; repeatable."
)
@click.option("--profile", is_flag=True, help="Say what the gas goes to, in place of how much it is.")
@click.option(
    "--hardfork",
    type=click.Choice(list(HARDFORKS)),
    help="Have geth run all of it by the rules of this fork.",
)
def gas(only: tuple[str, ...], profile: bool, hardfork: str | None) -> None:
    """Gas per settled event by the rules of today's hard fork and of the next, beside plain transfers of the
    same token, and what creating each contract costs.

    Exact and the same on every machine, on a chain of its own: with fixed keys, salts and block times, in
    steady state, base and calldata included. Today's (osaka) are receipts of anvil; those to come (amsterdam)
    are computed from a trace of the same transactions. Takes some minutes; with --only, a scenario has the
    same figures in a few seconds, and transfers and creations are left out.

    With --hardfork, geth simulates each transaction on the state that it found, by the rules of that fork,
    beside what is said without. It must be there (CHAINBILL_GETH, or `make networks`).
    """
    if hardfork is not None and profile:
        raise click.UsageError("--profile is for the devnet's own run: leave --hardfork out")
    with progress("measuring", len(only or SCENARIOS)) as advance:
        facts, show = _measure(only, hardfork, profile=profile, on_scenario=lambda _: advance(1))
    emit(facts, show)


def _measure(
    only: Collection[str], hardfork: str | None, *, profile: bool, on_scenario: Callable[[str], None]
) -> tuple[dict[str, Any], Callable[[], None]]:
    """What is told, as JSON, and what prints it."""
    if hardfork is not None:
        fork = measure_fork(hardfork, only, on_scenario=on_scenario)
        return fork.to_json(), partial(_show_fork, fork)
    if profile:
        profiles = profile_gas(only, on_scenario=on_scenario)
        return {name: asdict(each) for name, each in profiles.items()}, partial(_show_profiles, profiles)
    report = measure_gas(only, on_scenario=on_scenario)
    return report.to_json(), partial(_show, report)


def _show(report: GasReport) -> None:
    show_table(
        ("gas per event", ">events", ">patients", ">osaka", ">amsterdam", ">slots written", ">created"),
        [
            (
                name,
                figure.events,
                figure.patients,
                f"{figure.gas_per_event.osaka:,}",
                f"{figure.gas_per_event.amsterdam:,}",
                figure.slots.written,
                figure.slots.created,
            )
            for name, figure in report.scenarios.items()
        ],
    )
    if report.peers:
        click.echo()
        moved = [(name, f"{each.osaka:,}", f"{each.amsterdam:,}") for name, each in report.peers.items()]
        show_table(("one payer's coin moved by", ">osaka", ">amsterdam"), moved)
    if report.creation_gas:
        click.echo()
        show_table(
            ("created", ">osaka", ">amsterdam", ">without state", f"above {GAS_CAP:,}"),
            [
                (
                    name,
                    f"{each.osaka:,}",
                    f"{each.amsterdam:,}",
                    f"{each.amsterdam - each.amsterdam_state:,}",
                    "yes" if each.amsterdam > GAS_CAP else "",
                )
                for name, each in report.creation_gas.items()
            ],
        )
    click.echo()
    show_table(
        ("contract", ">bytes of code"),
        [(name, f"{size:,}") for name, size in report.bytecode_bytes.items()],
    )


def _show_fork(report: ForkReport) -> None:
    click.echo(f"rules of {report.hardfork}, whole transactions")
    for title, figures in (
        ("scenario", report.scenarios),
        ("one payer's coin moved by", report.peers),
        ("created", report.creation_gas),
    ):
        if figures:
            click.echo()
            rows = [(name, f"{each.geth:,}", f"{each.chainbill:,}") for name, each in figures.items()]
            show_table((title, ">by geth", ">by chainbill"), rows)


def _show_profiles(profiles: dict[str, ScenarioProfile]) -> None:
    """Per event, as the figures are; rounded."""
    parts = [part.name for part in fields(GasProfile)]
    rows = [
        (name, *(_share(getattr(each.gas, part), each) for part in parts), _share(each.gas.total, each))
        for name, each in profiles.items()
    ]
    show_table(("gas per event", *(f">{part.replace('_', ' ')}" for part in parts), ">all"), rows)


def _share(gas: int, profile: ScenarioProfile) -> str:
    return f"{round(gas / profile.events):,}"
