"""``chainbill provider prices``: what a provider charges outside any plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chainbill.cli.provider.acting import provider
from chainbill.cli.shell.acting import acting_as
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.given_files import CATALOGUE_FILE, PRICE_FILE
from chainbill.cli.shell.output import emit, holding_lines, holds_from, several, show_table, show_time
from chainbill.money import format_dollars, show_dollars

if TYPE_CHECKING:
    from chainbill.operations.provider.cash_prices import PricesPublished


@click.command(
    cls=ShellCommand,
    example="chainbill provider prices\nchainbill provider prices --example > prices.toml\n"
    "chainbill provider prices prices.toml --as lakeview\nchainbill provider prices --from-catalogue",
)
@click.argument("file", type=PRICE_FILE, required=False)
@click.option("--example", is_flag=True, help="Print a price file to copy and change, and publish nothing.")
@click.option(
    "--from-catalogue", is_flag=True, help="Publish the catalogue's default fee for each of its services."
)
@click.option("--catalogue", "catalogue_file", type=CATALOGUE_FILE, help="A service catalogue of your own.")
@acting_as("provider")
@pass_invocation
def prices(
    invocation: Invocation,
    file: Path | None,
    example: bool,
    from_catalogue: bool,
    catalogue_file: Path | None,
    name: str,
) -> None:
    """Show the cash prices, or publish those of FILE: for patients without a plan, or who agreed to pay so.

    FILE is TOML: a table [prices] with lines such as `office-visit = "85.00"`; "0" takes a service off. Or it
    is CSV, with columns service and price, or JSON. Only prices that change are published, each with its
    decoys; a first price holds at once, a change a day later.
    """
    from chainbill.operations.provider.cash_prices import publish_prices
    from chainbill.operations.provider.price_list import PriceList, example_prices

    if (file is not None) + from_catalogue + example > 1:
        raise click.UsageError("give either a file, or --from-catalogue, or --example")
    if example:
        emit({"example": example_prices()}, example_prices().rstrip("\n"))
        return
    if file is None and not from_catalogue:
        if catalogue_file is not None:
            raise click.UsageError("--catalogue goes with a file or --from-catalogue")
        _show_prices(invocation, name)
        return
    wanted = PriceList.read(file, catalogue=catalogue_file)
    acting, provider_id = provider(invocation, name)
    done = publish_prices(acting, provider_id, wanted.prices)
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "published": sorted(done.changes.changed),
            "effective_at": dict(done.holds),
            "unchanged": len(done.changes.unchanged),
            "announced": sorted(done.changes.announced),
            "announced_for": dict(done.changes.announced),
            "transactions": done.transactions,
        },
        _published_text(name, done),
    )


def _published_text(name: str, done: PricesPublished) -> str:
    changed, unchanged = len(done.changes.changed), len(done.changes.unchanged)
    lines = [f"{several(changed, 'cash price')} of {name} published, {unchanged} left as they were."]
    lines += holding_lines(done.holds)
    if announced := done.changes.announced:
        latest = show_time(max(announced.values()))
        lines.append(
            f"{len(announced)} with a change announced that holds from {latest}: "
            "to be published again after that."
        )
    return "\n".join(lines)


def _show_prices(invocation: Invocation, name: str) -> None:
    from chainbill.operations.provider.cash_prices import standing_prices

    acting, provider_id = provider(invocation, name)
    standing = standing_prices(acting.session, provider_id)
    facts = [
        {
            "service": service,
            "price": format_dollars(price.amount),
            "announced": None if price.next_amount is None else format_dollars(price.next_amount),
            "effective_at": price.next_at or None,
        }
        for service, price in standing.items()
    ]
    rows = [
        (
            service,
            show_dollars(price.amount) if price.amount else "not offered",
            f"{show_dollars(price.next_amount)} {holds_from(price.next_at)}"
            if price.next_amount is not None
            else "",
        )
        for service, price in standing.items()
    ]

    def show() -> None:
        if rows:
            show_table(("service", ">price", "announced"), rows)
            return
        click.echo(f"{name} has published no cash prices.")
        own = "" if name == "provider" else f" --as {name}"
        click.echo(f"Publish those of a file: chainbill provider prices FILE{own}")

    emit({"account": name, "provider_id": provider_id, "prices": facts}, show)
