"""One situation for each reason a row can end with: what is changed beforehand, and the row to settle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.deployment import COSMETIC, MAX_BATCH_LIFE, THERAPY, UNLISTED, VISIT, YEAR, Protocol
from tests.support.evm import Receipt

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.batch_codec import BatchRow, BatchSection
from chainbill.chain.format.events import ClaimDenied, ClaimPended, ClaimSkipped
from chainbill.money import CENT, DOLLAR


@dataclass(frozen=True)
class Situation:
    """How a reason comes about. The row is the patient's with sequence 1."""

    outcome: Outcome
    reason: Reason
    prepare: Callable[[Protocol], object] = id
    """`id` changes nothing."""
    row: dict[str, Any] = field(default_factory=dict)
    section: dict[str, Any] = field(default_factory=dict)
    stops_everybody: bool = False
    """The provider or its acceptance is what is wrong: the neighbour's rows end so too."""

    def bad_row(self, protocol: Protocol, patient: str, sequence: int = 1) -> BatchRow:
        """The row that ends so."""
        return protocol.row(patient, sequence, **self.row)

    def bad_section(self, protocol: Protocol) -> BatchSection:
        """A section of that row alone."""
        return protocol.section(self.bad_row(protocol, protocol.patient), **self.section)


def suspend(protocol: Protocol) -> None:
    protocol.suspend()


def revoke_key(protocol: Protocol) -> None:
    protocol.registry.send(protocol.provider, "revokeAttester", protocol.provider_id, protocol.provider)


def drain_pool(protocol: Protocol) -> None:
    """Leave the pool one micro-dollar short of the patient's first visit."""
    keep = 40 * DOLLAR - 1
    protocol.payer.send(protocol.insurer, "requestWithdrawal", protocol.pool() - keep)
    protocol.evm.now += 86_400
    protocol.payer.send(protocol.insurer, "withdraw")


def drain_patient(protocol: Protocol) -> None:
    """Leave the patient one micro-dollar short of the first visit."""
    keep = 110 * DOLLAR - 1
    protocol.escrow.send(protocol.patient, "requestWithdrawal", protocol.balance(protocol.patient) - keep)
    protocol.evm.now += 86_400
    protocol.escrow.send(protocol.patient, "withdraw")


def change_payer(protocol: Protocol) -> None:
    other = protocol.create_payer(protocol.stranger)
    protocol.evm.now += MAX_BATCH_LIFE
    protocol.escrow.send(protocol.patient, "acceptPayer", other, 0)
    protocol.evm.now += 86_400


def add_secondary(protocol: Protocol) -> None:
    """A patient with two payers is not charged as one with the first alone."""
    other = protocol.create_payer(protocol.stranger)
    protocol.evm.now += MAX_BATCH_LIFE
    protocol.escrow.send(protocol.patient, "acceptPayer", protocol.payer_id, other)
    protocol.evm.now += 86_400


def revoke(protocol: Protocol) -> None:
    protocol.escrow.send(protocol.patient, "revokeConsent", protocol.provider_id)
    protocol.evm.now += 86_400


def narrow(protocol: Protocol) -> None:
    """Allow one micro-dollar less than the first visit costs."""
    protocol.grant(protocol.patient, 110 * DOLLAR - 1)
    protocol.evm.now += 86_400


def limit_event(protocol: Protocol) -> None:
    """Set a limit for one event, a cent under the first visit."""
    protocol.escrow.send(protocol.patient, "setLimits", 110 * DOLLAR - CENT, 0)
    protocol.evm.now += 86_400


def limit_day(protocol: Protocol) -> None:
    """Set a limit for one day, a cent under the first visit."""
    protocol.escrow.send(protocol.patient, "setLimits", 0, 110 * DOLLAR - CENT)
    protocol.evm.now += 86_400


def end_coverage(protocol: Protocol) -> None:
    protocol.payer.send(protocol.insurer, "endCoverage", protocol.patient, YEAR)
    protocol.evm.now += 86_400


def end_acceptance(protocol: Protocol) -> None:
    protocol.payer.send(protocol.insurer, "endProviderAcceptance", protocol.provider_id)
    protocol.evm.now += 86_400


def settle_it(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 1))


def deny_it(protocol: Protocol) -> None:
    protocol.settle(protocol.row(protocol.patient, 1, UNLISTED))


DENIED, PENDED, SKIPPED = Outcome.DENIED, Outcome.PENDED, Outcome.SKIPPED
SELF_PAY = {"payer_id": 0, "plan_id": 0, "terms_version": 0}

