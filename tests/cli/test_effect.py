"""What changes terms: only when it is told what to set, and each time it says from when that holds."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from tests.support.roles import FEES, PLAN, Town

from chainbill.cli import cli
from chainbill.cli.shell.output import show_time

DAY = 86_400

DOES_WHAT_ITS_NAME_SAYS = {
    ("patient", "void-signatures"),
    ("provider", "attest"),
    ("provider", "withdraw"),
    ("provider", "bond", "withdraw"),
    ("provider", "payout-address", "cancel"),
    ("insurer", "collect"),
    ("oracle", "settle"),
    ("governor", "pause"),
    ("governor", "unpause"),
}
"""Commands that need no more than their name to be told what to do."""

NOT_OF_THE_PROTOCOL = {"devnet", "demo", "bench", "doctor"}
"""Groups that start and stop chains, or look at the machine."""


def _commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(group, click.Group):
        yield path
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and name not in NOT_OF_THE_PROTOCOL:
            yield from _commands(command, (*path, name))


def _transactions(town: Town) -> int:
    w3 = town.session().protocol.w3
    return sum(len(w3.eth.get_block(number)["transactions"]) for number in range(w3.eth.block_number + 1))


@pytest.mark.slow
def test_every_command__without_what_to_set__sends_nothing(town: Town) -> None:
    town.ok("provider", "register", "provider")
    found = list(_commands(cli))
    assert set(found) >= DOES_WHAT_ITS_NAME_SAYS
    assert len(found) > 60
    before = _transactions(town)
    for command in found:
        if command not in DOES_WHAT_ITS_NAME_SAYS:
            town(*command)
            assert _transactions(town) == before, f"{' '.join(command)} has sent something"


@pytest.mark.parametrize(
    "command",
    [
        ("insurer", "fees"),
        ("insurer", "plan"),
        ("insurer", "accept-provider"),
        ("provider", "prices"),
        ("patient", "limits"),
        ("patient", "consent"),
        ("patient", "accept-payer"),
        ("governor", "operator-fee"),
    ],
)
def test_terms__without_what_to_set__are_shown(town: Town, command: tuple[str, ...]) -> None:
    town.ok("provider", "register", "provider")
    assert town(*command).code == 0
    assert town.ok(*command)


def _told(town: Town, *command: object) -> int:
    """From when a change holds, by its JSON."""
    effective_at: int = town.ok(*command)["effective_at"]
    assert town.session().now() - 60 < effective_at <= town.session().now() + 5 * DAY
    return effective_at


def test_every_change__says_from_when_it_holds(town: Town, clinic: str) -> None:
    patient = f"of-{clinic}"
    town.ok("patient", "create", patient)
    town.ok("insurer", "create", f"other-{clinic}")
    town.ok("insurer", "plan", town.file("other.toml", PLAN.replace("plan = 1", "plan = 2")))
    for command in (
        ("patient", "accept-payer", "insurer", "--as", patient),
        # An earlier change is remembered for the life of a batch.
        ("devnet", "advance", "6h"),
        ("patient", "accept-payer", f"other-{clinic}", "--as", patient),
        ("patient", "consent", clinic, "--limit", 100, "--as", patient),
        ("patient", "consent", clinic, "--limit", 50, "--as", patient),
        ("patient", "revoke", clinic, "--as", patient),
        ("patient", "limits", "--per-event", 100, "--per-day", 300, "--as", patient),
        ("patient", "void-signatures", "--as", patient),
        ("insurer", "enrol", patient, "--plan", 1),
        ("insurer", "change-plan", patient, "--plan", 2),
        ("insurer", "end-coverage", patient),
        ("insurer", "accept-provider", clinic, "--end"),
        ("insurer", "accept-provider", clinic),
        ("insurer", "plan", town.file("third.toml", PLAN.replace("plan = 1", "plan = 3"))),
        ("provider", "payout-address", "change", patient, "--as", clinic, "--yes"),
        ("provider", "payout-address", "cancel", "--as", clinic),
        ("provider", "keys", "add", "oracle-1", "--as", clinic),
        ("provider", "keys", "rotate", "oracle-1", "oracle-2", "--as", clinic),
        ("provider", "keys", "revoke", "oracle-2", "--as", clinic, "--yes"),
        ("governor", "operator-fee", "--flat", "0.25"),
        ("governor", "suspend", clinic),
        ("governor", "reinstate", clinic),
        ("governor", "pause"),
        ("governor", "unpause"),
        ("governor", "roles", "grant", "guardian", "oracle-1", "--yes"),
        ("governor", "roles", "revoke", "guardian", "oracle-1", "--yes"),
    ):
        ran = town(*command)
        assert ran.code == 0, (command, ran)
        if command[0] == "devnet":
            continue
        assert re.search(r"holds from 20[0-9-]{8} [0-9:]{8} UTC", ran.out), (command, ran.out)


@pytest.mark.parametrize(
    "command, notice",
    [
        (("patient", "accept-payer", "insurer", "--as", "timed"), 0),
        (("patient", "limits", "--per-event", 100, "--as", "timed"), DAY),
        (("insurer", "enrol", "timed", "--plan", 1), 0),
        (("insurer", "end-coverage", "timed"), DAY),
        (("governor", "pause"), 0),
        (("governor", "unpause"), 0),
    ],
)
def test_change__in_json__has_the_time_from_which_it_holds(
    town: Town, command: tuple[object, ...], notice: int
) -> None:
    town.ok("patient", "create", "timed")
    effective_at = _told(town, *command)
    assert abs(effective_at - town.session().now() - notice) < 60


# ---- nothing is reset without being told ----------------------------------------------------------------


def test_operator_fee__one_of_its_parts__leaves_the_other(town: Town) -> None:
    town.ok("devnet", "advance", "1d6h")
    town.ok("governor", "operator-fee", "--flat", "0.25", "--bps", 50)
    town.ok("devnet", "advance", "1d6h")
    told = town.ok("governor", "operator-fee", "--flat", "0.10")
    assert (told["flat"], told["bps"]) == ("0.10", 50)
    shown = town.ok("governor", "operator-fee")
    assert (shown["flat"], shown["bps"]) == ("0.25", 50)
    assert (shown["announced"]["flat"], shown["announced"]["effective_at"]) == ("0.10", told["effective_at"])
    text = town("governor", "operator-fee").out
    assert (
        f"Announced: $0.10 and 0.5% of what is allowed. It holds from {show_time(told['effective_at'])}"
        in text
    )


def test_consent__another_limit_alone__leaves_its_end_and_self_pay(town: Town, clinic: str) -> None:
    patient = f"keeps-{clinic}"
    town.ok("patient", "create", patient)
    first = town.ok(
        "patient", "consent", clinic, "--limit", 100, "--for", "2y", "--self-pay", "--as", patient
    )
    wider = town.ok("patient", "consent", clinic, "--limit", 150, "--as", patient)
    assert (wider["limit"], wider["expires_at"], wider["self_pay"]) == ("150.00", first["expires_at"], True)
    longer = town.ok("patient", "consent", clinic, "--for", "3y", "--as", patient)
    assert (longer["limit"], longer["self_pay"]) == ("150.00", True)
    narrower = town.ok("patient", "consent", clinic, "--no-self-pay", "--as", patient)
    assert (narrower["limit"], narrower["self_pay"]) == ("150.00", False)
    (shown,) = town.ok("patient", "consent", clinic, "--as", patient)["consents"]
    assert shown["in_force"]["self_pay"] is True
    assert (shown["announced"]["self_pay"], shown["announced"]["effective_at"]) == (
        False,
        narrower["effective_at"],
    )
    town.ok("devnet", "advance", "1d6h")
    town.ok("patient", "revoke", clinic, "--as", patient)
    anew = town.ok("patient", "consent", clinic, "--limit", 10, "--as", patient)
    assert anew["expires_at"] > town.session().now() + 300 * DAY, "what was revoked has no end to keep"


def test_fees__amount_alone__leaves_units_as_they_were_published(town: Town) -> None:
    name = "keeps-units"
    town.ok("insurer", "create", name)
    units = '[fees]\ncheck-up-visit = { fee = "100", max_units = 3, annual_units = 12 }\n'
    town.ok("insurer", "fees", town.file("units.toml", units), "--as", name)
    town.ok("insurer", "fees", town.file("fees.toml", FEES.replace("100.00", "120.00")), "--as", name)
    shown = {fee["service"]: fee for fee in town.ok("insurer", "fees", "--as", name)["fees"]}
    announced = shown["check-up-visit"]["announced"]
    assert (announced["fee"], announced["max_units"], announced["annual_units"]) == ("120.00", 3, 12)


def test_roles_grant__member_with_a_delay_of_its_own__keeps_it(town: Town) -> None:
    town.ok("governor", "roles", "grant", "arbiter", "oracle-1", "--delay", "3d", "--yes")
    again = town.ok("governor", "roles", "grant", "arbiter", "oracle-1", "--yes")
    assert again["delay_seconds"] == 3 * DAY
