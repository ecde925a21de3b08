"""Commands that move an address, a pool, a role or a claim's money show it and ask; ``--yes`` for scripts."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest
from tests.house.test_cli_documented import EVERY_COMMAND
from tests.support.roles import Ran, Town
from tests.support.sampling import quick_first

PROGRAM = [sys.executable, "-c", "from chainbill.cli import main; main()"]

ASKING = {
    "chainbill provider payout-address change": ("{clinic}", "--as", "{clinic}"),
    "chainbill provider keys revoke": ("{clinic}", "--as", "{clinic}"),
    "chainbill provider keys rotate": ("{clinic}", "another", "--new", "--as", "{clinic}"),
    "chainbill provider concede": ("{claim}", "--as", "{clinic}"),
    "chainbill provider void": ("{claim}", "--as", "{clinic}"),
    "chainbill patient dispute": ("{claim}", "--as", "{patient}"),
    "chainbill patient sign dispute": ("{claim}", "--as", "{patient}"),
    "chainbill insurer dispute": ("{claim}",),
    "chainbill insurer withdraw": ("5",),
    "chainbill insurer hand-over": ("somebody", "--new"),
    "chainbill insurer take-over": ("1", "--as", "insurer"),
    "chainbill governor roles grant": ("arbiter", "judge", "--new"),
    "chainbill governor roles revoke": ("arbiter", "governor"),
    "chainbill governor resolve": ("{claim}", "--full"),
    "chainbill governor execute": (),
    "chainbill claims close": ("{claim}", "--as", "{clinic}"),
}
"""Every command that asks about something of the town's, with what it is given here."""

OF_NETWORKS = {"chainbill deploy", "chainbill network remove"}
"""Those that ask about a network, which ``test_network`` and ``test_on_a_network`` have."""

CLAIM_COMMANDS = [path for path, given in ASKING.items() if "{claim}" in given]


@pytest.fixture(scope="module")
def parties() -> dict[str, str]:
    """Who is in the story of this file, once it is told."""
    return {}


@pytest.fixture
def settled(town: Town, parties: dict[str, str]) -> dict[str, str]:
    """A clinic, its patient, and their settled claim."""
    if not parties:
        clinic = town.clinic()
        patient = town.patient(f"of-{clinic}", clinic)
        town.attest(clinic, patient, f"{clinic}-visit")
        town.settle(clinic)
        claim = f"{town.session().book.get(clinic).provider_id}:1"
        parties.update(clinic=clinic, patient=patient, claim=claim)
    return parties


def words(path: str, settled: dict[str, str]) -> list[str]:
    """A command as it is given in this file."""
    return [*path.split()[1:], *(word.format(**settled) for word in ASKING[path])]


def standing(town: Town) -> tuple[int, list[str]]:
    """What a command may change: the chain's newest block, and the keystores."""
    session = town.session()
    return session.protocol.w3.eth.block_number, session.keystores.names()


def on_terminal(town: Town, typed: str, *arguments: str) -> Ran:
    """Run the program with a terminal for input and complaints, on which somebody types."""
    ours, theirs = pty.openpty()
    given = [*PROGRAM, "--state-dir", str(town.state.root), *arguments]
    with subprocess.Popen(given, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True) as program:
        os.close(theirs)
        os.write(ours, typed.encode())
        assert program.stdout is not None
        out, shown = program.stdout.read(), b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # The other end is closed.
            pass
        code = program.wait()
    os.close(ours)
    return Ran(code, out, shown.decode().replace("\r\n", "\n"))


def test_asking__commands_with_yes__are_these() -> None:
    with_yes = {
        path
        for path, command in EVERY_COMMAND.items()
        if any("--yes" in parameter.opts for parameter in command.params)
    }
    assert with_yes == {*ASKING, *OF_NETWORKS}


