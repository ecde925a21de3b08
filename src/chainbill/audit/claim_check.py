"""Is a row what the published terms say, and does it add up?"""

from __future__ import annotations

from collections.abc import Iterator

from chainbill.audit.discrepancy import Discrepancy, Kind
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.events import Claim
from chainbill.errors import LedgerError
from chainbill.ledger.claim_records import ClaimRecord
from chainbill.ledger.pricing.readjudication import Readjudication
from chainbill.ledger.replay import where

_COMPONENTS = (
    "billed",
    "allowed",
    "deductible",
    "copay",
    "coinsurance",
    "outside_plan",
    "plan_paid",
    "secondary_paid",
)

_AS_IF_ALONE = ("deductible", "out_of_pocket", "plan_paid")

_UNDECIDABLE = (Reason.PAYER_FAILED, Reason.NOT_REVERSED)
"""Why a row was put back, where the logs do not show it: a payer's tokens that would not move, and a
correction that names a claim of no use."""


def check_claim(record: ClaimRecord) -> Iterator[Discrepancy]:
    """A row's outcome and every component are what the published terms say, and they add up."""
    claim, again = record.claim, record.readjudication
    at = f"{where(record.recorded)}, sequence {record.sequence} of provider {record.provider_id}"
    if record.outcome is Outcome.SETTLED:
        try:
            check_sums(claim)
        except LedgerError as error:
            yield Discrepancy(Kind.SUMS, at, str(error))
    if again is None or record.outcome is Outcome.SKIPPED or record.reason in _UNDECIDABLE:
        return
    if (again.outcome, again.reason) != (record.outcome, record.reason):
        yield Discrepancy(
            Kind.ADJUDICATION,
            at,
            "the terms in force give the claim another outcome",
            expected=_ending(again.outcome, again.reason.label),
            found=_ending(record.outcome, record.reason.label),
        )
    yield from _compare_components(at, record, again)


def _compare_components(at: str, record: ClaimRecord, again: Readjudication) -> Iterator[Discrepancy]:
    """Component by component. A row that did not settle has none: nobody owes anything."""
    claim, decided = record.claim, again.adjudication
    settles = again.outcome is Outcome.SETTLED and decided is not None
    expected = {name: getattr(decided, name) if settles else 0 for name in _COMPONENTS}
    if not settles:
        expected["billed"] = 0 if claim.billed_as_fee else claim.billed
    found = {name: getattr(claim, name) for name in _COMPONENTS}
    expected["fee"], found["fee"] = again.fee if settles else 0, claim.fee
    for name in _AS_IF_ALONE:
        label = f"secondary's {name}"
        expected[label] = getattr(again.secondary, name) if settles and again.secondary else 0
        found[label] = getattr(record.secondary, name)
    for name, amount in expected.items():
        if amount != found[name]:
            yield Discrepancy(
                Kind.ADJUDICATION,
                at,
                f"the terms in force give another {name.replace('_', ' ')}",
                expected=str(amount),
                found=str(found[name]),
            )
    yield from _compare_counted(at, record, again)


def _compare_counted(at: str, record: ClaimRecord, again: Readjudication) -> Iterator[Discrepancy]:
    """Units count towards a yearly limit exactly where the fee in force names one."""
    settles = again.outcome is Outcome.SETTLED
    for who, terms, counted, prices in (
        ("plan", again.priced_by, record.claim.units_counted, True),
        ("secondary", again.secondary_priced_by, record.claim.secondary_units_counted, again.secondary),
    ):
        limited = bool(settles and prices and terms and terms.fee.terms.annual_units)
        if limited != counted:
            message = f"the {who}'s fee says otherwise whether units count towards a yearly limit"
            yield Discrepancy(Kind.ADJUDICATION, at, message, expected=str(limited), found=str(counted))


def check_sums(claim: Claim) -> None:
    """A settled claim adds up (invariant 2), whatever its terms.

    Raises:
        LedgerError: it does not; says how.
    """
    patients = claim.deductible + claim.copay + claim.coinsurance + claim.outside_plan
    if patients + claim.plan_paid != claim.allowed:
        raise LedgerError(
            f"plan paid {claim.plan_paid} and the patient's parts {patients}"
            f" are not the allowed {claim.allowed}"
        )
    if claim.secondary_paid > patients:
        raise LedgerError(f"the secondary paid {claim.secondary_paid} of {patients}")
    if claim.allowed > claim.billed:
        raise LedgerError(f"allowed {claim.allowed} is more than the billed {claim.billed}")


def _ending(outcome: Outcome, reason: str) -> str:
    return outcome.name.lower() if reason == "none" else f"{outcome.name.lower()} ({reason})"
