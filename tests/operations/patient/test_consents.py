"""Who may charge a patient's wallet."""

from __future__ import annotations

import pytest
from tests.support.testbed import DAY, Testbed

from chainbill.chain.contracts.escrow import Consent
from chainbill.errors import AmountError, ArgumentError
from chainbill.money import DOLLAR
from chainbill.operations.patient.consents import grant_consent, revoke_consent, standing_consents
from chainbill.protocol_constants import END_OF_TIME


@pytest.fixture(scope="module")
def clinic(testbed: Testbed) -> int:
    """A provider's id."""
    return testbed.provider()


def test_grant_consent__first_one__holds_at_once_and_for_a_year(testbed: Testbed, clinic: int) -> None:
    patient = testbed.account()
    done = grant_consent(patient, clinic, limit=80 * DOLLAR)
    now = testbed.session.now()
    assert (done.changed, done.before, done.narrower, done.effective_at) == (True, None, False, now)
    assert done.consent.per_event_limit == 80 * DOLLAR
    assert done.consent.self_pay is False
    assert 0 <= now + 365 * DAY - done.consent.expires_at < 60
    (standing,) = standing_consents(patient)
    assert (standing.provider_id, standing.in_force, standing.announced) == (clinic, done.consent, None)


def test_grant_consent__narrower__is_announced_beside_the_present_one(testbed: Testbed, clinic: int) -> None:
    patient = testbed.account()
    first = grant_consent(patient, clinic, limit=80 * DOLLAR, self_pay=True).consent
    done = grant_consent(patient, clinic, limit=10 * DOLLAR)
    assert (done.narrower, done.before) == (True, first)
    assert done.effective_at == testbed.session.now() + DAY
    assert done.consent == Consent(10 * DOLLAR, first.expires_at, self_pay=True)
    (standing,) = standing_consents(patient, clinic)
    assert (standing.in_force, standing.announced) == (first, done.consent)
    assert standing.announced_at == done.effective_at


def test_grant_consent__as_it_was_given__sends_nothing_and_begins_no_notice(
    testbed: Testbed, clinic: int
) -> None:
    patient = testbed.account()
    first = grant_consent(patient, clinic, limit=80 * DOLLAR)
    again = grant_consent(patient, clinic, limit=80 * DOLLAR)
    assert (again.changed, again.transaction, again.effective_at) == (False, None, None)
    assert again.consent == again.before == first.consent
    narrower = grant_consent(patient, clinic, limit=10 * DOLLAR)
    testbed.wait(3_600)
    again = grant_consent(patient, clinic, limit=10 * DOLLAR)
    assert (again.changed, again.transaction, again.narrower) == (False, None, True)
    assert again.effective_at == narrower.effective_at


def test_grant_consent__what_is_left_out__stays(testbed: Testbed, clinic: int) -> None:
    patient = testbed.account()
    first = grant_consent(patient, clinic, limit=80 * DOLLAR, duration=700 * DAY, self_pay=True).consent
    wider = grant_consent(patient, clinic, limit=90 * DOLLAR).consent
    assert (wider.expires_at, wider.self_pay) == (first.expires_at, True)
    longer = grant_consent(patient, clinic, until=first.expires_at + DAY).consent
    assert (longer.per_event_limit, longer.expires_at) == (90 * DOLLAR, first.expires_at + DAY)
    assert grant_consent(patient, clinic, self_pay=False).consent == Consent(90 * DOLLAR, longer.expires_at)


def test_grant_consent__of_one_that_was_revoked__keeps_neither_limit_nor_end(
    testbed: Testbed, clinic: int
) -> None:
    patient = testbed.account()
    grant_consent(patient, clinic, limit=80 * DOLLAR, self_pay=True)
    revoke_consent(patient, clinic)
    testbed.wait(6 * 3_600)
    with pytest.raises(ArgumentError, match="there is no consent to keep the limit of"):
        grant_consent(patient, clinic, duration=DAY)
    anew = grant_consent(patient, clinic, limit=10 * DOLLAR).consent
    assert anew.self_pay is False
    assert anew.expires_at > testbed.session.now() + 300 * DAY


def test_grant_consent__wrong_terms__are_refused_and_nothing_sent(testbed: Testbed, clinic: int) -> None:
    patient, now = testbed.account(), testbed.session.now()
    for terms, said in (
        ({"duration": DAY}, "there is no consent to keep the limit of"),
        ({"limit": DOLLAR, "duration": DAY, "until": now + DAY}, "when it ends is said twice"),
        ({"limit": DOLLAR, "until": now}, "is not after the chain's time"),
        ({"limit": DOLLAR, "until": END_OF_TIME + 1}, "too far away for the contract"),
    ):
        with pytest.raises(ArgumentError, match=said):
            grant_consent(patient, clinic, **terms)
    with pytest.raises(AmountError, match="a limit is in whole cents"):
        grant_consent(patient, clinic, limit=5_000)
    assert testbed.sent_by(patient) == 0
    assert grant_consent(patient, clinic, limit=DOLLAR, until=END_OF_TIME).consent.expires_at == END_OF_TIME


def test_revoke_consent__given__ends_after_the_notice_and_once(testbed: Testbed, clinic: int) -> None:
    patient = testbed.account()
    grant_consent(patient, clinic, limit=80 * DOLLAR)
    done = revoke_consent(patient, clinic)
    assert (done.changed, done.expires_at) == (True, testbed.session.now() + DAY)
    assert done.effective_at == done.expires_at
    sent = testbed.sent_by(patient)
    again = revoke_consent(patient, clinic)
    assert (again.changed, again.expires_at, again.transaction) == (False, done.expires_at, None)
    testbed.wait(DAY)
    over = revoke_consent(patient, clinic)
    assert (over.changed, over.expires_at, over.effective_at) == (False, None, None)
    assert testbed.sent_by(patient) == sent
    assert standing_consents(patient) == ()


def test_revoke_consent__never_given__sends_nothing(testbed: Testbed, clinic: int) -> None:
    patient = testbed.account()
    assert revoke_consent(patient, clinic).changed is False
    assert testbed.sent_by(patient) == 0
