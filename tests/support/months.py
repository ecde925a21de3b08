"""A month of readings, for tests."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from chainbill.money import DOLLAR
from chainbill.records.reading import Measured, Reading, Readings
from chainbill.records.service_event import Party, PriceSource, ServiceEvent, ServiceKind

LOINC = "http://loinc.org"
FIRST = date(2026, 6, 1)


def pressure(number: int, **changed: Any) -> Reading:
    """The reading of the morning of the nth day of June, from 0."""
    day = FIRST + timedelta(days=number)
    fields = {
        "record_identity": f"Observation/{number}",
        "code_system": LOINC,
        "code": "85354-9",
        "device": "Device/cuff",
        "measured_at": datetime(day.year, day.month, day.day, 8, 15, tzinfo=UTC),
        "day": day,
        "values": (
            Measured(code_system=LOINC, code="8480-6", value=str(120 + number), unit="mm[Hg]"),
            Measured(code_system=LOINC, code="8462-4", value="80", unit="mm[Hg]"),
        ),
    }
    return Reading.model_validate(fields | changed)


def month(*taken: Reading, **changed: Any) -> ServiceEvent:
    """A claim for June with these readings; none named: one each day."""
    readings = Readings(
        first_day=FIRST,
        last_day=date(2026, 6, 30),
        taken=taken or tuple(pressure(number) for number in range(30)),
    )
    fields = {
        "kind": ServiceKind.REMOTE_MONITORING_UPLOAD,
        "record_identity": "Claim/june#1",
        "patient": Party(reference="Patient/1", name="José Núñez"),
        "provider": Party(reference="Organization/9", name="Clinic"),
        "service": "remote-monitoring-supply",
        "category": 7,
        "description": "A month of readings from your monitoring device",
        "code_system": "http://www.ama-assn.org/go/cpt",
        "code": "99454",
        "performed_at": datetime(2026, 6, 30, tzinfo=UTC),
        "billed_amount": 47 * DOLLAR,
        "price_source": PriceSource.CLAIM_ITEM,
        "readings": readings,
    }
    return ServiceEvent.model_validate(fields | changed)
