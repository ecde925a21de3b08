"""A month of monitoring carries its readings: which, in what words, and each for one line alone."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime
from typing import Any

import pytest
from tests.support.fhir import CPT, DEVICE, LOINC, Json, claim, concept, observation, record, ref, usd

from chainbill.interop.fhir import IngestReport, monitoring
from chainbill.records.catalogue import Catalogue, Coding
from chainbill.records.commitment import Opening, canonical
from chainbill.records.reading import Readings
from chainbill.records.service_event import ServiceEvent, ServiceKind

MARCH = {"start": "2024-03-01", "end": "2024-03-30"}
APRIL = {"start": "2024-03-31", "end": "2024-04-29"}


def line(number: int, code: str = "99454", period: Json = MARCH, **extra: Any) -> Json:
    return {
        "sequence": number,
        "productOrService": concept(CPT, code),
        "servicedPeriod": period,
        "net": usd(47),
    } | extra


def reading(day: str, identity: str = "", **extra: Any) -> Json:
    """A weight of the morning."""
    fields: Json = {
        "id": identity or f"r{day}",
        "code": "29463-7",
        "effectiveDateTime": f"{day}T08:15:00+00:00",
        "valueQuantity": {"value": 80, "unit": "kilogram", "code": "kg"},
        "device": ref(DEVICE),
    }
    return observation(**(fields | extra))


def of(found: IngestReport, identity: str = "Claim/claim#1") -> ServiceEvent:
    (event,) = [event for event in found.events if event.record_identity == identity]
    return event


def readings(found: IngestReport, identity: str = "Claim/claim#1") -> Readings:
    stated = of(found, identity).readings
    assert stated is not None
    return stated


def test_month__with_readings__carries_them_in_the_order_of_time(read: Any) -> None:
    days = ["2024-03-05", "2024-03-01", "2024-03-30"]
    found = read(record(DEVICE, *map(reading, days), claim(line(1))))

    month = readings(found)
    assert (month.first_day, month.last_day) == (date(2024, 3, 1), date(2024, 3, 30))
    assert [each.record_identity for each in month.taken] == [f"Observation/r{day}" for day in sorted(days)]
    assert len(found.events) == 1
    assert found.skipped_counts()["part of the month billed by"] == 3


def test_month__without_readings__is_committed_to_as_before(read: Any) -> None:
    event = of(read(record(claim(line(1)))))
    assert event.readings is None
    assert b'"readings"' not in canonical(event)


def test_month__its_record__can_be_committed_to_and_opened(read: Any) -> None:
    opening = Opening(of(read(record(DEVICE, reading("2024-03-05"), claim(line(1))))), bytes(16))
    assert Opening.from_bytes(opening.to_bytes()).commitment == opening.commitment


def test_reading__of_a_weight__is_said_in_full(read: Any) -> None:
    (one,) = readings(read(record(DEVICE, reading("2024-03-05"), claim(line(1))))).taken
    assert (one.code_system, one.code, one.device) == (LOINC, "29463-7", "Device/cuff")
    assert one.measured_at.isoformat() == "2024-03-05T08:15:00+00:00"
    (value,) = one.values
    assert (value.code, value.value, value.unit) == ("29463-7", "80", "kg")


def test_reading__in_the_evening_of_the_west__is_of_the_day_there(read: Any) -> None:
    late = reading("2024-03-30", effectiveDateTime="2024-03-30T22:00:00-05:00")
    (one,) = readings(read(record(DEVICE, late, claim(line(1))))).taken
    assert one.day == date(2024, 3, 30)


def test_reading__of_a_device_with_a_serial_number__names_that(read: Any) -> None:
    device = DEVICE | {"serialNumber": "SN-1"}
    (one,) = readings(read(record(device, reading("2024-03-05"), claim(line(1))))).taken
    assert one.device == "SN-1"


@pytest.mark.parametrize("stated, device", [({"device": {"display": "cuff"}}, "cuff"), ({"device": {}}, "")])
def test_reading__of_a_device_in_words_or_of_none__says_as_much(read: Any, stated: Json, device: str) -> None:
    (one,) = readings(read(record(reading("2024-03-05", **stated), claim(line(1))))).taken
    assert one.device == device


PRESSURE = [
    {"code": concept(LOINC, code), "valueQuantity": {"value": value, "code": "mm[Hg]"}}
    for code, value in (("8480-6", 121), ("8462-4", 79))
]


def test_reading__of_a_blood_pressure__has_both_values(read: Any) -> None:
    cuff = reading("2024-03-05", code="85354-9", component=PRESSURE)
    cuff.pop("valueQuantity")
    (one,) = readings(read(record(DEVICE, cuff, claim(line(1))))).taken
    assert [(value.code, value.value, value.unit) for value in one.values] == [
        ("8480-6", "121", "mm[Hg]"),
        ("8462-4", "79", "mm[Hg]"),
    ]


def test_reading__of_a_panel__has_its_members_values_and_is_one(read: Any) -> None:
    members = [
        observation(id=f"m{place}", device=ref(DEVICE), effectiveDateTime="2024-03-05T08:15:00Z") | part
        for place, part in enumerate(PRESSURE)
    ]
    panel = reading("2024-03-05", "panel", hasMember=[*map(ref, members), ref("Observation/panel")])
    panel.pop("valueQuantity")
    month = readings(read(record(DEVICE, *members, panel, claim(line(1)))))
    assert [each.record_identity for each in month.taken] == ["Observation/panel"]
    assert [value.value for value in month.taken[0].values] == ["121", "79"]


def test_reading__whose_members_are_elsewhere__is_there_without_values(read: Any) -> None:
    panel = reading("2024-03-05", hasMember=[ref("Observation/elsewhere")])
    panel.pop("valueQuantity")
    found = read(record(DEVICE, panel, claim(line(1))))
    assert [each.values for each in readings(found).taken] == [()]


@pytest.mark.parametrize(
    "stated, told",
    [
        ({"valueQuantity": {"value": 80.50, "unit": "kilogram"}}, ("80.5", "kilogram")),
        ({"valueQuantity": {"value": 5, "comparator": "<", "code": "mg/dL"}}, ("<5", "mg/dL")),
        ({"valueCodeableConcept": concept("http://snomed.info/sct", "260385009")}, ("260385009", "")),
        ({"valueString": "two\nlines"}, ("two lines", "")),
        ({"valueBoolean": True}, ("true", "")),
        ({"valueInteger": 0}, ("0", "")),
    ],
)
def test_reading__of_another_value__has_it_as_text(read: Any, stated: Json, told: tuple[str, str]) -> None:
    other = reading("2024-03-05", **stated)
    if "valueQuantity" not in stated:
        other.pop("valueQuantity")
    (value,) = readings(read(record(DEVICE, other, claim(line(1))))).taken[0].values
    assert (value.value, value.unit) == told


def test_reading__of_a_heart_tracing__stands_by_its_hash(read: Any) -> None:
    sampled = {"origin": {"value": 0}, "period": 10, "dimensions": 1, "data": "1 2 3 " * 500}
    tracing = reading("2024-03-05", valueSampledData=sampled)
    tracing.pop("valueQuantity")
    (value,) = readings(read(record(DEVICE, tracing, claim(line(1))))).taken[0].values
    assert value.value.startswith("keccak256:0x")
    assert len(value.value) == len("keccak256:0x") + 64


def test_reading__of_a_number_without_bounds__takes_no_more_room_than_others(read: Any) -> None:
    huge = record(DEVICE, reading("2024-03-05"), claim(line(1)))
    written = json.dumps(huge).replace('"value": 80', '"value": 8e999999')
    (value,) = readings(read(written)).taken[0].values
    assert value.value == "8E+999999"


# ---- of which month -------------------------------------------------------------------------------------


def test_readings__of_two_months__go_each_to_its_own(read: Any) -> None:
    taken = [reading(day) for day in ("2024-03-30", "2024-03-31", "2024-04-29")]
    found = read(record(DEVICE, *taken, claim(line(1), line(2, period=APRIL))))
    assert [each.day.day for each in readings(found).taken] == [30]
    assert [each.day.day for each in readings(found, "Claim/claim#2").taken] == [31, 29]


def test_readings__of_two_codes_for_the_same_days__count_for_one_of_them(read: Any) -> None:
    found = read(record(DEVICE, reading("2024-03-05"), claim(line(1), line(2, "98977", net=usd(40)))))
    assert len(readings(found).taken) == 1
    assert of(found, "Claim/claim#2").readings is None


def test_readings__where_the_first_line_bills_nothing__are_the_seconds(read: Any) -> None:
    """Two claims ask for one month: the second is charged twice, whichever the readings would have met."""
    twice = [
        claim(line(1), id=name, created=made) for name, made in (("new", "2024-05-02"), ("old", "2024-05-01"))
    ]
    found = read(record(DEVICE, reading("2024-03-05"), *twice))
    (event,) = found.events
    assert event.readings is not None
    assert len(event.readings.taken) == 1


def test_readings__of_a_procedure_that_the_line_prices__are_its(read: Any) -> None:
    done = {
        "resourceType": "Procedure",
        "id": "session",
        "status": "completed",
        "code": concept(CPT, "99454"),
        "subject": ref("Patient/pat"),
        "performedDateTime": "2024-03-30",
    }
    found = read(record(DEVICE, done, reading("2024-03-05"), claim(line(1))))
    assert [each.record_identity for each in readings(found, "Procedure/session").taken] == [
        "Observation/r2024-03-05"
    ]


def test_month__of_a_code_that_a_catalogue_has_as_therapy__carries_none(
    read: Any, catalogue: Catalogue
) -> None:
    """A record that is no monitoring has no readings; those are part of what the line bills all the same."""
    code, therapy = Coding("CPT", "98978"), ServiceKind.DIGITAL_THERAPEUTICS_SESSION
    codes = {key: name for key, name in catalogue.codes.items() if key[1] != code}
    own = catalogue.model_copy(update={"codes": codes | {(therapy, code): catalogue.defaults[therapy]}})
    found = read(record(DEVICE, reading("2024-03-05"), claim(line(1, "98978"))), catalogue=own)
    (event,) = found.events
    assert (event.kind, event.readings) == (therapy, None)


def test_reading__outside_every_period__is_an_event_of_its_own(read: Any) -> None:
    found = read(record(DEVICE, reading("2024-03-31"), claim(line(1))))
    assert of(found).readings is None
    assert of(found, "Observation/r2024-03-31").readings is None


# ---- each once ------------------------------------------------------------------------------------------


def test_reading__sent_twice__is_there_once(read: Any) -> None:
    found = read(record(DEVICE, reading("2024-03-05", "a"), reading("2024-03-05", "b"), claim(line(1))))
    assert [each.record_identity for each in readings(found).taken] == ["Observation/a"]


def test_readings__of_one_device_and_moment_with_two_values__are_one(read: Any) -> None:
    """The oracle takes the same device, code and moment for the same reading, and would refuse the month."""
    other = reading("2024-03-05", "b", valueQuantity={"value": 81, "code": "kg"})
    month = readings(read(record(DEVICE, reading("2024-03-05", "a"), other, claim(line(1)))))
    assert [each.record_identity for each in month.taken] == ["Observation/a"]
    assert list(month.repeated()) == []


def test_readings__in_any_order_of_the_file__make_the_same_record(read: Any) -> None:
    parts = [
        DEVICE,
        *(reading(f"2024-03-{day:02d}") for day in range(1, 11)),
        claim(line(1), line(2, "98977")),
    ]
    first = read(record(*parts)).events
    for seed in range(5):
        random.Random(seed).shuffle(parts)
        assert read(record(*parts)).events == first


def test_readings__more_than_a_record_holds__are_the_first_of_each_day(
    read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring, "MOST_READINGS", 7)
    taken = [
        reading(
            f"2024-03-{day:02d}", f"r{day}-{hour}", effectiveDateTime=f"2024-03-{day:02d}T{hour:02d}:00:00Z"
        )
        for day in (1, 2, 3)
        for hour in range(4)
    ]
    month = readings(read(record(DEVICE, *taken, claim(line(1)))))
    assert [each.record_identity for each in month.taken] == [
        f"Observation/r{day}-{hour}" for day in (1, 2, 3) for hour in (0, 1)
    ]


def test_readings__of_more_days_than_a_record_holds_readings__are_those_of_the_first_days(
    read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring, "MOST_READINGS", 2)
    taken = [reading(f"2024-03-{day:02d}") for day in (1, 2, 3)]
    month = readings(read(record(DEVICE, *taken, claim(line(1)))))
    assert [each.day.day for each in month.taken] == [1, 2]


def test_reading__dated_after_the_record_is_read__is_in_the_future_and_in_no_month(read: Any) -> None:
    found = read(
        record(DEVICE, reading("2024-03-05"), reading("2024-03-30"), claim(line(1))),
        not_after=datetime(2024, 3, 30, 8, tzinfo=UTC),
    )
    assert [each.record_identity for each in readings(found).taken] == ["Observation/r2024-03-05"]
    assert found.skipped_counts()["in the future"] == 1
