"""`PatientEscrow.acceptPayer`: the first payers hold at once, a change after NOTICE."""

from __future__ import annotations

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import HOUR, MAX_BATCH_LIFE, NOTICE, NOW, PATIENT_FUNDS, Protocol
from tests.support.evm import Receipt, reverts

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.events import PayersAccepted


def payers_of(protocol: Protocol, time: int, patient: str | None = None) -> tuple[int, int]:
    return tuple(protocol.escrow.read("payersOf", patient or protocol.patient, time))


def accept(protocol: Protocol, payer_id: int, secondary: int = 0, patient: str | None = None) -> Receipt:
    return protocol.escrow.send(patient or protocol.patient, "acceptPayer", payer_id, secondary)


@pytest.fixture
def settled_down(protocol: Protocol) -> Protocol:
    """No batch is on its way that was signed before the patient accepted its payer."""
    protocol.advance(MAX_BATCH_LIFE)
    return protocol


@pytest.fixture
def other(protocol: Protocol) -> int:
    return protocol.create_payer(protocol.stranger)


@pytest.fixture
def third(protocol: Protocol, other: int) -> int:
    return protocol.create_payer(protocol.stranger)


# ---- accepting --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_secondary", [False, True])
def test_accept_payer__the_first__hold_at_once(protocol: Protocol, other: int, with_secondary: bool) -> None:
    first = (protocol.payer_id, other if with_secondary else 0)
    assert payers_of(protocol, NOW, protocol.late) == (0, 0)
    receipt = accept(protocol, *first, protocol.late)
    assert receipt.of(PayersAccepted) == [PayersAccepted(protocol.late, *first, NOW)]
    assert payers_of(protocol, NOW, protocol.late) == first
    # A batch signed before cannot have relied on it, but may have on there being none.
    assert payers_of(protocol, NOW - 1, protocol.late) == (0, 0)


def test_accept_payer__others__hold_after_notice(settled_down: Protocol, other: int) -> None:
    present, at = (settled_down.payer_id, 0), settled_down.evm.now + NOTICE
    for change in ((other, 0), (settled_down.payer_id, other), (other, settled_down.payer_id), (0, 0)):
        with settled_down.rolled_back():
            receipt = accept(settled_down, *change)
            assert receipt.of(PayersAccepted) == [PayersAccepted(settled_down.patient, *change, at)]
            assert payers_of(settled_down, at - 1) == present
            assert payers_of(settled_down, at) == change


def test_accept_payer__no_secondary_any_more__holds_after_notice(protocol: Protocol, other: int) -> None:
    accept(protocol, protocol.payer_id, other, protocol.late)
    protocol.advance(MAX_BATCH_LIFE)
    at = protocol.evm.now + NOTICE
    accept(protocol, protocol.payer_id, 0, protocol.late)
    assert payers_of(protocol, at - 1, protocol.late) == (protocol.payer_id, other)
    assert payers_of(protocol, at, protocol.late) == (protocol.payer_id, 0)


def test_accept_payer__after_a_time_without__hold_at_once(settled_down: Protocol, other: int) -> None:
    accept(settled_down, 0)
    settled_down.advance(NOTICE + MAX_BATCH_LIFE)
    accept(settled_down, other)
    assert payers_of(settled_down, settled_down.evm.now) == (other, 0)


def test_accept_payer__unknown__reverts(settled_down: Protocol) -> None:
    known = settled_down.payer_id
    for payer_id in (2, 2**24 - 1, 2**24, 2**24 + known, 2**32 - 1):
        with reverts("UnknownPayer", payerId=payer_id):
            accept(settled_down, payer_id)
        with reverts("UnknownPayer", payerId=payer_id):
            accept(settled_down, known, payer_id)


def test_accept_payer__a_secondary_alone__reverts(settled_down: Protocol, other: int) -> None:
    with reverts("SecondaryWithoutPrimary", secondaryPayerId=other):
        accept(settled_down, 0, other)


def test_accept_payer__the_same_twice__reverts(settled_down: Protocol, other: int) -> None:
    with reverts("SamePayerTwice", payerId=other):
        accept(settled_down, other, other)


