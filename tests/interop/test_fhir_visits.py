"""Encounters become telehealth visits and visits in person, or say why not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.fhir import (
    ACT,
    CLINIC,
    CPT,
    DAY,
    DOCTOR,
    SNOMED,
    claim,
    concept,
    encounter,
    item,
    record,
    ref,
    usd,
)

from chainbill.billing.terms import Category
from chainbill.interop.fhir import SkipReason
from chainbill.records.service_event import Party, PriceSource, ServiceKind

VIDEO = "448337001"
CHECK_UP = "185349003"


def only_event(report: Any) -> Any:
    (event,) = report.events
    return event


def reason_of(report: Any, resource: str) -> Any:
    (found,) = [skipped for skipped in report.skipped if skipped.resource == resource]
    return found


@pytest.mark.parametrize("encounter_class", ["AMB", "EMER", "IMP", "HH", "ACUTE", "NONAC"])
def test_visit__class_of_a_visit_in_person__is_in_person(read: Any, encounter_class: str) -> None:
    event = only_event(read(record(encounter(encounter_class))))
    assert event.kind is ServiceKind.IN_PERSON_VISIT
    assert event.record_identity == "Encounter/visit"
    assert event.patient == Party(reference="Patient/pat", name="Pat Q. Doe")
    assert event.provider == Party(reference="Organization/clinic", name="Main Street Clinic")
    assert event.performed_at.isoformat() == DAY
    assert event.service == "check-up-visit"


@pytest.mark.parametrize(
    "visit",
    [
        encounter("VR", CHECK_UP),
        encounter("AMB", VIDEO),
        encounter("AMB", "439708006"),
        encounter("AMB", type=[concept(CPT, "98004")]),
        encounter("AMB", type=[concept(ACT, "VR")]),
        encounter("AMB", type=[{"text": "Video visit with your doctor"}]),
        encounter("AMB", type=[{"coding": [{"system": "urn:local", "code": "T1", "display": "Telehealth"}]}]),
        encounter("IMP", VIDEO),
    ],
    ids=["class-VR", "video-type", "home-type", "CPT", "ActCode", "text", "local-display", "type-over-class"],
)
def test_visit__virtual_or_home__is_telehealth(read: Any, visit: Any) -> None:
    event = only_event(read(record(visit)))
    assert event.kind is ServiceKind.TELEHEALTH_VISIT
    assert event.category == Category.TELEHEALTH


@pytest.mark.parametrize("modifier", ["95", "93"])
def test_visit__telehealth_modifier_on_its_claim_item__is_telehealth(read: Any, modifier: str) -> None:
    visit = encounter(type=[concept(CPT, "99213")])
    line = item("Encounter/visit", modifier=[concept(CPT, modifier)])
    event = only_event(read(record(visit, claim(line))))
    assert event.kind is ServiceKind.TELEHEALTH_VISIT
    assert event.service == "video-visit-standard"


def test_visit__other_modifier_or_modifier_on_another_visit__stays_in_person(read: Any) -> None:
    other = encounter() | {"id": "other", "period": {"start": "2024-03-05T15:00:00Z"}}
    lines = [
        item("Encounter/visit", modifier=[concept(CPT, "25")]),
        item("Encounter/other", modifier=[concept(CPT, "95")]),
    ]
    kinds = {
        event.record_identity: event.kind for event in read(record(encounter(), other, claim(*lines))).events
    }
    assert kinds == {
        "Encounter/visit": ServiceKind.IN_PERSON_VISIT,
        "Encounter/other": ServiceKind.TELEHEALTH_VISIT,
    }


def test_visit__home_health_class_with_home_type__is_in_person(read: Any) -> None:
    event = only_event(read(record(encounter("HH", "439708006"))))
    assert (event.kind, event.service) == (ServiceKind.IN_PERSON_VISIT, "home-health-visit")


def test_visit__type_in_words_of_a_known_code__is_not_read_from_the_words(read: Any) -> None:
    known = {"coding": [{"system": SNOMED, "code": CHECK_UP, "display": "After a virtual visit"}]}
    assert only_event(read(record(encounter(type=[known])))).kind is ServiceKind.IN_PERSON_VISIT


def test_visit__in_person_switched_off__keeps_telehealth_only(read: Any) -> None:
    video = encounter("VR") | {"id": "video"}
    report = read(record(encounter(), video), include_in_person=False)
    assert [event.record_identity for event in report.events] == ["Encounter/video"]
    assert reason_of(report, "Encounter/visit").reason is SkipReason.IN_PERSON_OFF


@pytest.mark.parametrize("status", ["planned", "in-progress", "cancelled", "entered-in-error", "unknown"])
def test_visit__not_finished__is_skipped_with_its_status(read: Any, status: str) -> None:
    report = read(record(encounter("VR", status=status)))
    assert report.events == []
    assert report.skipped_counts()[f"status {status}"] == 1


def test_visit__status_that_is_free_text__is_not_repeated(read: Any) -> None:
    report = read(record(encounter(status="Pat Doe cancelled")))
    assert str(reason_of(report, "Encounter/visit")) == "Encounter/visit: status unreadable"


@pytest.mark.parametrize("encounter_class", ["PRENC", "FLD"])
def test_visit__class_that_is_no_visit__is_of_no_kind(read: Any, encounter_class: str) -> None:
    skipped = reason_of(read(record(encounter(encounter_class))), "Encounter/visit")
    assert (skipped.reason, skipped.detail) == (SkipReason.NO_KIND, f"encounter class {encounter_class}")


def test_visit__uncatalogued_type__takes_its_class_and_is_listed(read: Any) -> None:
    report = read(record(encounter("EMER", "999")))
    event = only_event(report)
    assert (event.service, event.category) == ("emergency-visit", Category.EMERGENCY)
    assert (event.price_source, event.billed_amount) == (PriceSource.CATALOGUE_DEFAULT, 520_000_000)
    assert report.uncatalogued == {f"{SNOMED}|999": 1}


def test_visit__no_type__takes_its_class_and_is_not_listed(read: Any) -> None:
    report = read(record(encounter("IMP", type=[])))
    assert only_event(report).service == "hospital-stay"
    assert report.uncatalogued == {}


def test_visit__no_organisation__is_provided_by_the_participant(read: Any) -> None:
    visit = encounter(participant=[{"individual": ref(DOCTOR)}])
    del visit["serviceProvider"]
    provider = only_event(read(record(visit))).provider
    assert provider == Party(reference="Practitioner/doctor", name="Dr. Ida Ray")


def test_visit__no_provider_but_a_claim__is_provided_by_who_claims(read: Any) -> None:
    visit = encounter()
    del visit["serviceProvider"]
    assert only_event(read(record(visit, claim(item("Encounter/visit"))))).provider.name == CLINIC["name"]


def test_visit__no_provider_anywhere__is_unnamed(read: Any) -> None:
    visit = encounter()
    del visit["serviceProvider"]
    assert only_event(read(record(visit))).provider.reference == "unnamed"


@pytest.mark.parametrize(
    "period, expected",
    [
        ({"start": "2015-02-07"}, "2015-02-07T00:00:00+00:00"),
        ({"start": "2015-02-07T23:30:00-05:00"}, "2015-02-07T23:30:00-05:00"),
        ({"start": "2016-12-31T23:59:60Z"}, "2016-12-31T23:59:59+00:00"),
        ({"end": "2015-02-07"}, "2015-02-07T00:00:00+00:00"),
        ({"start": "1970-01-01T00:00:00Z"}, "1970-01-01T00:00:00+00:00"),
    ],
)
def test_visit__dates_of_every_precision__are_read(read: Any, period: Any, expected: str) -> None:
    assert only_event(read(record(encounter(period=period)))).performed_at.isoformat() == expected


@pytest.mark.parametrize(
    "period, reason",
    [
        ({}, SkipReason.NO_DATE),
        ({"start": "1969-12-31T23:59:59Z"}, SkipReason.BEFORE_1970),
        ({"start": "1970-01-01T00:30:00+01:00"}, SkipReason.BEFORE_1970),
        ({"start": "0001-01-01T00:00:00+14:00"}, SkipReason.NO_DATE),
        ({"start": "9999-12-31T23:59:59-14:00"}, SkipReason.NO_DATE),
        ({"start": "7 February 2015"}, SkipReason.INVALID),
    ],
)
def test_visit__date_no_event_can_have__is_skipped(read: Any, period: Any, reason: SkipReason) -> None:
    report = read(record(encounter(period=period)))
    assert reason_of(report, "Encounter/visit").reason is reason


def test_visit__after_the_given_moment__is_in_the_future(read: Any) -> None:
    moment = datetime(2024, 3, 5, 9, tzinfo=UTC)
    report = read(record(encounter()), not_after=moment)
    assert reason_of(report, "Encounter/visit").reason is SkipReason.IN_FUTURE
    assert len(read(record(encounter()), not_after=moment.replace(hour=10)).events) == 1


def test_visit__invalid_by_its_model__is_skipped_without_its_values(read: Any) -> None:
    report = read(record(encounter(length="Pat Doe")))
    skipped = reason_of(report, "Encounter/visit")
    assert skipped.reason is SkipReason.INVALID
    assert skipped.detail.startswith("length")
    assert "Doe" not in skipped.detail


@pytest.mark.parametrize(
    "whole", [None, "Encounter/elsewhere", "urn:uuid:11111111-2222-3333-4444-555555555555"]
)
@pytest.mark.parametrize("named", [True, False])
def test_encounter__part_of_one_that_the_record_lacks__is_charged_if_a_line_names_it(
    read: Any, whole: str | None, named: bool
) -> None:
    part = encounter(id="part", **({"partOf": {"reference": whole}} if whole else {}))
    made = claim(item("Encounter/part", net=usd(60)))
    found = read(record(encounter(period={"start": "2024-02-01"}), part, *([made] if named else [])))
    charged = named or whole != "Encounter/elsewhere"
    assert ("Encounter/part" in [event.record_identity for event in found.events]) is charged
    if not charged:
        assert "Encounter/part: part of Encounter/elsewhere" in map(str, found.skipped)
