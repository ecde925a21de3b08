"""`PatientEscrow.grantConsent` and `revokeConsent`: wider at once, narrower after NOTICE."""

from __future__ import annotations

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import (
    CONSENT_LIMIT,
    DAY,
    HOUR,
    MAX_BATCH_LIFE,
    NEVER,
    NOTICE,
    NOW,
    POOL_FUNDS,
    Protocol,
)
from tests.support.evm import reverts

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.events import ConsentGranted, ConsentRevoked
from chainbill.money import CENT, DOLLAR

LIMIT, MONTH = 500 * DOLLAR, NOW + 30 * DAY
"""What the patient of these tests has granted: a limit, and for thirty days."""


@pytest.fixture
def granted(protocol: Protocol) -> Protocol:
    """`late` has granted LIMIT until MONTH, under its plan alone, and can otherwise be charged."""
    protocol.fund_patient(protocol.late, 5_000 * DOLLAR)
    protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id, 0)
    protocol.enrol(protocol.late)
    grant(protocol, LIMIT, MONTH)
    return protocol


def grant(protocol: Protocol, limit: int, expires_at: int, self_pay: bool = False) -> list[ConsentGranted]:
    return protocol.grant(protocol.late, limit, expires_at, self_pay=self_pay).of(ConsentGranted)


def revoke(protocol: Protocol) -> list[ConsentRevoked]:
    receipt = protocol.escrow.send(protocol.late, "revokeConsent", protocol.provider_id)
    return receipt.of(ConsentRevoked)


def consent(protocol: Protocol, time: int) -> tuple[int, int]:
    """The limit and the end of the consent in force at a time."""
    limit, expires_at, _ = protocol.escrow.read("consentOf", protocol.late, protocol.provider_id, time)
    return limit, expires_at


def lets_self_pay(protocol: Protocol, time: int) -> bool:
    *_, self_pay = protocol.escrow.read("consentOf", protocol.late, protocol.provider_id, time)
    return bool(self_pay)


# ---- granting ---------------------------------------------------------------------------------------------


def test_grant_consent__the_first__holds_at_once(protocol: Protocol) -> None:
    assert consent(protocol, NOW) == (0, 0)
    events = grant(protocol, LIMIT, MONTH)
    assert events == [ConsentGranted(protocol.late, protocol.provider_id, LIMIT, MONTH, False, NOW)]
    assert consent(protocol, NOW) == (LIMIT, MONTH)


@pytest.mark.parametrize("limit, expires_at", [(LIMIT + 1, MONTH), (LIMIT, MONTH + 1), (LIMIT, MONTH)])
def test_grant_consent__not_narrower__holds_at_once(granted: Protocol, limit: int, expires_at: int) -> None:
    events = grant(granted, limit, expires_at)
    assert events == [ConsentGranted(granted.late, granted.provider_id, limit, expires_at, False, NOW)]
    assert consent(granted, NOW) == (limit, expires_at)


@pytest.mark.parametrize(
    "limit, expires_at",
    [(LIMIT - 1, MONTH), (LIMIT, MONTH - 1), (LIMIT + 1, MONTH - 1), (LIMIT - 1, MONTH + 1), (0, NOW + 1)],
)
def test_grant_consent__narrower_in_any_way__holds_after_notice(
    granted: Protocol, limit: int, expires_at: int
) -> None:
    events = grant(granted, limit, expires_at)
    assert events == [
        ConsentGranted(granted.late, granted.provider_id, limit, expires_at, False, NOW + NOTICE)
    ]
    assert consent(granted, NOW + NOTICE - 1) == (LIMIT, MONTH)
    assert consent(granted, NOW + NOTICE) == (limit, expires_at)


def test_grant_consent__wider_while_a_narrower_is_announced__takes_its_place(granted: Protocol) -> None:
    grant(granted, 1, MONTH)
    granted.evm.now += HOUR
    grant(granted, LIMIT + 1, MONTH)
    assert consent(granted, NOW + 2 * NOTICE) == (LIMIT + 1, MONTH)


def test_grant_consent__narrower_again_while_announced__starts_the_notice_anew(granted: Protocol) -> None:
    grant(granted, 1, MONTH)
    granted.evm.now += HOUR
    grant(granted, 2, MONTH)
    assert consent(granted, NOW + NOTICE) == (LIMIT, MONTH)
    assert consent(granted, NOW + NOTICE + HOUR) == (2, MONTH)


