"""Self-pay: the provider's published cash price, by patients without a payer or with their consent."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.situations import endings, suspend
from tests.support.deployment import (
    CASH_PRICES,
    HOUR,
    MAX_BATCH_LIFE,
    NOTICE,
    NOW,
    PATIENT_FUNDS,
    REFILL,
    UNLISTED,
    VISIT,
    YEAR,
    Protocol,
)
from tests.support.evm import Receipt

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.batch_codec import BatchRow
from chainbill.chain.format.events import ClaimSettled, TokensMoved
from chainbill.money import CENT, DOLLAR, MAX_AMOUNT

PRICE = CASH_PRICES[VISIT]


@pytest.fixture(autouse=True)
def uninsured(protocol: Protocol) -> str:
    """`late` has no payer; the provider has published its cash prices."""
    protocol.publish_cash_prices()
    protocol.welcome(protocol.late, payers=(0, 0))
    return protocol.late


def settle(protocol: Protocol, *rows: BatchRow, signed_at: int | None = None, **section: Any) -> Receipt:
    return protocol.submit(protocol.batch([protocol.self_pay(*rows, **section)], signed_at=signed_at))


def reason(receipt: Receipt) -> Reason | None:
    """Why the only row pends; None where it settled."""
    if receipt.value[0]:
        return None
    ((_, outcome, why),) = endings(receipt)
    assert outcome == Outcome.PENDED
    return why


# ---- the price --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "billed, units, owed, shown",
    [
        (200 * DOLLAR, 1, PRICE, 200 * DOLLAR),
        (PRICE + 1, 1, PRICE, PRICE + 1),
        (PRICE, 1, PRICE, PRICE),
        (PRICE - 1, 1, PRICE - 1, PRICE - 1),
        (0, 1, PRICE, PRICE),
        (0, 3, 3 * PRICE, 3 * PRICE),
        (200 * DOLLAR, 3, 200 * DOLLAR, 200 * DOLLAR),
    ],
)
def test_settle__without_a_payer__owes_the_lower_of_billed_and_price(
    protocol: Protocol, uninsured: str, billed: int, units: int, owed: int, shown: int
) -> None:
    receipt = settle(protocol, protocol.row(uninsured, 1, billed=billed, units=units))
    (settled,) = receipt.of(ClaimSettled)
    claim = settled.claim
    assert (claim.billed, claim.billed_as_fee, claim.allowed) == (shown, billed == 0, owed)
    assert (claim.outside_plan, claim.patient_responsibility, claim.plan_paid) == (owed, owed, 0)
    assert (claim.deductible, claim.copay, claim.coinsurance, claim.secondary_paid) == (0, 0, 0, 0)
    assert (claim.payer_id, claim.plan_id, claim.terms_version) == (0, 0, 0)
    assert protocol.balance(uninsured) == PATIENT_FUNDS - owed
    assert protocol.credit() == owed
    protocol.assert_solvent()


def test_settle__without_a_payer__moves_the_patients_tokens_alone(protocol: Protocol, uninsured: str) -> None:
    (moved,) = settle(protocol, protocol.row(uninsured, 1), protocol.row(uninsured, 2)).of(TokensMoved)
    assert (moved.sender.lower(), moved.amount) == (protocol.escrow.address.lower(), 2 * PRICE)


def test_settle__insured_patient_who_agreed__owes_the_price_and_no_accumulator_moves(
    protocol: Protocol,
) -> None:
    protocol.grant(protocol.patient, self_pay=True)
    before = protocol.member(protocol.patient), protocol.pool()
    assert reason(settle(protocol, protocol.row(protocol.patient, 1))) is None
    assert protocol.balance(protocol.patient) == PATIENT_FUNDS - PRICE
    assert (protocol.member(protocol.patient), protocol.pool()) == before


def test_settle__agreed_to_self_pay__the_plan_still_pays_its_own(protocol: Protocol) -> None:
    protocol.grant(protocol.patient, self_pay=True)
    sections = [
        protocol.self_pay(protocol.row(protocol.patient, 1, REFILL)),
        protocol.section(protocol.row(protocol.patient, 2)),
    ]
    assert protocol.submit(protocol.batch(sections)).value == (2, 0, 0, 0)
    assert protocol.balance(protocol.patient) == PATIENT_FUNDS - 60 * DOLLAR - 110 * DOLLAR
    protocol.assert_solvent()


@pytest.mark.parametrize("late, price", [(-1, PRICE), (0, 80 * DOLLAR), (1, 80 * DOLLAR)])
def test_settle__signed_around_a_new_price__by_the_one_in_force(
    protocol: Protocol, uninsured: str, late: int, price: int
) -> None:
    protocol.publish_cash_prices({VISIT: 80 * DOLLAR})
    protocol.evm.now = NOW + NOTICE + HOUR // 2
    receipt = settle(protocol, protocol.row(uninsured, 1), signed_at=NOW + NOTICE + late)
    assert receipt.of(ClaimSettled)[0].claim.allowed == price


# ---- why not ----------------------------------------------------------------------------------------------


def test_settle__insured_patient_billed_as_self_pay__pends(protocol: Protocol) -> None:
    """A provider cannot turn a covered event into a cash price."""
    before = protocol.state(1)
    receipt = settle(protocol, protocol.row(protocol.patient, 1))
    assert reason(receipt) == Reason.PAYER_NOT_ACCEPTED
    assert protocol.state(1) == before


@pytest.mark.parametrize("late, settles", [(-1, True), (0, False), (1, False)])
def test_settle__signed_around_the_end_of_the_agreement__until_that_second(
    protocol: Protocol, late: int, settles: bool
) -> None:
    """Taking the agreement back is a narrower consent: it holds after NOTICE."""
    protocol.grant(protocol.patient, self_pay=True)
    protocol.evm.now += MAX_BATCH_LIFE
    protocol.grant(protocol.patient, self_pay=False)
    ends_at = protocol.evm.now + NOTICE
    protocol.evm.now = ends_at + HOUR // 2
    receipt = settle(protocol, protocol.row(protocol.patient, 1), signed_at=ends_at + late)
    assert reason(receipt) == (None if settles else Reason.PAYER_NOT_ACCEPTED)


@pytest.mark.parametrize("late, settles", [(-1, False), (0, True), (1, True)])
def test_settle__signed_around_leaving_the_payer__from_that_second_on(
    protocol: Protocol, late: int, settles: bool
) -> None:
    protocol.evm.now += MAX_BATCH_LIFE
    protocol.escrow.send(protocol.patient, "acceptPayer", 0, 0)
    left_at = protocol.evm.now + NOTICE
    protocol.evm.now = left_at + HOUR // 2
    receipt = settle(protocol, protocol.row(protocol.patient, 1), signed_at=left_at + late)
    assert reason(receipt) == (None if settles else Reason.PAYER_NOT_ACCEPTED)


def test_settle__without_a_price__pends(protocol: Protocol, uninsured: str) -> None:
    receipt = settle(protocol, protocol.row(uninsured, 1, UNLISTED))
    assert reason(receipt) == Reason.NO_CASH_PRICE


def test_settle__price_of_another_provider__does_not_count(protocol: Protocol, uninsured: str) -> None:
    other = protocol.register_provider(protocol.stranger)
    protocol.grant(uninsured, provider_id=other)
    receipt = settle(protocol, protocol.row(uninsured, 1), provider_id=other)
    assert reason(receipt) == Reason.NO_CASH_PRICE


def test_settle__price_no_longer_offered__pends(protocol: Protocol, uninsured: str) -> None:
    protocol.publish_cash_prices({VISIT: 0})
    protocol.evm.now += NOTICE
    assert reason(settle(protocol, protocol.row(uninsured, 1))) == Reason.NO_CASH_PRICE


def test_settle__signed_before_the_first_price__pends(protocol: Protocol, uninsured: str) -> None:
    protocol.evm.now += HOUR
    protocol.publish_cash_prices({UNLISTED: DOLLAR})
    early = settle(protocol, protocol.row(uninsured, 1, UNLISTED), signed_at=protocol.evm.now - 1)
    assert reason(early) == Reason.NO_CASH_PRICE
    assert reason(settle(protocol, protocol.row(uninsured, 1, UNLISTED))) is None


def test_settle__without_consent__pends(protocol: Protocol) -> None:
    protocol.fund_patient(protocol.stranger, PRICE)
    assert reason(settle(protocol, protocol.row(protocol.stranger, 1))) == Reason.NO_CONSENT


@pytest.mark.parametrize("spare, settles", [(-1, False), (0, True), (1, True)])
def test_settle__around_the_consent_limit__at_most_the_limit(
    protocol: Protocol, uninsured: str, spare: int, settles: bool
) -> None:
    protocol.grant(uninsured, PRICE + spare)
    protocol.evm.now += NOTICE
    receipt = settle(protocol, protocol.row(uninsured, 1))
    assert reason(receipt) == (None if settles else Reason.OVER_CONSENT_LIMIT)


@pytest.mark.parametrize("spare, settles", [(-CENT, False), (0, True), (CENT, True)])
@pytest.mark.parametrize("limit", ["event", "day"])
def test_settle__around_the_patients_own_limit__at_most_the_limit(
    protocol: Protocol, uninsured: str, limit: str, spare: int, settles: bool
) -> None:
    limits = (PRICE + spare, 0) if limit == "event" else (0, PRICE + spare)
    protocol.escrow.send(uninsured, "setLimits", *limits)
    protocol.evm.now += NOTICE
    over = Reason.OVER_EVENT_LIMIT if limit == "event" else Reason.OVER_DAY_LIMIT
    assert reason(settle(protocol, protocol.row(uninsured, 1))) == (None if settles else over)


@pytest.mark.parametrize("spare, settles", [(-1, False), (0, True)])
def test_settle__around_the_balance__at_most_the_balance(
    protocol: Protocol, spare: int, settles: bool
) -> None:
    protocol.welcome(protocol.stranger, amount=PRICE + spare, payers=(0, 0))
    receipt = settle(protocol, protocol.row(protocol.stranger, 1))
    assert reason(receipt) == (None if settles else Reason.PATIENT_UNFUNDED)


@pytest.mark.parametrize(
    "billed, why", [(0, Reason.PATIENT_UNFUNDED), (MAX_AMOUNT, Reason.OVER_CONSENT_LIMIT), (1, None)]
)
def test_settle__price_beyond_64_bits__blocks_nobody(
    protocol: Protocol, uninsured: str, billed: int, why: Reason | None
) -> None:
    protocol.publish_cash_prices({UNLISTED: MAX_AMOUNT})
    huge = protocol.row(uninsured, 1, UNLISTED, units=2**16 - 1, billed=billed)
    receipt = settle(protocol, huge, protocol.row(uninsured, 2))
    assert endings(receipt) == ([] if why is None else [(1, Outcome.PENDED, why)])
    assert protocol.is_spent(2)


@pytest.mark.parametrize(
    "changes, outcome, why",
    [
        ({"units": 0}, Outcome.DENIED, Reason.UNITS_EXCEEDED),
        ({"benefit_year": YEAR - 2}, Outcome.DENIED, Reason.BENEFIT_YEAR_CLOSED),
        ({"benefit_year": YEAR + 1}, Outcome.PENDED, Reason.BENEFIT_YEAR_NOT_OPEN),
        ({"benefit_year": 2**16 - 1}, Outcome.PENDED, Reason.BENEFIT_YEAR_NOT_OPEN),
    ],
)
def test_settle__row_that_no_payer_would_take__is_not_taken_either(
    protocol: Protocol, uninsured: str, changes: dict[str, int], outcome: Outcome, why: Reason
) -> None:
    receipt = settle(protocol, protocol.row(uninsured, 1, **changes), protocol.row(uninsured, 2))
    assert endings(receipt) == [(1, outcome, why)]


def test_settle__provider_suspended__pends(protocol: Protocol, uninsured: str) -> None:
    suspend(protocol)
    assert reason(settle(protocol, protocol.row(uninsured, 1))) == Reason.PROVIDER_NOT_ACTIVE


def test_settle__plan_named_without_a_payer__means_nothing(protocol: Protocol, uninsured: str) -> None:
    assert endings(settle(protocol, protocol.row(uninsured, 1), plan_id=9, terms_version=9)) == []
