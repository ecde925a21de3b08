"""Whose plan prices a patient's care."""

from __future__ import annotations

import pytest
from tests.support.testbed import DAY, Testbed

from chainbill.chain.contracts.escrow import Payers
from chainbill.errors import ArgumentError, ChainError
from chainbill.operations.patient.payers import accept_payer, payers

SIX_HOURS = 6 * 3_600


@pytest.fixture(scope="module")
def insurers(testbed: Testbed) -> tuple[int, int]:
    """Two payers' ids."""
    return testbed.insurer()[1], testbed.insurer()[1]


def test_accept_payer__first_one__holds_at_once(testbed: Testbed, insurers: tuple[int, int]) -> None:
    patient = testbed.account()
    done = accept_payer(patient, insurers[0])
    assert (done.changed, done.payers, done.before) == (True, Payers(insurers[0], 0), Payers(0, 0))
    assert done.effective_at == testbed.session.now()
    assert payers(patient).in_force == Payers(insurers[0], 0)
    assert payers(patient).announced is None


def test_accept_payer__already_so__sends_nothing(testbed: Testbed, insurers: tuple[int, int]) -> None:
    patient = testbed.account()
    accept_payer(patient, insurers[0])
    sent = testbed.sent_by(patient)
    again = accept_payer(patient, insurers[0])
    assert (again.changed, again.transaction, again.effective_at) == (False, None, None)
    assert testbed.sent_by(patient) == sent


def test_accept_payer__another_one__is_announced_and_once(
    testbed: Testbed, insurers: tuple[int, int]
) -> None:
    first, second = insurers
    patient = testbed.account()
    accept_payer(patient, first)
    testbed.wait(SIX_HOURS)
    done = accept_payer(patient, second)
    assert done.effective_at == testbed.session.now() + DAY
    standing = payers(patient)
    assert (standing.in_force, standing.announced) == (Payers(first, 0), Payers(second, 0))
    assert standing.announced_at == done.effective_at
    again = accept_payer(patient, second)
    assert (again.changed, again.effective_at) == (False, done.effective_at)

    testbed.wait(DAY)
    with pytest.raises(ChainError, match=r"an earlier change took effect at 2024-.*; the next may be made"):
        accept_payer(patient, first)
    testbed.wait(SIX_HOURS)
    assert accept_payer(patient, first).before == Payers(second, 0)


def test_accept_payer__second_one_not_named__stays(testbed: Testbed, insurers: tuple[int, int]) -> None:
    first, second = insurers
    patient = testbed.account()
    assert accept_payer(patient, first, second).payers == Payers(first, second)
    assert accept_payer(patient, first).changed is False
    assert accept_payer(patient, first, second).changed is False
    with pytest.raises(ArgumentError, match=f"payer {second} is the second insurer now") as refused:
        accept_payer(patient, second)
    assert refused.value.hint == "say who is to be second: `secondary=`"
    testbed.wait(SIX_HOURS)
    assert accept_payer(patient, first, 0).payers == Payers(first, 0)


def test_accept_payer__nobody__takes_no_second(testbed: Testbed, insurers: tuple[int, int]) -> None:
    patient = testbed.account()
    assert accept_payer(patient, 0).changed is False
    with pytest.raises(ArgumentError, match="nobody pays after nobody"):
        accept_payer(patient, 0, insurers[0])
    with pytest.raises(ArgumentError, match="the second insurer is another one"):
        accept_payer(patient, insurers[0], insurers[0])
