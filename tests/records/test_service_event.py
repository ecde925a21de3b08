"""What a service event refuses, whoever makes it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chainbill.errors import ArgumentError
from chainbill.records.service_event import Party, PriceSource, ServiceEvent, ServiceKind


def event(billed_amount: object) -> ServiceEvent:
    return ServiceEvent(
        kind=ServiceKind.IN_PERSON_VISIT,
        record_identity="Encounter/1",
        patient=Party(reference="Patient/1"),
        provider=Party(reference="Organization/1"),
        service="office-visit",
        category=1,
        description="Office visit",
        performed_at=datetime(2026, 1, 1, tzinfo=UTC),
        billed_amount=billed_amount,
        price_source=PriceSource.CLAIM_ITEM,
    )


def test_event__billed_in_micro_dollars__is_read_back_as_it_was() -> None:
    made = event(120_000_000)
    assert ServiceEvent.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize("amount", [120.0, 120.5, "120", True, -1])
def test_event__billed_in_what_is_no_micro_dollars__is_refused(amount: object) -> None:
    with pytest.raises(ArgumentError, match="billed_amount") as refused:
        event(amount)
    assert refused.value.argument == "billed_amount"
