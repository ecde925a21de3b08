"""What may be taken from a patient's wallet at most."""

from __future__ import annotations

import pytest
from tests.support.testbed import DAY, Testbed

from chainbill.chain.contracts.escrow import Limits
from chainbill.errors import AmountError, ArgumentError
from chainbill.money import DOLLAR
from chainbill.operations.patient.limits import limits, set_limits


def test_set_limits__lower__hold_after_the_notice_and_are_announced_once(testbed: Testbed) -> None:
    patient = testbed.account()
    done = set_limits(patient, per_event=20 * DOLLAR, per_day=90 * DOLLAR)
    assert (done.changed, done.before) == (True, Limits(0, 0))
    assert done.limits == Limits(20 * DOLLAR, 90 * DOLLAR)
    assert done.effective_at == testbed.session.now() + DAY
    standing = limits(patient)
    assert (standing.in_force, standing.announced) == (Limits(0, 0), done.limits)
    sent = testbed.sent_by(patient)
    again = set_limits(patient, per_event=20 * DOLLAR)
    assert (again.changed, again.effective_at, again.transaction) == (False, done.effective_at, None)
    assert testbed.sent_by(patient) == sent


def test_set_limits__one_of_them__leaves_the_other(testbed: Testbed) -> None:
    patient = testbed.account()
    set_limits(patient, per_event=20 * DOLLAR, per_day=90 * DOLLAR)
    testbed.wait(DAY + 6 * 3_600)
    raised = set_limits(patient, per_event=0)
    assert raised.limits == Limits(0, 90 * DOLLAR)
    assert raised.effective_at == testbed.session.now()
    assert set_limits(patient, per_day=90 * DOLLAR).effective_at is None


def test_set_limits__neither_or_part_of_a_cent__is_refused(testbed: Testbed) -> None:
    patient = testbed.account()
    with pytest.raises(ArgumentError, match="no limit is named"):
        set_limits(patient)
    with pytest.raises(AmountError, match="a limit is in whole cents"):
        set_limits(patient, per_day=5_000)
