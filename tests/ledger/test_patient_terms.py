"""What a patient sets: widening holds at once, narrowing only after the notice."""

from __future__ import annotations

import pytest

from chainbill.errors import LedgerError
from chainbill.ledger.patient_terms import Consent, ConsentChoice, Limits, PayersChoice
from chainbill.protocol_constants import DAY_SECONDS, MAX_BATCH_LIFE_SECONDS, NOTICE_SECONDS

NOW = 1_700_006_400  # the beginning of a day
LATER = NOW + NOTICE_SECONDS
UNTIL = NOW + 10**6


def test_payers__first__hold_at_once_but_not_before() -> None:
    choice = PayersChoice()
    choice.accept((3, 0), NOW, now=NOW)
    assert (choice.at(NOW - 1), choice.at(NOW)) == ((0, 0), (3, 0))


def test_payers__changed_and_changed_back__never_leave() -> None:
    choice = PayersChoice((3, 4))
    choice.accept((3, 0), LATER, now=NOW)
    assert (choice.at(NOW), choice.at(LATER)) == ((3, 4), (3, 0))
    choice.accept((3, 4), NOW + 20, now=NOW + 20)
    assert choice.at(LATER) == (3, 4)


def test_payers__changed_again__only_once_batches_under_the_ones_before_have_run_out() -> None:
    choice = PayersChoice((3, 0))
    choice.accept((4, 0), LATER, now=NOW)
    over = LATER + MAX_BATCH_LIFE_SECONDS
    with pytest.raises(LedgerError, match="takes no change"):
        choice.accept((5, 0), over - 1 + NOTICE_SECONDS, now=over - 1)
    choice.accept((5, 0), over + NOTICE_SECONDS, now=over)
    assert choice.at(over) == (4, 0)


def test_payers__the_same_again__is_refused() -> None:
    with pytest.raises(LedgerError, match="takes no change"):
        PayersChoice((3, 0)).accept((3, 0), NOW, now=NOW)


@pytest.mark.parametrize(
    "before, after, at_once",
    [
        ((0, 0), (50, 0), False),  # any limit is lower than none
        ((50, 0), (0, 0), True),
        ((50, 70), (60, 70), True),
        ((50, 70), (60, 60), False),
        ((50, 0), (60, 100), False),
        ((50, 100), (50, 0), True),
    ],
)
def test_limits__raised_at_once__lowered_after_the_notice(
    before: tuple[int, int], after: tuple[int, int], at_once: bool
) -> None:
    limits = Limits(before)
    with pytest.raises(LedgerError, match="hold from"):
        limits.set(after, LATER if at_once else NOW, now=NOW)
    limits.set(after, NOW if at_once else LATER, now=NOW)
    assert limits.at(NOW) == (after if at_once else before)
    assert limits.at(LATER) == after


def test_limits__lowered__raised_again_at_once_but_lowered_again_not_too_soon() -> None:
    limits = Limits((50, 0))
    limits.set((40, 0), LATER, now=NOW)
    with pytest.raises(LedgerError, match="too soon"):
        limits.set((30, 0), LATER + 1 + NOTICE_SECONDS, now=LATER + 1)
    limits.set((50, 0), LATER + 1, now=LATER + 1)
    assert limits.at(LATER + 1) == (50, 0)


def test_limits__what_is_spent__is_counted_by_the_day_where_a_day_has_a_limit() -> None:
    limits = Limits((0, 100))
    limits.spend(60, now=NOW + 5)
    limits.spend(10, now=NOW + 9)
    assert (limits.spent_on(NOW + 9), limits.day_left(NOW, NOW + 9)) == (70, 30)
    tomorrow = NOW + DAY_SECONDS
    assert (limits.spent_on(tomorrow), limits.day_left(tomorrow, tomorrow)) == (0, 100)
    unlimited = Limits()
    unlimited.spend(60, now=NOW)
    assert (unlimited.spent_on(NOW), unlimited.day_left(NOW, NOW)) == (0, None)
    announced = Limits((0, 0), (0, 80), LATER)  # counted before it holds
    announced.spend(60, now=NOW)
    assert announced.spent_on(NOW) == 60


def test_consent__widened_then_narrowed__narrows_after_the_notice() -> None:
    consent = ConsentChoice()
    consent.grant(Consent(100, UNTIL), NOW, now=NOW)
    consent.grant(Consent(200, UNTIL, self_pay=True), NOW + 1, now=NOW + 1)
    assert consent.at(NOW + 1) == Consent(200, UNTIL, self_pay=True)
    consent.grant(Consent(200, UNTIL), NOW + 2 + NOTICE_SECONDS, now=NOW + 2)
    assert consent.at(NOW + 1 + NOTICE_SECONDS).self_pay
    assert not consent.at(NOW + 2 + NOTICE_SECONDS).self_pay
    with pytest.raises(LedgerError, match="granted from"):
        consent.grant(Consent(10, UNTIL), NOW + 3, now=NOW + 3)


def test_consent__granted_again_while_the_one_before_is_remembered__is_refused() -> None:
    consent = ConsentChoice(Consent(100, UNTIL))
    consent.grant(Consent(50, UNTIL), LATER, now=NOW)
    with pytest.raises(LedgerError, match="too soon"):
        consent.grant(Consent(500, UNTIL), LATER + 1, now=LATER + 1)
    consent.grant(Consent(500, UNTIL), LATER + MAX_BATCH_LIFE_SECONDS, now=LATER + MAX_BATCH_LIFE_SECONDS)
    assert consent.at(LATER + MAX_BATCH_LIFE_SECONDS).per_event_limit == 500


def test_consent__revoked__ends_with_the_notice_or_sooner() -> None:
    consent = ConsentChoice()
    consent.grant(Consent(100, UNTIL), NOW, now=NOW)
    consent.revoke(LATER, now=NOW)
    assert consent.at(NOW) == consent.at(LATER) == Consent(100, LATER)
    consent.revoke(LATER, now=NOW + 60)  # again: not prolonged
    assert consent.at(NOW + 60) == Consent(100, LATER)
    brief = ConsentChoice(Consent(100, NOW + 60))
    brief.revoke(NOW + 60, now=NOW)
    assert brief.at(LATER) == Consent(100, NOW + 60)
    with pytest.raises(LedgerError, match="revoked"):
        brief.revoke(NOW + 60, now=NOW + 60)
