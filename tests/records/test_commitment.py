"""Commitments open to one record only, and equal records give equal bytes."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chainbill.errors import AttestationError, MalformedRecord
from chainbill.money import MAX_AMOUNT
from chainbill.records.commitment import TAG, Opening, canonical, commit, new_salt, verify
from chainbill.records.moments import EARLIEST_YEAR, LATEST_YEAR
from chainbill.records.service_event import Party, PriceSource, ServiceEvent, ServiceKind

SALT = bytes(range(16))
EVENT = ServiceEvent(
    kind=ServiceKind.LABORATORY_TEST,
    record_identity="DiagnosticReport/17",
    patient=Party(reference="Patient/1", name="José Núñez"),
    provider=Party(reference="Organization/9", name="Clinic"),
    service="lipid-panel",
    category=5,
    description="Cholesterol test",
    code_system="http://loinc.org",
    code="57698-3",
    performed_at=datetime(2026, 3, 1, 23, 30, tzinfo=UTC),
    units=1,
    billed_amount=42_500_000,
    price_source=PriceSource.CLAIM_ITEM,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PARTIES = st.builds(Party, reference=TEXTS, name=TEXTS)
EVENTS = st.builds(
    ServiceEvent,
    kind=st.sampled_from(ServiceKind),
    record_identity=TEXTS.filter(bool),
    patient=PARTIES,
    provider=PARTIES,
    service=TEXTS.filter(bool),
    category=st.integers(1, 255),
    description=TEXTS,
    code_system=TEXTS,
    code=TEXTS,
    performed_at=st.datetimes(
        min_value=datetime(EARLIEST_YEAR, 1, 2),
        max_value=datetime(LATEST_YEAR, 12, 30),
        timezones=st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(timezone),
    ),
    service_date=st.none(),
    units=st.integers(1, 2**16 - 1),
    billed_amount=st.integers(0, MAX_AMOUNT),
    price_source=st.sampled_from(PriceSource),
)
SALTS = st.binary(min_size=16, max_size=16)


def changed(**fields: Any) -> ServiceEvent:
    return ServiceEvent.model_validate({**EVENT.model_dump(), **fields})


def test_commit__known_event__is_the_hash_written_out() -> None:
    encoding = (
        '{"billed_amount":42500000,"category":5,"code":"57698-3","code_system":"http://loinc.org",'
        '"description":"Cholesterol test","kind":"laboratory_test",'
        '"patient":{"name":"José Núñez","reference":"Patient/1"},'
        '"performed_at":"2026-03-01T23:30:00.000000Z","price_source":"claim_item",'
        '"provider":{"name":"Clinic","reference":"Organization/9"},'
        '"record_identity":"DiagnosticReport/17","service":"lipid-panel",'
        '"service_date":"2026-03-01","units":1}'
    ).encode()
    assert canonical(EVENT) == encoding
    assert commit(EVENT, SALT) == keccak(TAG + SALT + encoding)


@given(EVENTS, SALTS)
def test_opening__any_event__survives_its_bytes(event: ServiceEvent, salt: bytes) -> None:
    opening = Opening(event, salt)
    again = Opening.from_bytes(opening.to_bytes())
    assert again.to_bytes() == opening.to_bytes()
    assert again.event.performed_at == event.performed_at
    verify(again, opening.commitment)


@given(EVENTS)
def test_canonical__any_event__is_sorted_json_of_every_field(event: ServiceEvent) -> None:
    encoding = canonical(event)
    fields = orjson.loads(encoding)
    assert set(fields) == set(ServiceEvent.model_fields) - {"readings"}
    assert set(fields["patient"]) == set(fields["provider"]) == set(Party.model_fields)
    assert encoding == orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": ServiceKind.TELEHEALTH_VISIT},
        {"record_identity": "DiagnosticReport/18"},
        {"patient": Party(reference="Patient/2", name="José Núñez")},
        {"patient": Party(reference="Patient/1", name="Jose Nunez")},
        {"provider": Party(reference="Organization/8", name="Clinic")},
        {"provider": Party(reference="Organization/9", name="Klinik")},
        {"service": "lipid-panel-2"},
        {"category": 6},
        {"description": "A cholesterol test"},
        {"code_system": ""},
        {"code": "57698-4"},
        {"performed_at": datetime(2026, 3, 1, 23, 30, 0, 1, tzinfo=UTC)},
        {"service_date": date(2026, 3, 2)},
        {"units": 2},
        {"billed_amount": 42_500_001},
        {"price_source": PriceSource.CLAIM_TOTAL},
    ],
)
def test_verify__one_field_changed__is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(AttestationError, match="does not open"):
        verify(Opening(changed(**fields), SALT), commit(EVENT, SALT))


def test_verify__another_salt__is_refused() -> None:
    with pytest.raises(AttestationError, match="does not open"):
        verify(Opening(EVENT, bytes(16)), commit(EVENT, SALT))


def test_commit__same_moment_in_another_zone__is_the_same() -> None:
    moved = changed(performed_at=EVENT.performed_at.astimezone(timezone(timedelta(hours=-5))))
    assert commit(moved, SALT) == commit(EVENT, SALT)


def test_commit__same_text_in_decomposed_unicode__is_the_same() -> None:
    decomposed = changed(patient=Party(reference="Patient/1", name="Jose\u0301 Nu\u0301n\u0303ez"))
    assert decomposed != EVENT
    assert commit(decomposed, SALT) == commit(EVENT, SALT)


@pytest.mark.parametrize("salt", [b"", bytes(15), bytes(17), bytes(32)])
def test_opening__salt_of_another_length__is_refused(salt: bytes) -> None:
    with pytest.raises(AttestationError, match="a salt has 16 bytes"):
        Opening(EVENT, salt)


def test_new_salt__many__are_distinct_and_16_bytes() -> None:
    salts = {new_salt() for _ in range(1000)}
    assert len(salts) == 1000
    assert {len(salt) for salt in salts} == {16}


def test_service_date__evening_in_the_west__is_the_day_there_and_survives_the_vault() -> None:
    """X12 837 DTP*472: the date of service is a calendar day of the place, whatever day UTC has."""
    evening = {"performed_at": "2025-12-31T22:00:00-05:00", "service_date": None}
    event = changed(**evening)
    assert (event.service_date, event.benefit_year) == (date(2025, 12, 31), 2025)
    again = Opening.from_bytes(Opening(event, SALT).to_bytes()).event
    assert (again.service_date, again.benefit_year) == (date(2025, 12, 31), 2025)
    assert commit(event, SALT) != commit(
        changed(performed_at=event.performed_at.astimezone(UTC), service_date=None), SALT
    )


@pytest.mark.parametrize("day", [date(2026, 2, 27), date(2026, 3, 3)])
def test_service_date__nowhere_the_day_of_the_moment__is_refused(day: date) -> None:
    with pytest.raises(ValidationError, match="nowhere the day of performed_at"):
        changed(service_date=day)


def test_opening__shown_or_misread__tells_nothing_of_the_patient() -> None:
    assert "José" not in repr(Opening(EVENT, SALT))
    broken = Opening(EVENT, SALT).to_bytes().replace(b'"units":1', b'"units":0')
    with pytest.raises(MalformedRecord) as refused:
        Opening.from_bytes(broken)
    assert "José" not in str(refused.value)
    assert refused.value.__suppress_context__
