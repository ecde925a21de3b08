"""The two questions every patient asks: was this charged separately, and did my insurance cover it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from chainbill.billing.outcomes import Outcome
from chainbill.money import show_dollars
from chainbill.records.service_event import ServiceKind
from chainbill.statements.facts import ClaimFacts
from chainbill.statements.sharing import CostSharing
from chainbill.statements.wording import explanation, join_words, service_words

NOT_CHARGED = "No: nothing was charged for it."
_IN_THE_VISIT = (
    "Vital signs taken during the visit, with a device or without, are part of it and are not charged."
)
_ONE_CHARGE = {
    ServiceKind.TELEHEALTH_VISIT: _IN_THE_VISIT,
    ServiceKind.IN_PERSON_VISIT: _IN_THE_VISIT,
    ServiceKind.REMOTE_MONITORING_UPLOAD: (
        "It was sent from outside a visit: a vital sign taken during a visit, in person or by video, is part "
        "of the visit and is not charged."
    ),
    ServiceKind.LABORATORY_TEST: "The single values of one laboratory report are one charge.",
    ServiceKind.PRESCRIPTION_REFILL: "Each fill of a prescription is one charge.",
    ServiceKind.DIGITAL_THERAPEUTICS_SESSION: "Each session is one charge.",
}
_ONE_MONTH = "The readings that it is for are one charge together: none of them is charged by itself."


@dataclass(frozen=True, slots=True)
class StatementLine:
    """An event of the statement."""

    claim: ClaimFacts

    @property
    def number(self) -> str:
        """The one number of the charge."""
        return self.claim.number

    @property
    def day(self) -> date | None:
        """The date of service; None where the record cannot be opened."""
        record = self.claim.record
        return record.service_date if record else None


def charged_separately(entry: StatementLine, paid: Sequence[StatementLine], *, opens: bool = True) -> str:
    """Answer for ``entry``; ``paid`` are all events of the statement that were charged, it included.

    ``opens``: is the key at hand that opens the patient's records?
    """
    claim = entry.claim
    if claim.outcome is not Outcome.SETTLED:
        return NOT_CHARGED
    if claim.given_back:
        return f"It was, and the charge was taken back: {back_to(claim)}. Nothing is charged for it now."
    if claim.record is None:
        return (
            "Yes: it has a price of its own. Whether it goes with another service can only be told from "
            f"the record, {'and you have none' if opens else 'which is sealed to its patient'}."
        )
    one = _ONE_CHARGE[claim.record.kind] if claim.record.readings is None else _ONE_MONTH
    return f"Yes: it has a price of its own. {_same_day(entry, paid)} {one}"


def covered_by_insurance(claim: ClaimFacts, insurer: str | None, second: str | None) -> str:
    """Answer for one event, whatever became of it; ``insurer`` and ``second`` by name."""
    if claim.given_back:
        return f"The charge was taken back: {back_to(claim)}. Nobody pays for it now."
    if claim.net is not None:
        return " ".join(filter(None, [_covered(claim.net, insurer, second), _after_taking_back(claim)]))
    answer = "No" if claim.outcome is Outcome.DENIED else "Not yet"
    return f"{answer}: {explanation(claim)}. Nothing was charged."


def look_alikes(entry: StatementLine, paid: Sequence[StatementLine]) -> list[str]:
    """Numbers of other charged events that may be the same service twice.

    The same source record, or the same service (and code: a service may stand for many that the
    catalogue lacks) by the same provider on one day; several readings from home in a day are usual.
    """
    return [other.number for other in paid if other.number != entry.number and _alike(entry, other)]


def back_to(claim: ClaimFacts) -> str:
    """Who got back how much of a charge: ``you got back $25.00 and your insurer $67.00``."""
    taken = claim.taken_back or CostSharing()
    amounts = {
        "you": taken.patient_responsibility,
        "your insurer": taken.plan_paid,
        "your second insurer": taken.secondary_paid,
    }
    told = [f"{who} got back {show_dollars(amount)}" for who, amount in amounts.items() if amount]
    return (
        join_words([told[0], *(each.replace(" got back", "") for each in told[1:])])
        if told
        else ("nobody had paid anything")
    )


def _after_taking_back(claim: ClaimFacts) -> str:
    """What a charge that was taken back in part was before; empty where nothing was."""
    if claim.taken_back is None or claim.sharing is None:
        return ""
    before = show_dollars(claim.sharing.allowed)
    off = show_dollars(claim.taken_back.allowed)
    price = "agreed price" if claim.payer_id else "price"
    return f"The {price} was {before} before the arbiter took {off} off it: {back_to(claim)}."


def _alike(one: StatementLine, other: StatementLine) -> bool:
    left, right = one.claim.record, other.claim.record
    if left is None or right is None:
        return one.claim.reference == other.claim.reference
    if left.record_identity == right.record_identity:
        return True
    same = one.claim.provider_id == other.claim.provider_id and one.day == other.day
    same &= (left.service, left.code_system, left.code) == (right.service, right.code_system, right.code)
    return same and left.kind is not ServiceKind.REMOTE_MONITORING_UPLOAD


def _same_day(entry: StatementLine, paid: Sequence[StatementLine]) -> str:
    others = [other for other in paid if other.number != entry.number and other.day == entry.day]
    if not others:
        return "No other charge on this statement is known to be for that day."
    named = join_words([_named(other) for other in others])
    each = "which was" if len(others) == 1 else "each of which was"
    return f"On the same day you also had {named}, {each} charged by itself."


def _named(entry: StatementLine) -> str:
    words = service_words(entry.claim)
    return f"“{words}” (number {entry.number})"


def _covered(sharing: CostSharing, insurer: str | None, second: str | None) -> str:
    yours = show_dollars(sharing.patient_responsibility)
    price, whole = _price(sharing, "agreed price"), _whole(sharing, "agreed price")
    if insurer is None:
        return f"No: no insurer took part. You paid {_whole(sharing, 'price')}."
    if sharing.allowed == 0:
        return "Yes: the agreed price is zero, so nobody paid."
    if sharing.secondary_paid:
        return _covered_by_two(sharing, insurer, second or "your second insurer")
    plans = show_dollars(sharing.plan_paid)
    if sharing.patient_responsibility == 0:
        return f"Yes, in full: your insurer paid {whole}."
    if sharing.plan_paid:
        return f"Yes, in part: of {price} your insurer paid {plans} and you paid {yours}."
    why = _nothing_from_plan(sharing)
    counts = "" if sharing.outside_plan else " It counts towards your out-of-pocket maximum."
    return f"Your plan covers it, but {why} {whole} was yours to pay.{counts}"


def _price(sharing: CostSharing, what: str) -> str:
    """The price that was paid, and whether it is all of the ``what`` or what a ruling has left of it."""
    price = show_dollars(sharing.allowed)
    return f"the {price} that are left of the {what}" if sharing.taken_off else f"the {what} of {price}"


def _whole(sharing: CostSharing, what: str) -> str:
    price = _price(sharing, what)
    return f"all of {price}" if sharing.taken_off else price.replace("the ", "the whole ", 1)


def _covered_by_two(sharing: CostSharing, insurer: str, second: str) -> str:
    price, yours = _price(sharing, "agreed price"), show_dollars(sharing.patient_responsibility)
    plans, seconds = show_dollars(sharing.plan_paid), show_dollars(sharing.secondary_paid)
    paid = f"of {price} {insurer} paid {plans} and {second} {seconds}"
    if sharing.patient_responsibility == 0:
        return f"Yes, in full: {paid}."
    return f"Yes, in part: {paid}; you paid {yours}."


def _nothing_from_plan(sharing: CostSharing) -> str:
    parts = {
        "deductible": sharing.deductible,
        "copay": sharing.copay,
        "percentage": sharing.coinsurance,
    }
    shares = [name for name, amount in parts.items() if amount]
    reasons = [f"through your {join_words(shares)}"] if shares else []
    if sharing.outside_plan:
        reasons.append("because your plan's yearly maximum was used up")
    return join_words(reasons)
