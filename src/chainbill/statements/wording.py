"""Dates, percentages, lists, names and kinds of service in words for people."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime

from chainbill.billing.outcomes import Reason
from chainbill.billing.terms import Category
from chainbill.records.device_supply import DAYS_IN_30
from chainbill.records.service_event import ServiceEvent
from chainbill.statements.advice import why_refused
from chainbill.statements.facts import ChargeState, ClaimFacts, Movement, Names
from chainbill.statements.model import MovementLine, ReadingsLine

NO_RECORD = "A service without a record"
"""What an event is called when its record cannot be opened."""

SEALED_SERVICE = "A service (details sealed)"
"""What it is called on a statement that is read without its patient's key."""

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_CATEGORIES = {
    Category.OFFICE_VISIT: "office visits",
    Category.TELEHEALTH: "video and telephone visits",
    Category.EMERGENCY: "emergency room visits",
    Category.INPATIENT: "hospital stays",
    Category.LABORATORY: "laboratory tests",
    Category.PHARMACY: "prescriptions",
    Category.REMOTE_MONITORING: "readings sent from home",
    Category.DIGITAL_THERAPEUTICS: "digital therapy sessions",
}
_DIRECTION_MARKS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str) -> str:
    """Text from a record on one line, without what could steer a terminal or reverse what is read."""
    kept = (
        " " if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} else character
        for character in text
        if character not in _DIRECTION_MARKS
    )
    return " ".join("".join(kept).split())


def utc_day(seconds: int) -> date:
    """The UTC day of a block time."""
    return datetime.fromtimestamp(seconds, UTC).date()


def show_date(day: date) -> str:
    """``March 4, 2026``; not ``strftime``, which depends on the machine's language."""
    return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"


def show_iso_date(iso: str) -> str:
    """A model's YYYY-MM-DD as ``March 4, 2026``."""
    return show_date(date.fromisoformat(iso))


def show_days(first: date, last: date) -> str:
    """``June 3 to June 30, 2026``; one day alone, and the year twice where there are two."""
    if first == last:
        return show_date(first)
    began = show_date(first) if first.year != last.year else f"{_MONTHS[first.month - 1]} {first.day}"
    return f"{began} to {show_date(last)}"


def show_moment(seconds: int) -> str:
    """A block time as ``March 4, 2026, 09:00 UTC``; seconds are left out, so it is never too late."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{show_date(moment.date())}, {moment:%H:%M} UTC"


def iso_moment(seconds: int) -> str:
    """A block time as a model has it: ``2026-03-04T09:00:00Z``."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def show_iso_moment(iso: str) -> str:
    """A model's ``2026-03-04T09:00:00Z`` as ``March 4, 2026, 09:00 UTC``."""
    return show_moment(int(datetime.fromisoformat(iso).timestamp()))


def state_words(state: ChargeState) -> str:
    """How a charge stands, in a table: ``part back``."""
    return "part back" if state is ChargeState.PARTLY_TAKEN_BACK else state.value.replace("_", " ")


def show_percent(bps: int) -> str:
    """Basis points as ``20%`` or ``12.5%``."""
    whole, hundredths = divmod(bps, 100)
    return f"{whole}.{hundredths:02d}".rstrip("0").rstrip(".") + "%"


def show_reason(label: str) -> str:
    """A reason's label in a table for insurers and providers: ``no consent``."""
    return label.replace("_", " ")


def explanation(claim: ClaimFacts) -> str:
    """Why an event was not paid, in words a patient understands."""
    if claim.recalled:
        return why_refused(claim.reason_word)
    if claim.payer_id is None and claim.reason is Reason.PAYER_NOT_ACCEPTED:
        return "it was sent as one that you pay for yourself, but you have an insurer"
    return claim.reason.explanation


def join_words(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def sentence(text: str) -> str:
    """Start with a capital letter."""
    return text[:1].upper() + text[1:]


def category_words(category_id: int) -> str:
    """A benefit category as it stands in a sentence (``office visits``)."""
    try:
        return _CATEGORIES[Category(category_id)]
    except ValueError:
        return "services of this kind"


def service_words(claim: ClaimFacts) -> str:
    """What was done, from the record."""
    return NO_RECORD if claim.record is None else recorded_service(claim.record)


def recorded_service(record: ServiceEvent) -> str:
    """What was done, as a record says."""
    return plain(record.description) or plain(record.service.replace("-", " ")) or NO_RECORD


def provider_name(claim: ClaimFacts, names: Names) -> str:
    """The provider as the record names it, else as the address book does."""
    return recorded_provider(claim.record) or known_provider(claim.provider_id, names)


def recorded_provider(record: ServiceEvent | None) -> str:
    """The provider as a record names it; empty where it does not."""
    return plain(record.provider.name) if record else ""


def known_provider(provider_id: int, names: Names) -> str:
    """The provider as the address book names it, else ``provider #3``."""
    return plain(names.providers.get(provider_id, "")) or f"provider #{provider_id}"


def known_payer(payer_id: int, names: Names) -> str:
    """The insurer as the address book names it, else ``insurer #1``."""
    return plain(names.payers.get(payer_id, "")) or f"insurer #{payer_id}"


def readings_line(record: ServiceEvent | None) -> ReadingsLine | None:
    """What a charge for monitoring stands on; None: its record does not say, or is not here."""
    if record is None or (record.readings is None and record.code not in DAYS_IN_30):
        return None
    readings = record.readings
    if readings is None:
        words = "readings from a device, and its record has none of them"
        return ReadingsLine(count=0, days=0, first_day=None, last_day=None, words=words)
    count, days = len(readings.taken), len(readings.days)
    period = show_days(readings.first_day, readings.last_day)
    return ReadingsLine(
        count=count,
        days=days,
        first_day=readings.first_day.isoformat(),
        last_day=readings.last_day.isoformat(),
        words=f"{_counted(count, 'reading')} on {_counted(days, 'day')}, {period}",
    )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def movement_line(movement: Movement) -> MovementLine:
    """One movement as it stands on a statement."""
    return MovementLine(
        date=utc_day(movement.at).isoformat(), kind=movement.kind.value, amount=movement.amount
    )
