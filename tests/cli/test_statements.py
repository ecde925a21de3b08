"""The statements' commands: a period, some charges, what the oracle refused, what nobody can show."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.roles import Town

from chainbill.state.address_book import Role


def number(town: Town, clinic: str, sequence: int) -> str:
    """What the clinic's charge is called."""
    return f"{town.session().book.get(clinic).provider_id}:{sequence}"


@pytest.fixture
def patient(town: Town, clinic: str) -> str:
    """A patient of this test's clinic with two paid visits: one in February, one in March."""
    name = town.patient(f"of-{clinic}", clinic)
    old = town.record(f"{clinic}-feb", day="2024-02-20T10:00:00Z", price=60.0)
    town.ok("provider", "ingest", old, "--patient", name, "--as", clinic)
    town.attest(clinic, name, f"{clinic}-mar")
    assert [row["outcome"] for row in town.settle(clinic)] == ["settled", "settled"]
    return name


# ---- a period -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, days",
    [
        (("--month", "2024-02"), ["2024-02-20"]),
        (("--month", "2024-3"), ["2024-03-05"]),
        (("--year", 2024), ["2024-02-20", "2024-03-05"]),
        (("--since", "2024-02-21"), ["2024-03-05"]),
        (("--until", "2024-02-20"), ["2024-02-20"]),
        (("--since", "2024-02-20", "--until", "2024-03-05"), ["2024-02-20", "2024-03-05"]),
        (("--month", "2023-12"), []),
    ],
)
def test_period__of_patient_and_provider__goes_by_date_of_service(
    town: Town, clinic: str, patient: str, options: tuple[object, ...], days: list[str]
) -> None:
    told = town.ok("patient", "statement", *options, "--as", patient)
    assert sorted(event["service_date"] for event in told["events"]) == days
    assert told["counts"]["settled"] == len(days)
    assert told["outside_period"] == 2 - len(days)
    assert told["wallet"] == town.ok("patient", "statement", "--as", patient)["wallet"]
    remittance = town.ok("provider", "statement", *options, "--as", clinic)
    assert sorted(line["service_date"] for line in remittance["lines"]) == days
    assert remittance["credit"] == town.ok("provider", "statement", "--as", clinic)["credit"]
    assert remittance["totals"]["billed"] == told["totals"]["billed"]


def test_period__of_an_insurer__goes_by_the_day_of_decision(town: Town, clinic: str, patient: str) -> None:
    def numbers(*options: object) -> list[str]:
        return [charge["number"] for charge in town.ok("insurer", "statement", *options)["charges"]]

    both = [number(town, clinic, 1), number(town, clinic, 2)]
    assert [each for each in numbers("--month", "2024-03") if each in both] == both
    assert [each for each in numbers("--month", "2024-02") if each in both] == []
    assert number(town, clinic, 2) in town("insurer", "statement", "--detail").out


@pytest.mark.parametrize(
    "options, said",
    [
        (("--month", "2024-13"), "'2024-13' is not a month such as 2026-03"),
        (("--month", "March"), "'March' is not a month"),
        (("--since", "2024-02-30"), "'2024-02-30' is not a day such as 2026-03-31"),
        (("--until", "20240201"), "'20240201' is not a day"),
        (("--month", "2024-02", "--year", "2024"), "give either --month, or --year, or --since and --until"),
        (("--year", "2024", "--since", "2024-02-01"), "give either --month"),
        (
            ("--since", "2024-03-02", "--until", "2024-03-01"),
            "--until 2024-03-01 is before --since",
        ),
    ],
)
@pytest.mark.parametrize("role", ["patient", "insurer", "provider"])
def test_period__that_is_none__is_wrong_usage(
    town: Town, role: str, options: tuple[str, ...], said: str
) -> None:
    ran = town(role, "statement", *options)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


# ---- some charges -------------------------------------------------------------------------------------


def test_number__of_the_statement__is_the_one_that_is_explained_and_disputed(
    town: Town, clinic: str, patient: str
) -> None:
    whole = town.ok("patient", "statement", "--as", patient)
    march = next(event for event in whole["events"] if event["service_date"] == "2024-03-05")
    shown = town("patient", "statement", march["number"], "--as", patient)
    assert f"{march['number']}  A check-up visit" in shown.out
    assert march["reference"] in shown.out
    assert "YOUR WALLET" not in shown.out
    told = town.ok("patient", "dispute", march["number"], "--as", patient)
    (claim,) = town.ok("audit", "show", march["number"])["claims"]
    assert claim["commitment"] == march["reference"]
    assert told["claim_id"] == claim["claim_id"]
    (one,) = town.ok("provider", "statement", march["number"], "--as", clinic)["lines"]
    assert (one["reference"], one["state"]) == (march["reference"], "disputed")