def test_grant_consent__after_it_expired__holds_at_once_whatever_it_was(granted: Protocol) -> None:
    granted.evm.now = MONTH
    grant(granted, 1, MONTH + 1)
    assert consent(granted, MONTH) == (1, MONTH + 1)


@pytest.mark.parametrize("late, valid", [(-1, False), (0, False), (1, True)])
def test_grant_consent__expiry_around_now__lies_ahead(protocol: Protocol, late: int, valid: bool) -> None:
    if valid:
        assert grant(protocol, LIMIT, NOW + late)
    else:
        with reverts("ConsentExpiryInPast", expiresAt=NOW + late, now=NOW):
            grant(protocol, LIMIT, NOW + late)


def test_grant_consent__unknown_provider__reverts(protocol: Protocol) -> None:
    for provider_id in (0, 2, 2**32 - 1):
        with reverts("UnknownProvider", providerId=provider_id):
            protocol.escrow.send(protocol.late, "grantConsent", provider_id, LIMIT, MONTH, True)


def test_grant_consent__is_for_one_patient_and_one_provider(granted: Protocol) -> None:
    other = granted.register_provider(granted.stranger)
    assert granted.escrow.read("consentOf", granted.late, other, NOW) == (0, 0, False)
    assert granted.escrow.read("consentOf", granted.neighbour, granted.provider_id, NOW) == (
        CONSENT_LIMIT,
        NEVER,
        False,
    )


# ---- revoking ---------------------------------------------------------------------------------------------


def test_revoke_consent__holds_after_notice(granted: Protocol) -> None:
    assert revoke(granted) == [ConsentRevoked(granted.late, granted.provider_id, NOW + NOTICE)]
    limit, expires_at = consent(granted, NOW + NOTICE - 1)
    assert limit == LIMIT
    assert expires_at > NOW + NOTICE - 1
    assert consent(granted, NOW + NOTICE)[1] <= NOW + NOTICE


def test_revoke_consent__expiring_before_the_notice_ends__expires_as_it_would(granted: Protocol) -> None:
    granted.evm.now = MONTH - HOUR
    assert revoke(granted) == [ConsentRevoked(granted.late, granted.provider_id, MONTH)]
    assert consent(granted, MONTH - 1) == (LIMIT, MONTH)


def test_revoke_consent__none_or_expired__reverts(granted: Protocol) -> None:
    with reverts("NoConsentToRevoke", providerId=99):
        granted.escrow.send(granted.late, "revokeConsent", 99)
    with reverts("NoConsentToRevoke", providerId=granted.provider_id):
        granted.escrow.send(granted.stranger, "revokeConsent", granted.provider_id)
    granted.evm.now = MONTH
    with reverts("NoConsentToRevoke"):
        revoke(granted)


def test_revoke_consent__the_last_second__may_still_be_revoked(granted: Protocol) -> None:
    granted.evm.now = MONTH - 1
    assert revoke(granted)


def test_revoke_consent__then_granted_again__holds_at_once(granted: Protocol) -> None:
    revoke(granted)
    granted.evm.now += HOUR
    grant(granted, LIMIT, MONTH)
    assert consent(granted, NOW + 2 * NOTICE) == (LIMIT, MONTH)


# ---- charging outside any plan ----------------------------------------------------------------------------


def test_grant_consent__with_self_pay__is_wider_and_holds_at_once(granted: Protocol) -> None:
    events = grant(granted, LIMIT, MONTH, self_pay=True)
    assert events == [ConsentGranted(granted.late, granted.provider_id, LIMIT, MONTH, True, NOW)]
    assert lets_self_pay(granted, NOW)


@pytest.mark.parametrize("limit", [LIMIT, LIMIT + 1])
def test_grant_consent__without_self_pay_any_more__holds_after_notice(granted: Protocol, limit: int) -> None:
    grant(granted, LIMIT, MONTH, self_pay=True)
    events = grant(granted, limit, MONTH)
    assert events == [ConsentGranted(granted.late, granted.provider_id, limit, MONTH, False, NOW + NOTICE)]
    assert lets_self_pay(granted, NOW + NOTICE - 1)
    assert consent(granted, NOW + NOTICE - 1) == (LIMIT, MONTH)
    assert not lets_self_pay(granted, NOW + NOTICE)
    assert consent(granted, NOW + NOTICE) == (limit, MONTH)


