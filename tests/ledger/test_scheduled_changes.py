"""The twins of the contracts' two-valued slots."""

from __future__ import annotations

import pytest

from chainbill.errors import LedgerError
from chainbill.ledger.scheduled_changes import Acceptance, OperatorFee, Payout, PlanChoice, Withdrawal
from chainbill.protocol_constants import (
    MAX_BATCH_LIFE_SECONDS,
    NOTICE_SECONDS,
    PAYOUT_CHANGE_DELAY_SECONDS,
    WITHDRAWAL_LIFE_SECONDS,
)

NOW = 1_700_000_000
FIRST, SECOND = "0x" + "01" * 20, "0x" + "02" * 20


def test_acceptance__ended_and_taken_back__runs_without_a_gap() -> None:
    acceptance = Acceptance()
    acceptance.accept(now=NOW)
    assert [acceptance.at(time) for time in (NOW - 1, NOW)] == [False, True]
    acceptance.end(NOW + NOTICE_SECONDS, now=NOW)
    assert [acceptance.at(NOW + NOTICE_SECONDS - 1), acceptance.at(NOW + NOTICE_SECONDS)] == [True, False]
    acceptance.accept(now=NOW + 1)
    assert acceptance.at(NOW)
    acceptance.end(NOW + 2 + NOTICE_SECONDS, now=NOW + 2)
    just_ended = NOW + 2 + NOTICE_SECONDS
    acceptance.accept(now=just_ended + MAX_BATCH_LIFE_SECONDS - 1)
    assert acceptance.at(NOW + 2)  # a batch signed before the end may be on its way
    acceptance.end(just_ended + 2 * NOTICE_SECONDS, now=just_ended + NOTICE_SECONDS)
    acceptance.accept(now=just_ended + 2 * NOTICE_SECONDS + MAX_BATCH_LIFE_SECONDS)
    assert not acceptance.at(NOW + 2)


def test_acceptance__ended_twice__is_refused() -> None:
    acceptance = Acceptance()
    with pytest.raises(LedgerError, match="without running"):
        acceptance.end(NOW + NOTICE_SECONDS, now=NOW)
    acceptance.accept(now=NOW)
    acceptance.end(NOW + NOTICE_SECONDS, now=NOW)
    with pytest.raises(LedgerError, match="without running"):
        acceptance.end(NOW + NOTICE_SECONDS, now=NOW)


def test_withdrawal__deposits_since__are_not_covered() -> None:
    withdrawal = Withdrawal()
    withdrawal.announce(80, NOW + NOTICE_SECONDS, balance=100, now=NOW)
    withdrawal.note_deposit(50)
    # Debits since have left 70, of which 50 came later.
    with pytest.raises(LedgerError, match="80 was taken, when 20 was due"):
        withdrawal.take(80, balance=70, now=NOW + NOTICE_SECONDS)
    withdrawal.take(20, balance=70, now=NOW + NOTICE_SECONDS)
    assert withdrawal == Withdrawal()


@pytest.mark.parametrize("wait", [NOTICE_SECONDS - 1, NOTICE_SECONDS + WITHDRAWAL_LIFE_SECONDS])
def test_withdrawal__too_soon_or_lapsed__is_refused(wait: int) -> None:
    withdrawal = Withdrawal()
    withdrawal.announce(80, NOW + NOTICE_SECONDS, balance=100, now=NOW)
    with pytest.raises(LedgerError, match="when none was due"):
        withdrawal.take(80, balance=100, now=NOW + wait)


def test_withdrawal__called_off__is_gone() -> None:
    withdrawal = Withdrawal()
    withdrawal.announce(80, NOW + NOTICE_SECONDS, balance=100, now=NOW)
    withdrawal.cancel()
    assert withdrawal == Withdrawal()
    with pytest.raises(LedgerError, match="when none was announced"):
        withdrawal.cancel()


def test_payout__announced__takes_over_after_its_delay() -> None:
    payout, later = Payout(FIRST), NOW + PAYOUT_CHANGE_DELAY_SECONDS
    with pytest.raises(LedgerError, match="takes over at"):
        payout.announce(SECOND, later - 1, now=NOW)
    payout.announce(SECOND, later, now=NOW)
    assert [payout.at(later - 1), payout.at(later)] == [FIRST, SECOND]
    assert payout.announced(NOW) == (SECOND, later)
    assert payout.announced(later)[1] == 0
    with pytest.raises(LedgerError, match="when none was announced"):
        payout.cancel(now=later)


def test_plan__changed_and_changed_back__never_leaves() -> None:
    plan, later = PlanChoice(1), NOW + NOTICE_SECONDS
    plan.change(2, later, now=NOW)
    assert [plan.at(later - 1), plan.at(later)] == [1, 2]
    plan.change(1, NOW + 5, now=NOW + 5)
    assert plan.at(later) == 1
    with pytest.raises(LedgerError, match="its present one"):
        plan.change(1, NOW + 6, now=NOW + 6)


def test_plan__changed_again_while_batches_under_the_old_one_live__is_refused() -> None:
    plan, later = PlanChoice(1), NOW + NOTICE_SECONDS
    plan.change(2, later, now=NOW)
    soon = later + MAX_BATCH_LIFE_SECONDS - 1
    with pytest.raises(LedgerError, match="too soon"):
        plan.change(3, soon + NOTICE_SECONDS, now=soon)
    plan.change(3, soon + 1 + NOTICE_SECONDS, now=soon + 1)
    assert plan.at(soon + 1) == 2


def test_operators_fee__announced__holds_after_the_notice_one_at_a_time() -> None:
    fee, later = OperatorFee(), NOW + NOTICE_SECONDS
    fee.announce(50_000, 100, later, now=NOW)
    assert [fee.at(later - 1), fee.at(later)] == [(0, 0), (50_000, 100)]
    settled = later + MAX_BATCH_LIFE_SECONDS
    with pytest.raises(LedgerError, match="held"):
        fee.announce(0, 0, settled - 1 + NOTICE_SECONDS, now=settled - 1)
    fee.announce(0, 0, settled + NOTICE_SECONDS, now=settled)
    assert [fee.at(settled), fee.at(settled + NOTICE_SECONDS)] == [(50_000, 100), (0, 0)]
