"""``bill.patient``: each verb by its standard name, amounts and parties as programs have them."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from eth_account.signers.local import LocalAccount
from tests.support.testbed import DAY, Testbed

from chainbill.chain.contracts.escrow import Payers
from chainbill.client.connection import Chainbill
from chainbill.client.patient import Patient
from chainbill.errors import AmountError, ArgumentError, LedgerError, StateError
from chainbill.money import DOLLAR
from chainbill.operations.change import Change
from chainbill.operations.patient.signed_intents import SignedIntent


@pytest.fixture(scope="module")
def bill(testbed: Testbed) -> Chainbill:
    """The devnet, for a program."""
    return Chainbill(testbed.session)


@pytest.fixture
def key(testbed: Testbed) -> LocalAccount:
    """The key of a patient with 100 dollars."""
    return testbed.account(100).account


@pytest.fixture
def patient(bill: Chainbill, key: LocalAccount) -> Patient:
    """The patient."""
    return bill.patient(key)


def test_patient__from_wallet_to_consent__each_verb_tells_what_changed(
    testbed: Testbed, patient: Patient
) -> None:
    clinic, (insurer, payer_id) = testbed.provider(), testbed.insurer()
    changes = [
        patient.deposit("50.50"),
        patient.deposit_with_permit(Decimal("9.50")),
        patient.request_withdrawal(20 * DOLLAR),
        patient.cancel_withdrawal(),
        patient.request_withdrawal("20"),
        patient.accept_payer(insurer.address, secondary=0),
        patient.set_limits(per_event="100", per_day=Decimal(250)),
        patient.consent(clinic, limit="200", duration=timedelta(days=30)),
        patient.void_signatures(),
    ]
    assert all(isinstance(change, Change) and change.changed for change in changes)
    standing = patient.balance()
    assert (standing.balance, standing.payers) == (60 * DOLLAR, Payers(payer_id, 0))
    assert [each.provider_id for each in patient.consents()] == [clinic]
    assert patient.consents(testbed.provider()) == ()
    assert patient.payers().in_force.primary == payer_id
    assert patient.limits().announced is not None
    assert patient.revoke_consent(clinic).changed is True
    testbed.wait(DAY)
    assert patient.withdraw().amount == 20 * DOLLAR
    assert patient.accept_payer(payer_id).changed is False


def test_patient__with_nothing_charged__has_a_statement_and_no_disputes(patient: Patient) -> None:
    assert patient.statement().events == []
    assert list(patient.disputes()) == []
    with pytest.raises(LedgerError):
        patient.dispute("1:7")


def test_patient__signs__and_a_relay_sends_every_verb(
    testbed: Testbed, bill: Chainbill, patient: Patient
) -> None:
    clinic, (_, payer_id) = testbed.provider(), testbed.insurer()
    relay = bill.relay(testbed.account().account)
    until = datetime(2030, 1, 1, tzinfo=UTC)
    for sign in (
        lambda: patient.sign_deposit("60"),
        lambda: patient.sign_accept_payer(payer_id),
        lambda: patient.sign_set_limits(per_day="90"),
        lambda: patient.sign_consent(clinic, limit="20", until=until),
        lambda: patient.sign_request_withdrawal("5"),
        lambda: patient.sign_cancel_withdrawal(),
        lambda: patient.sign_revoke_consent(clinic),
        lambda: patient.sign_void_signatures(),
    ):
        assert relay.submit(SignedIntent.parse(sign().to_text().encode())).changed is True
    assert patient.balance().balance == 60 * DOLLAR
    relay.submit(patient.sign_request_withdrawal("5"))
    testbed.wait(DAY)
    relay.submit(patient.sign_withdraw())
    assert patient.balance().balance == 55 * DOLLAR
    assert testbed.session.protocol.w3.eth.get_transaction_count(patient.address) == 0
    with pytest.raises(LedgerError):
        patient.sign_dispute("1:7")


def test_patient__by_name_address_or_key__is_the_same_account(bill: Chainbill, key: LocalAccount) -> None:
    named = bill.patient("patient")
    assert named.balance().outside > 0
    assert named.address == bill.patient(named.address).address
    reader = bill.patient(key.address)
    assert reader.balance().outside == 100 * DOLLAR
    assert reader.statement().account == key.address
    for act in (lambda: reader.deposit("1"), lambda: reader.sign_deposit("1")):
        with pytest.raises(StateError, match=r"the key of .* is not here"):
            act()
    with pytest.raises(StateError, match="no patient named 'nobody'"):
        bill.patient("nobody")


@pytest.mark.parametrize(
    "act",
    [
        lambda patient: patient.deposit(1.5),
        lambda patient: patient.deposit_with_permit(1.5),
        lambda patient: patient.request_withdrawal(1.5),
        lambda patient: patient.set_limits(per_day=1.5),
        lambda patient: patient.consent(1, limit=1.5),
        lambda patient: patient.sign_deposit(1.5),
        lambda patient: patient.sign_request_withdrawal(1.5),
        lambda patient: patient.sign_set_limits(per_event=1.5),
        lambda patient: patient.sign_consent(1, limit=1.5),
    ],
)
def test_patient__amount_in_float__is_refused(patient: Patient, act) -> None:
    with pytest.raises(AmountError, match="a float cannot hold every cent"):
        act(patient)


def test_consent__until_without_a_zone__is_refused(patient: Patient) -> None:
    with pytest.raises(ArgumentError, match="2030-01-01T00:00:00 names no zone"):
        patient.consent(1, limit="1", until=datetime(2030, 1, 1))


def test_patient__every_public_method__is_documented_and_typed() -> None:
    methods = dict(inspect.getmembers(Patient, inspect.isfunction))
    for name in [name for name in methods if not name.startswith("_")]:
        assert inspect.getdoc(methods[name]), name
        assert "return" in methods[name].__annotations__, name
