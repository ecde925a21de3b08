"""One service event as the provider's system knows it: off chain, with personal health information."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from chainbill.money import MAX_AMOUNT
from chainbill.records.moments import is_somewhere_the_day_of, plausible
from chainbill.records.reading import Readings
from chainbill.stated import Stated


def _day_at_the_place(fields: dict[str, Any]) -> date:
    """The day that ``performed_at`` shows at its own offset."""
    moment: datetime = fields["performed_at"]
    return moment.date()


def _day(given: Any, read: ValidationInfo) -> Any:
    """A date of service of None is one that is not given."""
    return _day_at_the_place(read.data) if given is None and "performed_at" in read.data else given


class ServiceKind(StrEnum):
    """The kinds of event a provider attests."""

    TELEHEALTH_VISIT = "telehealth_visit"
    IN_PERSON_VISIT = "in_person_visit"
    REMOTE_MONITORING_UPLOAD = "remote_monitoring_upload"
    LABORATORY_TEST = "laboratory_test"
    PRESCRIPTION_REFILL = "prescription_refill"
    DIGITAL_THERAPEUTICS_SESSION = "digital_therapeutics_session"


class PriceSource(StrEnum):
    """Where a billed amount was read."""

    CLAIM_ITEM = "claim_item"
    CLAIM_TOTAL = "claim_total"
    CHARGE_ITEM = "charge_item"
    """A FHIR ChargeItem or Invoice, where no claim states a price."""
    CATALOGUE_DEFAULT = "catalogue_default"


class Party(Stated):
    """A person or an organisation as the record names it."""

    reference: str
    """Stable within the record's source, for example ``Patient/123`` or ``urn:uuid:…``."""
    name: str = ""


class ServiceEvent(Stated):
    """One service to one patient by one provider: what is billed, adjudicated and settled."""

    kind: ServiceKind
    record_identity: Annotated[str, Field(min_length=1)]
    """The source record this event is, for example ``Encounter/4d5a…``: two events with one identity
    (from one provider) are the same service and are paid once."""
    patient: Party
    provider: Party
    service: Annotated[str, Field(min_length=1)]
    """The catalogue's name of the service, for example ``office-visit``."""
    category: Annotated[int, Field(ge=1, le=255)]
    """Benefit category, the number of ``billing.terms.Category``."""
    description: str
    """The service in words a patient understands."""
    code_system: str = ""
    code: str = ""
    performed_at: AwareDatetime
    service_date: Annotated[date, BeforeValidator(_day)] = Field(default_factory=_day_at_the_place)
    """The calendar day where the service took place, which X12 837 calls the date of service (DTP*472); where
    it is not given, the day that ``performed_at`` shows at its own offset."""
    units: Annotated[int, Field(ge=1, lt=2**16)] = 1
    billed_amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT, strict=True)]
    """Micro-dollars for all units together; no float, not even one without a fraction: 120.0 is meant as
    dollars."""
    price_source: PriceSource
    readings: Readings | None = None
    """What a claim for a period of monitoring stands on; None: the record states none."""

    _plausible = field_validator("performed_at")(plausible)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not is_somewhere_the_day_of(self.service_date, self.performed_at):
            raise ValueError("service_date: nowhere the day of performed_at")
        if self.readings is not None and self.kind is not ServiceKind.REMOTE_MONITORING_UPLOAD:
            raise ValueError("readings: only remote monitoring has any")
        return self

    @property
    def benefit_year(self) -> int:
        """Calendar year of the date of service, as on an X12 claim: the place's year, not that of UTC."""
        return self.service_date.year

    @property
    def performed_timestamp(self) -> int:
        """Seconds since 1970 of the service."""
        return int(self.performed_at.astimezone(UTC).timestamp())
