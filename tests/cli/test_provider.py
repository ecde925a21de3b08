"""``chainbill provider``: register, ingest, worklist, remove, attest, statement, balance, withdraw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.fhir import CLINIC, CPT, bundle, claim, concept, encounter, item, ref, usd
from tests.support.roles import PATIENT_SHARE, PLAN_SHARE, Town

from chainbill.cli.provider.ingest import _MAX_BYTES
from chainbill.interop.fhir import MAX_BYTES
from chainbill.operations.provider.worklist import Worklist
from chainbill.oracle.intake import Intake
from chainbill.oracle.store import OracleStore
from chainbill.records.vault import Vault


class CutOff(BaseException):
    """The process ends here."""


CutOffAfter = Callable[[type, str], AbstractContextManager[None]]


@pytest.fixture
def cut_off() -> CutOffAfter:
    """Makes a method end the process once it has done its work."""

    @contextmanager
    def after(owner: type, method: str) -> Iterator[None]:
        does = getattr(owner, method)

        def dies(*arguments: Any, **named: Any) -> None:
            does(*arguments, **named)
            raise CutOff

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(owner, method, dies)
            yield

    return after


# ---- register -----------------------------------------------------------------------------------------


def test_register__new_name__makes_an_account_and_a_provider(town: Town) -> None:
    told = town.ok("provider", "register", "northside")
    registry = town.session().protocol.registry
    assert told["registered"] is True
    assert registry.payout_address(told["provider_id"]) == told["address"]
    assert registry.is_attester(told["provider_id"], told["address"])


def test_register__again__changes_nothing_and_says_so(town: Town) -> None:
    first = town.ok("provider", "register", "westside")
    count = town.session().protocol.registry.provider_count()
    again = town.ok("provider", "register", "westside")
    assert again == {**first, "registered": False}
    assert town.session().protocol.registry.provider_count() == count
    assert "registered already" in town("provider", "register", "westside").out


def test_register__cut_off_before_the_id_was_written_down__finds_it_again(town: Town) -> None:
    first = town.ok("provider", "register", "southside")
    town.session().book.update("southside", provider_id=None)
    again = town.ok("provider", "register", "southside")
    assert again["provider_id"] == first["provider_id"]


def test_register__name_of_a_patient__is_refused(town: Town) -> None:
    assert "its role is patient, not provider" in town("provider", "register", "patient").error


def test_register__not_a_name__is_wrong_usage(town: Town) -> None:
    ran = town("provider", "register", "Lake View")
    assert ran.code == 2
    assert "'Lake View' is not an account's name" in ran.err


def test_register__without_the_governors_keystore__says_who_may(town: Town) -> None:
    kept = town.state.keystores / "governor.json"
    hidden = kept.rename(kept.with_suffix(".hidden"))
    try:
        error = town("provider", "register", "eastside").error
    finally:
        hidden.rename(kept)
    assert "only the governor changes" in error
    assert town.ok("provider", "register", "eastside")["registered"] is True


# ---- ingest -------------------------------------------------------------------------------------------


def test_ingest__one_patient__needs_no_reference(town: Town, clinic: str) -> None:
    told = town.ok(
        "provider", "ingest", town.record("one-a", "one-b"), "--patient", "patient", "--as", clinic
    )
    assert told["events"] == {
        "found": 2,
        "added": 2,
        "replaced": 0,
        "already_known": 0,
        "unmapped": 0,
        "performed_by_others": 0,
    }
    assert told["skipped_resources"] == {"not a service": 2, "used as price": 2}
    assert {event["billed"] for event in told["added"]} == {"100.00"}
    assert {event["price_source"] for event in told["added"]} == {"claim_item"}


def test_ingest__again__adds_only_what_is_new(town: Town, clinic: str) -> None:
    town.ok("provider", "ingest", town.record("twice"), "--patient", "patient", "--as", clinic)
    again = town.ok(
        "provider", "ingest", town.record("twice", "fresh"), "--patient", "patient", "--as", clinic
    )
    assert [event["record"] for event in again["added"]] == ["Encounter/fresh"]
    assert again["already_known"] == ["Encounter/twice"]


def test_ingest__several_patients__are_mapped_by_reference_and_the_rest_is_listed(
    town: Town, clinic: str
) -> None:
    file = town.file("ward.json", _ward("ann", "bob", "cyd"))
    mapped = ("--patient", "Patient/ann=patient", "--as", clinic)
    first = town.ok("provider", "ingest", file, *mapped)
    assert [event["record"] for event in first["added"]] == ["Encounter/of-ann"]
    assert first["unmapped_patients"] == {"Patient/bob": 1, "Patient/cyd": 1}
    town.ok("patient", "create", "bob")
    second = town.ok("provider", "ingest", file, *mapped, "--patient", "Patient/bob=bob")
    assert [(event["record"], event["patient"]) for event in second["added"]] == [("Encounter/of-bob", "bob")]
    assert second["already_known"] == ["Encounter/of-ann"]


def test_ingest__several_patients_and_one_account__asks_for_references(town: Town, clinic: str) -> None:
    ran = town(
        "provider",
        "ingest",
        town.file("pair.json", _ward("dee", "eva")),
        "--patient",
        "patient",
        "--as",
        clinic,
    )
    assert ran.code == 2
    said = " ".join(ran.err.split())
    assert "the record has 2 patients: Patient/dee, Patient/eva: say whose account" in said
    assert "--patient REF=patient" in said


def test_ingest__no_patient_named__says_how(town: Town, clinic: str) -> None:
    ran = town("provider", "ingest", town.record("whose"), "--as", clinic)
    assert ran.code == 2
    assert "--patient Patient/pat=ACCOUNT" in ran.err


def test_ingest__account_unknown_or_no_patients__is_refused(town: Town) -> None:
    file = town.record("stranger")
    assert "no patient named 'nobody'" in town("provider", "ingest", file, "--patient", "nobody").error
    assert "no patient named 'insurer'" in town("provider", "ingest", file, "--patient", "insurer").error


def test_ingest__reference_that_no_event_has__is_noted(town: Town, clinic: str) -> None:
    ran = town(
        "provider",
        "ingest",
        town.record("typo"),
        "--patient",
        "Patient/pta=patient",
        "--as",
        clinic,
        "--dry-run",
    )
    assert ran.code == 0
    assert "no event of the record is of patient Patient/pta" in ran.err


def test_ingest__another_patients_account__is_noted_and_can_be_put_right(town: Town, clinic: str) -> None:
    town.ok("patient", "create", "right")
    file = town.record("mixed-up")
    town.ok("provider", "ingest", file, "--patient", "patient", "--as", clinic)
    ran = town("provider", "ingest", file, "--patient", "right", "--as", clinic)
    assert "chainbill provider remove Encounter/mixed-up" in ran.err
    town.ok("provider", "remove", "Encounter/mixed-up", "--as", clinic)
    told = town.ok("provider", "ingest", file, "--patient", "right", "--as", clinic)
    assert [event["patient"] for event in told["added"]] == ["right"]


def test_ingest__dry_run__adds_nothing(town: Town, clinic: str) -> None:
    file = town.record("dry")
    told = town.ok("provider", "ingest", file, "--patient", "patient", "--as", clinic, "--dry-run")
    assert (told["dry_run"], told["events"]["added"]) == (True, 1)
    again = town.ok("provider", "ingest", file, "--patient", "patient", "--as", clinic)
    assert again["events"]["added"] == 1


def test_ingest__same_record_twice_in_a_file__is_added_once(town: Town, clinic: str) -> None:
    visit = encounter(id="double")
    file = town.file("double.json", bundle({"resourceType": "Patient", "id": "pat"}, CLINIC, visit, visit))
    for flags in (["--dry-run"], []):
        told = town.ok("provider", "ingest", file, "--patient", "patient", "--as", clinic, *flags)
        assert (told["events"]["added"], told["events"]["already_known"]) == (1, 0)
        assert told["skipped_resources"]["superseded by"] == 1


def test_ingest__performed_by__leaves_the_others_out(town: Town, clinic: str) -> None:
    person, other = {"resourceType": "Patient", "id": "pat"}, {**CLINIC, "id": "other", "name": "Other"}
    visits = [encounter(id="here"), encounter(id="there", serviceProvider=ref(other))]
    file = town.file("shared.json", bundle(person, CLINIC, other, *visits))
    asked = ("provider", "ingest", file, "--patient", "patient", "--as", clinic)
    noted = town(*asked, "--dry-run").err
    assert "say which of them" in noted
    refused = town(*asked)
    assert refused.code == 2
    assert "Organization/clinic (Main Street Clinic): 1, Organization/other (Other): 1" in refused.err
    told = town.ok(*asked, "--performed-by", "Main Street Clinic")
    assert [event["record"] for event in told["added"]] == ["Encounter/here"]
    assert told["other_performers"] == {"Organization/other (Other)": 1}
    rest = town.ok(*asked, "--performed-by", "Organization/other")
    assert [event["record"] for event in rest["added"]] == ["Encounter/there"]


def test_ingest__performers_named_before__are_remembered(town: Town, clinic: str) -> None:
    person, other = {"resourceType": "Patient", "id": "pat"}, {**CLINIC, "id": "other", "name": "Other"}
    first = town.file("mine.json", bundle(person, CLINIC, encounter(id="mine")))
    named = ("--patient", "patient", "--as", clinic)
    town.ok("provider", "ingest", first, *named, "--performed-by", "Organization/clinic")
    visits = [
        encounter(id="again", period={"start": "2024-03-06"}),
        encounter(id="no", serviceProvider=ref(other)),
    ]
    both = town.file("both.json", bundle(person, CLINIC, other, *visits))
    told = town.ok("provider", "ingest", both, "--as", clinic)
    assert [event["record"] for event in told["added"]] == ["Encounter/again"]
    assert told["events"]["performed_by_others"] == 1
    everybody = town.ok("provider", "ingest", both, "--as", clinic, "--performed-by", "any")
    assert [event["record"] for event in everybody["added"]] == ["Encounter/no"]


def test_ingest__two_patients_on_one_account__is_refused_unless_said(town: Town, clinic: str) -> None:
    file = town.file("twins.json", _ward("fay", "gus"))
    asked = (
        "provider",
        "ingest",
        file,
        "--patient",
        "Patient/fay=patient",
        "--patient",
        "Patient/gus=patient",
    )
    refused = town(*asked, "--as", clinic)
    assert refused.code == 2
    assert (
        "patient would be charged for several patients of the records: Patient/gus, Patient/fay"
        in refused.err
    )
    assert "--same-account" in refused.err
    told = town.ok(*asked, "--same-account", "--as", clinic)
    assert told["events"]["added"] == 2


def test_ingest__patients_of_a_file__are_mapped_by_reference_identifier_or_number(
    town: Town, clinic: str
) -> None:
    ward = _ward("hal", "ivy", "joe")
    people = [entry["resource"] for entry in ward["entry"] if entry["resource"]["resourceType"] == "Patient"]
    people[1]["identifier"] = [{"system": "urn:mrn", "value": "M-7"}]
    people[2]["identifier"] = [{"system": "urn:mrn", "value": "M-8"}]
    for name in ("hal", "ivy", "joe"):
        town.ok("patient", "create", name)
    table = town.file("patients.csv", "MRN,Account\nPatient/hal,hal\nurn:mrn|M-7,ivy\nM-8,joe\nM-9,joe\n")
    told = town.ok("provider", "ingest", town.file("csv.json", ward), "--patients", table, "--as", clinic)
    assert {event["record"]: event["patient"] for event in told["added"]} == {
        "Encounter/of-hal": "hal",
        "Encounter/of-ivy": "ivy",
        "Encounter/of-joe": "joe",
    }


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "empty"),
        ("a,b\n", "no columns patient and account"),
        ("patient,account\nPatient/1\n", "line 2: not a patient and an account"),
        ("patient,account\nP,x\nP,y\n", "line 3: P has another account further up"),
    ],
)
def test_ingest__file_of_patients_that_is_none__says_what_is_wrong(
    town: Town, clinic: str, content: str, message: str
) -> None:
    table = town.file("wrong.csv", content)
    ran = town("provider", "ingest", town.record("mapped"), "--patients", table, "--as", clinic)
    assert message in ran.error
    assert "patient,account" in ran.error or "further up" in ran.error


def test_ingest__parts_of_an_export_in_two_runs__complete_each_other(town: Town, clinic: str) -> None:
    person = {"resourceType": "Patient", "id": "pat"}
    visits = [
        encounter(id=name, period={"start": f"2024-03-0{day}"}) for day, name in enumerate(("p", "q"), 1)
    ]
    claims = [claim(item(f"Encounter/{name}", net=usd(77)), id=f"c-{name}") for name in ("p", "q")]
    asked = ("--patient", "patient", "--as", clinic)
    first = town.ok("provider", "ingest", town.file("v.json", bundle(person, CLINIC, visits[0])), *asked)
    assert [event["price_source"] for event in first["added"]] == ["catalogue_default"]
    later = town.ok("provider", "ingest", town.file("c.json", bundle(*claims)), *asked, "--dry-run")
    assert [event["billed"] for event in later["replaced"]] == ["77.00"]
    later = town.ok("provider", "ingest", town.file("c.json", bundle(*claims)), *asked)
    assert [(event["record"], event["billed"]) for event in later["replaced"]] == [("Encounter/p", "77.00")]
    last = town.ok("provider", "ingest", town.file("w.json", bundle(person, CLINIC, *visits)), *asked)
    assert [(event["record"], event["billed"]) for event in last["added"]] == [("Encounter/q", "77.00")]
    assert last["already_known"] == ["Encounter/p"]
    waiting = town.ok("provider", "worklist", "--as", clinic)["events"]
    assert {event["price_source"] for event in waiting} == {"claim_item"}


def test_ingest__changed_record__replaces_what_waits_and_names_what_was_attested(
    town: Town, clinic: str
) -> None:
    patient = town.patient("changing", clinic)
    asked = ("--patient", patient, "--as", clinic)
    town.ok("provider", "ingest", town.record("moved", price=80), *asked)
    told = town.ok("provider", "ingest", town.record("moved", price=90), *asked)
    assert [event["billed"] for event in told["replaced"]] == ["90.00"]
    town.ok("provider", "attest", "--as", clinic)
    assert town.ok("provider", "ingest", town.record("moved", price=90), *asked)["named"] == []
    told = town.ok("provider", "ingest", town.record("moved", price=95), *asked)
    assert told["named"] == [
        {"record": "Encounter/moved", "why": "its record has changed since it was attested"}
    ]
    assert town.ok("provider", "worklist", "--as", clinic)["waiting"] == 0


def test_ingest__claims__are_accounted_for(town: Town, clinic: str) -> None:
    person = {"resourceType": "Patient", "id": "pat"}
    lines = [
        item("Encounter/summed", net=usd(100)),
        item(code="90686", productOrService=concept(CPT, "90686"), net=usd(40.5)),
    ]
    record = bundle(person, CLINIC, encounter(id="summed"), claim(*lines, total=usd(120)))
    ran = town("provider", "ingest", town.file("sum.json", record), "--patient", "patient", "--as", clinic)
    assert "Claims: $140.50 claimed = $100.00 in events + $40.50 left out." in ran.out
    assert "its code is of no kind that is settled" in ran.out
    assert "its total $120.00 is less than its lines come to, $140.50" in ran.out


def test_ingest__service_after_the_chains_time__is_not_taken(town: Town, clinic: str) -> None:
    file = town.record("tomorrow", day="2025-01-01T10:00:00+00:00")
    told = town.ok("provider", "ingest", file, "--patient", "patient", "--as", clinic)
    assert told["events"]["found"] == 0
    assert told["skipped_resources"]["in the future"] == 1


def test_ingest__in_person_switched_off__is_counted_as_skipped(town: Town, clinic: str) -> None:
    file = town.record("in-person")
    told = town.ok("provider", "ingest", file, "--patient", "patient", "--as", clinic, "--no-in-person")
    assert told["events"]["found"] == 0
    assert told["skipped_resources"]["in-person visits are switched off"] == 1


@pytest.mark.parametrize(
    "content, message",
    [("{", "not JSON"), ('{"resourceType": "Bundle", "entry": [{"resource": {"x": 1}}]}', None)],
)
def test_ingest__malformed_file__is_one_line_or_counted(
    town: Town, clinic: str, content: str, message: str | None
) -> None:
    ran = town("provider", "ingest", town.file("bad.json", content), "--dry-run", "--as", clinic)
    assert "Traceback" not in ran.err
    assert ran.code == (1 if message else 0), ran
    if message:
        assert ran.err.count("\n") <= 2


def test_ingest__file_over_the_limit__says_so(town: Town) -> None:
    error = town("provider", "ingest", town.record("big"), "--patient", "patient", "--max-bytes", 10).error
    assert "10" in error


def test_ingest__no_such_file__says_so(town: Town) -> None:
    assert "nothere.json" in town("provider", "ingest", "nothere.json", "--patient", "patient").error


def test_ingest__no_such_provider__says_who_is_known(town: Town) -> None:
    error = town("provider", "ingest", town.record("lost"), "--patient", "patient", "--as", "nobody").error
    assert "there is no provider named 'nobody'" in error


def test_ingest__default_size_limit__is_the_readers() -> None:
    assert _MAX_BYTES == MAX_BYTES


# ---- attest -------------------------------------------------------------------------------------------


def test_attest__waiting_events__go_to_the_oracle_and_off_the_list(town: Town, clinic: str) -> None:
    patient = town.patient("attested", clinic)
    told = town.attest(clinic, patient, "first", "second")
    assert [row["record"] for row in told["attested"]] == ["Encounter/first", "Encounter/second"]
    assert told["refused"] == []
    first, second = (row["sequence"] for row in told["attested"])
    assert second == first + 1
    listed = town.ok("provider", "worklist", "--as", clinic)["events"]
    assert not {"Encounter/first", "Encounter/second"} & {event["record"] for event in listed}


def test_attest__its_record__is_sealed_for_provider_and_patient_alone(town: Town, clinic: str) -> None:
    patient = town.patient("sealed", clinic)
    (row,) = town.attest(clinic, patient, "secret")["attested"]
    session = town.session()
    commitment = bytes.fromhex(row["commitment"][2:])
    for name in (clinic, patient):
        assert (
            session.vault.open(commitment, session.vault_key(name)).event.record_identity
            == "Encounter/secret"
        )
    with pytest.raises(Exception, match="not sealed to this key"):
        session.vault.open(commitment, session.vault_key("insurer"))


def test_attest__again__attests_nothing_twice(town: Town, clinic: str) -> None:
    patient = town.patient("once", clinic)
    town.attest(clinic, patient, "only")
    again = town.attest(clinic, patient, "only")
    assert again == {"attested": [], "refused": []}
    assert "Nothing waits" in town("provider", "attest", "--as", clinic).out


def test_attest__not_registered__says_what_to_do(town: Town) -> None:
    error = town("provider", "attest", "--as", "provider").error
    assert "provider is not registered on this chain" in error
    assert "chainbill provider register provider" in error


def test_attest__patient_without_an_insurer__is_refused_until_there_is_one(town: Town, clinic: str) -> None:
    town.ok("patient", "create", "uninsured")
    (refused,) = town.attest(clinic, "uninsured", "early")["refused"]
    assert (refused["reason"], refused["record"]) == ("payer_not_accepted", "Encounter/early")
    assert "chainbill patient accept-payer" in refused["what_to_do"]
    town.ok("patient", "accept-payer", "insurer", "--as", "uninsured")
    assert len(town.ok("provider", "attest", "--as", clinic)["attested"]) == 1


def test_attest__insurer_without_fees__is_refused_until_it_has_them(town: Town, clinic: str) -> None:
    town.ok("insurer", "create", "feeless")
    town.ok("patient", "create", "of-feeless")
    town.ok("patient", "accept-payer", "feeless", "--as", "of-feeless")
    (refused,) = town.attest(clinic, "of-feeless", "unpriced")["refused"]
    assert refused["reason"] == "no_schedule"
    other = town.file("other-fees.toml", '[fees]\noffice-visit = "1.00"\n')
    town.ok("insurer", "fees", other, "--as", "feeless")
    ran = town("provider", "attest", "--as", clinic, "--json")
    assert ran.code == 1
    (refused,) = ran.facts["refused"]
    assert refused["reason"] == "unknown_service"
    assert "chainbill insurer fees" in refused["what_to_do"]
    town.ok("insurer", "fees", town.state.root.parent / "fees.toml", "--as", "feeless")
    assert len(town.ok("provider", "attest", "--as", clinic)["attested"]) == 1


def test_attest__price_finer_than_a_cent_is_rounded_by_ingest__so_it_is_accepted(
    town: Town, clinic: str
) -> None:
    patient = town.patient("floats", clinic)
    (row,) = town.attest(clinic, patient, "floating", price=129.16000000000003)["attested"]
    assert row["billed"] == "129.16"


@pytest.mark.parametrize(
    "owner, method, visit",
    [
        (Worklist, "reserve_sequence", "cut-reserved"),
        (Vault, "seal", "cut-sealed"),
        (OracleStore, "accept", "cut-stored"),
        (Intake, "accept_all", "cut-accepted"),
    ],
)
def test_attest__cut_off__is_repeated_with_the_same_attestation(
    town: Town, clinic: str, cut_off: CutOffAfter, owner: type, method: str, visit: str
) -> None:
    town.ok(
        "provider", "ingest", town.record(visit), "--patient", town.patient(visit, clinic), "--as", clinic
    )
    with cut_off(owner, method), pytest.raises(CutOff):
        town("provider", "attest", "--as", clinic)
    sealed_before = set(town.session().vault)
    (row,) = town.ok("provider", "attest", "--as", clinic)["attested"]
    assert (row["record"], row["sequence"]) == (f"Encounter/{visit}", 1)
    assert row["repeated"] is (method in ("accept", "accept_all"))
    assert Worklist(town.state.provider_database(clinic)).counts() == {"waiting": 0, "attested": 1}
    # What an attempt had sealed is what settles: nothing was sealed in vain.
    if method != "reserve_sequence":
        assert set(town.session().vault) == sealed_before
    (settled,) = town.settle(clinic)
    assert (settled["outcome"], settled["commitment"]) == ("settled", row["commitment"])


def test_attest__worklist_lost__knows_what_the_oracle_has_and_goes_on_after_it(
    town: Town, clinic: str
) -> None:
    patient = town.patient("amnesia", clinic)
    (row,) = town.attest(clinic, patient, "remembered")["attested"]
    town.state.provider_database(clinic).unlink()
    again = town.attest(clinic, patient, "remembered", "new-one")["attested"]
    assert [(each["record"], each["repeated"]) for each in again] == [
        ("Encounter/remembered", True),
        ("Encounter/new-one", False),
    ]
    assert again[0]["commitment"] == row["commitment"]
    assert again[1]["sequence"] == row["sequence"] + 1


def test_remove__not_on_the_list__says_so(town: Town, clinic: str) -> None:
    assert (
        f"not on the worklist of {clinic}: Encounter/x"
        in town("provider", "remove", "Encounter/x", "--as", clinic).error
    )


# ---- statement, balance, withdraw ---------------------------------------------------------------------


def test_balance_and_withdraw__after_settling__pay_the_whole_credit_out_once(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient("pays", clinic), "worth-100")
    assert town.ok("provider", "balance", "--as", clinic)["credit"] == "0.00"
    town.settle(clinic)
    before = town.ok("provider", "balance", "--as", clinic)
    assert (before["credit"], before["maturing"], before["attested"]) == ("0.00", "100.00", 1)
    assert "$100.00 matures" in town("provider", "withdraw", "--as", clinic).out
    town.ok("devnet", "advance", "8d")
    assert town.ok("provider", "balance", "--as", clinic)["credit"] == "100.00"
    assert town.ok("provider", "withdraw", "--as", clinic)["withdrawn"] == "100.00"
    after = town.ok("provider", "balance", "--as", clinic)
    assert (after["credit"], after["outside"]) == ("0.00", "100.00")
    again = town("provider", "withdraw", "--as", clinic)
    assert (again.code, again.out) == (0, "There is no credit to withdraw.\n")


def test_statement__after_settling__says_who_paid(town: Town, clinic: str) -> None:
    town.attest(clinic, town.patient("is-stated", clinic), "on-statement")
    town.settle(clinic)
    facts = town.ok("provider", "statement", "--as", clinic)
    assert facts["totals"]["plan_paid"] == PLAN_SHARE
    assert facts["totals"]["patient_responsibility"] == PATIENT_SHARE
    assert "$100.00" in town("provider", "statement", "--as", clinic).out


# ---- help ---------------------------------------------------------------------------------------------


def _ward(*patients: str) -> dict[str, Any]:
    people = [{"resourceType": "Patient", "id": name} for name in patients]
    visits = [encounter(id=f"of-{person['id']}", subject=ref(person)) for person in people]
    return bundle(*people, CLINIC, *visits)


def test_worklist__its_file__is_private(town: Town, clinic: str) -> None:
    town.ok("provider", "worklist", "--as", clinic)
    assert Path(town.state.provider_database(clinic)).stat().st_mode & 0o777 == 0o600
