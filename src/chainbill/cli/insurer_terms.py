"""``chainbill insurer plan`` and ``fees``: what an insurer publishes beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainbill.cli.acting import acting_as
from chainbill.cli.command import ShellCommand
from chainbill.cli.context import Invocation, pass_invocation
from chainbill.cli.given_files import CATALOGUE_FILE, FEE_FILE, PLAN_FILE
from chainbill.cli.output import emit, note, progress, show_time
from chainbill.errors import TermsError

if TYPE_CHECKING:
    from chainbill.billing.plan_file import PlanFile
    from chainbill.chain.fee_publication import FeeChanges
    from chainbill.settings.session import Session


def own_payer(session: Session, name: str) -> int:
    """The insurer's payer id; on a devnet, where the governor is at hand, its payer contract is made if
    there is none.

    Raises:
        StateError: no such insurer, or it has no payer contract.
    """
    from chainbill.settings.addressbook import Role
    from chainbill.settings.onboarding import insurer_of, open_payer

    if session.devnet is not None and session.book.get(name, Role.INSURER).payer_id is None:
        entry, _ = open_payer(session, name)
        note(f"note: the governor made payer contract {entry.payer_id} for {name}")
    return insurer_of(session, name)[1]


# ---- plan ---------------------------------------------------------------------------------------------


@click.command(
    cls=ShellCommand, example="chainbill insurer plan --example > plan.toml\nchainbill insurer plan plan.toml"
)
@click.argument("file", type=PLAN_FILE, required=False)
@click.option("--example", is_flag=True, help="Print a plan file to copy and change, and publish nothing.")
@acting_as("insurer")
@pass_invocation
def plan(invocation: Invocation, file: Path | None, example: bool, name: str) -> None:
    """Publish a plan from a TOML file: its yearly terms, and how it shares the cost of each category.

    The first version of a plan holds at once, a later one a day after it is announced. Terms that are
    published already are left alone.
    """
    from chainbill.billing.plan_file import PlanFile, example_plan

    if example == (file is not None):
        raise click.UsageError("give either a file to publish or --example")
    if file is None:
        emit({"example": example_plan()}, example_plan().rstrip("\n"))
        return
    wanted = PlanFile.read(file)
    session = invocation.session()
    payer_id = own_payer(session, name)
    version, effective_at, published = _publish(session, name, payer_id, wanted)
    in_force = effective_at <= session.now()
    when = "in force" if in_force else f"in force from {show_time(effective_at)}"
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
        f"as version {version}, {when}.",
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
    cls=ShellCommand, example="chainbill insurer fees\nchainbill insurer fees fees.toml --max-units 4"
)
@click.argument("file", type=FEE_FILE, required=False)
@click.option("--catalogue", "catalogue_file", type=CATALOGUE_FILE, help="A service catalogue of your own.")
@click.option(
    "--max-units",
    type=click.IntRange(1, 65_535),
    default=10,
    show_default=True,
    help="Units of one service allowed at once, where the file does not say.",
)
@acting_as("insurer")
@pass_invocation
def fees(
    invocation: Invocation, file: Path | None, catalogue_file: Path | None, max_units: int, name: str
) -> None:
    """Publish what is allowed for each service, under names that only holders of the schedule can read.

    Without FILE every service of the catalogue gets its default fee. FILE is TOML: a table [fees] with lines
    such as `office-visit = "85.00"` or `lab-panel = { fee = "30.00", max_units = 2, annual_units = 4 }`;
    annual_units is the most a member may have in a benefit year. Only fees that change are published; a
    first fee holds at once, a change a day later.
    """
    from chainbill.chain.fee_publication import compare_fees, publish_fees
    from chainbill.records.catalogue import Catalogue
    from chainbill.records.fee_file import catalogue_fees, read_fees

    catalogue = Catalogue.load(catalogue_file)
    wanted = (
        catalogue_fees(catalogue, max_units=max_units)
        if file is None
        else read_fees(file, catalogue, max_units=max_units)
    )
    session = invocation.session()
    payer_id = own_payer(session, name)
    payer = session.protocol.payer(payer_id)
    id_of = session.schedules.publish(payer_id, ()).id_of
    with progress("comparing", len(wanted)) as advance:
        changes = compare_fees(payer, wanted, id_of, session.now(), on_service=lambda: advance(1))
    transactions = 0
    if changes.changed:
        transactions = publish_fees(
            payer,
            session.sender(name),
            changes.changed,
            id_of,
            on_published=lambda services: session.schedules.publish(payer_id, services),
        )
    # Also what an attempt that was cut off had published without writing it down.
    session.schedules.publish(payer_id, changes.unchanged)
    emit(_fee_facts(name, payer_id, changes, transactions), _fee_text(name, changes))


def _fee_facts(name: str, payer_id: int, changes: FeeChanges, transactions: int) -> dict[str, Any]:
    return {
        "account": name,
        "payer_id": payer_id,
        "published": sorted(changes.changed),
        "unchanged": len(changes.unchanged),
        "announced": dict(changes.announced),
        "transactions": transactions,
    }


def _fee_text(name: str, changes: FeeChanges) -> str:
    lines = [f"{len(changes.changed)} fees of {name} published, {len(changes.unchanged)} left as they were."]
    if changes.announced:
        latest = show_time(max(changes.announced.values()))
        lines.append(
            f"{len(changes.announced)} have a change announced that holds from {latest}: "
            "publish them again after that."
        )
    return "\n".join(lines)
