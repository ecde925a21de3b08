"""A provider's money by the day it was credited: the twin of ``CreditAccount.sol``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainbill.errors import LedgerError
from chainbill.ledger.credit import CreditAccount, day_of, has_matured

DAY = 86_400
NOW = 20_000 * DAY + 100
"""A little after the beginning of a day."""


def test_credit__of_one_day__matures_eight_days_after_the_days_beginning() -> None:
    account = CreditAccount()
    account.credit(100, now=NOW)
    account.credit(50, now=NOW + DAY - 101)  # the day's last second
    account.credit(7, now=NOW + DAY)
    account.mature(NOW - 100 + 8 * DAY - 1)
    assert (account.matured, account.maturing) == (0, 157)
    account.mature(NOW - 100 + 8 * DAY)
    assert (account.matured, account.maturing) == (150, 7)


def test_credit__held__neither_matures_nor_is_paid() -> None:
    account = CreditAccount()
    account.credit(100, now=NOW)
    account.hold(day_of(NOW), 40)
    account.pay(60, now=NOW + 9 * DAY)
    assert (account.held, account.open_disputes, account.tokens) == (40, 1, 40)


@pytest.mark.parametrize("wait, matured, maturing", [(3 * DAY, 0, 90), (9 * DAY, 90, 0)])
def test_unhold__part_lost__rest_returns_to_where_it_came_from(
    wait: int, matured: int, maturing: int
) -> None:
    account = CreditAccount()
    account.credit(100, now=NOW)
    account.hold(day_of(NOW), 40)
    account.unhold(day_of(NOW), 40, 10, now=NOW + wait)
    assert (account.matured, account.maturing, account.held) == (matured, maturing, 0)


def test_advance__against_the_bond__is_repaid_when_credit_matures() -> None:
    account = CreditAccount(bond=30)
    account.credit(100, now=NOW)
    account.advance(30, now=NOW)
    assert account.tokens == 100
    account.pay(70, now=NOW + 9 * DAY)
    assert (account.advanced, account.bond, account.tokens) == (0, 30, 30)


def test_bond__left_over_from_a_reversed_advance__is_paid_back_less_the_advance() -> None:
    account = CreditAccount(bond=30)
    account.credit(100, now=NOW)
    account.advance(20, now=NOW)
    account.take_bucket(day_of(NOW), 100)  # given back before it matured
    account.take_bond_back(10, now=NOW + 1)
    assert (account.bond, account.advanced, account.tokens) == (0, 0, 0)


REFUSED: dict[str, tuple[CreditAccount, Callable[[CreditAccount], None], str]] = {
    "more than matured": (CreditAccount(matured=5), lambda a: a.pay(6, now=NOW), "matured credit of 5"),
    "what is owed": (CreditAccount(matured=5, owed=5), lambda a: a.pay(5, now=NOW), "credit of 0"),
    "nothing": (CreditAccount(), lambda a: a.pay(0, now=NOW), "credit of 0"),
    "advance over the bond": (
        CreditAccount(buckets={day_of(NOW): 100}, bond=10),
        lambda a: a.advance(11, now=NOW),
        "when 10 was available",
    ),
    "advance while owing": (
        CreditAccount(buckets={day_of(NOW): 100}, bond=10, owed=1),
        lambda a: a.advance(1, now=NOW),
        "when 0 was available",
    ),
    "bond while credit matures": (
        CreditAccount(buckets={day_of(NOW): 100}, bond=10),
        lambda a: a.take_bond_back(10, now=NOW),
        "still stood for something",
    ),
    "bond used twice": (
        CreditAccount(bond=10, advanced=8),
        lambda a: a.give_back(0, 3, now=NOW),
        "more than there was",
    ),
    "held twice": (
        CreditAccount(buckets={day_of(NOW): 5}),
        lambda a: a.hold(day_of(NOW), 6),
        "a day's credit of 5",
    ),
    "lost more than held": (
        CreditAccount(held=5, open_disputes=1),
        lambda a: a.unhold(day_of(NOW), 5, 6, now=NOW),
        "6 was taken of 5",
    ),
    "receivable beyond what is there": (
        CreditAccount(matured=5, owed=9),
        lambda a: a.repay(6, now=NOW),
        "of a matured credit of 5",
    ),
}


@pytest.mark.parametrize("account, take, said", list(REFUSED.values()), ids=list(REFUSED))
def test_credit__more_than_there_is__is_refused(
    account: CreditAccount, take: Callable[[CreditAccount], None], said: str
) -> None:
    with pytest.raises(LedgerError, match=said):
        take(account)


@given(st.lists(st.tuples(st.integers(0, 12 * DAY), st.integers(0, 1000)), max_size=30))
def test_credit__any_days__tokens_are_what_was_credited(steps: list[tuple[int, int]]) -> None:
    account, now = CreditAccount(), NOW
    credited: list[tuple[int, int]] = []
    for wait, amount in steps:
        now += wait
        account.credit(amount, now=now)
        credited.append((now, amount))
        assert account.tokens == sum(amount for _, amount in credited)
        assert account.matured == sum(a for at, a in credited if has_matured(day_of(at), now))
