"""``bill.provider``: an event that a program attests is the one that it gives, under one identity once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account import Account
from tests.support.roles import Town
from tests.support.visits import visit

import chainbill
from chainbill.money import DOLLAR


@pytest.fixture
def bill(town: Town) -> chainbill.Chainbill:
    return chainbill.connect(state=town.state.root)


@pytest.fixture
def patient(town: Town, clinic: str) -> str:
    return town.patient(f"of-{clinic}", clinic)


def test_attest__record_that_was_attested_as_another_event__is_no_repetition(
    bill: chainbill.Chainbill, clinic: str, patient: str
) -> None:
    provider, event = bill.provider(clinic), visit(bill, "once", 50 * DOLLAR)
    first = provider.attest(event, patient=patient)
    assert provider.attest(event, patient=patient) == replace(first, repeated=True)
    with pytest.raises(chainbill.StateError, match=r"was attested as another event: 1 for \$50.00"):
        provider.attest(visit(bill, "once", 60 * DOLLAR), patient=patient)
    with pytest.raises(chainbill.StateError, match="was attested as another event"):
        provider.attest(event, patient=Account.create().address)


def test_attest__record_that_waits_as_the_oracle_refused_it__is_attested_as_it_is_now(
    bill: chainbill.Chainbill, clinic: str, patient: str
) -> None:
    provider = bill.provider(clinic)
    for refused in (
        lambda: provider.attest(visit(bill, "mended", 50 * DOLLAR + 1), patient=patient),
        lambda: provider.attest(visit(bill, "mended", 50 * DOLLAR), patient=Account.create().address),
    ):
        with pytest.raises(chainbill.IntakeRefused):
            refused()
    receipt = provider.attest(visit(bill, "mended", 50 * DOLLAR), patient=patient)
    assert receipt.attestation.billed_amount == 50 * DOLLAR
    assert receipt.attestation.patient == bill.patient(patient).address
    assert receipt.repeated is False
    assert provider.worklist().waiting == ()


def test_publish_prices__by_a_key_or_an_address_of_somebody_else__is_not_done_by_the_providers_keystore(
    bill: chainbill.Chainbill, clinic: str
) -> None:
    provider_id = bill.provider(clinic).provider_id
    stranger = Account.create()
    for who in (stranger, stranger.address):
        with pytest.raises(chainbill.StateError, match="which alone may do this"):
            bill.provider(who, provider_id=provider_id).publish_prices({"check-up-visit": "77"})
    reader = bill.provider(bill.provider(clinic).address)
    with pytest.raises(chainbill.StateError, match="it can be read, and nothing be sent for it"):
        reader.publish_prices({"check-up-visit": "77"})
    assert bill.provider(clinic).prices() == {}
