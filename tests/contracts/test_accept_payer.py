"""`PatientEscrow.acceptPayer`: the first holds at once, a change after NOTICE."""

from __future__ import annotations

import pytest
from tests.contracts.evm import reverts
from tests.contracts.protocol import HOUR, MAX_BATCH_LIFE, NOTICE, NOW, Protocol
from tests.contracts.situations import endings

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.events import PayerAccepted


def payer_of(protocol: Protocol, time: int, patient: str | None = None) -> int:
    return int(protocol.escrow.read("payerOf", patient or protocol.patient, time))


@pytest.fixture
def other(protocol: Protocol) -> int:
    return protocol.create_payer(protocol.stranger)


def test_accept_payer__the_first__holds_at_once(protocol: Protocol) -> None:
    assert payer_of(protocol, NOW, protocol.late) == 0
    receipt = protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id)
    assert receipt.events == (PayerAccepted(protocol.late, protocol.payer_id, NOW),)
    assert payer_of(protocol, NOW, protocol.late) == protocol.payer_id
    # A batch signed before cannot have relied on it.
    assert payer_of(protocol, NOW - 1, protocol.late) == 0


def test_accept_payer__another__holds_after_notice(protocol: Protocol, other: int) -> None:
    receipt = protocol.escrow.send(protocol.patient, "acceptPayer", other)
    assert receipt.events == (PayerAccepted(protocol.patient, other, NOW + NOTICE),)
    assert payer_of(protocol, NOW + NOTICE - 1) == protocol.payer_id
    assert payer_of(protocol, NOW + NOTICE) == other


@pytest.mark.parametrize("late, settles", [(-1, True), (0, False), (1, False)])
def test_settle__signed_around_a_change_of_payer__by_the_payer_at_signing(
    protocol: Protocol, other: int, late: int, settles: bool
) -> None:
    protocol.escrow.send(protocol.patient, "acceptPayer", other)
    protocol.evm.now = NOW + NOTICE + HOUR // 2
    receipt = protocol.settle(protocol.row(protocol.patient, 1), signed_at=NOW + NOTICE + late)
    assert receipt.value[0] == settles
    assert settles or endings(receipt) == [(1, Outcome.PENDED, Reason.PAYER_NOT_ACCEPTED)]


def test_accept_payer__unknown__reverts(protocol: Protocol) -> None:
    for payer_id in (0, 2, 2**32 - 1):
        with reverts("UnknownPayer", payerId=payer_id):
            protocol.escrow.send(protocol.patient, "acceptPayer", payer_id)


def test_accept_payer__the_present_one__reverts(protocol: Protocol) -> None:
    with reverts("PayerUnchanged", payerId=protocol.payer_id):
        protocol.escrow.send(protocol.patient, "acceptPayer", protocol.payer_id)


def test_accept_payer__the_present_one_while_a_change_is_announced__stays(
    protocol: Protocol, other: int
) -> None:
    protocol.escrow.send(protocol.patient, "acceptPayer", other)
    protocol.evm.now += HOUR
    receipt = protocol.escrow.send(protocol.patient, "acceptPayer", protocol.payer_id)
    assert receipt.events == (PayerAccepted(protocol.patient, protocol.payer_id, NOW + HOUR),)
    assert payer_of(protocol, NOW + 2 * NOTICE) == protocol.payer_id
    assert payer_of(protocol, NOW) == protocol.payer_id


def test_accept_payer__again_while_announced__starts_the_notice_anew(protocol: Protocol, other: int) -> None:
    third = protocol.create_payer(protocol.stranger)
    protocol.escrow.send(protocol.patient, "acceptPayer", other)
    protocol.evm.now += HOUR
    protocol.escrow.send(protocol.patient, "acceptPayer", third)
    assert payer_of(protocol, NOW + NOTICE) == protocol.payer_id
    assert payer_of(protocol, NOW + NOTICE + HOUR) == third


def test_accept_payer__the_new_one_once_it_holds__reverts(protocol: Protocol, other: int) -> None:
    protocol.escrow.send(protocol.patient, "acceptPayer", other)
    protocol.evm.now += NOTICE + MAX_BATCH_LIFE
    with reverts("PayerUnchanged", payerId=other):
        protocol.escrow.send(protocol.patient, "acceptPayer", other)


@pytest.mark.parametrize(
    "late, valid", [(-1, True), (0, False), (MAX_BATCH_LIFE - 1, False), (MAX_BATCH_LIFE, True)]
)
def test_accept_payer__around_a_change__not_while_a_batch_may_rely_on_the_payer_before(
    protocol: Protocol, other: int, late: int, valid: bool
) -> None:
    third = protocol.create_payer(protocol.stranger)
    protocol.escrow.send(protocol.patient, "acceptPayer", other)
    changed_at = NOW + NOTICE
    protocol.evm.now = changed_at + late
    if valid:
        protocol.escrow.send(protocol.patient, "acceptPayer", third)
        assert payer_of(protocol, changed_at + late) == (protocol.payer_id if late < 0 else other)
        assert payer_of(protocol, changed_at + late + NOTICE) == third
    else:
        with reverts("ChangeTooRecent", changedAt=changed_at, until=changed_at + MAX_BATCH_LIFE):
            protocol.escrow.send(protocol.patient, "acceptPayer", third)


def test_accept_payer__just_after_the_first__may_be_changed(protocol: Protocol, other: int) -> None:
    """Before the first there was no payer that a signed batch could rely on."""
    protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id)
    protocol.escrow.send(protocol.late, "acceptPayer", other)
    assert payer_of(protocol, NOW, protocol.late) == protocol.payer_id
    assert payer_of(protocol, NOW + NOTICE, protocol.late) == other


def test_accept_payer__of_one_patient__is_not_anothers(protocol: Protocol, other: int) -> None:
    protocol.escrow.send(protocol.patient, "acceptPayer", other)
    assert payer_of(protocol, NOW + NOTICE, protocol.neighbour) == protocol.payer_id


def test_accept_payer__again_just_after_a_change__outruns_no_signed_batch(
    protocol: Protocol, other: int
) -> None:
    third = protocol.create_payer(protocol.stranger)
    protocol.escrow.send(protocol.patient, "acceptPayer", other)
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))], signed_at=NOW + NOTICE - 1)
    protocol.evm.now = NOW + NOTICE + 1
    with reverts("ChangeTooRecent", changedAt=NOW + NOTICE, until=NOW + NOTICE + 6 * HOUR):
        protocol.escrow.send(protocol.patient, "acceptPayer", third)
    assert protocol.submit(batch).value == (1, 0, 0, 0)
    protocol.evm.now = NOW + NOTICE + 6 * HOUR
    protocol.escrow.send(protocol.patient, "acceptPayer", third)