def test_accept_payer__the_present_ones__reverts(settled_down: Protocol) -> None:
    with reverts("PayersUnchanged", payerId=settled_down.payer_id, secondaryPayerId=0):
        accept(settled_down, settled_down.payer_id)
    with reverts("PayersUnchanged", payerId=0, secondaryPayerId=0):
        accept(settled_down, 0, 0, settled_down.late)


def test_accept_payer__the_present_ones_while_a_change_is_announced__stay(
    settled_down: Protocol, other: int
) -> None:
    accept(settled_down, other)
    settled_down.advance(HOUR)
    receipt = accept(settled_down, settled_down.payer_id)
    stays = PayersAccepted(settled_down.patient, settled_down.payer_id, 0, settled_down.evm.now)
    assert receipt.of(PayersAccepted) == [stays]
    for time in (NOW, settled_down.evm.now, settled_down.evm.now + 2 * NOTICE):
        assert payers_of(settled_down, time) == (settled_down.payer_id, 0)


def test_accept_payer__after_a_change_was_called_off__may_be_changed_at_once(
    settled_down: Protocol, other: int
) -> None:
    """Nothing has changed, so nothing that a batch relies on is hidden."""
    accept(settled_down, other)
    accept(settled_down, settled_down.payer_id)
    accept(settled_down, other)
    assert payers_of(settled_down, settled_down.evm.now + NOTICE) == (other, 0)


def test_accept_payer__again_while_announced__starts_the_notice_anew(
    settled_down: Protocol, other: int, third: int
) -> None:
    announced_at = settled_down.evm.now
    accept(settled_down, other)
    settled_down.advance(HOUR)
    accept(settled_down, third)
    assert payers_of(settled_down, announced_at + NOTICE) == (settled_down.payer_id, 0)
    assert payers_of(settled_down, announced_at + NOTICE + HOUR) == (third, 0)


def test_accept_payer__the_new_one_once_it_holds__reverts(settled_down: Protocol, other: int) -> None:
    accept(settled_down, other)
    for waiting in (NOTICE, MAX_BATCH_LIFE):
        settled_down.advance(waiting)
        with reverts("PayersUnchanged", payerId=other):
            accept(settled_down, other)


def test_accept_payer__of_one_patient__is_not_anothers(settled_down: Protocol, other: int) -> None:
    accept(settled_down, other)
    at = settled_down.evm.now + NOTICE
    assert payers_of(settled_down, at, settled_down.neighbour) == (settled_down.payer_id, 0)


def test_accept_payer__leaves_limits_and_balance_alone(settled_down: Protocol, other: int) -> None:
    settled_down.escrow.send(settled_down.patient, "setLimits", 10**6, 10**7)
    accept(settled_down, other)
    at = settled_down.evm.now + NOTICE
    assert settled_down.escrow.read("limitsOf", settled_down.patient, at) == (10**6, 10**7)
    settled_down.advance(NOTICE + MAX_BATCH_LIFE)
    accept(settled_down, settled_down.payer_id)
    assert settled_down.escrow.read("limitsOf", settled_down.patient, at) == (10**6, 10**7)
    assert settled_down.balance(settled_down.patient) == PATIENT_FUNDS


# ---- settling by them -------------------------------------------------------------------------------------


@pytest.mark.parametrize("late, settles", [(-1, True), (0, False), (1, False)])
@pytest.mark.parametrize("secondary", [False, True], ids=["another primary", "a secondary beside it"])
def test_settle__signed_around_a_change_of_payers__by_those_at_signing(
    settled_down: Protocol, other: int, secondary: bool, late: int, settles: bool
) -> None:
    accept(settled_down, *((settled_down.payer_id, other) if secondary else (other, 0)))
    changes_at = settled_down.evm.now + NOTICE
    settled_down.evm.now = changes_at + HOUR // 2
    receipt = settled_down.settle(settled_down.row(settled_down.patient, 1), signed_at=changes_at + late)
    assert receipt.value[0] == settles
    assert settles or endings(receipt) == [(1, Outcome.PENDED, Reason.PAYER_NOT_ACCEPTED)]


