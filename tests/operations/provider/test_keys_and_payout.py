"""A provider's keys and where it is paid: changed once, told when again, refused to everybody else."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest
from eth_account import Account
from tests.support.testbed import DAY, Testbed

from chainbill.errors import ContractReverted, StateError
from chainbill.operations.actor import Actor
from chainbill.operations.governor.admission import register_provider
from chainbill.operations.governor.calls import governor_account
from chainbill.operations.provider import attesters, payout


class Clinic(NamedTuple):
    actor: Actor
    provider_id: int


@pytest.fixture
def clinic(testbed: Testbed) -> Clinic:
    """A provider of this test's own, whose one key is its account's."""
    actor = testbed.account()
    return Clinic(actor, register_provider(governor_account(testbed.session), actor.address).provider_id)


def somebody() -> str:
    return str(Account.create().address)


def signs(clinic: Clinic, address: str) -> bool:
    return clinic.actor.protocol.registry.is_attester(clinic.provider_id, address)


def test_add_key__may_sign_and_again_is_told_with_since_when(testbed: Testbed, clinic: Clinic) -> None:
    key = somebody()
    done = attesters.add_key(*clinic, key)
    assert (done.changed, done.address, done.provider_id) == (True, key, clinic.provider_id)
    assert signs(clinic, key)
    sent = testbed.sent_by(clinic.actor)
    assert attesters.add_key(*clinic, key) == replace(done, changed=False)
    assert testbed.sent_by(clinic.actor) == sent


def test_add_key__new__makes_a_keystore_of_that_name_once(testbed: Testbed, clinic: Clinic) -> None:
    name = f"night-{clinic.provider_id}"
    done = attesters.add_key(*clinic, name, new=True)
    assert testbed.session.keystores.address(name) == done.address
    with pytest.raises(StateError):
        attesters.add_key(*clinic, name, new=True)


def test_revoke_key__signs_no_more_and_again_is_told_with_since_when(
    testbed: Testbed, clinic: Clinic
) -> None:
    key = somebody()
    attesters.add_key(*clinic, key)
    done = attesters.revoke_key(*clinic, key)
    assert not signs(clinic, key)
    sent = testbed.sent_by(clinic.actor)
    assert attesters.revoke_key(*clinic, key) == replace(done, changed=False)
    assert testbed.sent_by(clinic.actor) == sent
    with pytest.raises(ContractReverted, match="NotAttester"):
        attesters.revoke_key(*clinic, somebody())


def test_rotate_key__one_signs_for_the_other_and_again_is_told(testbed: Testbed, clinic: Clinic) -> None:
    key = somebody()
    done = attesters.rotate_key(*clinic, clinic.actor.address, key)
    assert (done.address, done.retired) == (key, clinic.actor.address)
    assert (signs(clinic, key), signs(clinic, clinic.actor.address)) == (True, False)
    sent = testbed.sent_by(clinic.actor)
    assert attesters.rotate_key(*clinic, clinic.actor.address, key) == replace(done, changed=False)
    assert testbed.sent_by(clinic.actor) == sent
    # In the place of a key that never signed nothing was put.
    with pytest.raises(ContractReverted):
        attesters.rotate_key(*clinic, somebody(), key)


def test_keys__ever_added__are_listed_with_those_that_may_sign(clinic: Clinic) -> None:
    key = somebody()
    attesters.rotate_key(*clinic, clinic.actor.address, key)
    listed = {
        each.address: each.may_sign for each in attesters.keys(clinic.actor.session, clinic.provider_id)
    }
    assert listed == {clinic.actor.address: False, key: True}
    assert attesters.is_last_key(clinic.actor.session, clinic.provider_id, key)


def test_check_signs__key_of_nobody__says_how_to_add_it(clinic: Clinic) -> None:
    with pytest.raises(StateError, match="may not sign for provider") as refused:
        attesters.check_signs(clinic.actor.session, clinic.provider_id, somebody(), "night")
    assert refused.value.hint == "add it: chainbill provider keys add night"


def test_announce_payout_address__again__lets_its_two_days_go_on(testbed: Testbed, clinic: Clinic) -> None:
    bank = testbed.account()
    done = payout.announce_payout_address(*clinic, bank.address)
    assert done.effective_at == testbed.session.now() + 2 * DAY
    testbed.wait(DAY)
    sent = testbed.sent_by(clinic.actor)
    assert payout.announce_payout_address(*clinic, bank.address) == replace(done, changed=False)
    assert testbed.sent_by(clinic.actor) == sent
    standing = payout.payout_address(testbed.session, clinic.provider_id)
    assert (standing.payout_address, standing.announced, standing.effective_at) == (
        clinic.actor.address,
        bank.address,
        done.effective_at,
    )
    testbed.wait(DAY)
    assert payout.payout_address(testbed.session, clinic.provider_id).payout_address == bank.address
    # From then on it alone may, and where it is paid already that is told.
    again = payout.announce_payout_address(bank, clinic.provider_id, bank.address)
    assert again == replace(done, changed=False)
    with pytest.raises(StateError, match="which alone may do this"):
        payout.announce_payout_address(*clinic, somebody())


def test_announce_payout_address__where_it_was_registered__is_told(testbed: Testbed, clinic: Clinic) -> None:
    told = payout.announce_payout_address(*clinic, clinic.actor.address)
    assert (told.changed, told.effective_at, told.transaction) == (False, None, None)


def test_cancel_payout_address__announced__stays_and_again_is_refused(
    testbed: Testbed, clinic: Clinic
) -> None:
    payout.announce_payout_address(*clinic, somebody())
    done = payout.cancel_payout_address(*clinic)
    assert (done.changed, done.payout_address) == (True, clinic.actor.address)
    assert payout.payout_address(testbed.session, clinic.provider_id).announced is None
    with pytest.raises(ContractReverted, match="NoPayoutAddressAnnounced"):
        payout.cancel_payout_address(*clinic)


def test_payout_actor__somebody_else__is_refused(testbed: Testbed, clinic: Clinic) -> None:
    stranger = testbed.account()
    for change in (
        lambda: attesters.add_key(stranger, clinic.provider_id, somebody()),
        lambda: attesters.revoke_key(stranger, clinic.provider_id, clinic.actor.address),
        lambda: payout.announce_payout_address(stranger, clinic.provider_id, stranger.address),
        lambda: payout.cancel_payout_address(stranger, clinic.provider_id),
    ):
        with pytest.raises(StateError, match="which alone may do this"):
            change()
    assert testbed.sent_by(stranger) == 0
