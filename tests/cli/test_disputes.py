"""Disputes by the roles' commands: opened, conceded, answered, ruled on, closed, given back, corrected."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.roles import PATIENT_SHARE, PLAN_SHARE, Town

from chainbill.chain.contracts.settlement import DisputeStatus
from chainbill.cli.claims.group import _STATUSES


@pytest.fixture
def patient(town: Town, clinic: str) -> str:
    """A patient of this test's clinic, with two settled claims: sequences 1 and 2."""
    name = town.patient(f"of-{clinic}", clinic)
    town.attest(clinic, name, f"{clinic}-a", f"{clinic}-b")
    assert [row["outcome"] for row in town.settle(clinic)] == ["settled", "settled"]
    return name


def dispute_of(town: Town, clinic: str, sequence: int) -> Any:
    """How the clinic's claim stands, as the list tells it."""
    listed = town.ok("provider", "disputes", "--as", clinic)["disputes"]
    return next((each for each in listed if each["sequence"] == sequence), None)


def first(town: Town, clinic: str) -> str:
    """What the clinic's first claim is called."""
    return f"{town.session().book.get(clinic).provider_id}:1"


def test_dispute__by_the_patient__is_open_and_listed_for_everybody(
    town: Town, clinic: str, patient: str
) -> None:
    told = town.ok("patient", "dispute", first(town, clinic), "--as", patient)
    assert (told["status"], told["held"], told["provider"]) == ("open", "100.00", clinic)
    for party in (("patient", patient), ("provider", clinic), ("insurer", "insurer")):
        listed = town.ok(party[0], "disputes", "--as", party[1])["disputes"]
        (found,) = [each for each in listed if each["provider"] == clinic]
        assert (found["sequence"], found["parties"]) == (1, ["patient"])
        assert f"chainbill provider concede {told['number']}" in found["what_to_do"]
    assert told["number"] in town("claims", "disputes", "--status", "open").out


def test_dispute__part_of_a_number__is_not_completed_by_who_asks(
    town: Town, clinic: str, patient: str
) -> None:
    # Other tests' clinics have a claim 1, too: to them, and to their patients, it would mean another charge.
    town.attest(other := town.clinic(), town.patient(f"of-{other}", other), f"{other}-a")
    town.settle(other)
    for verb, name in (
        ("patient dispute", patient),
        ("provider concede", clinic),
        ("insurer dispute", "insurer"),
    ):
        error = town(*verb.split(), 1, "--as", name).error
        assert "several providers have a claim 1" in error
        assert "give the whole number, as on the statement: " in error
        assert first(town, clinic) in error
    assert dispute_of(town, clinic, 1) is None


def test_number__of_one_charge__is_the_same_for_everybody(town: Town, clinic: str, patient: str) -> None:
    number = first(town, clinic)
    told = town.ok("patient", "dispute", number, "--as", patient)
    (shown,) = town.ok("audit", "show", number)["claims"]
    assert told["number"] == shown["number"] == number
    assert shown["claim_id"] == told["claim_id"]
    for role, name in (("patient", patient), ("provider", clinic), ("insurer", "insurer")):
        listed = town.ok(role, "disputes", "--as", name)["disputes"]
        assert number in [each["number"] for each in listed]
    assert f"Claim {number} of {clinic}" in town("audit", "show", number).out
    assert number in town("audit", "history", "--provider", clinic).out


def test_dispute__twice__says_that_it_was_done_before(town: Town, clinic: str, patient: str) -> None:
    command = ("patient", "dispute", first(town, clinic), "--as", patient)
    done = town.ok(*command)
    again = town.ok(*command)
    assert (done["changed"], again["changed"]) == (True, False)
    assert (again["transaction"], again["effective_at"]) == (done["transaction"], done["effective_at"])
    told = town(*command).out
    assert told.startswith("That was done before, at 2024-")
    assert f" UTC, to claim {command[2]}: it is open now." in told


def test_dispute__somebody_elses_claim__says_so(town: Town, clinic: str, patient: str) -> None:
    town.ok("patient", "create", "stranger")
    error = town("patient", "dispute", first(town, clinic), "--as", "stranger").error
    assert "is none of stranger's" in error


def test_dispute__claim_that_did_not_settle__says_so(town: Town, clinic: str) -> None:
    name = town.patient(f"pended-{clinic}")
    town.attest(clinic, name, f"{clinic}-unpaid")
    town.settle(clinic)
    assert (
        "did not settle: it is pended" in town("patient", "dispute", first(town, clinic), "--as", name).error
    )


def test_dispute__after_seven_days__says_when_it_was_over(town: Town, clinic: str, patient: str) -> None:
    town.ok("devnet", "advance", "7d")
    error = town("patient", "dispute", first(town, clinic), "--as", patient).error
    assert "is final: it could be disputed until 2024-" in error


def test_dispute__signed__is_sent_by_anyone(town: Town, clinic: str, patient: str) -> None:
    ran = town("patient", "sign", "dispute", first(town, clinic), "--as", patient)
    assert (
        town.ok("relay", "submit", town.file("d.json", ran.out), "--as", clinic)["intent"] == "DisputeClaim"
    )
    assert dispute_of(town, clinic, 1)["parties"] == ["patient"]


def test_concede__disputed_claim__refunds_everybody(town: Town, clinic: str, patient: str) -> None:
    town.ok("insurer", "dispute", first(town, clinic))
    told = town.ok("provider", "concede", first(town, clinic), "--as", clinic)
    assert told["status"] == "reversed"
    assert told["taken_back"]["to_patient"] == PATIENT_SHARE
    assert told["taken_back"]["to_insurer"] == PLAN_SHARE
    assert town.ok("patient", "balance", "--as", patient)["balance"] == "475.00"