SITUATIONS = {
    "category not in the plan": Situation(DENIED, Reason.NOT_COVERED, row={"service": COSMETIC}),
    "a unit too many": Situation(DENIED, Reason.UNITS_EXCEEDED, row={"units": 5}),
    "no unit": Situation(DENIED, Reason.UNITS_EXCEEDED, row={"units": 0}),
    "a unit too many for a year": Situation(
        DENIED, Reason.ANNUAL_UNITS_EXCEEDED, row={"service": THERAPY, "units": 5}
    ),
    "service without a fee": Situation(DENIED, Reason.UNKNOWN_SERVICE, row={"service": UNLISTED}),
    "two years ago": Situation(DENIED, Reason.BENEFIT_YEAR_CLOSED, row={"benefit_year": YEAR - 2}),
    "year 0": Situation(DENIED, Reason.BENEFIT_YEAR_CLOSED, row={"benefit_year": 0}),
    "next year": Situation(PENDED, Reason.BENEFIT_YEAR_NOT_OPEN, row={"benefit_year": YEAR + 1}),
    "year 65535": Situation(PENDED, Reason.BENEFIT_YEAR_NOT_OPEN, row={"benefit_year": 2**16 - 1}),
    "provider suspended": Situation(PENDED, Reason.PROVIDER_NOT_ACTIVE, suspend, stops_everybody=True),
    # Nobody is the attester of a provider that does not exist.
    "provider never registered": Situation(PENDED, Reason.NOT_ATTESTED, section={"provider_id": 77}),
    "provider 0": Situation(PENDED, Reason.NOT_ATTESTED, section={"provider_id": 0}),
    "attester's key revoked": Situation(PENDED, Reason.NOT_ATTESTED, revoke_key, stops_everybody=True),
    "payer never made": Situation(PENDED, Reason.UNKNOWN_PAYER, section={"payer_id": 77}),
    "payer beyond 24 bits": Situation(PENDED, Reason.UNKNOWN_PAYER, section={"payer_id": 2**24 + 1}),
    "last payer there could be": Situation(PENDED, Reason.UNKNOWN_PAYER, section={"payer_id": 2**32 - 1}),
    "secondary payer never made": Situation(
        PENDED,
        Reason.UNKNOWN_PAYER,
        row={"secondary_service_id": VISIT},
        section={"secondary_payer_id": 77, "secondary_plan_id": 1, "secondary_terms_version": 1},
    ),
    "provider's acceptance ended": Situation(
        PENDED, Reason.PROVIDER_NOT_ACCEPTED, end_acceptance, stops_everybody=True
    ),
    "plan never published": Situation(PENDED, Reason.NO_TERMS_IN_FORCE, section={"plan_id": 2}),
    "plan 0": Situation(PENDED, Reason.NO_TERMS_IN_FORCE, section={"plan_id": 0}),
    "version 0": Situation(PENDED, Reason.NO_TERMS_IN_FORCE, section={"terms_version": 0}),
    "version to come": Situation(PENDED, Reason.NO_TERMS_IN_FORCE, section={"terms_version": 2}),
    "last version there could be": Situation(
        PENDED, Reason.NO_TERMS_IN_FORCE, section={"terms_version": 2**16 - 1}
    ),
    "patient left the payer": Situation(PENDED, Reason.PAYER_NOT_ACCEPTED, change_payer),
    "patient has a secondary payer too": Situation(PENDED, Reason.PAYER_NOT_ACCEPTED, add_secondary),
    "insured patient billed as self-pay": Situation(PENDED, Reason.PAYER_NOT_ACCEPTED, section=SELF_PAY),
    "not enrolled in that year": Situation(PENDED, Reason.NOT_ENROLLED, row={"benefit_year": YEAR - 1}),
    "coverage ended": Situation(PENDED, Reason.NOT_ENROLLED, end_coverage),
    "consent revoked": Situation(PENDED, Reason.NO_CONSENT, revoke),
    "consent too narrow": Situation(PENDED, Reason.OVER_CONSENT_LIMIT, narrow),
    "over the patient's limit for an event": Situation(PENDED, Reason.OVER_EVENT_LIMIT, limit_event),
    "over the patient's limit for a day": Situation(PENDED, Reason.OVER_DAY_LIMIT, limit_day),
    "patient short by one": Situation(PENDED, Reason.PATIENT_UNFUNDED, drain_patient),
    "pool short by one": Situation(PENDED, Reason.PAYER_UNFUNDED, drain_pool),
    "self-pay without a cash price": Situation(
        PENDED,
        Reason.NO_CASH_PRICE,
        lambda protocol: protocol.grant(protocol.patient, self_pay=True),
        section=SELF_PAY,
    ),
    "corrects nothing": Situation(
        PENDED, Reason.NOT_REVERSED, row={"corrects": b"\x07" * 32}, section={"corrections": True}
    ),
    "settled before": Situation(SKIPPED, Reason.SEQUENCE_SPENT, settle_it),
    "denied before": Situation(SKIPPED, Reason.SEQUENCE_SPENT, deny_it),
}
"""By what happened. `PAYER_FAILED` needs tokens that cannot move: see `test_payer_failed`."""


def endings(receipt: Receipt) -> list[tuple[int, Outcome, Reason]]:
    """Each row that did not settle, in order: sequence, outcome, reason."""
    outcomes = {ClaimDenied: DENIED, ClaimPended: PENDED, ClaimSkipped: SKIPPED}
    return [
        (event.claim.sequence, outcomes[type(event)], event.claim.reason)
        for event in receipt.events
        if type(event) in outcomes
    ]
