"""``chainbill bench``: what settling costs and what it gives away, measured."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, fields
from functools import partial
from typing import Any

import click

from chainbill.cli.shell.command import ShellGroup
from chainbill.cli.shell.output import emit, progress, show_table
from chainbill.money import format_dollars
from chainbill.protocol_constants import GAS_CAP
from chainbill.scenario.bench_fork import HARDFORKS, ForkReport, measure_fork
from chainbill.scenario.bench_gas import GasReport, ScenarioProfile, measure_gas, profile_gas
from chainbill.scenario.bench_scenarios import SCENARIOS
from chainbill.scenario.gas_profile import GasProfile
from chainbill.scenario.linker.population import Population
from chainbill.scenario.linker.practice import Accounts
from chainbill.scenario.linker.report import ALONE, ATTACKS, PRACTICES, LinkerReport, measure_links


@click.group("bench", cls=ShellGroup)
def bench_group() -> None:
    """Measure what settling costs, and what it gives away."""


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


_MODEL = Population()


@bench_group.command(
    example="chainbill bench linker\nchainbill bench linker --only daily --only monthly --json\n"
    "chainbill bench linker --visits 12 --seed 7 --families 0.5"
)
@click.option(
    "--only", type=click.Choice(list(PRACTICES)), multiple=True, help="Attack this one alone; repeatable."
)
@click.option(
    "--patients", type=click.IntRange(1, 2_000), default=_MODEL.patients, help="How many there are."
)
@click.option(
    "--providers", type=click.IntRange(1, 100), default=_MODEL.providers, help="How many there are."
)
@click.option("--days", type=click.IntRange(1, 365), default=_MODEL.days, help="That the model goes on for.")
@click.option(
    "--visits",
    type=click.FloatRange(0.1, 200),
    default=_MODEL.visits,
    help="Of a patient in a year, on average.",
)
@click.option(
    "--services", type=click.IntRange(1, 100), default=_MODEL.services, help="That a provider offers."
)
@click.option(
    "--concentration",
    type=click.FloatRange(0, 10),
    default=_MODEL.concentration,
    help="How much commoner its first ones are; 0: not at all.",
)
@click.option(
    "--families",
    type=click.FloatRange(0, 1),
    default=_MODEL.families,
    help="Share of patients in families of four.",
)
@click.option(
    "--steps", type=click.IntRange(1, 100), default=4, help="Of a limit, to which entries are rounded."
)
@click.option(
    "--seed", type=click.IntRange(0), default=_MODEL.seed, help="The same seed gives the same figures."
)
def linker(only: tuple[str, ...], steps: int, **model: Any) -> None:
    """How often an adversary who knows the provider, the day and the price of one visit finds the patient's
    account, and how much of the patient's year it reads with it.

    A model, without a chain: a year of visits is drawn from the packaged catalogue, settled by the packaged
    plan, and written as the contracts log it; the adversary reads that. docs/privacy.md says what is
    modelled, and what the names mean. Takes a minute; with --only, some seconds.
    """
    with progress("attacking", len(only or PRACTICES)) as advance:
        report = measure_links(Population(**model), steps=steps, only=only, on_practice=lambda _: advance(1))
    emit(report.to_json(), partial(_show_links, report))


def _show_links(report: LinkerReport) -> None:
    click.echo(f"{report.visits:,} visits of {report.population.patients:,} patients")
    click.echo("\nfound: by provider, day and price; over, under: what patients pay beside one account\n")
    show_table(
        ("settled", "accounts", "carried", "funded by", "sequences", ">opened", ">found", ">over", ">under"),
        [
            (
                each.practice.settled,
                each.practice.accounts,
                each.practice.carried if each.practice.accounts is not Accounts.PATIENT else "",
                each.practice.funded,
                each.practice.sequences,
                f"{each.accounts:,}",
                _percent(each.attacks[ALONE].found),
                format_dollars(each.overpaid),
                format_dollars(each.underpaid),
            )
            for each in report.practices.values()
        ],
    )
    click.echo("\nhow much of the patient's year is read, by attack\n")
    show_table(
        ("practice", *(f">{name}" for name in ATTACKS)),
        [
            (name, *(_percent(each.attacks[by].year) for by in ATTACKS))
            for name, each in report.practices.items()
        ],
    )


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"