def test_concede__undisputed_claim__is_refused(town: Town, clinic: str, patient: str) -> None:
    assert "is not disputed" in town("provider", "concede", first(town, clinic), "--as", clinic).error


@pytest.mark.parametrize(
    "ruling, status, back",
    [
        (("--full",), "reversed", "100.00"),
        (("--uphold",), "upheld", None),
        (("--copay", 5, "--plan-paid", 60), "reversed", "35.00"),
    ],
)
def test_resolve__answered_dispute__takes_back_what_was_ruled(
    town: Town, clinic: str, patient: str, ruling: tuple[object, ...], status: str, back: str | None
) -> None:
    town.ok("patient", "dispute", first(town, clinic), "--as", patient)
    ran = town("provider", "answer", first(town, clinic), "--statement", "It took place.", "--as", clinic)
    assert "answered" in ran.out
    assert "the statement for the arbiter is in" in ran.err
    told = town.ok("governor", "resolve", first(town, clinic), *ruling)
    assert told["status"] == status
    assert (told["taken_back"] and told["taken_back"]["allowed"]) == back


def test_resolve__neither_or_both__is_wrong_usage(town: Town, clinic: str, patient: str) -> None:
    for ruling in ((), ("--full", "--uphold"), ("--full", "--copay", 1)):
        ran = town("governor", "resolve", first(town, clinic), *ruling)
        assert ran.code == 2
        assert "give either --full" in ran.err


def test_close__silent_provider__reverses(town: Town, clinic: str, patient: str) -> None:
    town.ok("patient", "dispute", first(town, clinic), "--as", patient)
    name = first(town, clinic)
    assert "is not over: the deadline is 2024-" in town("claims", "close", name).error
    town.ok("devnet", "advance", "3d")
    assert dispute_of(town, clinic, 1)["what_to_do"] == f"chainbill claims close {name}"
    assert town.ok("claims", "close", name, "--as", patient)["status"] == "reversed"


def test_close__silent_arbiter__upholds(town: Town, clinic: str, patient: str) -> None:
    town.ok("patient", "dispute", first(town, clinic), "--as", patient)
    town.ok("provider", "answer", first(town, clinic), "--statement", "It did.", "--as", clinic)
    town.ok("devnet", "advance", "14d")
    assert town.ok("claims", "close", first(town, clinic))["status"] == "upheld"


def test_void__and_correct__settle_as_a_new_claim_that_names_it(
    town: Town, clinic: str, patient: str
) -> None:
    error = town(
        "provider", "correct", first(town, clinic), town.record(f"{clinic}-a", price=60.0), "--as", clinic
    ).error
    assert f"claim {first(town, clinic)} is not reversed" in error
    assert f"chainbill provider void {first(town, clinic)}" in error
    voided = town.ok("provider", "void", first(town, clinic), "--as", clinic)
    assert (voided["status"], dispute_of(town, clinic, 1)["parties"]) == ("reversed", [])
    corrected = town.record(f"{clinic}-a", price=60.0)
    told = town.ok("provider", "correct", first(town, clinic), corrected, "--as", clinic)
    assert (told["added"], told["event"]["billed"], told["event"]["patient"]) == (True, "60.00", patient)
    (row,) = town.ok("provider", "attest", "--as", clinic)["attested"]
    assert row["corrects"] == voided["claim_id"]
    (settled,) = town.settle(clinic)
    assert settled["outcome"] == "settled"
    assert dispute_of(town, clinic, 1)["status"] == "corrected"
    assert town.ok("audit", "verify")["discrepancies"] == []


def test_correct__file_with_several_events__asks_which(town: Town, clinic: str, patient: str) -> None:
    town.ok("provider", "void", first(town, clinic), "--as", clinic)
    file = town.record(f"{clinic}-x", f"{clinic}-y")
    assert (
        "name it with --record"
        in town("provider", "correct", first(town, clinic), file, "--as", clinic).error
    )
    told = town.ok(
        "provider", "correct", first(town, clinic), file, "--record", f"Encounter/{clinic}-y", "--as", clinic
    )
    assert told["event"]["record"] == f"Encounter/{clinic}-y"


def test_collect__after_a_late_void__gets_what_the_provider_owes(
    town: Town, clinic: str, patient: str
) -> None:
    town.ok("devnet", "advance", "9d")
    town.ok("provider", "withdraw", "--as", clinic)
    town.ok("provider", "bond", "deposit", 25, "--as", clinic)
    told = town.ok("provider", "void", first(town, clinic), "--as", clinic)
    assert told["receivables"] == {"insurer": PLAN_SHARE}
    (owed,) = town.ok("insurer", "collect")["receivables"]
    assert (owed["provider"], owed["collected"], owed["owed"]) == (clinic, "0.00", PLAN_SHARE)
    town.attest(clinic, patient, f"{clinic}-later")
    town.settle(clinic)
    town.ok("devnet", "advance", "9d")
    (paid,) = town.ok("insurer", "collect")["receivables"]
    assert (paid["collected"], paid["owed"]) == (PLAN_SHARE, "0.00")
    assert "Nobody owes insurer anything" in town("insurer", "collect").out


def test_statuses__of_the_option__are_the_contracts() -> None:
    assert set(_STATUSES) == {status.label for status in DisputeStatus} - {"none"}
