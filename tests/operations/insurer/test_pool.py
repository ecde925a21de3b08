"""An insurer's pool; what a wallet's tests show of deposits and withdrawals is not shown again."""

from __future__ import annotations

import pytest
from tests.support.testbed import DAY, Testbed

from chainbill.errors import ChainError, ContractReverted, HoldsTooLittle
from chainbill.money import DOLLAR
from chainbill.operations.insurer import pool


def test_pool__filled_and_on_notice_withdrawn_from__pays_the_insurer(testbed: Testbed) -> None:
    insurer, payer_id = testbed.insurer(100)
    with pytest.raises(HoldsTooLittle, match=r"holds \$100.00") as refused:
        pool.deposit(insurer, payer_id, 101 * DOLLAR)
    assert "chainbill insurer create" in str(refused.value.hint)
    assert pool.deposit(insurer, payer_id, 100 * DOLLAR).balance == 100 * DOLLAR
    announced = pool.request_withdrawal(insurer, payer_id, 60 * DOLLAR)
    assert announced.announced.amount == 60 * DOLLAR
    assert pool.request_withdrawal(insurer, payer_id, 60 * DOLLAR).changed is False
    with pytest.raises(ChainError, match="may be taken from"):
        pool.withdraw(insurer, payer_id)
    testbed.wait(DAY)
    assert pool.withdraw(insurer, payer_id).amount == 60 * DOLLAR
    standing = pool.balance(insurer, payer_id)
    assert (standing.payer_id, standing.balance, standing.outside) == (payer_id, 40 * DOLLAR, 60 * DOLLAR)
    assert (standing.announced, standing.offered_to) == (None, None)


def test_cancel_withdrawal__of_a_pool__leaves_nothing_announced(testbed: Testbed) -> None:
    insurer, payer_id = testbed.insurer(5)
    pool.deposit(insurer, payer_id, 5 * DOLLAR)
    pool.request_withdrawal(insurer, payer_id, 5 * DOLLAR)
    assert pool.cancel_withdrawal(insurer, payer_id).balance == 5 * DOLLAR
    assert pool.balance(insurer, payer_id).announced is None
    with pytest.raises(ChainError, match="no withdrawal is announced"):
        pool.cancel_withdrawal(insurer, payer_id)


def test_request_withdrawal__of_another_s_pool__is_refused(testbed: Testbed) -> None:
    insurer, payer_id = testbed.insurer(5)
    pool.deposit(insurer, payer_id, 5 * DOLLAR)
    with pytest.raises(ContractReverted):
        pool.request_withdrawal(testbed.insurer()[0], payer_id, 5 * DOLLAR)