def test_number__commitment_or_claim_id__names_the_charge_to_the_statements_too(
    town: Town, clinic: str, patient: str
) -> None:
    first = number(town, clinic, 1)
    (claim,) = town.ok("audit", "show", first)["claims"]
    for name in (claim["commitment"], claim["claim_id"]):
        (event,) = town.ok("patient", "statement", name, "--as", patient)["events"]
        (line,) = town.ok("provider", "statement", name, "--as", clinic)["lines"]
        assert (event["number"], line["number"]) == (first, first)
    error = town("patient", "statement", "nonsense", "--as", patient).error
    assert "'nonsense' is neither a claim's number, nor a commitment, nor a claim id" in error


def test_number__of_a_stranger__is_not_on_the_statement(town: Town, clinic: str, patient: str) -> None:
    for role, name in (("patient", patient), ("provider", clinic)):
        error = town(role, "statement", "77:1", "--as", name).error
        assert "there is no charge 77:1 on the statement" in error
        assert f"chainbill {role} statement" in error


# ---- after a reversal ---------------------------------------------------------------------------------


def test_conceded__everybody__reads_what_is_true_now(town: Town, clinic: str, patient: str) -> None:
    charge = number(town, clinic, 2)
    town.ok("patient", "dispute", charge, "--as", patient)
    town.ok("provider", "concede", charge, "--as", clinic)
    told = town.ok("patient", "statement", "--as", patient)
    event = next(each for each in told["events"] if each["number"] == charge)
    assert (event["state"], event["net"]["patient_responsibility"]) == ("taken_back", "0.00")
    assert "you got back $25.00" in event["covered_by_insurance"]
    assert "you got back $25.00" in event["charged_separately"]
    assert (told["counts"]["settled"], told["counts"]["taken_back"]) == (1, 1)
    remittance = town.ok("provider", "statement", "--as", clinic)
    line = next(each for each in remittance["lines"] if each["number"] == charge)
    assert (line["state"], line["credited"], line["credited_now"]) == ("taken_back", "100.00", "0.00")
    assert (remittance["counts"]["settled"], remittance["counts"]["taken_back"]) == (1, 1)
    charges = town.ok("insurer", "statement")["charges"]
    its = next(each for each in charges if each["number"] == charge)
    assert (its["state"], its["paid"], its["came_back"]) == ("taken_back", "0.00", "75.00")
    (claim,) = town.ok("audit", "show", charge)["claims"]
    assert (claim["now"]["allowed"], claim["now"]["patient_responsibility"]) == ("0.00", "0.00")
    assert "settled, and taken back in full" in town("audit", "show", charge).out


# ---- no record ----------------------------------------------------------------------------------------


def test_record__that_nobody_can_show__is_said_with_the_last_day_and_the_command(
    town: Town, clinic: str, patient: str
) -> None:
    charge = number(town, clinic, 2)
    before = town.ok("patient", "statement", "--as", patient)
    event = next(each for each in before["events"] if each["number"] == charge)
    assert event["record_note"] == ""
    (town.state.vault / f"{event['reference'][2:]}.sealed").unlink()
    after = town.ok("patient", "statement", "--as", patient)
    event = next(each for each in after["events"] if each["number"] == charge)
    assert event["record_note"].startswith(
        "The provider has not shown us a record of this. If you do not recognise it, dispute it by "
    )
    command = event["record_note"].partition("with: chainbill ")[2]
    assert command == f"patient dispute {charge} --as {patient}"
    assert town.ok(*command.split())["status"] == "open"


# ---- what the oracle has not taken --------------------------------------------------------------------


def waiting(town: Town, patient: str) -> list[Any]:
    events = town.ok("patient", "statement", "--as", patient)["events"]
    return [event for event in events if event["state"] == "waiting"]


def test_refused__patient_without_an_insurer__waits_on_the_statement_until_it_is_taken(
    town: Town, clinic: str
) -> None:
    name = f"uninsured-{clinic}"
    town.ok("patient", "create", name)
    town.ok("patient", "fund", 500, "--as", name)
    file = town.record(f"{clinic}-w")
    town.ok("provider", "ingest", file, "--patient", name, "--as", clinic)
    assert waiting(town, name) == []  # nothing was attested yet
    assert town("provider", "attest", "--as", clinic).code == 1
    (event,) = waiting(town, name)
    assert (event["reason"], event["service_date"]) == ("payer_not_accepted", "2024-03-05")
    assert (event["number"], event["service"]) == (None, "A check-up visit at your clinic")
    text = " ".join(town("patient", "statement", "--as", name).out.split())
    assert (
        "You have not accepted an insurer. Accept your insurer with: chainbill patient accept-payer" in text
    )
    town.ok("patient", "accept-payer", "insurer", "--as", name)
    town.ok("provider", "attest", "--as", clinic)
    (event,) = waiting(town, name)
    assert (event["reason"], event["number"]) == ("accepted", number(town, clinic, 1))
    town.settle(clinic)
    (event,) = waiting(town, name)
    assert event["number"] == number(town, clinic, 1)
    assert event["reason"] == "no_consent"


