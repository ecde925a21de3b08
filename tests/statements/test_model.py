"""Amounts in a statement's JSON: dollars in quotes, by the rule that holds everywhere."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chainbill.money import MAX_AMOUNT
from chainbill.statements.model import MovementLine


def _line(amount: object) -> str:
    return json.dumps({"date": "2026-11-30", "kind": "deposit", "amount": amount})


@given(st.integers(0, MAX_AMOUNT))
def test_amount__written_as_json__is_read_back(amount: int) -> None:
    line = MovementLine(date="2026-11-30", kind="deposit", amount=amount)
    assert MovementLine.model_validate_json(line.model_dump_json()) == line


@pytest.mark.parametrize("amount", [125, 125.5, True, "88,00", "1e2", "1_0", "-1", "\u0661", "$"])
def test_amount__not_dollars_in_quotes__is_refused(amount: object) -> None:
    with pytest.raises(ValidationError, match="amount"):
        MovementLine.model_validate_json(_line(amount))
