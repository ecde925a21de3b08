"""``--dry-run``: the whole command, of which nothing is left."""

from __future__ import annotations

import hashlib
import subprocess

import pytest
from tests.house.test_cli_documented import EVERY_COMMAND
from tests.support.roles import Town

from chainbill.errors import StateError
from chainbill.state.private_files import locked

MOVING = {
    "chainbill patient fund",
    "chainbill patient withdraw",
    "chainbill patient dispute",
    "chainbill provider attest",
    "chainbill provider withdraw",
    "chainbill provider bond deposit",
    "chainbill provider bond withdraw",
    "chainbill provider advance",
    "chainbill provider concede",
    "chainbill provider void",
    "chainbill provider payout-address change",
    "chainbill insurer fund",
    "chainbill insurer withdraw",
    "chainbill insurer dispute",
    "chainbill insurer collect",
    "chainbill insurer hand-over",
    "chainbill insurer take-over",
    "chainbill oracle settle",
    "chainbill oracle fees withdraw",
    "chainbill governor resolve",
    "chainbill claims close",
    "chainbill relay submit",
}
"""Every command that moves money, or that lets somebody move it."""


def traces(town: Town) -> dict[str, str]:
    """Every file of the state directory but what anvil and locks write, by its hash; and the chain's end."""
    kept = {
        str(path.relative_to(town.state.root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in town.state.root.rglob("*")
        if path.is_file() and not path.name.startswith("anvil") and path.suffix != ".lock"
    }
    return {**kept, "chain": str(town.session().protocol.w3.eth.block_number)}


@pytest.mark.parametrize("path", sorted(MOVING))
def test_dry_run__of_a_command_that_moves_money__is_offered(path: str) -> None:
    assert any("--dry-run" in parameter.opts for parameter in EVERY_COMMAND[path].params)


def test_dry_run__of_a_deposit__shows_what_it_comes_to_and_changes_nothing(town: Town) -> None:
    patient = town.patient("saver", fund=10)
    before = traces(town)
    shown = town.ok("patient", "fund", 100, "--as", patient, "--dry-run")
    assert traces(town) == before
    assert [(sent["from"], sent["function"]) for sent in shown.pop("transactions")] == [
        ("saver", "approve"),
        ("saver", "deposit"),
    ]
    assert shown.pop("dry_run") is True
    assert shown == town.ok("patient", "fund", 100, "--as", patient)


def test_dry_run__for_a_person__says_so_first_and_what_would_be_sent_last(town: Town) -> None:
    lines = town("insurer", "withdraw", 7, "--dry-run").out.splitlines()
    assert lines[0] == "Dry run: nothing is sent and nothing is kept. It would come to this:"
    assert "Announced: $7.00 may be taken" in lines[2]
    assert lines[-2] == "It would send:"
    assert lines[-1].startswith("  InsurerPayer.requestWithdrawal by insurer, ")


def test_dry_run__of_what_would_fail__fails_alike(town: Town) -> None:
    town.patient("poor", fund=10)
    tried = town("patient", "withdraw", 11, "--as", "poor", "--dry-run")
    assert tried == town("patient", "withdraw", 11, "--as", "poor")
    assert "the balance is $10.00, less than $11.00" in tried.error


def test_dry_run__from_record_to_payment__leaves_everything_to_be_done(town: Town, clinic: str) -> None:
    patient = town.patient(f"of-{clinic}", clinic)
    town.ok("provider", "ingest", town.record(f"{clinic}-v"), "--patient", patient, "--as", clinic)
    before = traces(town)
    for _ in range(2):
        (attested,) = town.ok("provider", "attest", "--as", clinic, "--dry-run")["attested"]
        assert (attested["sequence"], attested["repeated"]) == (1, False)
    assert traces(town) == before

    town.ok("provider", "attest", "--as", clinic)
    before = traces(town)
    tried = town.ok("oracle", "settle", "--dry-run")
    assert (tried["counts"]["settled"], len(tried["transactions"])) == (1, 1)
    assert traces(town) == before
    assert town.ok("oracle", "settle")["counts"]["settled"] == 1

    before = traces(town)
    dispute = ("patient", "dispute", f"{town.session().book.get(clinic).provider_id}:1", "--as", patient)
    ran = town.asked(*dispute, "--dry-run")
    # It is shown what would be asked, and not asked.
    assert (ran.code, "A check-up visit at your clinic" in ran.err) == (0, True)
    assert "it is open now" in ran.out
    assert traces(town) == before


def test_dry_run__of_what_was_signed__leaves_it_to_be_sent(town: Town) -> None:
    patient = town.patient("signer")
    signed = town("patient", "sign", "withdraw", 5, "--as", patient).out
    file = town.file("withdraw.json", signed)
    before = traces(town)
    assert town.ok("relay", "submit", file, "--dry-run")["dry_run"] is True
    assert traces(town) == before
    town.ok("relay", "submit", file)


def test_dry_run__with_a_new_account__makes_none(town: Town, clinic: str) -> None:
    before = traces(town)
    change = ("provider", "payout-address", "change", f"{clinic}-bank", "--new", "--as", clinic)
    assert town.ok(*change, "--dry-run")["announced"].startswith("0x")
    assert traces(town) == before
    town.ok(*change)


def test_dry_run__that_ended__leaves_no_process_and_no_folder(town: Town) -> None:
    town.ok("insurer", "fund", 1, "--dry-run")
    assert list(town.state.root.glob(".dry-run-*")) == []
    running = subprocess.run(["ps", "-ww", "-eo", "command"], capture_output=True, text=True, check=True)
    assert f"{town.state.root}/.dry-run-" not in running.stdout


def test_dry_run__after_one_that_was_killed__sweeps_what_that_left(town: Town) -> None:
    left, at_work = town.state.root / ".dry-run-left", town.state.root / ".dry-run-at-work"
    for folder in (left, at_work):
        folder.mkdir()
        (folder / "addressbook.json").write_text("{}")
    with locked(at_work / "dry-run.lock"):
        town.ok("insurer", "fund", 1, "--dry-run")
        assert (left.exists(), at_work.exists()) == (False, True)
    town.ok("insurer", "fund", 1, "--dry-run")
    assert not at_work.exists()


def test_dry_run__without_anvil__says_what_is_missing(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINBILL_ANVIL", "/nowhere/anvil")
    assert "CHAINBILL_ANVIL names /nowhere/anvil" in town("insurer", "fund", 1, "--dry-run").error


def test_locked__held_by_another__is_refused_at_once(town: Town) -> None:
    lock = town.state.root / "some.lock"
    with locked(lock), pytest.raises(StateError), locked(lock, wait_seconds=0):
        pass
