"""``chainbill insurer plan`` and ``fees``: what an insurer publishes beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.insurer.own_payer import own_payer
from chainbill.cli.shell.acting import acting_as, actor
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.given_files import CATALOGUE_FILE, FEE_FILE, PLAN_FILE
from chainbill.cli.shell.output import (
    emit,
    holding_lines,
    it_holds,
    progress,
    several,
    show_table,
    show_time,
)
from chainbill.cli.shell.parameters import Count
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.operations.actor import Actor
    from chainbill.operations.insurer.fees import FeesPublished, FeeStanding, PublishedFee
    from chainbill.operations.insurer.plans import PublishedPlan


# ---- plan ---------------------------------------------------------------------------------------------


@click.command(
    cls=ShellCommand,
    example="chainbill insurer plan\nchainbill insurer plan --example > plan.toml\n"
    "chainbill insurer plan plan.toml",
)
@click.argument("file", type=PLAN_FILE, required=False)
@click.option("--example", is_flag=True, help="Print a plan file to copy and change, and publish nothing.")
@acting_as("insurer")
@pass_invocation
def plan(invocation: Invocation, file: Path | None, example: bool, name: str) -> None:
    """Show the plans, or publish one from a TOML file: yearly terms, and how it shares each category's cost.

    The first version of a plan holds at once, a later one a day after it is announced. Terms that are
    published already are left alone.
    """
    from chainbill.operations.insurer.plans import PlanFile, example_plan, publish_plan

    if example and file is not None:
        raise click.UsageError("give either a file to publish or --example")
    if example:
        emit({"example": example_plan()}, example_plan().rstrip("\n"))
        return
    if file is None:
        _show_plans(actor(invocation, name, "insurer"))
        return
    wanted = PlanFile.read(file)
    insurer = actor(invocation, name, "insurer")
    payer_id = own_payer(insurer)
    done = publish_plan(insurer, payer_id, wanted)
    emit(
        {
            "account": name,
            "payer_id": payer_id,
            "plan_id": done.plan_id,
            "version": done.version,
            "effective_at": done.effective_at,
            "published": done.changed,
        },
        f"Plan {done.plan_id} of {name} {'is published' if done.changed else 'was published already'} "
        f"as version {done.version}. {it_holds(done.effective_at or 0)}",
    )


def _show_plans(insurer: Actor) -> None:
    from chainbill.operations.insurer.account import payer_of
    from chainbill.operations.insurer.plans import standing_plans

    payer_id = payer_of(insurer)
    plans = standing_plans(insurer.session, payer_id)
    emit(
        {"account": insurer.name, "payer_id": payer_id, "plans": [_plan_facts(plan) for plan in plans]},
        lambda: _print_plans(insurer.name, plans),
    )


def _print_plans(name: str, plans: Sequence[PublishedPlan]) -> None:
    if not plans:
        click.echo(f"{name} has published no plan.")
        click.echo("Begin with: chainbill insurer plan --example > plan.toml")
        return
    rows = [
        (
            plan.plan_id,
            plan.version,
            show_dollars(plan.terms.deductible),
            show_dollars(plan.terms.oop_max),
            ", ".join(category.label for category in plan.categories) or "nothing",
            show_time(plan.effective_at) + ("" if plan.in_force else " (announced)"),
        )
        for plan in plans
    ]
    show_table(("plan", "version", ">deductible", ">at most a year", "covers", "holds from"), rows)


def _plan_facts(plan: PublishedPlan) -> dict[str, Any]:
    return {
        "plan_id": plan.plan_id,
        "version": plan.version,
        "effective_at": plan.effective_at,
        "in_force": plan.in_force,
        "deductible": format_dollars(plan.terms.deductible),
        "out_of_pocket_maximum": format_dollars(plan.terms.oop_max),
        "family_deductible": format_dollars(plan.terms.family_deductible),
        "family_out_of_pocket_maximum": format_dollars(plan.terms.family_oop_max),
        "annual_maximum": format_dollars(plan.terms.annual_maximum),
        "rounding": format_dollars(plan.terms.rounding_unit),
        "coordination": plan.terms.cob_mode.label,
        "categories": {
            category.label: {
                "deductible_applies": terms.deductible_applies,
                "copay": format_dollars(terms.copay),
                "copay_first": terms.copay_first,
                "coinsurance_bps": terms.coinsurance_bps,
                "coinsurance_after_copay": terms.coinsurance_after_copay,
            }
            for category, terms in plan.categories.items()
        },
    }


# ---- fees ---------------------------------------------------------------------------------------------


@click.command(
    cls=ShellCommand,
    example="chainbill insurer fees\nchainbill insurer fees --example > fees.toml\n"
    "chainbill insurer fees fees.toml --max-units 4\nchainbill insurer fees --from-catalogue",
)
@click.argument("file", type=FEE_FILE, required=False)
@click.option("--example", is_flag=True, help="Print a fee file to copy and change, and publish nothing.")
@click.option(
    "--from-catalogue", is_flag=True, help="Publish the catalogue's default fee for each of its services."
)
@click.option("--catalogue", "catalogue_file", type=CATALOGUE_FILE, help="A service catalogue of your own.")
@click.option(
    "--max-units",
    type=Count(1, 65_535),
    help="Units of one service allowed at once, where the file does not say."
    "  [default: as published, for a new service 10]",
)
@acting_as("insurer")
@pass_invocation
def fees(
    invocation: Invocation,
    file: Path | None,
    example: bool,
    from_catalogue: bool,
    catalogue_file: Path | None,
    max_units: int | None,
    name: str,
) -> None:
    """Show the fees in force, or publish those of FILE, under ids that only holders of the schedule can read.

    FILE is TOML: a table [fees] with lines such as `office-visit = "85.00"` or
    `lab-panel = { fee = "30.00", max_units = 2, annual_units = 4 }`; annual_units is the most a member may
    have in a benefit year. Or it is CSV, with columns service, fee, max_units, annual_units, or JSON. Units
    that a line does not name stay as they were published. Only fees that change are published, each with its
    decoys; a first fee holds at once, a change a day later.
    """
    from chainbill.operations.insurer.fee_list import FeeList, example_fees
    from chainbill.operations.insurer.fees import publish_fees

    if (file is not None) + from_catalogue + example > 1:
        raise click.UsageError("give either a file, or --from-catalogue, or --example")
    if example:
        emit({"example": example_fees()}, example_fees().rstrip("\n"))
        return
    if file is None and not from_catalogue:
        if catalogue_file is not None or max_units is not None:
            raise click.UsageError("--catalogue and --max-units go with a file or --from-catalogue")
        _show_fees(actor(invocation, name, "insurer"))
        return
    fee_list = FeeList.read(file, catalogue=catalogue_file, max_units=max_units)
    insurer = actor(invocation, name, "insurer")
    payer_id = own_payer(insurer)
    wanted = fee_list.beside_published(insurer.session, payer_id)
    with progress("comparing", len(wanted)) as advance:
        done = publish_fees(insurer, payer_id, wanted, on_service=lambda: advance(1))
    emit(_published_facts(name, payer_id, done), _published_text(name, done))


def _published_facts(name: str, payer_id: int, done: FeesPublished) -> dict[str, Any]:
    return {
        "account": name,
        "payer_id": payer_id,
        "published": sorted(done.changes.changed),
        "effective_at": dict(done.holds),
        "unchanged": len(done.changes.unchanged),
        "announced": dict(done.changes.announced),
        "transactions": done.transactions,
    }


def _published_text(name: str, done: FeesPublished) -> str:
    changes = done.changes
    published = several(len(changes.changed), "fee")
    lines = [f"{published} of {name} published, {len(changes.unchanged)} left as they were."]
    lines += holding_lines(done.holds)
    if changes.announced:
        latest = show_time(max(changes.announced.values()))
        lines.append(
            f"{len(changes.announced)} with a change announced that holds from {latest}: "
            "to be published again after that."
        )
    return "\n".join(lines)


def _show_fees(insurer: Actor) -> None:
    from chainbill.operations.insurer.account import payer_of
    from chainbill.operations.insurer.fees import standing_fees

    session, payer_id = insurer.session, payer_of(insurer)
    services = session.schedules.load(payer_id).services if payer_id in session.schedules else ()
    with progress("reading", len(services)) as advance:
        standing = standing_fees(session, payer_id, on_service=lambda: advance(1))
    facts = [
        {
            "service": service,
            "in_force": _fee_facts(fee.in_force),
            "announced": _fee_facts(fee.announced),
        }
        for service, fee in standing.items()
    ]
    emit(
        {"account": insurer.name, "payer_id": payer_id, "fees": facts},
        lambda: _print_fees(insurer.name, standing),
    )


def _print_fees(name: str, standing: Mapping[str, FeeStanding]) -> None:
    if not standing:
        own = "" if name == "insurer" else f" --as {name}"
        click.echo(f"{name} has published no fees that the schedules here name.")
        click.echo(
            f"Publish those of a file: chainbill insurer fees FILE{own}\n"
            f"or the catalogue's default fees: chainbill insurer fees --from-catalogue{own}"
        )
        return
    rows = [
        (service, *_fee_cells(fee.in_force), _announced_text(fee.announced))
        for service, fee in standing.items()
    ]
    show_table(("service", ">fee", ">at once", ">in a year", "announced"), rows)


def _fee_facts(fee: PublishedFee | None) -> dict[str, Any] | None:
    if fee is None:
        return None
    return {
        "fee": format_dollars(fee.terms.amount),
        "category": fee.terms.category_label,
        "max_units": fee.terms.max_units,
        "annual_units": fee.terms.annual_units or None,
        "effective_at": fee.effective_at,
    }


def _fee_cells(fee: PublishedFee | None) -> tuple[str, str, str]:
    if fee is None:
        return "none", "", ""
    terms = fee.terms
    return show_dollars(terms.amount), str(terms.max_units), str(terms.annual_units or "no limit")


def _announced_text(fee: PublishedFee | None) -> str:
    return "" if fee is None else f"{', '.join(_units(fee))} holds from {show_time(fee.effective_at)}"


def _units(fee: PublishedFee) -> tuple[str, ...]:
    amount, at_once, annual = _fee_cells(fee)
    return amount, f"{at_once} at once", f"{annual} in a year"
