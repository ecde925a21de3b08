"""An insurer's account, a patient's account, and the payer contract that is an insurer's own."""

from __future__ import annotations

import pytest
from tests.support.testbed import Testbed

from chainbill.errors import DevnetError, StateError
from chainbill.money import DOLLAR
from chainbill.operations.actor import Actor
from chainbill.operations.insurer import account as insurers
from chainbill.operations.patient import account as patients
from chainbill.state.address_book import Role
from chainbill.state.session import Session


def test_create__new_insurer__has_a_payer_contract_and_money_once(session: Session) -> None:
    done = insurers.create(session, "new-insurer")
    assert (done.created, done.minted, done.outside) == (True, 1_000_000 * DOLLAR, 1_000_000 * DOLLAR)
    assert session.protocol.payer(done.payer_id).insurer() == done.address
    again = insurers.create(session, "new-insurer")
    assert (again.created, again.minted, again.payer_id) == (False, 0, done.payer_id)


def test_create__new_patient__has_money_once(session: Session) -> None:
    done = patients.create(session, "new-patient")
    assert (done.created, done.minted, done.outside) == (True, 10_000 * DOLLAR, 10_000 * DOLLAR)
    again = patients.create(session, "new-patient")
    assert (again.created, again.minted, again.outside) == (False, 0, 10_000 * DOLLAR)
    assert patients.create(session, "new-patient", mint=DOLLAR).outside == 10_001 * DOLLAR
    assert patients.create(session, "poor-patient", mint=0).outside == 0


@pytest.mark.parametrize("create", [patients.create, insurers.create])
def test_create__name_of_another_role__is_refused(session: Session, create) -> None:
    with pytest.raises(StateError, match="its role is oracle"):
        create(session, "oracle-1")


def test_create__where_money_is_real__mints_none(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "devnet", None)
    real = session.protocol.deployment.model_copy(update={"made": None})
    monkeypatch.setattr(session.protocol, "deployment", real)
    with pytest.raises(DevnetError, match="DevUSD is made on devnets and test networks only"):
        patients.create(session, "rich-patient", mint=DOLLAR)


def test_own_payer__of_a_new_account__is_made_once(testbed: Testbed, session: Session) -> None:
    insurer = testbed.account()
    with pytest.raises(StateError, match="has no payer contract on this chain"):
        insurers.payer_of(insurer)
    own = insurers.own_payer(insurer)
    assert (own.created, insurers.payer_of(insurer)) == (True, own.payer_id)
    assert insurers.own_payer(insurer) == insurers.OwnPayer(own.payer_id)


def test_own_payer__by_name__is_the_address_book_s(session: Session) -> None:
    created = insurers.create(session, "named-insurer", mint=0)
    insurer = Actor.named(session, "named-insurer", Role.INSURER)
    assert insurers.own_payer(insurer) == insurers.OwnPayer(created.payer_id)


def test_own_payer__where_nobody_makes_one__is_none(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    insurer = testbed.account()
    monkeypatch.setattr(testbed.session, "devnet", None)
    with pytest.raises(StateError, match="has no payer contract on this chain"):
        insurers.own_payer(insurer)