def test_grant_consent__lower_with_self_pay__lets_self_pay_once_it_holds(granted: Protocol) -> None:
    grant(granted, 1, MONTH, self_pay=True)
    assert not lets_self_pay(granted, NOW + NOTICE - 1)
    assert lets_self_pay(granted, NOW + NOTICE)


@pytest.mark.parametrize("self_pay", [True, False])
def test_revoke_consent__leaves_self_pay_as_it_was(granted: Protocol, self_pay: bool) -> None:
    grant(granted, LIMIT, MONTH, self_pay=self_pay)
    revoke(granted)
    assert lets_self_pay(granted, NOW + NOTICE - 1) == self_pay
    assert consent(granted, NOW + NOTICE - 1)[0] == LIMIT


def settle_self_pay(protocol: Protocol, signed_at: int) -> tuple[int, list[object]]:
    protocol.evm.now = signed_at + HOUR
    batch = protocol.batch([protocol.self_pay(protocol.row(protocol.late, 1))], signed_at=signed_at)
    receipt = protocol.submit(batch)
    return receipt.value[0], endings(receipt)


@pytest.mark.parametrize("self_pay", [True, False])
def test_settle__self_pay_of_an_insured_patient__only_with_consent_to_it(
    granted: Protocol, self_pay: bool
) -> None:
    granted.publish_cash_prices()
    grant(granted, LIMIT, MONTH, self_pay=self_pay)
    settled, others = settle_self_pay(granted, NOW)
    assert settled == self_pay
    assert self_pay or others == [(1, Outcome.PENDED, Reason.PAYER_NOT_ACCEPTED)]


@pytest.mark.parametrize("insured", [True, False])
def test_settle__self_pay_without_any_consent__pends(protocol: Protocol, insured: bool) -> None:
    protocol.publish_cash_prices()
    protocol.fund_patient(protocol.late, 5_000 * DOLLAR)
    if insured:
        protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id, 0)
    assert settle_self_pay(protocol, NOW) == (0, [(1, Outcome.PENDED, Reason.NO_CONSENT)])


def test_settle__self_pay_of_an_uninsured_patient__a_plain_consent_is_enough(protocol: Protocol) -> None:
    protocol.publish_cash_prices()
    protocol.fund_patient(protocol.late, 5_000 * DOLLAR)
    grant(protocol, LIMIT, MONTH)
    assert settle_self_pay(protocol, NOW)[0] == 1


@pytest.mark.parametrize("late, settles", [(-1, True), (0, False), (1, False)])
def test_settle__self_pay_signed_around_the_end_of_the_consent_to_it__until_that_second(
    granted: Protocol, late: int, settles: bool
) -> None:
    granted.publish_cash_prices()
    grant(granted, LIMIT, MONTH, self_pay=True)
    grant(granted, LIMIT, MONTH)
    settled, others = settle_self_pay(granted, NOW + NOTICE + late)
    assert settled == settles
    assert settles or others == [(1, Outcome.PENDED, Reason.PAYER_NOT_ACCEPTED)]


def test_settle__with_self_pay_allowed__the_plan_still_pays_what_names_it(granted: Protocol) -> None:
    grant(granted, LIMIT, MONTH, self_pay=True)
    assert settle_signed_at(granted, NOW)[0] == 1
    assert granted.pool() < POOL_FUNDS


# ---- settling by it ---------------------------------------------------------------------------------------


def settle_signed_at(protocol: Protocol, signed_at: int) -> tuple[int, list[object]]:
    protocol.evm.now = signed_at + HOUR
    receipt = protocol.settle(protocol.row(protocol.late, 1), signed_at=signed_at)
    return receipt.value[0], endings(receipt)


@pytest.mark.parametrize("late, settles", [(-1, True), (0, False), (1, False)])
def test_settle__signed_around_the_expiry__until_that_second(
    granted: Protocol, late: int, settles: bool
) -> None:
    granted.evm.now = NOW + DAY  # well before; the year stays
    settled, others = settle_signed_at(granted, MONTH + late)
    assert settled == settles
    assert settles or others == [(1, Outcome.PENDED, Reason.NO_CONSENT)]