@pytest.mark.parametrize("path", [path for path in ASKING if path != "chainbill governor execute"])
def test_asking__nobody_to_ask__does_nothing_and_says_yes_is_missing(
    town: Town, settled: dict[str, str], path: str
) -> None:
    before = standing(town)
    ran = town.asked(*words(path, settled))
    assert (ran.code, ran.out) == (2, "")
    assert "that is not done without being asked" in ran.err
    assert "to do it without being asked: --yes" in ran.err
    assert ("see first what would happen: --dry-run" in ran.err) == (
        path != "chainbill patient sign dispute"  # It sends nothing.
    )
    assert standing(town) == before


@pytest.mark.parametrize("path", CLAIM_COMMANDS)
def test_asking__about_a_claim__shows_service_date_amount_and_who(
    town: Town, settled: dict[str, str], path: str
) -> None:
    shown = town.asked(*words(path, settled)).err
    assert f"claim {settled['claim']}:" in shown
    assert f"\n  patient   {settled['patient']}\n" in shown
    assert f"\n  provider  {settled['clinic']}\n" in shown
    assert "\n  amount    $100.00: $25.00 by the patient, $75.00 by insurer\n" in shown
    if "--as" in ASKING[path]:
        assert "\n  service   A check-up visit at your clinic\n  date      2024-03-05\n" in shown
    else:
        # Whoever cannot read the record reads the insurer's name of the service.
        assert "\n  service   check-up-visit\n  date      not known here; settled " in shown
    if path.split()[-1] in ("concede", "void", "resolve"):
        assert "then      $25.00 goes back to the patient and $75.00 to the insurer\n" in shown


def test_asking__ruling_in_part__shows_the_difference(town: Town, settled: dict[str, str]) -> None:
    shown = town.asked("governor", "resolve", settled["claim"], "--copay", 15).err
    assert "then      $10.00 goes back to the patient and $0.00 to the insurer\n" in shown


def test_asking__with_json__errs_in_json(town: Town) -> None:
    ran = town.asked("insurer", "withdraw", 5, "--json")
    assert (ran.code, ran.facts["error"]["type"]) == (2, "Unconfirmed")


def test_asking__an_address_of_nobody_known__says_so(town: Town, settled: dict[str, str]) -> None:
    stranger = "0xe0FC04FA2d34a66B779fd5CEe748268032a146c0"
    shown = town.asked("insurer", "hand-over", stranger).err
    assert f"to    {stranger}, which is not in the address book" in shown


def test_asking__one_key_of_two__is_not_needed(town: Town, settled: dict[str, str]) -> None:
    clinic = settled["clinic"]
    town.ok("provider", "keys", "add", f"{clinic}-spare", "--new", "--as", clinic)
    rotated = ("provider", "keys", "rotate", f"{clinic}-spare", f"{clinic}-other", "--new", "--as", clinic)
    assert town.asked(*rotated).code == 0
    assert town.asked("provider", "keys", "revoke", f"{clinic}-spare", "--as", clinic).code == 0
    town.ok("provider", "keys", "add", f"{clinic}-spare", "--as", clinic)
    assert town.asked("provider", "keys", "revoke", f"{clinic}-spare", "--as", clinic).code == 0


@pytest.mark.parametrize("answer", quick_first(["\n", "n\n", "maybe\n"]))
def test_asking__answer_is_not_yes__does_nothing(town: Town, answer: str) -> None:
    before = standing(town)
    ran = on_terminal(town, answer, "insurer", "withdraw", "5")
    assert (ran.code, ran.out) == (1, "")
    assert "insurer announces a withdrawal of $5.00 from the pool" in ran.err
    assert "Go on? [y/N] " in ran.err
    assert "error: not confirmed: nothing was sent, and nothing has changed" in ran.err
    assert standing(town) == before


def test_asking__answer_is_yes__does_it_and_keeps_json_alone(town: Town) -> None:
    ran = on_terminal(town, "y\n", "insurer", "withdraw", "5", "--json")
    assert (ran.code, json.loads(ran.out)["announced"]["amount"]) == (0, "5.00")
    town.ok("insurer", "withdraw", "--cancel")


def test_asking__what_is_called_off__is_not_needed(town: Town) -> None:
    town.ok("insurer", "withdraw", 5)
    assert town.asked("insurer", "withdraw", "--cancel").code == 0
