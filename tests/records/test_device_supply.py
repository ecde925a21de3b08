"""How many days of 30 have a reading, whatever the period."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainbill.records.device_supply import DAYS_IN_30, most_days_in_30

FIRST = date(2026, 1, 1)


def days(*numbers: int) -> list[date]:
    return [FIRST + timedelta(days=number) for number in numbers]


@pytest.mark.parametrize(
    "numbers, found",
    [
        ((), 0),
        ((7,), 1),
        ((7, 7, 7), 1),
        ((0, 29), 2),
        ((0, 30), 1),
        (range(31), 30),
        (range(0, 300, 2), 15),
        ((0, 40, 41, 42, 200), 3),
    ],
)
def test_most_days_in_30__of_these__are_so_many(numbers: tuple[int, ...], found: int) -> None:
    assert most_days_in_30(days(*numbers)) == found


@given(st.lists(st.integers(0, 120)))
def test_most_days_in_30__of_any_in_any_order__is_what_counting_each_window_finds(numbers: list[int]) -> None:
    windows = (len({each for each in numbers if start <= each < start + 30}) for start in range(-30, 121))
    assert most_days_in_30(days(*numbers)) == max(windows)


def test_days_in_30__of_every_code__leave_no_day_between_and_none_twice() -> None:
    assert sorted({day for wanted in DAYS_IN_30.values() for day in wanted}) == list(range(2, 31))
    assert {code: (wanted[0], wanted[-1]) for code, wanted in DAYS_IN_30.items()} == dict.fromkeys(
        ("99454", "98976", "98977", "98978"), (16, 30)
    ) | dict.fromkeys(("99445", "98984", "98985", "98986"), (2, 15))
