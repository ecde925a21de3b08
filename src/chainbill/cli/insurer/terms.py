"""``chainbill insurer plan`` and ``fees``: what an insurer publishes beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.shell.acting import acting_as
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.given_files import CATALOGUE_FILE, FEE_FILE, PLAN_FILE
from chainbill.cli.shell.output import (
    emit,
    holding_lines,
    it_holds,
    note,
    progress,
    several,
    show_table,
    show_time,
)
from chainbill.cli.shell.parameters import Count
from chainbill.errors import TermsError
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.billing.plan_file import PlanFile
    from chainbill.chain.contracts.payer import PublishedFee
    from chainbill.operations.insurer.fees import FeesPublished
    from chainbill.state.session import Session


def own_payer(session: Session, name: str) -> int:
    """The insurer's payer id; on a devnet, where the governor is at hand, its payer contract is made if
    there is none.

    Raises:
        StateError: no such insurer, or it has no payer contract.
    """
    from chainbill.operations.governor.registrations import insurer_of, open_payer
    from chainbill.state.address_book import Role

    if session.devnet is not None and session.book.get(name, Role.INSURER).payer_id is None:
        made = open_payer(session, name)
        note(f"note: the governor made payer contract {made.payer_id} for {name}")
    return insurer_of(session, name)[1]


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
    from chainbill.billing.plan_file import PlanFile, example_plan

    if example and file is not None:
        raise click.UsageError("give either a file to publish or --example")
    if example:
        emit({"example": example_plan()}, example_plan().rstrip("\n"))
        return
    if file is None:
        _show_plans(invocation.session(), name)
        return
    wanted = PlanFile.read(file)
    session = invocation.session()
    payer_id = own_payer(session, name)
    version, effective_at, published = _publish(session, name, payer_id, wanted)
    emit(
        {
            "account": name,
            "payer_id": payer_id,
            "plan_id": wanted.plan_id,
            "version": version,
            "effective_at": effective_at,
            "published": published,
        },
        f"Plan {wanted.plan_id} of {name} {'is published' if published else 'was published already'} "
        f"as version {version}. {it_holds(effective_at)}",
    )


def _show_plans(session: Session, name: str) -> None:
    from chainbill.operations.governor.registrations import insurer_of
    from chainbill.operations.insurer.plans import standing_plans

    _, payer_id = insurer_of(session, name)
    plans = standing_plans(session, payer_id)
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

    def show() -> None:
        if rows:
            show_table(("plan", "version", ">deductible", ">at most a year", "covers", "holds from"), rows)
            return
        click.echo(f"{name} has published no plan.")
        click.echo("Begin with: chainbill insurer plan --example > plan.toml")

    emit(
        {
            "account": name,
            "payer_id": payer_id,
            "plans": [
                {
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
                for plan in plans
            ],
        },
        show,
    )


def _publish(session: Session, name: str, payer_id: int, wanted: PlanFile) -> tuple[int, int, bool]:
    """Version, effective time, and whether anything had to be published."""
    payer = session.protocol.payer(payer_id)
    version = payer.plan_versions(wanted.plan_id)
    newest = payer.plan_terms(wanted.plan_id, version) if version else None
    if newest is not None:
        terms, effective_at = newest
        if terms == wanted.terms and _same_categories(session, payer_id, version, wanted):
            return version, effective_at, False
        if effective_at > session.now():
            raise TermsError(
                f"version {version} of plan {wanted.plan_id} is announced for {show_time(effective_at)}, "
                "and one is announced at a time",
                hint="publish again after that; on a devnet: chainbill devnet advance 1d",
            )
    payer.publish_plan(session.sender(name), wanted.plan_id, wanted.terms, wanted.categories)
    version += 1
    published = payer.plan_terms(wanted.plan_id, version)
    return version, published[1] if published else 0, True


def _same_categories(session: Session, payer_id: int, version: int, wanted: PlanFile) -> bool:
    from chainbill.billing.terms import Category

    payer = session.protocol.payer(payer_id)
    for category in Category:
        published = payer.category_terms(wanted.plan_id, version, category)
        asked = wanted.categories.get(category)
        if published.covered != (asked is not None and asked.covered):
            return False
        if asked is not None and asked.covered and published != asked:
            return False
    return True


# ---- fees ---------------------------------------------------------------------------------------------


@click.command(
    cls=ShellCommand,
    example="chainbill insurer fees\nchainbill insurer fees fees.toml --max-units 4\n"
    "chainbill insurer fees --from-catalogue",
)
@click.argument("file", type=FEE_FILE, required=False)
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
    from functools import partial

    from chainbill.operations.insurer.fees import newest_terms, publish_schedule
    from chainbill.records.catalogue import Catalogue
    from chainbill.records.fee_file import catalogue_fees, read_fees

    if file is not None and from_catalogue:
        raise click.UsageError("give either a file or --from-catalogue")
    if file is None and not from_catalogue:
        if catalogue_file is not None or max_units is not None:
            raise click.UsageError("--catalogue and --max-units go with a file or --from-catalogue")
        _show_fees(invocation.session(), name)
        return
    catalogue = Catalogue.load(catalogue_file)
    read = catalogue_fees if file is None else partial(read_fees, file)
    # First without the chain: what is wrong in the file is said before anything is made or sent.
    read(catalogue, max_units=max_units)
    session = invocation.session()
    payer_id = own_payer(session, name)
    wanted = read(
        catalogue, max_units=max_units, present=lambda service: newest_terms(session, payer_id, service)
    )
    with progress("comparing", len(wanted)) as advance:
        done = publish_schedule(
            session, payer_id, lambda: session.sender(name), wanted, on_service=lambda: advance(1)
        )
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


def _show_fees(session: Session, name: str) -> None:
    from chainbill.operations.governor.registrations import insurer_of
    from chainbill.operations.insurer.fees import standing_fees

    _, payer_id = insurer_of(session, name)
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
    rows = [
        (service, *_fee_cells(fee.in_force), _announced_text(fee.announced))
        for service, fee in standing.items()
    ]

    def show() -> None:
        if not rows:
            own = "" if name == "insurer" else f" --as {name}"
            click.echo(f"{name} has published no fees that the schedules here name.")
            click.echo(
                f"Publish those of a file: chainbill insurer fees FILE{own}\n"
                f"or the catalogue's default fees: chainbill insurer fees --from-catalogue{own}"
            )
            return
        show_table(("service", ">fee", ">at once", ">in a year", "announced"), rows)

    emit({"account": name, "payer_id": payer_id, "fees": facts}, show)


def _fee_facts(fee: PublishedFee | None) -> dict[str, Any] | None:
    if fee is None:
        return None
    return {
        "fee": format_dollars(fee.terms.amount),
        "category": _category(fee.terms.category),
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


def _category(number: int) -> str:
    from chainbill.billing.terms import Category

    try:
        return Category(number).label
    except ValueError:
        return str(number)
