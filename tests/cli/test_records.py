"""``chainbill records``, ``provider export`` and ``oracle take``: what travels between machines."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.far_clinic import export, ready
from tests.support.roles import PATIENT_SHARE, Town
from tests.support.separate_parties import Party

from chainbill.records.sealed_file import SealedRecord
from chainbill.records.shared_records import RecordsFolder
from chainbill.records.vault import copy_tag


def moved_in(town: Town, elsewhere: Party, clinic: str, name: str) -> str:
    """A patient with a machine of its own, whom a clinic of the town may charge; its address."""
    address = str(elsewhere.ok("accounts", "new", name, "--role", "patient")["address"])
    town.ok("contacts", "import", elsewhere.makes("card", "contacts", "card"))
    town.session().protocol.token.mint(town.session().sender("governor"), address, 10**9)
    signed = [
        elsewhere.makes(f"{number}.json", "patient", "sign", *command)
        for number, command in enumerate([("fund", 500), ("accept-payer", 1)])
    ]
    for file in signed:
        town.ok("relay", "submit", file)
    provider_id = town.session().book.get(clinic).provider_id
    town.ok(
        *("relay", "submit"),
        elsewhere.makes("consent.json", "patient", "sign", "consent", provider_id, "--limit", 200),
    )
    town.ok("insurer", "enrol", name, "--plan", 1)
    return address


def charged(town: Town, clinic: str, patient: str, visit: str) -> str:
    """Attest and settle a visit; its number."""
    town.attest(clinic, patient, visit)
    (row,) = town.settle(clinic)
    assert row["outcome"] == "settled", row
    return str(row["number"])


def record_note(elsewhere: Party, number: str) -> str:
    (event,) = elsewhere.ok("patient", "statement", number)["events"]
    return str(event["record_note"])


# ---- a statement without the key ----------------------------------------------------------------------


def test_statement__of_a_patient_whose_key_is_elsewhere__has_the_amounts_and_says_what_details_need(
    town: Town, clinic: str, elsewhere: Party
) -> None:
    name = "keeps-her-key"
    moved_in(town, elsewhere, clinic, name)
    number = charged(town, clinic, name, "visit-of-her")
    (event,) = town.ok("patient", "statement", number, "--as", name)["events"]
    assert event["amounts"]["patient_responsibility"] == PATIENT_SHARE
    assert event["service"] == "A service (details sealed)"
    assert event["record_note"].startswith(
        "Its details are sealed to its patient, and need the patient's key"
    )
    assert "which is sealed to its patient" in event["charged_separately"]
    ran = town("patient", "statement", number, "--as", name)
    assert ran.code == 0
    assert f"note: the details need the key of {name}, which is not here" in ran.err
    assert "records fetch" not in ran.err
    assert f"chainbill patient dispute {number} --as {name}" in " ".join(ran.out.split())


def test_statement__of_a_provider_whose_key_is_elsewhere__has_the_amounts(
    town: Town, clinic: str, elsewhere: Party
) -> None:
    name = "knows-the-clinic"
    moved_in(town, elsewhere, clinic, name)
    number = charged(town, clinic, name, "visit-of-them")
    elsewhere.ok("contacts", "import", _card(town, clinic, elsewhere))
    (line,) = elsewhere.ok("provider", "statement", number, "--as", clinic)["lines"]
    assert (line["number"], line["service"]) == (number, None)
    assert "the details need the key of" in elsewhere("provider", "statement", "--as", clinic).err


def _card(town: Town, name: str, elsewhere: Party) -> Path:
    file = elsewhere.folder / f"{name}.card"
    town.ok("contacts", "card", "--as", name, "--output", file)
    return file


# ---- records ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["file", "folder"])
def test_records__exported_and_fetched__explain_the_charge(
    town: Town, clinic: str, elsewhere: Party, tmp_path: Path, form: str
) -> None:
    name = f"reader-of-a-{form}"
    moved_in(town, elsewhere, clinic, name)
    number = charged(town, clinic, name, f"visit-{form}")
    assert "has not shown us a record" in record_note(elsewhere, number)
    assert "chainbill records fetch FILE" in elsewhere("patient", "statement").err
    place = tmp_path / "records"
    if form == "folder":
        place.mkdir()
    exported = town.ok("records", "export", place, "--to", name)
    assert exported["records"] == 1
    fetched = elsewhere.ok("records", "fetch", place)
    assert (fetched["kept"], fetched["known"], fetched["others"], fetched["refused"]) == (1, 0, 0, [])
    (event,) = elsewhere.ok("patient", "statement", number)["events"]
    assert (event["record_note"], event["amounts"]["patient_responsibility"]) == ("", PATIENT_SHARE)
    assert elsewhere.ok("records", "fetch", place)["known"] == 1


def test_export__without_to__is_everything_and_others_are_passed_over(
    town: Town, clinic: str, elsewhere: Party, tmp_path: Path
) -> None:
    moved_in(town, elsewhere, clinic, "one-of-many")
    charged(town, clinic, "one-of-many", "own-visit")
    here = town.patient("somebody-else", clinic)
    charged(town, clinic, here, "other-visit")
    file = tmp_path / "all.records"
    exported = town.ok("records", "export", file)
    fetched = elsewhere.ok("records", "fetch", file)
    assert (fetched["kept"], fetched["others"]) == (1, exported["records"] - 1)


def test_export__file_that_is_there__is_left_as_it_is(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.write_text("a letter")
    assert "exists already" in town("records", "export", file).error
    assert file.read_text() == "a letter"


def test_fetch__a_forged_record__is_refused_and_the_others_are_kept(
    town: Town, clinic: str, elsewhere: Party, tmp_path: Path
) -> None:
    moved_in(town, elsewhere, clinic, "wary")
    number = charged(town, clinic, "wary", "wary-visit")
    folder = RecordsFolder(tmp_path)
    town.ok("records", "export", tmp_path, "--to", "wary")
    key = bytes.fromhex(town.session().book.get("wary").vault_public_key or "")
    forged = b"\x07" * 32
    folder.put(forged, SealedRecord({copy_tag(forged, key): b"junk"}))
    ran = elsewhere("records", "fetch", tmp_path, "--json")
    assert (ran.code, ran.facts["kept"]) == (3, 1)
    assert [each["commitment"] for each in ran.facts["refused"]] == [f"0x{forged.hex()}"]
    assert record_note(elsewhere, number) == ""


def test_shared_folder__not_mounted__attests_nothing(
    town: Town, clinic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = town.patient("unlucky", clinic)
    monkeypatch.setenv("CHAINBILL_RECORDS", str(tmp_path / "not mounted"))
    town.ok("provider", "ingest", town.record("unlucky-visit"), "--patient", patient, "--as", clinic)
    assert "there is no folder" in town("provider", "attest", "--as", clinic).error
    monkeypatch.delenv("CHAINBILL_RECORDS")
    assert len(town.ok("provider", "attest", "--as", clinic)["attested"]) == 1


def test_shared_folder__a_dry_run__lays_nothing_there(
    town: Town, clinic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = town.patient("trier", clinic)
    town.ok("provider", "ingest", town.record("tried-visit"), "--patient", patient, "--as", clinic)
    monkeypatch.setenv("CHAINBILL_RECORDS", str(tmp_path))
    assert len(town.ok("provider", "attest", "--as", clinic, "--dry-run")["attested"]) == 1
    assert list(tmp_path.glob("*.sealed")) == []
    town.ok("provider", "attest", "--as", clinic)
    assert len(list(tmp_path.glob("*.sealed"))) == 1


# ---- attested events ----------------------------------------------------------------------------------


def test_export__taken_and_settled__is_not_in_the_next_file(town: Town, far_clinic: Party) -> None:
    ready(town, far_clinic, "far-patient", "far-visit")
    first = export(far_clinic)
    assert (first["events"], first["recalls"], first["unreadable"]) == (1, 0, [])
    assert b"far-visit" not in first["file"].read_bytes()
    assert town.ok("oracle", "take", first["file"])["taken"] == 1
    assert town.ok("oracle", "take", first["file"])["known"] == 1
    (row,) = town.settle("far-clinic")
    assert row["outcome"] == "settled"
    assert export(far_clinic)["events"] == 0
    assert far_clinic.ok("provider", "statement")["lines"][0]["service"]


def test_attest__where_no_oracle_is__says_how_it_is_handed_over(town: Town, far_clinic: Party) -> None:
    ready(town, far_clinic, "told", "told-visit")
    far_clinic.ok("provider", "ingest", town.record("told-again"), "--patient", "told")
    assert "chainbill provider export FILE" in far_clinic("provider", "attest").out


def test_export__taken_back_since__is_taken_back_at_the_oracle(town: Town, far_clinic: Party) -> None:
    ready(town, far_clinic, "regretting", "regretted-visit")
    town.ok("oracle", "take", export(far_clinic)["file"])
    far_clinic.ok("provider", "recall", "Encounter/regretted-visit", "--drop")
    second = export(far_clinic)
    assert (second["events"], second["recalls"]) == (0, 1)
    assert town.ok("oracle", "take", second["file"])["recalled"] == 1
    assert town.settle("far-clinic") == []


def test_take__events_that_the_oracle_refuses__are_named_and_stop_no_other(
    town: Town, far_clinic: Party
) -> None:
    provider_id = ready(town, far_clinic, "suspended", "suspended-visit")
    town.ok("governor", "suspend", provider_id)
    ran = town("oracle", "take", export(far_clinic)["file"], "--json")
    assert (ran.code, [each["reason"] for each in ran.facts["refused"]]) == (1, ["provider_not_active"])


def test_take__damaged_lines__are_named_and_stop_no_other(town: Town, far_clinic: Party) -> None:
    ready(town, far_clinic, "damaged", "damaged-visit")
    file = export(far_clinic)["file"]
    header, event = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(header + b"junk\n" + event)
    taken = town.ok("oracle", "take", file)
    assert (taken["damaged_lines"], taken["taken"]) == ([2], 1)


def test_take__sealed_to_another__says_so(town: Town, far_clinic: Party) -> None:
    file = export(far_clinic)["file"]
    assert "sealed to a key that is not here" in far_clinic("oracle", "take", file).error


@pytest.mark.parametrize("content", ["", "{}", "a letter"])
def test_take__something_else__is_refused(town: Town, content: str) -> None:
    assert "no file of attested events" in town("oracle", "take", town.file("events", content)).error


def test_take__of_another_deployment__is_refused(town: Town, far_clinic: Party) -> None:
    file = export(far_clinic)["file"]
    content = file.read_bytes().replace(b'"chain_id":31337', b'"chain_id":1')
    file.write_bytes(content)
    assert "not for this deployment" in town("oracle", "take", file).error
