"""A visit as a program hands it to the client library."""

from __future__ import annotations

from datetime import UTC, datetime

import chainbill


def visit(
    bill: chainbill.Chainbill, name: str, micro_dollars: int, service: str = "check-up-visit"
) -> chainbill.ServiceEvent:
    """A visit of today, of the record ``Encounter/`` and a name."""
    return chainbill.ServiceEvent(
        kind=chainbill.ServiceKind.IN_PERSON_VISIT,
        record_identity=f"Encounter/{name}",
        patient=chainbill.Party(reference="Patient/1"),
        provider=chainbill.Party(reference="Organization/1"),
        service=service,
        category=1,
        description="Check-up visit",
        performed_at=datetime.fromtimestamp(bill.now(), UTC),
        billed_amount=micro_dollars,
        price_source=chainbill.PriceSource.CLAIM_ITEM,
    )
