"""``chainbill provider prices``: what a provider charges outside any plan."""

from __future__ import annotations

from pathlib import Path

import click

from chainbill.cli.acting import acting_as
from chainbill.cli.command import ShellCommand
from chainbill.cli.context import Invocation, pass_invocation
from chainbill.cli.given_files import CATALOGUE_FILE, PRICE_FILE
from chainbill.cli.output import emit


@click.command(
    cls=ShellCommand, example="chainbill provider prices\nchainbill provider prices prices.toml --as lakeview"
)
@click.argument("file", type=PRICE_FILE, required=False)
@click.option("--catalogue", "catalogue_file", type=CATALOGUE_FILE, help="A service catalogue of your own.")
@acting_as("provider")
@pass_invocation
def prices(invocation: Invocation, file: Path | None, catalogue_file: Path | None, name: str) -> None:
    """Publish cash prices, which patients pay who have no plan or consented to pay outside it.

    Without FILE every service of the catalogue gets its default fee as its price. FILE is TOML: a table
    [prices] with lines such as `office-visit = "85.00"`; "0" takes a service off. Only prices that change are
    published; a first price holds at once, a change a day later.
    """
    from chainbill.records.catalogue import Catalogue
    from chainbill.records.price_file import read_prices
    from chainbill.settings.cash_prices import compare_prices, publish_prices
    from chainbill.settings.payout import payout_sender

    catalogue = Catalogue.load(catalogue_file)
    wanted = (
        {service: entry.fee for service, entry in catalogue.entries.items()}
        if file is None
        else read_prices(file, catalogue)
    )
    session = invocation.session()
    provider_id, owner = payout_sender(session, name)
    changes = compare_prices(session, provider_id, wanted)
    transactions = publish_prices(session, owner, provider_id, changes.changed)
    waiting = f"\n{len(changes.announced)} have a change announced: publish them again in a day."
    emit(
        {
            "account": name,
            "provider_id": provider_id,
            "published": sorted(changes.changed),
            "unchanged": len(changes.unchanged),
            "announced": sorted(changes.announced),
            "transactions": transactions,
        },
        f"{len(changes.changed)} cash prices of {name} published, {len(changes.unchanged)} left as they were."
        + (waiting if changes.announced else ""),
    )