def test_refused__by_the_insurers_fees__waits_without_a_number_and_goes_with_the_record(
    town: Town, clinic: str
) -> None:
    insurer, name = f"{clinic}-insurer", f"{clinic}-member"
    town.ok("insurer", "create", insurer)
    fees = town.file("few.toml", '[fees]\nlab-lipid-panel = "40.00"\n')
    town.ok("insurer", "fees", fees, "--as", insurer)
    town.ok("patient", "create", name)
    town.ok("patient", "accept-payer", insurer, "--as", name)
    town.ok("provider", "ingest", town.record(f"{clinic}-u"), "--patient", name, "--as", clinic)
    assert town("provider", "attest", "--as", clinic).code == 1
    (event,) = waiting(town, name)
    assert (event["reason"], event["number"]) == ("unknown_service", None)
    assert "your insurer lists no fee for this service" in event["covered_by_insurance"]
    town.ok("provider", "remove", f"Encounter/{clinic}-u", "--as", clinic)
    assert waiting(town, name) == []


def test_accepted__and_not_settled_yet__waits_with_these_words(town: Town, clinic: str) -> None:
    name = town.patient(f"accepted-{clinic}", clinic)
    town.attest(clinic, name, f"{clinic}-a")
    (event,) = waiting(town, name)
    assert event["reason_text"] == "Accepted by the oracle, not settled yet"
    assert event["what_to_do"] == ["Nothing: it is settled with one of the oracle's next batches."]
    told = town.ok("patient", "statement", "--as", name)
    assert told["counts"]["pended"] == {"accepted": 1}
    shown = " ".join(town("patient", "statement", event["number"], "--as", name).out.split())
    assert "On March 5, 2024, not tried yet." in shown
    town.settle(clinic)
    (event,) = town.ok("patient", "statement", "--as", name)["events"]
    assert event["state"] == "paid"


@pytest.mark.slow
def test_refused__after_store_and_worklist_were_lost__stands_once_and_under_nobody_elses_number(
    town: Town, clinic: str
) -> None:
    one, two = (town.patient(f"{which}-{clinic}", clinic) for which in ("lost", "other"))
    town.attest(clinic, two, f"{clinic}-first")
    town.attest(clinic, one, f"{clinic}-second")
    assert [row["outcome"] for row in town.settle(clinic)] == ["settled", "settled"]
    for path in (town.state.oracle_database, town.state.provider_database(clinic)):
        for each in path.parent.glob(f"{path.name}*"):
            each.unlink()

    # Read again, the first number goes to this patient's visit: on the chain it is the other patient's.
    refused = town.attest(clinic, one, f"{clinic}-second", f"{clinic}-third")["refused"]

    assert {each["reason"] for each in refused} == {"store_behind"}
    events = town.ok("patient", "statement", "--as", one)["events"]
    assert [(event["number"], event["state"]) for event in events] == [
        (number(town, clinic, 2), "paid"),
        (None, "waiting"),
    ]
    town.ok("oracle", "rebuild")
    for name, entry in town.session().book.entries(Role.PROVIDER).items():
        if entry.provider_id is not None:
            town.ok("provider", "rebuild", "--as", name)
    town.ok("provider", "attest", "--as", clinic)
    # The number that it had before the rebuild is given to nobody.
    assert [row["sequence"] for row in town.settle(clinic)] == [4]
    events = town.ok("patient", "statement", "--as", one)["events"]
    assert [(event["number"], event["state"]) for event in events] == [
        (number(town, clinic, 2), "paid"),
        (number(town, clinic, 4), "paid"),
    ]


def test_refused__of_another_patient__is_nobody_elses_to_read(town: Town, clinic: str) -> None:
    for name in (f"one-{clinic}", f"two-{clinic}"):
        town.ok("patient", "create", name)
    file = town.record(f"{clinic}-s")
    town.ok("provider", "ingest", file, "--patient", f"one-{clinic}", "--as", clinic)
    town("provider", "attest", "--as", clinic)
    assert len(waiting(town, f"one-{clinic}")) == 1
    assert waiting(town, f"two-{clinic}") == []
    assert b"check-up" not in town.state.refusals_database.read_bytes()