def test_settle__payers_held_longer_than_a_batch_lives__still_hold(settled_down: Protocol) -> None:
    """By then a debit has taken them over into the patient's first word."""
    payer_id = settled_down.second_payer()
    accept(settled_down, payer_id)
    settled_down.enrol(settled_down.patient, payer_id=payer_id)
    for waiting in (NOTICE, MAX_BATCH_LIFE, MAX_BATCH_LIFE):
        settled_down.advance(waiting)
        row = settled_down.row(settled_down.patient, settled_down.evm.now)
        assert settled_down.settle(row, payer_id=payer_id).value[0] == 1
        assert payers_of(settled_down, settled_down.evm.now) == (payer_id, 0)
    settled_down.assert_solvent()


def test_settle__two_payers_in_the_other_order__pends(protocol: Protocol) -> None:
    secondary = protocol.second_payer()
    protocol.welcome(protocol.late, payers=(protocol.payer_id, secondary))
    row = protocol.row(protocol.late, 1)
    swapped = protocol.coordinated(row, payer_id=secondary, secondary=protocol.payer_id)
    receipt = protocol.submit(protocol.batch([swapped]))
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.PAYER_NOT_ACCEPTED)]
    receipt = protocol.submit(protocol.batch([protocol.coordinated(row, secondary=secondary)]))
    assert receipt.value[0] == 1


def test_settle__a_secondary_the_patient_has_not_named__pends(protocol: Protocol) -> None:
    secondary = protocol.second_payer()
    section = protocol.coordinated(protocol.row(protocol.patient, 1), secondary=secondary)
    receipt = protocol.submit(protocol.batch([section]))
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.PAYER_NOT_ACCEPTED)]


# ---- nothing is outrun ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "late, valid", [(-1, True), (0, False), (MAX_BATCH_LIFE - 1, False), (MAX_BATCH_LIFE, True)]
)
def test_accept_payer__around_a_change__not_while_a_batch_may_rely_on_the_payers_before(
    settled_down: Protocol, other: int, third: int, late: int, valid: bool
) -> None:
    accept(settled_down, other)
    changed_at = settled_down.evm.now + NOTICE
    settled_down.evm.now = changed_at + late
    if valid:
        accept(settled_down, third)
        present = settled_down.payer_id if late < 0 else other
        assert payers_of(settled_down, changed_at + late) == (present, 0)
        assert payers_of(settled_down, changed_at + late + NOTICE) == (third, 0)
    else:
        with reverts("ChangeTooRecent", changedAt=changed_at, until=changed_at + MAX_BATCH_LIFE):
            accept(settled_down, third)


@pytest.mark.parametrize("age, valid", [(0, False), (MAX_BATCH_LIFE - 1, False), (MAX_BATCH_LIFE, True)])
def test_accept_payer__around_the_first__not_while_a_batch_may_rely_on_there_being_none(
    protocol: Protocol, other: int, age: int, valid: bool
) -> None:
    accept(protocol, protocol.payer_id, 0, protocol.late)
    protocol.advance(age)
    if valid:
        accept(protocol, other, 0, protocol.late)
    else:
        with reverts("ChangeTooRecent", changedAt=NOW, until=NOW + MAX_BATCH_LIFE):
            accept(protocol, other, 0, protocol.late)


def test_accept_payer__again_just_after_a_change__outruns_no_signed_batch(
    settled_down: Protocol, other: int, third: int
) -> None:
    accept(settled_down, other)
    settled_down.advance(NOTICE - 1)
    batch = settled_down.batch([settled_down.section(settled_down.row(settled_down.patient, 1))])
    settled_down.advance(2)
    with reverts("ChangeTooRecent"):
        accept(settled_down, third)
    assert settled_down.submit(batch).value[0] == 1


def test_accept_payer__the_first_twice__outruns_no_signed_self_pay(protocol: Protocol, other: int) -> None:
    """Two acceptances in a row are no way out of a bill that was signed while there was no payer."""
    protocol.publish_cash_prices()
    protocol.fund_patient(protocol.late, PATIENT_FUNDS)
    protocol.grant(protocol.late)
    batch = protocol.batch([protocol.self_pay(protocol.row(protocol.late, 1))])
    protocol.advance(1)
    accept(protocol, protocol.payer_id, 0, protocol.late)
    with reverts("ChangeTooRecent"):
        accept(protocol, other, 0, protocol.late)
    assert protocol.submit(batch).value[0] == 1
