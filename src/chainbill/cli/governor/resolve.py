"""``chainbill governor resolve``: the arbiter's ruling on an answered dispute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainbill.cli.claims.disputing import CLAIM, tell_step
from chainbill.cli.claims.question import ask_about, goes_back
from chainbill.cli.governor.governing import governor_option
from chainbill.cli.shell.command import ShellCommand
from chainbill.cli.shell.confirming import dry_run_option, yes_option
from chainbill.cli.shell.context import Invocation, pass_invocation
from chainbill.cli.shell.parameters import DOLLARS

if TYPE_CHECKING:
    from chainbill.operations.claims.rulings import Part, RulingWanted


@click.command(
    cls=ShellCommand,
    example="chainbill governor resolve 2:7 --full\n"
    "chainbill governor resolve 2:7 --uphold\n"
    "chainbill governor resolve 2:7 --copay 15 --plan-paid 40",
)
@click.argument("claim", metavar=CLAIM)
@click.option("--full", is_flag=True, help="Reverse the claim in full.")
@click.option("--uphold", is_flag=True, help="Let the claim stand.")
@click.option("--deductible", type=DOLLARS, help="What the deductible is to be.")
@click.option("--copay", type=DOLLARS, help="What the copay is to be.")
@click.option("--coinsurance", type=DOLLARS, help="What the coinsurance is to be.")
@click.option("--outside-plan", type=DOLLARS, help="What the part outside the plan is to be.")
@click.option("--plan-paid", type=DOLLARS, help="What the insurer's part is to be.")
@click.option("--secondary-paid", type=DOLLARS, help="What the second insurer's part is to be.")
@click.option("--fee", type=DOLLARS, help="What the operator's fee is to be.")
@click.option(
    "--alone-deductible", type=DOLLARS, help="The second insurer's deductible, as if it were alone."
)
@click.option(
    "--alone-out-of-pocket", type=DOLLARS, help="Its member's out-of-pocket part, as if it were alone."
)
@click.option("--alone-plan-paid", type=DOLLARS, help="Its own benefit, as if it were alone.")
@governor_option
@dry_run_option
@yes_option
@pass_invocation
def resolve(
    invocation: Invocation, /, claim: str, full: bool, uphold: bool, name: str, **parts: int | None
) -> None:
    """Rule on an answered dispute: reverse the claim in full, in part, or let it stand.

    In part: name what components are to be; those left out stay as they are. None may grow, and what is
    allowed becomes their sum. The difference is refunded, component by component.
    """
    from chainbill.operations.claims.disputes import resolve as rule
    from chainbill.operations.claims.lookup import find_claim
    from chainbill.operations.governor.calls import governor_account

    named: dict[Part, int] = {part: amount for part, amount in parts.items() if amount is not None}  # type: ignore[misc]
    if full + uphold + bool(named) != 1:
        raise click.UsageError("give either --full, or --uphold, or what components are to be")
    wanted: RulingWanted = "reverse" if full else "uphold" if uphold else named
    session = invocation.session()
    proven = find_claim(session, claim)
    then = "the claim stands" if uphold else goes_back(proven, wanted)
    ask_about(session, name, proven, f"{name} rules on", then)
    tell_step(session, rule(governor_account(session, name), proven, wanted), f"{name} rules on")
