"""From a record to the worklist: parts complete each other, nothing is taken twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from tests.support.fhir import (
    CLINIC,
    CPT,
    PATIENT,
    bundle,
    claim,
    concept,
    encounter,
    item,
    observation,
    ref,
    usd,
)

from chainbill.interop.fhir import read_part
from chainbill.interop.ingest_memory import IngestMemory
from chainbill.operations.provider.queueing import IngestResult, performed_by_own, queue_events
from chainbill.operations.provider.worklist import Worklist
from chainbill.records.catalogue import Catalogue

ACCOUNT = "0x" + "1" * 40
OTHER = "0x" + "2" * 40
SERVER = "https://ehr.example/fhir"
PART = bundle(PATIENT, CLINIC)

Take = Callable[..., IngestResult]


@pytest.fixture
def worklist(tmp_path: Path) -> Worklist:
    return Worklist(tmp_path / "worklist.sqlite")


@pytest.fixture
def memory(tmp_path: Path) -> IngestMemory:
    return IngestMemory(tmp_path / "memory.sqlite")


@pytest.fixture
def take(tmp_path: Path, catalogue: Catalogue, worklist: Worklist, memory: IngestMemory) -> Take:
    """Ingests resources as one file, a part of what came before; every patient has the same account."""

    def ingest(
        *resources: Any,
        account: str = ACCOUNT,
        full_urls: bool = False,
        more: Any = MappingProxyType({}),
        **options: Any,
    ) -> IngestResult:
        document = bundle(*resources)
        if full_urls:
            for entry in document["entry"]:
                resource = entry["resource"]
                entry["fullUrl"] = f"{SERVER}/{resource['resourceType']}/{resource['id']}"
        path = tmp_path / "part.json"
        path.write_text(json.dumps(document | more))
        reading = read_part(path, earlier=memory.parts(), catalogue=catalogue)
        accounts = {event.patient.reference: account for event in reading.report.events}
        done = queue_events(reading.report, worklist, memory, accounts, **options)
        if not options.get("dry_run"):
            memory.keep(reading.kept)
        return done

    return ingest


def line(**extra: Any) -> Any:
    """A line for an office visit that names no encounter."""
    stated = item(net=usd(60), servicedDate="2024-03-05", **extra)
    return stated | {"productOrService": concept(CPT, "99213")}


def waits(worklist: Worklist) -> list[tuple[str, int, str]]:
    return [
        (each.event.record_identity, each.event.billed_amount // 10**6, each.event.price_source.value)
        for each in worklist.waiting()
    ]


def attest(worklist: Worklist) -> None:
    for number, each in enumerate(worklist.waiting()):
        worklist.mark_attested(each, bytes([number]) * 32, worklist.reserve_sequence(each))


def test_queue__claim_in_a_later_part__prices_what_waits(take: Take, worklist: Worklist) -> None:
    take(PATIENT, CLINIC, encounter())
    salt = worklist.waiting()[0].salt
    later = take(claim(item("Encounter/visit", net=usd(61))))
    assert [event.record_identity for event in later.replaced] == ["Encounter/visit"]
    assert waits(worklist) == [("Encounter/visit", 61, "claim_item")]
    assert worklist.waiting()[0].salt != salt  # another record: another commitment


def test_queue__claim_in_an_earlier_part__is_kept_until_the_visit_comes(
    take: Take, worklist: Worklist
) -> None:
    first = take(claim(item("Encounter/visit", net=usd(61))))
    assert (first.added, first.replaced, waits(worklist)) == ([], [], [])
    take(PATIENT, CLINIC, encounter())
    assert waits(worklist) == [("Encounter/visit", 61, "claim_item")]


def test_queue__part_without_the_claim_again__does_not_take_the_price_back(
    take: Take, worklist: Worklist
) -> None:
    take(PATIENT, CLINIC, encounter(), claim(item("Encounter/visit", net=usd(61))))
    again = take(PATIENT, CLINIC, encounter())
    assert (again.replaced, len(again.already_known)) == ([], 1)
    assert waits(worklist) == [("Encounter/visit", 61, "claim_item")]


def test_queue__visit_moved_to_another_day_without_its_claim__keeps_the_price(
    take: Take, worklist: Worklist
) -> None:
    take(PATIENT, CLINIC, encounter(), claim(item("Encounter/visit", net=usd(61))))
    take(PATIENT, CLINIC, encounter(period={"start": "2024-03-06"}))
    (waiting,) = worklist.waiting()
    assert (waiting.event.service_date.isoformat(), waiting.event.billed_amount) == ("2024-03-06", 61_000_000)


@pytest.mark.parametrize("visit_first", [True, False])
def test_queue__visit_line_without_its_encounter_in_another_part__is_that_visit(
    take: Take, worklist: Worklist, visit_first: bool
) -> None:
    parts = [(PATIENT, CLINIC, encounter()), (PATIENT, CLINIC, claim(line()))]
    for part in parts if visit_first else reversed(parts):
        take(*part)
    assert waits(worklist) == [("Encounter/visit", 60, "claim_item")]


def test_queue__visit_line_of_a_visit_attested_before__is_named_and_not_billed_again(
    take: Take, worklist: Worklist
) -> None:
    take(PATIENT, CLINIC, encounter())
    attest(worklist)
    done = take(PATIENT, CLINIC, claim(line()))
    assert (done.added, waits(worklist)) == ([], [])
    assert [named.event for named in done.named] == ["Encounter/visit"]
    assert take(PATIENT, CLINIC, claim(line())).named == []


def test_queue__visit_line_of_another_day__is_another_visit(take: Take, worklist: Worklist) -> None:
    take(PATIENT, CLINIC, encounter(period={"start": "2024-03-01"}))
    take(PATIENT, CLINIC, claim(line()))
    assert [identity for identity, *_ in waits(worklist)] == ["Encounter/visit", "Claim/claim#1"]


def test_queue__price_of_what_was_attested__is_named_once(take: Take, worklist: Worklist) -> None:
    take(PATIENT, CLINIC, encounter())
    attest(worklist)
    late = claim(item("Encounter/visit", net=usd(61)))
    assert [named.event for named in take(late).named] == ["Encounter/visit"]
    assert take(late).named == []


def test_queue__changed_record_of_what_is_being_attested__is_named(take: Take, worklist: Worklist) -> None:
    take(PATIENT, CLINIC, encounter(), claim(item("Encounter/visit", net=usd(61))))
    worklist.reserve_sequence(worklist.waiting()[0])
    done = take(PATIENT, CLINIC, encounter(), claim(item("Encounter/visit", net=usd(62))))
    assert [named.event for named in done.named] == ["Encounter/visit"]
    assert waits(worklist) == [("Encounter/visit", 61, "claim_item")]


@pytest.mark.parametrize("first", [True, False])
def test_queue__same_record_with_and_without_its_server__is_one(
    take: Take, worklist: Worklist, first: bool
) -> None:
    for full_urls in (first, not first):
        take(PATIENT, CLINIC, encounter(), full_urls=full_urls)
    assert len(worklist.waiting()) == 1


def test_queue__same_id_on_another_server_at_another_time__is_another(take: Take, worklist: Worklist) -> None:
    take(PATIENT, CLINIC, encounter())
    take(PATIENT, CLINIC, encounter(period={"start": "2024-03-07T10:00:00Z"}), full_urls=True)
    assert {identity for identity, *_ in waits(worklist)} == {
        "Encounter/visit",
        f"{SERVER}/Encounter/visit",
    }


def test_queue__files_of_two_servers_that_say_so_nowhere__are_two_records_where_it_is_told(
    read: Any, worklist: Worklist, memory: IngestMemory
) -> None:
    for server in ("https://a.example/fhir", "https://b.example/fhir/"):
        report = read(bundle(PATIENT, CLINIC, encounter()), server=server)
        assert [event.patient.reference for event in report.events] == [f"{server.rstrip('/')}/Patient/pat"]
        accounts = {event.patient.reference: ACCOUNT for event in report.events}
        assert len(queue_events(report, worklist, memory, accounts).added) == 1
    assert len(worklist.waiting()) == 2


def test_queue__dry_run__changes_nothing(take: Take, worklist: Worklist, memory: IngestMemory) -> None:
    take(PATIENT, CLINIC, encounter())
    before = waits(worklist)
    done = take(claim(item("Encounter/visit", net=usd(61))), dry_run=True)
    assert len(done.replaced) == 1
    assert waits(worklist) == before
    assert [source.type for source in memory.parts()] == ["Patient", "Organization", "Encounter"]


def test_queue__waiting_under_another_account__is_listed_and_stays(take: Take, worklist: Worklist) -> None:
    take(PATIENT, CLINIC, encounter())
    done = take(PATIENT, CLINIC, encounter(), account=OTHER)
    assert [event.record_identity for event in done.other_patient] == ["Encounter/visit"]
    assert worklist.waiting()[0].patient == ACCOUNT


def test_queue__others_services__are_left_out(take: Take, worklist: Worklist) -> None:
    lab = CLINIC | {"id": "lab", "name": "The Lab"}
    visits = [encounter(), encounter(id="there", serviceProvider=ref(lab))]
    done = take(PATIENT, CLINIC, lab, *visits, performed_by=("Organization/clinic",))
    assert [event.record_identity for event in done.performed_by_others] == ["Encounter/there"]
    assert len(worklist.waiting()) == 1


@pytest.mark.parametrize(
    "named, own",
    [
        ("any", True),
        ("Organization/clinic", True),
        (f"{SERVER}/Organization/clinic", True),
        ("main street clinic", True),
        ("Organization/other", False),
        ("clinic", False),
    ],
)
def test_performed_by_own__reference_or_name__is_recognised(read: Any, named: str, own: bool) -> None:
    document = bundle(PATIENT, CLINIC, encounter())
    for entry in document["entry"]:
        resource = entry["resource"]
        entry["fullUrl"] = f"{SERVER}/{resource['resourceType']}/{resource['id']}"
    (event,) = read(document).events
    assert performed_by_own(event, {named}) is own


VOID = {"status": "entered-in-error", "meta": {"versionId": "2"}}
SUPPLY = {
    "productOrService": concept(CPT, "99454"),
    "servicedPeriod": {"start": "2024-03-01", "end": "2024-03-30"},
}


@pytest.mark.parametrize(
    "first, then, why",
    [
        ([encounter()], [encounter(**VOID)], "status entered-in-error"),
        ([claim(line() | SUPPLY)], [claim(line() | SUPPLY, status="cancelled")], "status cancelled"),
        (
            [
                encounter(id="ward", partOf=ref("Encounter/visit")),
                claim(item("Encounter/ward", net=usd(9)), id="c"),
            ],
            [encounter(), claim(item("Encounter/ward", net=usd(9)), id="c", status="cancelled")],
            "part of Encounter/visit",
        ),
    ],
    ids=["visit-in-error", "claim-cancelled", "part-of-a-stay"],
)
def test_queue__no_event_any_more_by_a_later_part__is_taken_off_the_list(
    take: Take, worklist: Worklist, first: Any, then: Any, why: str
) -> None:
    take(PATIENT, CLINIC, *first)
    before = [identity for identity, *_ in waits(worklist)]
    dry = take(PATIENT, CLINIC, *then, dry_run=True)
    assert [identity for identity, *_ in waits(worklist)] == before
    done = take(PATIENT, CLINIC, *then)
    assert [(each.event, each.why) for each in done.withdrawn] == [(before[0], why)]
    assert dry.withdrawn == done.withdrawn
    assert before[0] not in [identity for identity, *_ in waits(worklist)]


def test_queue__deleted_by_a_later_part__is_taken_off_the_list(take: Take, worklist: Worklist) -> None:
    take(PATIENT, CLINIC, encounter())
    deletion = {"entry": [{"request": {"method": "DELETE", "url": "Encounter/visit"}}], "type": "transaction"}
    done = take(more=deletion)
    assert ([each.event for each in done.withdrawn], waits(worklist)) == (["Encounter/visit"], [])
    take(PATIENT, CLINIC)
    assert waits(worklist) == []


def test_queue__in_error_after_it_was_attested__is_named_once(take: Take, worklist: Worklist) -> None:
    take(PATIENT, CLINIC, encounter())
    attest(worklist)
    done = take(PATIENT, CLINIC, encounter(**VOID))
    assert [each.why for each in done.named] == [
        "it was attested, and its record says now: status entered-in-error"
    ]
    assert take(PATIENT, CLINIC).named == []


@pytest.mark.parametrize("attested", [False, True])
def test_queue__charge_replaced_by_a_later_claim__is_billed_once(
    take: Take, worklist: Worklist, attested: bool
) -> None:
    prior = {"coding": [{"code": "prior"}]}
    related = [{"claim": {"reference": "Claim/one"}, "relationship": prior}]
    take(PATIENT, CLINIC, claim(line() | SUPPLY, id="one"))
    if attested:
        attest(worklist)
    lower = line() | SUPPLY | {"net": usd(45)}
    done = take(PATIENT, CLINIC, claim(lower, id="two", related=related))
    if attested:
        assert waits(worklist) == []
        assert {each.event for each in done.named} == {"Claim/two#1"}
        assert take(PATIENT, CLINIC).named == []
    else:
        assert waits(worklist) == [("Claim/two#1", 45, "claim_item")]
        assert [each.event for each in done.withdrawn] == ["Claim/one#1"]


def test_queue__newer_version_of_a_claim_in_a_later_part__prices_anew(take: Take, worklist: Worklist) -> None:
    take(PATIENT, CLINIC, encounter(), claim(item("Encounter/visit", net=usd(65))))
    take(claim(item("Encounter/visit", net=usd(55))))
    assert waits(worklist) == [("Encounter/visit", 55, "claim_item")]
    take(claim(item("Encounter/visit", net=usd(55)), status="cancelled"))
    assert waits(worklist) == [("Encounter/visit", 92, "catalogue_default")]


FACILITY = claim(item("Encounter/visit", net=usd(140)), id="f", type={"coding": [{"code": "institutional"}]})


@pytest.mark.parametrize(
    "parts",
    [
        [[encounter()], [claim(item("Encounter/visit", net=usd(60)))], [FACILITY]],
        [[claim(item("Encounter/visit", net=usd(60))), FACILITY], [encounter()]],
        [[encounter(), claim(item("Encounter/visit", net=usd(60)))], [FACILITY]],
    ],
)
def test_queue__two_claims_of_a_visit_in_any_parts__are_two_charges(
    take: Take, worklist: Worklist, parts: Any
) -> None:
    for part in parts:
        take(PATIENT, CLINIC, *part)
    assert {(identity, amount) for identity, amount, _ in waits(worklist)} == {
        ("Encounter/visit", 60),
        ("Claim/f#1", 140),
    }


@pytest.mark.parametrize("visit_first", [True, False])
def test_queue__line_that_is_dated_by_a_visit_in_another_part__is_not_lost(
    take: Take, worklist: Worklist, visit_first: bool
) -> None:
    monitoring = item("Encounter/visit", net=usd(40)) | {
        "sequence": 2,
        "productOrService": concept(CPT, "99454"),
    }
    parts = [[encounter()], [claim(item("Encounter/visit", net=usd(60)), monitoring)]]
    for part in parts if visit_first else reversed(parts):
        take(PATIENT, CLINIC, *part)
    assert {amount for _, amount, _ in waits(worklist)} == {60, 40}


def test_queue__telehealth_by_the_claim_of_another_part__is_telehealth(
    take: Take, worklist: Worklist
) -> None:
    video = item("Encounter/visit", net=usd(60), modifier=[concept(CPT, "95")])
    take(PATIENT, CLINIC, encounter())
    take(claim(video | {"productOrService": concept(CPT, "99213")}))
    assert [each.event.kind.value for each in worklist.waiting()] == ["telehealth_visit"]


def test_queue__reading_sent_again_in_another_part__is_one(take: Take, worklist: Worklist) -> None:
    take(PATIENT, CLINIC, observation(id="ob1"))
    take(PATIENT, CLINIC, observation(id="ob2"))
    assert [identity for identity, *_ in waits(worklist)] == ["Observation/ob1"]


def test_queue__taken_off_by_hand__comes_back_only_with_its_own_file(take: Take, worklist: Worklist) -> None:
    take(PATIENT, CLINIC, encounter())
    worklist.remove(worklist.waiting())
    take(PATIENT, CLINIC, observation())
    assert [identity for identity, *_ in waits(worklist)] == ["Observation/value"]
    take(PATIENT, CLINIC, encounter())
    assert len(worklist.waiting()) == 2


def test_memory__told_to_forget__holds_no_record_and_still_knows_what_was_taken(
    take: Take, worklist: Worklist, memory: IngestMemory
) -> None:
    take(PATIENT, CLINIC, encounter())
    assert memory.forget_parts() == 3
    assert list(memory.parts()) == []
    assert len(take(PATIENT, CLINIC, encounter()).already_known) == 1


def test_memory__numbers_of_a_record__are_kept_as_written(
    memory: IngestMemory, tmp_path: Path, catalogue: Any
) -> None:
    text = json.dumps(bundle(PATIENT, CLINIC, encounter(), claim(item("Encounter/visit", net=usd(1234567)))))
    path = tmp_path / "exact.json"
    path.write_text(text.replace("1234567", "129.16000000000003"))
    memory.keep(read_part(path, earlier=(), catalogue=catalogue).kept)
    (kept,) = [source for source in memory.parts() if source.type == "Claim"]
    assert str(kept.resource["item"][0]["net"]["value"]) == "129.16000000000003"
