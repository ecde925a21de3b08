"""Reversals event by event, without a chain: what they take, what waits, and what they may not be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chainbill.attestation.address import ZERO_ADDRESS, checksum_address
from chainbill.billing.accumulators import Accumulators
from chainbill.billing.outcomes import Reason
from chainbill.billing.terms import FeeTerms, PlanTerms
from chainbill.chain.contracts.settlement import DisputeStatus
from chainbill.chain.deployments import Deployment
from chainbill.chain.format import events
from chainbill.chain.format.packed_claim import NO_SECONDARY
from chainbill.errors import LedgerError
from chainbill.ledger.accounts import Ledger
from chainbill.ledger.replay import apply

DAY = 86_400
START = 20_000 * DAY + 100
PATIENT, INSURER, CLINIC, OPERATOR = (checksum_address(f"0x{n:040x}") for n in range(1, 5))
DEPLOYMENT = Deployment(
    chain_id=1,
    block=0,
    **{
        name: checksum_address(f"0x{number:040x}")
        for number, name in enumerate(
            ("governance", "token", "registry", "escrow", "payers", "settlement"), start=10
        )
    },
)
SERVICE = b"service!"
CLAIM = events.Claim(
    commitment=b"c" * 32,
    sequence=1,
    provider_id=1,
    payer_id=1,
    plan_id=1,
    terms_version=1,
    secondary_payer_id=0,
    secondary_plan_id=0,
    secondary_terms_version=0,
    secondary_service_id=bytes(8),
    reason=Reason.NONE,
    benefit_year=2024,
    service_id=SERVICE,
    units=2,
    billed_as_fee=False,
    billed=120,
    allowed=100,
    deductible=10,
    copay=0,
    coinsurance=20,
    outside_plan=5,
    plan_paid=65,
    secondary_paid=0,
    fee=4,
    units_counted=True,
)
WHOLE = replace(CLAIM, billed=0)
"""The differences of a reversal in full."""


class Past:
    """A ledger with one settled claim."""

    def __init__(self) -> None:
        self.ledger = Ledger(DEPLOYMENT)
        self._count = 0
        fee = FeeTerms(amount=50, category=1, max_units=9, annual_units=9)
        self.log(
            START,
            events.ProviderRegistered(1, CLINIC),
            events.PayerCreated(1, checksum_address("0x" + "14" * 20), INSURER),
            events.PlanPublished(1, 1, 1, PlanTerms(deductible=0, oop_max=0), START),
            events.FeePublished(1, SERVICE, fee, START, 1),
            events.PoolDeposited(1, INSURER, 1000),
            events.PatientDeposited(PATIENT, 500),
            events.Enrolled(1, PATIENT, 2024, 1, 0, 0, 0, 0),
        )
        batch = events.BatchSettled(b"d" * 32, 1, START, CLINIC, OPERATOR, 1, 0, 0, 0, b"r" * 32, 7)
        self.log(START, events.ClaimSettled(PATIENT, CLAIM), batch)
        [self.claim_id] = self.ledger.claims

    def log(self, time: int, *logged: events.Event) -> None:
        self._count += 1
        for index, event in enumerate(logged):
            transaction = f"0x{self._count:064x}"
            apply(
                self.ledger,
                events.RecordedEvent(event, DEPLOYMENT.settlement, self._count, time, transaction, index),
            )

    def funded(self, **amounts: int) -> events.ReversalFunded:
        parts = {"held": 0, "maturing": 0, "matured": 0, "bond": 0, "operator_fee": 0}
        return events.ReversalFunded(self.claim_id, **{**parts, **amounts})

    def reversed(self, claim: events.Claim = WHOLE) -> events.ClaimReversed:
        return events.ClaimReversed(self.claim_id, PATIENT, claim, NO_SECONDARY)

    @property
    def met(self) -> Accumulators:
        return self.ledger.accumulators(1, PATIENT, 2024)

    def adds_up(self) -> None:
        waiting = sum(payer.waiting_refund for payer in self.ledger.payers.values())
        tokens = sum(account.tokens for account in self.ledger.credits())
        assert tokens + waiting == self.ledger.settlement_owes


@pytest.fixture
def past() -> Past:
    return Past()


def test_settled__claim__is_in_its_days_credit_and_in_the_year(past: Past) -> None:
    assert past.met == Accumulators(10, 30, 65)
    assert past.ledger.payer(1).units_used(PATIENT, 2024, SERVICE) == 2
    assert past.ledger.provider(1).credit.maturing == 96
    assert past.ledger.operators[OPERATOR].maturing == 4
    past.adds_up()


def test_voided__before_its_credit_matured__takes_it_back_with_the_operators_fee(past: Past) -> None:
    past.log(
        START + DAY,
        past.funded(maturing=96, operator_fee=4),
        past.reversed(),
        events.PatientRefunded(PATIENT, 35),
        events.PoolRefunded(1, 65),
    )
    assert past.met == Accumulators()
    assert past.ledger.payer(1).units_used(PATIENT, 2024, SERVICE) == 0
    assert (past.ledger.balance_of(PATIENT), past.ledger.payer(1).pool) == (500, 1000)
    assert past.ledger.settlement_owes == 0
    assert past.ledger.disputes[past.claim_id].status is DisputeStatus.REVERSED


def test_ruled__in_part__units_stay_counted_and_the_rest_is_the_providers(past: Past) -> None:
    part = replace(WHOLE, allowed=40, deductible=10, coinsurance=0, outside_plan=5, plan_paid=25, fee=1)
    past.log(
        START + 1, events.ClaimDisputed(past.claim_id, 1, events.DisputeParty.PATIENT, START + 1 + 3 * DAY)
    )
    assert past.ledger.disputes[past.claim_id].held == 96
    past.log(START + 2, events.DisputeAnswered(past.claim_id, b"s" * 32, START + 2 + 14 * DAY))
    past.log(
        START + 3,
        past.funded(held=39, operator_fee=1),
        past.reversed(part),
        events.PatientRefunded(PATIENT, 15),
        events.PoolRefunded(1, 25),
    )
    assert past.met == Accumulators(0, 20, 40)
    assert past.ledger.payer(1).units_used(PATIENT, 2024, SERVICE) == 2
    assert past.ledger.provider(1).credit.maturing == 57
    assert past.ledger.operators[OPERATOR].maturing == 3
    past.adds_up()


def test_refund__that_could_not_be_sent__waits_until_it_is_collected(past: Past) -> None:
    past.log(
        START + DAY,
        past.funded(maturing=96, operator_fee=4),
        past.reversed(),
        events.PatientRefunded(PATIENT, 35),
        events.RefundDeferred(1, 65),
    )
    assert (past.ledger.payer(1).pool, past.ledger.payer(1).waiting_refund) == (935, 65)
    past.adds_up()
    past.log(START + 2 * DAY, events.PoolRefunded(1, 65))
    assert (past.ledger.payer(1).pool, past.ledger.payer(1).waiting_refund) == (1000, 0)
    assert past.ledger.settlement_owes == 0


def test_voided__after_its_credit_was_paid__bond_then_receivable(past: Past) -> None:
    later = START + 9 * DAY
    past.log(later, events.ProviderPaid(1, CLINIC, 96), events.BondDeposited(1, CLINIC, 40))
    missing = events.ReceivableRecorded(past.claim_id, 1, 1, 60)
    past.log(
        later + 1,
        past.funded(bond=40),
        missing,
        past.reversed(replace(WHOLE, fee=0)),
        events.PatientRefunded(PATIENT, 35),
        events.PoolRefunded(1, 5),
    )
    credit = past.ledger.provider(1).credit
    assert (credit.bond, credit.owed, past.ledger.provider(1).receivables) == (0, 60, {1: 60})
    past.adds_up()
    batch = events.BatchSettled(b"e" * 32, 1, later, CLINIC, ZERO_ADDRESS, 1, 0, 0, 0, b"r" * 32, 8)
    past.log(later + 2, events.ClaimSettled(PATIENT, replace(CLAIM, sequence=2, fee=0)), batch)
    past.log(later + 9 * DAY, events.ReceivablePaid(1, 1, 60), events.PoolRefunded(1, 60))
    assert (credit.owed, credit.matured) == (0, 40)
    past.adds_up()


REFUSED: dict[str, tuple[int, list[str | dict[str, int]], str]] = {
    "of held money without a dispute": (1, [{"held": 96, "operator_fee": 4}], "of the wrong kind"),
    "of matured money too early": (1, [{"matured": 96, "operator_fee": 4}], "of the wrong kind"),
    "of maturing money too late": (9 * DAY, [{"maturing": 96, "operator_fee": 4}], "of the wrong kind"),
    "of more than there is": (9 * DAY, [{"matured": 97}], "more than there was"),
    "paid with too little": (1, [{"maturing": 95, "operator_fee": 4}, "reversed"], "was paid with 99"),
    "without money": (1, ["reversed"], "out of nobody's money"),
    "twice": (
        1,
        [{"maturing": 96, "operator_fee": 4}, "reversed", {"maturing": 0, "operator_fee": 0}],
        "reversed twice",
    ),
    "with a refund that was not due": (
        1,
        [{"maturing": 96, "operator_fee": 4}, "reversed", "pool"],
        "was refunded 66",
    ),
}


@pytest.mark.parametrize("wait, steps, said", list(REFUSED.values()), ids=list(REFUSED))
def test_reversal__that_no_contract_would_log__is_refused(
    past: Past, wait: int, steps: list[Any], said: str
) -> None:
    known = {"reversed": past.reversed(), "pool": events.PoolRefunded(1, 66)}
    logged = [past.funded(**step) if isinstance(step, dict) else known[step] for step in steps]
    with pytest.raises(LedgerError, match=said):
        past.log(START + wait, *logged)


def test_correction__of_what_was_not_reversed__is_refused(past: Past) -> None:
    corrected = events.ClaimSettled(PATIENT, replace(CLAIM, sequence=2, commitment=b"k" * 32))
    with pytest.raises(LedgerError, match="without having been reversed"):
        past.log(START + 1, corrected, events.ClaimCorrected(past.claim_id, b"k" * 32))


def test_dispute__after_the_window__is_refused(past: Past) -> None:
    late = START + 7 * DAY
    with pytest.raises(LedgerError, match="after its window"):
        past.log(late, events.ClaimDisputed(past.claim_id, 1, events.DisputeParty.PATIENT, late + 3 * DAY))
