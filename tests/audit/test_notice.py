"""The twins of the contracts' two-valued slots, and the times they go by."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chainbill.audit.notice import (
    MAX_BATCH_LIFE_SECONDS,
    NOTICE_SECONDS,
    WITHDRAWAL_LIFE_SECONDS,
    Acceptance,
    ConsentTerms,
    PayerChoice,
    Withdrawal,
)
from chainbill.errors import LedgerError

NOW = 1_700_000_000
UNITS = {"hours": 3600, "days": 86_400}


@pytest.mark.parametrize(
    "name, seconds",
    [
        ("NOTICE", NOTICE_SECONDS),
        ("MAX_BATCH_LIFE", MAX_BATCH_LIFE_SECONDS),
        ("WITHDRAWAL_LIFE", WITHDRAWAL_LIFE_SECONDS),
    ],
)
def test_times__named_here__are_the_contracts(project_root: Path, name: str, seconds: int) -> None:
    source = (project_root / "contracts" / "libraries" / "Notice.sol").read_text()
    [(number, unit)] = re.findall(rf"constant {name} = (\d+) (\w+);", source)
    assert seconds == int(number) * UNITS[unit]


def test_payer__first__holds_at_once_but_not_before() -> None:
    choice = PayerChoice()
    choice.accept(3, NOW, now=NOW)
    assert (choice.at(NOW - 1), choice.at(NOW)) == (0, 3)


def test_payer__changed_and_changed_back__never_leaves() -> None:
    choice = PayerChoice()
    choice.accept(3, NOW, now=NOW)
    choice.accept(4, NOW + 10 + NOTICE_SECONDS, now=NOW + 10)
    assert (choice.at(NOW + 10), choice.at(NOW + 10 + NOTICE_SECONDS)) == (3, 4)
    choice.accept(3, NOW + 20, now=NOW + 20)
    assert choice.at(NOW + 10 + NOTICE_SECONDS) == 3


def test_consent__widened_then_narrowed__narrows_after_the_notice() -> None:
    consent = ConsentTerms()
    consent.grant(100, NOW + 10**6, NOW, now=NOW)
    consent.grant(200, NOW + 10**6, NOW + 1, now=NOW + 1)
    assert consent.at(NOW + 1) == (200, NOW + 10**6)
    consent.grant(50, NOW + 10**6, NOW + 2 + NOTICE_SECONDS, now=NOW + 2)
    assert consent.at(NOW + 1 + NOTICE_SECONDS) == (200, NOW + 10**6)
    assert consent.at(NOW + 2 + NOTICE_SECONDS) == (50, NOW + 10**6)
    with pytest.raises(LedgerError, match="granted from"):
        consent.grant(10, NOW + 10**6, NOW + 3, now=NOW + 3)


def test_consent__revoked__ends_with_the_notice_or_sooner() -> None:
    consent = ConsentTerms()
    consent.grant(100, NOW + 10**6, NOW, now=NOW)
    consent.revoke(NOW + NOTICE_SECONDS, now=NOW)
    assert consent.at(NOW) == consent.at(NOW + NOTICE_SECONDS) == (100, NOW + NOTICE_SECONDS)
    consent.revoke(NOW + NOTICE_SECONDS, now=NOW + 60)  # again: not prolonged
    assert consent.at(NOW + 60) == (100, NOW + NOTICE_SECONDS)
    brief = ConsentTerms()
    brief.grant(100, NOW + 60, NOW, now=NOW)
    brief.revoke(NOW + 60, now=NOW)
    assert brief.at(NOW + NOTICE_SECONDS) == (100, NOW + 60)
    with pytest.raises(LedgerError, match="revoked"):
        brief.revoke(NOW + 60, now=NOW + 60)


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
