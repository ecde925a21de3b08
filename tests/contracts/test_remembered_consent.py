"""A provider's consent that a patient's slot remembers, so that settling need not read it: the patient may be
charged exactly what another may of whom nothing is remembered."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from tests.contracts.test_spendable import (
    FUNDS,
    LIMIT,
    PATIENTS,
    UNLIMITED,
    EscrowHarness,
    Statement,
    packed,
    refused,
)
from tests.support.deployment import DAY, HOUR, MAX_BATCH_LIFE, NEVER, NOTICE, NOW, Protocol, account
from tests.support.evm import reverts
from tests.support.pyrevm_backend import PyrevmBackend

from chainbill.billing.outcomes import Reason
from chainbill.money import CENT, DOLLAR
from chainbill.records.hashing import keccak256

PATIENT, TWIN = PATIENTS[:2]
"""They have done the same, but the twin was not debited: nothing is remembered of it."""

EVENT = 100 * DOLLAR
"""The most for one event, below the consent's LIMIT."""

PATIENTS_SLOT = 2
"""Where the escrow keeps its patients, see `docs/storage.md`."""

UNIT = 2**20
"""The seconds in which the slot keeps how long a consent is remembered."""

END = (NOW // UNIT + 5) * UNIT
"""When the consents end: a whole number of units."""

OPEN = Statement(FUNDS, UNLIMITED, EVENT, Reason.OVER_EVENT_LIMIT, Reason.NONE)
NO_CONSENT = refused(FUNDS, Reason.NO_CONSENT)
NOT_ACCEPTED = refused(FUNDS, Reason.PAYER_NOT_ACCEPTED)


def remembered(harness: EscrowHarness, patient: str) -> bool:
    """Does the patient's slot say that it remembers a consent?"""
    backend = harness.protocol.evm._backend  # not every EVM shows its storage
    assert isinstance(backend, PyrevmBackend)
    place = keccak256(bytes.fromhex(patient[2:]).rjust(32, b"\0") + PATIENTS_SLOT.to_bytes(32, "big"))
    return bool(backend.storage(harness.escrow.address, int.from_bytes(place, "big")) & 4)


def open_pair(
    protocol: Protocol, *, limit: int = LIMIT, end: int = END, event: int = EVENT, daily: int = 0
) -> EscrowHarness:
    """Patient and twin are funded, have payer 1, a limit for one event and a consent to provider 1; nothing
    has changed of late. There are three providers."""
    harness = EscrowHarness.deploy(protocol)
    for name in ("second", "third"):
        protocol.register_provider(account(name).address)
    for patient in (PATIENT, TWIN):
        harness.fund(patient)
        harness.escrow.send(patient, "acceptPayer", 1, 0)
        harness.consent(patient, limit, end)
        if event or daily:
            harness.escrow.send(patient, "setLimits", event, daily)
    protocol.advance(NOTICE + MAX_BATCH_LIFE)
    return harness


def debit(harness: EscrowHarness, provider: int = 1) -> None:
    """Debit the patient by a cent, of which there was one more."""
    harness.fund(PATIENT, CENT)
    harness.debit({PATIENT: CENT}, provider)


@pytest.fixture
def harness(protocol: Protocol) -> EscrowHarness:
    """The patient's consent to provider 1 is remembered, the twin's is not."""
    opened = open_pair(protocol)
    debit(opened)
    assert (remembered(opened, PATIENT), remembered(opened, TWIN)) == (True, False)
    return opened


def both(harness: EscrowHarness, verb: str, *arguments: Any) -> None:
    """The patient and the twin do the same."""
    for patient in (PATIENT, TWIN):
        harness.escrow.send(patient, verb, *arguments)


def assert_alike(harness: EscrowHarness, *times: int) -> None:
    """Memory changes nothing: for these times of signing, every provider and whatever payers are named."""
    for time, provider, payers in product(times, (1, 2, 3), ((0, 0), (1, 0), (1, 2), (2, 0), (2, 1))):
        ours, twins = harness.spendable(packed([PATIENT, TWIN], provider, payers), time)
        if ours.reason == Reason.NONE and ours.day_left != UNLIMITED:
            ours = replace(ours, day_left=ours.day_left + harness.escrow.read("spentToday", PATIENT))
            twins = replace(twins, day_left=twins.day_left + harness.escrow.read("spentToday", TWIN))
        assert ours == twins, (time - harness.protocol.evm.now, provider, payers)
    for time, view in product(times, ("payersOf", "limitsOf")):
        assert harness.escrow.read(view, PATIENT, time) == harness.escrow.read(view, TWIN, time)


# ---- while nothing changes --------------------------------------------------------------------------------


def test_debit__remembers_the_consent__and_the_next_statement_is_the_same(protocol: Protocol) -> None:
    harness = open_pair(protocol)
    now = protocol.evm.now
    before = harness.stated(PATIENT)
    assert before == OPEN
    for _ in range(3):
        debit(harness)
        assert remembered(harness, PATIENT)
        assert harness.stated(PATIENT) == before
        assert_alike(harness, now - MAX_BATCH_LIFE, now - 1, now)


def test_spendable__remembered_consent__is_of_that_provider_alone(harness: EscrowHarness) -> None:
    assert harness.stated(PATIENT) == OPEN
    for provider in (0, 2, 3, 2**24 + 1, 2**32 - 1):
        assert harness.stated(PATIENT, provider=provider) == NO_CONSENT


def test_spendable__remembered_consent__is_for_the_accepted_payer_alone(harness: EscrowHarness) -> None:
    for payers in ((0, 0), (1, 1), (1, 2), (1, 3), (2, 0), (2, 1)):
        assert harness.stated(PATIENT, payers) == NOT_ACCEPTED


@pytest.mark.parametrize("self_pay", [False, True])
def test_spendable__remembered_consent__lets_self_pay_as_the_consent_does(
    protocol: Protocol, self_pay: bool
) -> None:
    harness = open_pair(protocol)
    for patient in (PATIENT, TWIN):
        harness.consent(patient, LIMIT + CENT, END, self_pay)
    debit(harness)
    assert remembered(harness, PATIENT)
    assert harness.stated(PATIENT, (0, 0)) == (OPEN if self_pay else NOT_ACCEPTED)
    assert_alike(harness, protocol.evm.now)


def test_payers_of__consent_remembered__has_no_secondary(harness: EscrowHarness) -> None:
    assert harness.escrow.read("payersOf", PATIENT, harness.protocol.evm.now) == (1, 0)
    with reverts("PayersUnchanged", payerId=1, secondaryPayerId=0):
        harness.escrow.send(PATIENT, "acceptPayer", 1, 0)


@pytest.mark.parametrize("past", [0, 1, HOUR, UNIT - 1])
@pytest.mark.parametrize("late", [-1, 0, 1])
def test_spendable__around_the_expiry_of_a_remembered_consent__until_that_second(
    protocol: Protocol, past: int, late: int
) -> None:
    """The slot keeps whole units; what is left of the consent beyond them is read where it stands."""
    harness = open_pair(protocol, end=END + past)
    debit(harness)
    assert remembered(harness, PATIENT)
    assert harness.stated(PATIENT, signed_at=END + past + late) == (OPEN if late < 0 else NO_CONSENT)
    assert_alike(harness, END - 1, END, END + 1, END + past + late)


def test_debit__another_consent_after_one_without_end__is_remembered_until_its_own_end(
    protocol: Protocol,
) -> None:
    """Nothing of the first one's time is left in the slot."""
    harness = open_pair(protocol, end=NEVER)
    debit(harness)
    both(harness, "revokeConsent", 1)
    protocol.advance(NOTICE + MAX_BATCH_LIFE)
    end = (protocol.evm.now // UNIT + 3) * UNIT
    for patient in (PATIENT, TWIN):
        harness.consent(patient, LIMIT, end)
    debit(harness)
    assert remembered(harness, PATIENT)
    assert_alike(harness, end - 1, end, end + 1)
    assert [harness.stated(PATIENT, signed_at=time) for time in (end - 1, end)] == [OPEN, NO_CONSENT]


def test_debit__consent_that_does_not_end__leaves_the_days_as_they_are(protocol: Protocol) -> None:
    """13 bits hold times up to the year 2242: the rest must not run into the fields beside them."""
    harness = open_pair(protocol, end=NEVER, daily=3 * EVENT)
    for number in (1, 2):
        debit(harness)
        assert remembered(harness, PATIENT)
        assert harness.escrow.read("spentToday", PATIENT) == number * CENT
        assert harness.stated(PATIENT).day_left == 3 * EVENT - number * CENT
    protocol.advance(DAY)
    assert harness.escrow.read("spentToday", PATIENT) == 0
    debit(harness)
    assert (
        harness.escrow.read("spentToday", PATIENT) == CENT
    )  # what was taken the day before no longer counts
    assert_alike(harness, protocol.evm.now, 8191 * UNIT - 1, 8191 * UNIT, NEVER - 1, NEVER)


def test_debit__over_what_is_left_of_the_day__is_counted_as_without_memory(protocol: Protocol) -> None:
    harness = open_pair(protocol, daily=EVENT + CENT)
    for patient in (PATIENT, TWIN):
        harness.debit({patient: EVENT})
        harness.debit({patient: CENT})
    assert remembered(harness, PATIENT)
    assert harness.stated(PATIENT).day_left == 0
    assert_alike(harness, protocol.evm.now)


# ---- what is not remembered -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limit, remembers", [(0, False), (EVENT - 1, False), (EVENT, False), (EVENT + 1, True), (LIMIT, True)]
)
def test_debit__consent_with_a_limit_around_that_for_one_event__is_remembered_above_it(
    protocol: Protocol, limit: int, remembers: bool
) -> None:
    harness = open_pair(protocol, limit=limit)
    debit(harness)
    assert remembered(harness, PATIENT) == remembers
    over = Reason.OVER_EVENT_LIMIT if remembers else Reason.OVER_CONSENT_LIMIT
    assert harness.stated(PATIENT) == Statement(FUNDS, UNLIMITED, min(limit, EVENT), over, Reason.NONE)
    assert_alike(harness, protocol.evm.now, END - 1, END)


@pytest.mark.parametrize("event, daily", [(0, 0), (0, EVENT)])
def test_debit__without_a_limit_for_one_event__remembers_nothing(
    protocol: Protocol, event: int, daily: int
) -> None:
    harness = open_pair(protocol, event=event, daily=daily)
    debit(harness)
    assert not remembered(harness, PATIENT)
    assert harness.stated(PATIENT).limit == LIMIT
    protocol.advance(DAY)
    assert_alike(harness, protocol.evm.now)


def test_debit__of_a_patient_with_two_payers__keeps_the_secondary(protocol: Protocol) -> None:
    harness = open_pair(protocol)
    both(harness, "acceptPayer", 1, 2)
    protocol.advance(NOTICE + MAX_BATCH_LIFE)
    harness.fund(PATIENT, CENT)
    harness.call(("chargeShares", packed([PATIENT], 1, (1, 2)), 0, CENT.to_bytes(32, "big")))
    assert not remembered(harness, PATIENT)
    assert harness.escrow.read("payersOf", PATIENT, protocol.evm.now) == (1, 2)
    assert harness.stated(PATIENT, (1, 2)) == OPEN
    assert_alike(harness, protocol.evm.now)


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_debit__while_a_narrower_consent_is_announced__remembers_neither(
    protocol: Protocol, late: int
) -> None:
    harness = open_pair(protocol)
    holds_at = protocol.evm.now + NOTICE
    both(harness, "grantConsent", 1, EVENT - CENT, END, False)
    debit(harness)
    assert not remembered(harness, PATIENT)
    narrower = Statement(FUNDS, UNLIMITED, EVENT - CENT, Reason.OVER_CONSENT_LIMIT, Reason.NONE)
    assert harness.stated(PATIENT, signed_at=holds_at + late) == (OPEN if late < 0 else narrower)
    protocol.evm.now = holds_at + late
    debit(harness)
    assert_alike(harness, holds_at - 1, holds_at, holds_at + 1)


def test_debit__by_another_provider__leaves_the_one_that_is_remembered(harness: EscrowHarness) -> None:
    """Ids are not mixed: out of 1 and 2 would come 3, to whom nobody consents."""
    both(harness, "grantConsent", 2, LIMIT, END, False)
    debit(harness, provider=2)
    assert [harness.stated(PATIENT, provider=provider) for provider in (1, 2, 3)] == [OPEN, OPEN, NO_CONSENT]
    assert harness.escrow.read("payersOf", PATIENT, harness.protocol.evm.now) == (1, 0)
    assert_alike(harness, harness.protocol.evm.now)


def test_debit__by_another_provider_beyond_what_a_day_counts__leaves_the_one_that_is_remembered(
    protocol: Protocol,
) -> None:
    """Where what was spent does not fit its field, the longer way is taken."""
    harness = open_pair(protocol, daily=EVENT)
    debit(harness)
    harness.escrow.send(PATIENT, "grantConsent", 2, LIMIT, END, False)
    assert remembered(harness, PATIENT)
    harness.fund(PATIENT, 2**48)
    harness.debit({PATIENT: 2**48}, provider=2)
    assert harness.escrow.read("spentToday", PATIENT) == 2**48 - 1
    reasons = [harness.stated(PATIENT, provider=provider).reason for provider in (1, 2, 3)]
    assert reasons == [Reason.NONE, Reason.NONE, Reason.NO_CONSENT]


def test_debit__remembered_consent_has_ended__another_provider_is_read_where_it_stands(
    harness: EscrowHarness,
) -> None:
    both(harness, "grantConsent", 2, LIMIT, NEVER, False)
    harness.protocol.evm.now = END
    debit(harness, provider=2)
    assert [harness.stated(PATIENT, provider=provider) for provider in (1, 2)] == [NO_CONSENT, OPEN]
    assert_alike(harness, END - 1, END, END + 1)


# ---- what forgets it --------------------------------------------------------------------------------------

CHANGES: dict[str, tuple[tuple[Any, ...], tuple[int, int], Statement, Statement]] = {
    # the verb; the payers that a section names; its statement until the notice ends, and from then on
    "revoked": (("revokeConsent", 1), (1, 0), OPEN, NO_CONSENT),
    "granted below the limit": (
        ("grantConsent", 1, EVENT - CENT, END, False),
        (1, 0),
        OPEN,
        Statement(FUNDS, UNLIMITED, EVENT - CENT, Reason.OVER_CONSENT_LIMIT, Reason.NONE),
    ),
    "granted at the limit": (
        ("grantConsent", 1, EVENT, END, False),
        (1, 0),
        OPEN,
        Statement(FUNDS, UNLIMITED, EVENT, Reason.OVER_CONSENT_LIMIT, Reason.NONE),
    ),
    "granted narrower, still above the limit": (
        ("grantConsent", 1, EVENT + CENT, END, False),
        (1, 0),
        OPEN,
        OPEN,
    ),
    "another payer": (("acceptPayer", 2, 0), (1, 0), OPEN, NOT_ACCEPTED),
    "another payer, named": (("acceptPayer", 2, 0), (2, 0), NOT_ACCEPTED, OPEN),
    "a secondary payer": (("acceptPayer", 1, 2), (1, 0), OPEN, NOT_ACCEPTED),
    "a secondary payer, named": (("acceptPayer", 1, 2), (1, 2), NOT_ACCEPTED, OPEN),
    "a secondary payer of the provider's id": (("acceptPayer", 2, 1), (2, 1), NOT_ACCEPTED, OPEN),
    "no payer": (("acceptPayer", 0, 0), (0, 0), NOT_ACCEPTED, OPEN),
    "a lower limit": (
        ("setLimits", EVENT - CENT, 0),
        (1, 0),
        OPEN,
        Statement(FUNDS, UNLIMITED, EVENT - CENT, Reason.OVER_EVENT_LIMIT, Reason.NONE),
    ),
    "a limit for a day": (
        ("setLimits", 0, EVENT),
        (1, 0),
        OPEN,
        Statement(FUNDS, EVENT, LIMIT, Reason.OVER_CONSENT_LIMIT, Reason.NONE),
    ),
}


@pytest.mark.parametrize("late", [-1, 0, 1])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change__announced_while_a_consent_is_remembered__holds_once_its_notice_ends(
    harness: EscrowHarness, change: tuple[tuple[Any, ...], tuple[int, int], Statement, Statement], late: int
) -> None:
    verb, payers, before, after = change
    holds_at = harness.protocol.evm.now + NOTICE
    both(harness, *verb)
    assert harness.stated(PATIENT, payers, holds_at + late) == (before if late < 0 else after)
    assert_alike(harness, holds_at - NOTICE, holds_at - 1, holds_at, holds_at + 1)
    # And the same around and after it, when the patient is debited again.
    for now in (holds_at + late, holds_at + MAX_BATCH_LIFE + late):
        harness.protocol.evm.now = now
        debit(harness)
        assert_alike(harness, holds_at, holds_at + 1, now)
        if now - holds_at < MAX_BATCH_LIFE:
            assert_alike(harness, holds_at - 1)


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_change__ending_earlier__holds_once_its_notice_ends(harness: EscrowHarness, late: int) -> None:
    """A consent that is over by the time its notice ends."""
    holds_at = harness.protocol.evm.now + NOTICE
    both(harness, "grantConsent", 1, LIMIT, holds_at, False)
    assert harness.stated(PATIENT, signed_at=holds_at + late) == (OPEN if late < 0 else NO_CONSENT)


@pytest.mark.parametrize("event", [0, LIMIT, LIMIT + CENT, LIMIT - CENT])
def test_set_limits__raised_while_a_consent_is_remembered__the_consent_binds_at_once(
    harness: EscrowHarness, event: int
) -> None:
    both(harness, "setLimits", event, 0)
    assert not remembered(harness, PATIENT)
    binds = 0 < event < LIMIT
    over = Reason.OVER_EVENT_LIMIT if binds else Reason.OVER_CONSENT_LIMIT
    expected = Statement(FUNDS, UNLIMITED, event if binds else LIMIT, over, Reason.NONE)
    now = harness.protocol.evm.now
    for time in (now - 1, now, now + 1):
        assert harness.stated(PATIENT, signed_at=time) == expected
    debit(harness)
    assert remembered(harness, PATIENT) == binds
    assert_alike(harness, now - 1, now, now + 1, END - 1, END)


def test_grant_consent__wider_while_one_is_remembered__holds_at_once(harness: EscrowHarness) -> None:
    both(harness, "grantConsent", 1, LIMIT, END + UNIT, True)
    assert not remembered(harness, PATIENT)
    assert harness.stated(PATIENT, (0, 0)) == OPEN
    assert_alike(harness, harness.protocol.evm.now, END, END + UNIT - 1, END + UNIT)


def test_change_of_payers__called_off__leaves_what_is_remembered(harness: EscrowHarness) -> None:
    now = harness.protocol.evm.now
    both(harness, "acceptPayer", 1, 2)
    both(harness, "acceptPayer", 1, 0)
    assert harness.stated(PATIENT, signed_at=now + NOTICE) == OPEN
    assert_alike(harness, now, now + NOTICE - 1, now + NOTICE, now + NOTICE + 1)


def test_consents_to_others__while_one_is_remembered__leave_it(harness: EscrowHarness) -> None:
    both(harness, "grantConsent", 2, LIMIT, END, False)
    both(harness, "revokeConsent", 2)
    assert remembered(harness, PATIENT)
    now = harness.protocol.evm.now
    assert harness.stated(PATIENT, provider=2, signed_at=now + NOTICE) == NO_CONSENT
    assert_alike(harness, now, now + NOTICE - 1, now + NOTICE)


def test_change__of_another_patient__leaves_what_is_remembered(harness: EscrowHarness) -> None:
    harness.escrow.send(TWIN, "revokeConsent", 1)
    assert harness.stated(PATIENT, signed_at=harness.protocol.evm.now + NOTICE) == OPEN
    assert harness.stated(TWIN, signed_at=harness.protocol.evm.now + NOTICE) == NO_CONSENT
