"""A month of readings from record to proof: attested, settled, told to its patient, proved to others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from eth_account import Account
from tests.support.months import month, pressure
from tests.support.roles import Town

import chainbill
from chainbill.chain.contracts.settlement import DisputeStatus
from chainbill.chain.deployments import save_deployment
from chainbill.records.commitment import Opening
from chainbill.records.reading_proof import prove_days, verify_readings
from chainbill.records.salted_fields import HiddenField
from chainbill.records.service_event import ServiceEvent


@pytest.fixture
def bill(town: Town) -> chainbill.Chainbill:
    return chainbill.connect(state=town.state.root)


@pytest.fixture
def patient(town: Town, clinic: str) -> str:
    return town.patient(f"reader-of-{clinic}", clinic)


def this_month(bill: chainbill.Chainbill, name: str, *numbers: int) -> ServiceEvent:
    """A month that ends today by the chain's clock, charged as a service that the town's insurer has a fee
    for."""
    event = month(*(pressure(number, device=f"Device/{name}") for number in numbers))
    assert event.readings is not None
    late = timedelta(seconds=bill.now()) - timedelta(seconds=event.performed_timestamp)
    days = timedelta(days=late.days)
    readings = event.readings.model_dump()
    readings["first_day"] += days
    readings["last_day"] += days
    for number, reading in enumerate(readings["taken"]):
        reading["day"] += days
        reading["measured_at"] += days
        reading["record_identity"] = f"Observation/{name}-{number}"
    changed = {
        "record_identity": f"Claim/{name}#1",
        "performed_at": event.performed_at + days,
        "service_date": event.service_date + days,
        "service": "check-up-visit",
        "category": 1,
        "billed_amount": 100 * 10**6,
        "readings": readings,
    }
    return ServiceEvent.model_validate(event.model_dump() | changed)


@pytest.fixture
def claim(bill: chainbill.Chainbill, town: Town, clinic: str, patient: str) -> str:
    """The number of a settled month with readings on 16 days and one more in an evening."""
    event = this_month(bill, f"month-{clinic}", *range(16))
    assert event.readings is not None
    evening = event.readings.taken[3].model_dump()
    evening["measured_at"] += timedelta(hours=12)
    evening["record_identity"] = f"Observation/evening-{clinic}"
    taken = [*event.readings.model_dump()["taken"], evening]
    event = ServiceEvent.model_validate(
        event.model_dump() | {"readings": event.readings.model_dump() | {"taken": taken}}
    )
    bill.provider(clinic).attest(event, patient=patient)
    (row,) = town.settle(clinic)
    assert row["outcome"] == "settled", row
    return str(row["number"])


def test_month__settled__is_told_to_its_patient_and_its_provider_in_words(
    bill: chainbill.Chainbill, town: Town, clinic: str, patient: str, claim: str
) -> None:
    (event,) = bill.patient(patient).statement(claim).events
    assert event.readings is not None
    assert event.readings.words.startswith("17 readings on 16 days, ")
    assert f"It is for {event.readings.words}." in " ".join(
        town("patient", "statement", claim, "--as", patient).out.split()
    )
    assert event.readings.words in " ".join(town("provider", "statement", claim, "--as", clinic).out.split())
    assert len(bill.patient(patient).readings(claim).taken) == 17
    assert bill.provider(clinic).readings(claim) == bill.patient(patient).readings(claim)


def test_proof__of_one_reading__is_checked_by_somebody_with_a_node_alone(
    bill: chainbill.Chainbill, town: Town, patient: str, claim: str, tmp_path: Path
) -> None:
    proof = bill.patient(patient).prove_readings(claim, reading=5)
    file = tmp_path / "fifth.proof"
    file.write_bytes(proof.to_bytes())

    session = town.session()
    deployment = save_deployment(tmp_path, session.protocol.deployment)
    stranger = chainbill.connect(session.rpc_url, deployment=deployment).auditor()
    done = stranger.check_readings(file)
    assert [each.number for each in done.claims] == [claim]
    (shown,) = done.proof.readings
    assert (shown.number, done.proof.count, done.proof.is_complete) == (5, 17, False)
    assert done.days == {shown.values["day"]}
    (on_chain,) = [each for each in bill.ledger.claims() if each.number == claim]
    verify_readings(proof, on_chain.commitment)


def test_proof__of_all_days__shows_sixteen_of_them_and_no_value(
    bill: chainbill.Chainbill, clinic: str, claim: str
) -> None:
    done = bill.auditor().check_readings(bill.provider(clinic).prove_readings(claim))
    assert (len(done.days), done.proof.count, done.proof.is_complete) == (16, 17, True)
    assert all(set(reading.values) == {"day"} for reading in done.proof.readings)
    assert set(done.proof.record_values) == {"first_day", "last_day"}


def test_proof__of_every_reading_with_a_day_hidden__does_not_say_that_it_shows_every_day(
    bill: chainbill.Chainbill, town: Town, clinic: str, claim: str, tmp_path: Path
) -> None:
    """Hidden days would pass for days without a reading."""
    whole = bill.provider(clinic).prove_readings(claim)
    hidden = replace(
        whole.readings[0], fields=tuple(HiddenField(field.digest) for field in whole.readings[0].fields)
    )
    proof = replace(whole, readings=(hidden, *whole.readings[1:]))
    assert bill.auditor().check_readings(whole).shows_every_day
    done = bill.auditor().check_readings(proof)
    assert (done.proof.is_complete, done.shows_every_day, len(done.days)) == (True, False, 15)
    file = tmp_path / "hidden.proof"
    file.write_bytes(proof.to_bytes())
    assert "all of 17 readings, 16 of them on 15 days" in town("records", "check", file).out
    assert town.ok("records", "check", file)["every_day"] is False


def test_reading__that_its_patient_disputes__is_proved_to_the_arbiter(
    bill: chainbill.Chainbill, town: Town, clinic: str, patient: str, claim: str, tmp_path: Path
) -> None:
    bill.patient(patient).dispute(claim)
    proof = bill.patient(patient).prove_readings(claim, reading=5)
    (disputed,) = bill.auditor().check_readings(proof).claims
    assert disputed.dispute is DisputeStatus.OPEN
    file = tmp_path / "fifth.proof"
    file.write_bytes(proof.to_bytes())
    assert f"of claim {claim} (settled, its dispute open)." in town("records", "check", file).out
    assert town.ok("records", "check", file)["disputes"] == ["open"]

    bill.provider(clinic).concede(claim)
    assert f"of claim {claim} (settled, then reversed)." in town("records", "check", file).out


def test_proof__of_a_record_that_is_on_no_chain__is_refused(bill: chainbill.Chainbill, claim: str) -> None:
    with pytest.raises(chainbill.LedgerError):
        bill.auditor().check_readings(prove_days(Opening(month(), bytes(16))))


def test_readings__asked_for_by_somebody_else_or_of_a_visit__are_not_shown(
    bill: chainbill.Chainbill, town: Town, clinic: str, patient: str, claim: str
) -> None:
    other = town.patient(f"other-of-{clinic}", clinic)
    with pytest.raises(chainbill.StateError, match="not sealed to this key"):
        bill.patient(other).readings(claim)
    with pytest.raises(chainbill.StateError):
        bill.patient(Account.create().address).prove_readings(claim)
    town.attest(clinic, patient, f"visit-{clinic}")
    (row,) = town.settle(clinic)
    for ask in (bill.patient(patient).readings, bill.patient(patient).prove_readings):
        with pytest.raises(chainbill.AttestationError, match="has no readings"):
            ask(row["number"])


# ---- on the command line --------------------------------------------------------------------------------


def test_commands__list_prove_and_check__say_the_same(
    town: Town, clinic: str, patient: str, claim: str, tmp_path: Path
) -> None:
    listed = town.ok("records", "readings", claim, "--as", patient)
    assert (len(listed["readings"]), listed["days"]) == (17, 16)
    assert "17 readings on 16 days" in town("records", "readings", claim, "--as", clinic).out
    days, fifth = tmp_path / "days.proof", tmp_path / "fifth.proof"
    town.ok("records", "prove", claim, days, "--as", clinic)
    town.ok("records", "prove", claim, fifth, "--reading", 5, "--as", patient)
    assert "exists already" in town("records", "prove", claim, days, "--as", clinic).error

    checked = town.ok("records", "check", days)
    assert (checked["claims"], checked["count"], checked["complete"]) == ([claim], 17, True)
    assert (len(checked["days"]), checked["outcomes"]) == (16, ["settled"])
    one = town.ok("records", "check", fifth)
    assert (one["complete"], one["readings"]) == (False, [listed_as_committed(listed["readings"][4])])
    told = town("records", "check", days).out
    assert f"It holds: all of 17 readings, on 16 days, of claim {claim} (settled)." in told
    assert "mm[Hg]" not in told
    assert "It holds: 1 of 17 readings, on 1 day" in town("records", "check", fifth).out


def listed_as_committed(reading: dict[str, object]) -> dict[str, object]:
    """What `records readings` lists, with its moment as a commitment writes it."""
    moment = str(reading["measured_at"]).replace("Z", ".000000Z")
    return reading | {"measured_at": moment}


def test_check__file_that_was_changed_or_is_none__is_an_error(
    town: Town, clinic: str, claim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "days.proof"
    town.ok("records", "prove", claim, file, "--as", clinic)
    content = file.read_text()
    file.write_text(content.replace('"day"', '"dax"', 1))
    assert "fields are not those" in town("records", "check", file).error
    file.write_text("{}")
    assert "no proof of readings" in town("records", "check", file).error
    assert (
        "there is no reading 18"
        in town("records", "prove", claim, tmp_path / "no.proof", "--reading", 18, "--as", clinic).error
    )