@pytest.mark.parametrize("late, settles", [(-1, True), (0, False), (1, False)])
def test_settle__signed_around_a_revocation__until_the_notice_ends(
    granted: Protocol, late: int, settles: bool
) -> None:
    revoke(granted)
    settled, others = settle_signed_at(granted, NOW + NOTICE + late)
    assert settled == settles
    assert settles or others == [(1, Outcome.PENDED, Reason.NO_CONSENT)]


@pytest.mark.parametrize("late, settles", [(-1, True), (0, False), (1, False)])
def test_settle__signed_around_a_lower_limit__by_the_limit_at_signing(
    granted: Protocol, late: int, settles: bool
) -> None:
    grant(granted, 1, MONTH)
    settled, others = settle_signed_at(granted, NOW + NOTICE + late)
    assert settled == settles
    assert settles or others == [(1, Outcome.PENDED, Reason.OVER_CONSENT_LIMIT)]


# ---- while the patient's slot remembers it, see test_remembered_consent -----------------------------------


@pytest.fixture
def remembered(granted: Protocol) -> Protocol:
    """A claim has settled: the consent is remembered, for it allows more than the patient for one event."""
    granted.escrow.send(granted.late, "setLimits", LIMIT - CENT, 0)
    granted.evm.now += NOTICE + MAX_BATCH_LIFE
    assert granted.settle(granted.row(granted.late, 90)).value[0] == 1
    return granted


@pytest.mark.parametrize("late, settles", [(-1, True), (0, False), (1, False)])
@pytest.mark.parametrize("change", ["revoked", "lower", "ending"])
def test_settle__signed_around_a_change_of_a_remembered_consent__until_the_notice_ends(
    remembered: Protocol, change: str, late: int, settles: bool
) -> None:
    holds_at = remembered.evm.now + NOTICE
    if change == "revoked":
        revoke(remembered)
    else:
        limit, end = (1, MONTH) if change == "lower" else (LIMIT, holds_at)
        grant(remembered, limit, end)
    settled, others = settle_signed_at(remembered, holds_at + late)
    assert settled == settles
    reason = Reason.OVER_CONSENT_LIMIT if change == "lower" else Reason.NO_CONSENT
    assert settles or others == [(1, Outcome.PENDED, reason)]


@pytest.mark.parametrize("late, settles", [(-1, True), (0, False), (1, False)])
def test_settle__signed_around_the_expiry_of_a_remembered_consent__until_that_second(
    remembered: Protocol, late: int, settles: bool
) -> None:
    settled, others = settle_signed_at(remembered, MONTH + late)
    assert settled == settles
    assert settles or others == [(1, Outcome.PENDED, Reason.NO_CONSENT)]


def test_settle__another_provider_than_the_remembered__pends(remembered: Protocol) -> None:
    other = remembered.register_provider(remembered.stranger)
    remembered.accept_provider(other)
    receipt = remembered.settle(remembered.row(remembered.late, 1), provider_id=other)
    assert endings(receipt) == [(1, Outcome.PENDED, Reason.NO_CONSENT)]


# ---- nothing is outrun ------------------------------------------------------------------------------------


def test_grant_consent__lower_just_after_the_expiry__outruns_no_signed_batch(granted: Protocol) -> None:
    granted.evm.now = MONTH - 1
    batch = granted.batch([granted.section(granted.row(granted.late, 1))])
    granted.evm.now = MONTH
    grant(granted, 0, NEVER)
    assert granted.submit(batch).value[0] == 1


@pytest.mark.parametrize("limit", [0, 2], ids=["narrower still", "wider again"])
def test_grant_consent__again_just_after_a_narrowing__outruns_no_signed_batch(
    granted: Protocol, limit: int
) -> None:
    grant(granted, 1, MONTH)
    granted.evm.now = NOW + NOTICE - 1
    batch = granted.batch([granted.section(granted.row(granted.late, 1))])
    granted.evm.now = NOW + NOTICE + 1
    with reverts("ChangeTooRecent", changedAt=NOW + NOTICE, until=NOW + NOTICE + 6 * HOUR):
        grant(granted, limit, MONTH)
    assert granted.submit(batch).value[0] == 1
    granted.evm.now = NOW + NOTICE + 6 * HOUR
    grant(granted, limit, MONTH)


def test_revoke_consent__while_a_lower_limit_is_announced__never_widens(granted: Protocol) -> None:
    grant(granted, 1, MONTH)
    granted.evm.now += HOUR
    revoke(granted)
    assert consent(granted, NOW + NOTICE)[0] == 1


def test_revoke_consent__about_to_expire_with_a_lower_limit_announced__never_widens(
    granted: Protocol,
) -> None:
    granted.evm.now = MONTH - NOTICE - HOUR
    grant(granted, 1, MONTH)
    granted.evm.now = MONTH - NOTICE
    revoke(granted)
    assert consent(granted, MONTH - HOUR)[0] == 1


def test_revoke_consent__twice__ends_with_the_first_notice(granted: Protocol) -> None:
    revoke(granted)
    granted.evm.now += HOUR
    revoke(granted)
    assert consent(granted, NOW + NOTICE)[1] <= NOW + NOTICE


@pytest.mark.parametrize(
    "late, valid", [(-1, True), (0, False), (MAX_BATCH_LIFE - 1, False), (MAX_BATCH_LIFE, True)]
)
def test_grant_consent__around_a_narrowing__not_while_a_batch_may_rely_on_the_one_before(
    granted: Protocol, late: int, valid: bool
) -> None:
    grant(granted, 1, MONTH)
    granted.evm.now = NOW + NOTICE + late
    if valid:
        grant(granted, LIMIT, MONTH)
        assert consent(granted, granted.evm.now) == (LIMIT, MONTH)
    else:
        with reverts("ChangeTooRecent", changedAt=NOW + NOTICE):
            grant(granted, LIMIT, MONTH)


def test_revoke_consent__just_after_a_narrowing__is_never_refused(granted: Protocol) -> None:
    grant(granted, 1, MONTH)
    granted.evm.now = NOW + NOTICE + 1
    revoke(granted)
    assert consent(granted, granted.evm.now) == (1, granted.evm.now + NOTICE)
    assert consent(granted, NOW + NOTICE - 1)[0] == LIMIT


@pytest.mark.parametrize("late, keeps", [(0, True), (MAX_BATCH_LIFE - 1, True), (MAX_BATCH_LIFE, False)])
def test_grant_consent__lower_after_the_expiry__remembers_it_as_long_as_a_batch_lives(
    granted: Protocol, late: int, keeps: bool
) -> None:
    granted.evm.now = MONTH + late
    grant(granted, 1, NEVER)
    assert consent(granted, granted.evm.now) == (1, NEVER)
    assert consent(granted, MONTH - 1) == ((LIMIT, MONTH) if keeps else (1, NEVER))


@pytest.mark.parametrize("expires_at", [NEVER, NEVER - MAX_BATCH_LIFE, NEVER - MAX_BATCH_LIFE + 1])
def test_grant_consent__of_one_that_never_ends__may_be_changed(granted: Protocol, expires_at: int) -> None:
    """The last times of 40 bits must not overflow when a life of a batch is added."""
    grant(granted, LIMIT, expires_at)
    grant(granted, 1, MONTH)
    assert consent(granted, NOW + NOTICE - 1) == (LIMIT, expires_at)
    assert consent(granted, NOW + NOTICE) == (1, MONTH)


def test_revoke_consent__a_longer_lower_one_announced__logs_when_the_last_of_it_ends(
    granted: Protocol,
) -> None:
    granted.evm.now = MONTH - HOUR
    grant(granted, 1, NEVER)  # lower, so announced; until then the present one runs out
    granted.evm.now += HOUR // 2
    (revoked,) = revoke(granted)
    ends = [time for time in range(MONTH - HOUR, MONTH + 2 * DAY, 60) if consent(granted, time)[1] > time]
    assert ends[-1] < revoked.expires_at


def test_revoke_consent__only_an_announced_one_left__revokes_it(granted: Protocol) -> None:
    granted.evm.now = MONTH - HOUR
    grant(granted, 1, NEVER)
    granted.evm.now = MONTH
    revoke(granted)
    assert consent(granted, MONTH + NOTICE)[1] <= MONTH + NOTICE
