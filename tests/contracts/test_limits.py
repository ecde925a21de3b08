"""`PatientEscrow.setLimits`: raised at once, lowered after NOTICE; and what settles under them."""

from __future__ import annotations

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import DAY, HOUR, MAX_BATCH_LIFE, NOTICE, NOW, PATIENT_FUNDS, Protocol
from tests.support.evm import Receipt, reverts

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.events import LimitsSet
from chainbill.money import CENT, DOLLAR

EVENT, DAILY = 500 * DOLLAR, 800 * DOLLAR
"""What the patient of most of these tests has set."""
LARGEST = (2**32 - 1) * CENT
FIRST, SECOND, THIRD = 110 * DOLLAR, 30 * DOLLAR, 30 * DOLLAR
"""What the patient pays for its first visits: the deductible is met by the first."""
MIDNIGHT = (NOW // DAY + 2) * DAY
"""A day's end (UTC) after limits set at the start hold."""


def set_limits(protocol: Protocol, event: int, daily: int) -> Receipt:
    return protocol.escrow.send(protocol.patient, "setLimits", event, daily)


def limits(protocol: Protocol, time: int) -> tuple[int, int]:
    return tuple(protocol.escrow.read("limitsOf", protocol.patient, time))


def spent_today(protocol: Protocol) -> int:
    return int(protocol.escrow.read("spentToday", protocol.patient))


@pytest.fixture
def limited(protocol: Protocol) -> Protocol:
    """The patient's limits hold and have held for longer than a batch lives."""
    set_limits(protocol, EVENT, DAILY)
    protocol.advance(NOTICE + MAX_BATCH_LIFE)
    return protocol


# ---- setting ----------------------------------------------------------------------------------------------


def test_set_limits__the_first__lower_what_was_unlimited(protocol: Protocol) -> None:
    assert limits(protocol, NOW) == (0, 0)
    receipt = set_limits(protocol, EVENT, DAILY)
    assert receipt.of(LimitsSet) == [LimitsSet(protocol.patient, EVENT, DAILY, NOW + NOTICE)]
    assert limits(protocol, NOW + NOTICE - 1) == (0, 0)
    assert limits(protocol, NOW + NOTICE) == (EVENT, DAILY)
    assert protocol.escrow.read("limitsOf", protocol.neighbour, NOW + NOTICE) == (0, 0)


@pytest.mark.parametrize(
    "event, daily",
    [(EVENT + CENT, DAILY), (EVENT, DAILY + CENT), (0, DAILY), (EVENT, 0), (0, 0), (LARGEST, LARGEST)],
)
def test_set_limits__raised__hold_at_once(limited: Protocol, event: int, daily: int) -> None:
    receipt = set_limits(limited, event, daily)
    assert receipt.of(LimitsSet) == [LimitsSet(limited.patient, event, daily, limited.evm.now)]
    assert limits(limited, limited.evm.now) == (event, daily)


@pytest.mark.parametrize(
    "event, daily",
    [
        (EVENT - CENT, DAILY),
        (EVENT, DAILY - CENT),
        (EVENT + CENT, DAILY - CENT),
        (EVENT - CENT, 0),
        (0, CENT),
        (CENT, CENT),
    ],
)
def test_set_limits__lower_in_any_way__hold_after_notice(limited: Protocol, event: int, daily: int) -> None:
    at = limited.evm.now + NOTICE
    receipt = set_limits(limited, event, daily)
    assert receipt.of(LimitsSet) == [LimitsSet(limited.patient, event, daily, at)]
    assert limits(limited, at - 1) == (EVENT, DAILY)
    assert limits(limited, at) == (event, daily)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    "limit, error",
    [
        (1, "LimitNotInCents"),
        (CENT - 1, "LimitNotInCents"),
        (CENT + 1, "LimitNotInCents"),
        (LARGEST + CENT, "LimitTooLarge"),
        (2**64 - 2**64 % CENT, "LimitTooLarge"),
    ],
)
def test_set_limits__no_whole_cents_or_too_many__reverts(
    protocol: Protocol, place: int, limit: int, error: str
) -> None:
    with reverts(error, limit=limit):
        set_limits(protocol, *((limit, 0) if place == 0 else (0, limit)))


def test_set_limits__the_least_and_the_largest__are_kept(protocol: Protocol) -> None:
    set_limits(protocol, LARGEST, CENT)
    assert limits(protocol, NOW + NOTICE) == (LARGEST, CENT)


def test_set_limits__the_present_ones__reverts(limited: Protocol) -> None:
    with reverts("LimitsUnchanged", perEventLimit=EVENT, perDayLimit=DAILY):
        set_limits(limited, EVENT, DAILY)
    with reverts("LimitsUnchanged", perEventLimit=0, perDayLimit=0):
        limited.escrow.send(limited.neighbour, "setLimits", 0, 0)


def test_set_limits__the_present_ones_while_lower_are_announced__stay(limited: Protocol) -> None:
    set_limits(limited, CENT, CENT)
    limited.advance(HOUR)
    receipt = set_limits(limited, EVENT, DAILY)
    assert receipt.of(LimitsSet) == [LimitsSet(limited.patient, EVENT, DAILY, limited.evm.now)]
    assert limits(limited, limited.evm.now + 2 * NOTICE) == (EVENT, DAILY)


def test_set_limits__lower_again_while_announced__starts_the_notice_anew(limited: Protocol) -> None:
    at = limited.evm.now
    set_limits(limited, CENT, CENT)
    limited.advance(HOUR)
    set_limits(limited, 2 * CENT, 2 * CENT)
    assert limits(limited, at + NOTICE) == (EVENT, DAILY)
    assert limits(limited, at + NOTICE + HOUR) == (2 * CENT, 2 * CENT)


def test_set_limits__leaves_payers_and_balance_alone(limited: Protocol) -> None:
    payers = limited.escrow.read("payersOf", limited.patient, limited.evm.now)
    set_limits(limited, LARGEST, 0)
    set_limits(limited, LARGEST, LARGEST)
    limited.advance(NOTICE)
    assert limited.escrow.read("payersOf", limited.patient, limited.evm.now) == payers
    assert limited.balance(limited.patient) == PATIENT_FUNDS


# ---- nothing is outrun ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "age, valid", [(0, False), (1, False), (MAX_BATCH_LIFE - 1, False), (MAX_BATCH_LIFE, True)]
)
@pytest.mark.parametrize(
    "event, daily",
    [(CENT, CENT), (EVENT - CENT, DAILY), (EVENT, DAILY - CENT)],
    ids=["lower", "raised, not as high as before", "raised the other, not as high as before"],
)
def test_set_limits__around_a_lowering__not_while_a_batch_may_rely_on_those_before(
    limited: Protocol, age: int, valid: bool, event: int, daily: int
) -> None:
    set_limits(limited, 2 * CENT, 2 * CENT)
    changed_at = limited.evm.now + NOTICE
    limited.evm.now = changed_at + age
    if valid:
        set_limits(limited, event, daily)
    else:
        with reverts("ChangeTooRecent", changedAt=changed_at, until=changed_at + MAX_BATCH_LIFE):
            set_limits(limited, event, daily)


@pytest.mark.parametrize("event, daily", [(EVENT, DAILY), (0, 0), (EVENT + CENT, DAILY)])
def test_set_limits__as_high_as_before_a_lowering__hide_nothing(
    limited: Protocol, event: int, daily: int
) -> None:
    set_limits(limited, CENT, CENT)
    limited.advance(NOTICE)
    set_limits(limited, event, daily)
    assert limits(limited, limited.evm.now) == (event, daily)
    assert limits(limited, limited.evm.now - 1) == (event, daily)


def test_set_limits__as_before_but_lower_than_the_present__hide_something(limited: Protocol) -> None:
    """After a mixed change the ones before are no raise, so they would have to be announced, too."""
    set_limits(limited, EVENT - CENT, DAILY + CENT)
    limited.advance(NOTICE)
    with reverts("ChangeTooRecent"):
        set_limits(limited, EVENT, DAILY)


@pytest.mark.parametrize("before", [True, False])
def test_set_limits__just_after_a_lowering__outrun_no_signed_batch(limited: Protocol, before: bool) -> None:
    set_limits(limited, CENT, CENT)
    limited.advance(NOTICE - 1)
    batch = limited.batch([limited.section(limited.row(limited.patient, 1))])
    limited.advance(2)
    if before:
        with reverts("ChangeTooRecent"):
            set_limits(limited, 2 * CENT, 2 * CENT)
    else:
        set_limits(limited, 0, 0)
    assert limited.submit(batch).value[0] == 1


# ---- settling under a limit for one event -----------------------------------------------------------------


@pytest.mark.parametrize("short, settles", [(0, True), (CENT, False)])
def test_settle__event_limit_around_the_patients_part__not_over_it(
    protocol: Protocol, short: int, settles: bool
) -> None:
    set_limits(protocol, FIRST - short, 0)
    protocol.advance(NOTICE)
    receipt = protocol.settle(protocol.row(protocol.patient, 1), protocol.row(protocol.neighbour, 2))
    assert receipt.value[0] == 1 + settles
    assert settles or endings(receipt) == [(1, Outcome.PENDED, Reason.OVER_EVENT_LIMIT)]


@pytest.mark.parametrize(
    "consent, limit, reason",
    [
        (FIRST - DOLLAR, FIRST - CENT, Reason.OVER_CONSENT_LIMIT),
        (FIRST - CENT, FIRST - CENT, Reason.OVER_CONSENT_LIMIT),
        (FIRST - CENT, FIRST - DOLLAR, Reason.OVER_EVENT_LIMIT),
        (FIRST, FIRST - CENT, Reason.OVER_EVENT_LIMIT),
        (FIRST - 1, FIRST, Reason.OVER_CONSENT_LIMIT),
    ],
)
def test_settle__over_limit_and_consent__the_lower_one_is_named(
    protocol: Protocol, consent: int, limit: int, reason: Reason
) -> None:
    set_limits(protocol, limit, 0)
    protocol.grant(protocol.patient, consent)
    protocol.advance(NOTICE)
    receipt = protocol.settle(protocol.row(protocol.patient, 1))
    assert endings(receipt) == [(1, Outcome.PENDED, reason)]


@pytest.mark.parametrize("late, settles", [(-1, True), (0, False), (1, False)])
@pytest.mark.parametrize(
    "event, daily, reason",
    [(FIRST - CENT, 0, Reason.OVER_EVENT_LIMIT), (0, FIRST - CENT, Reason.OVER_DAY_LIMIT)],
)
def test_settle__signed_around_a_lower_limit__by_the_limit_at_signing(
    protocol: Protocol, event: int, daily: int, reason: Reason, late: int, settles: bool
) -> None:
    set_limits(protocol, event, daily)
    protocol.advance(NOTICE + HOUR // 2)
    receipt = protocol.settle(protocol.row(protocol.patient, 1), signed_at=NOW + NOTICE + late)
    assert receipt.value[0] == settles
    assert settles or endings(receipt) == [(1, Outcome.PENDED, reason)]


def test_settle__lower_limit_held_longer_than_a_batch_lives__still_holds(protocol: Protocol) -> None:
    """By then a debit has taken it over into the patient's first word."""
    set_limits(protocol, FIRST, 0)
    for waiting in (NOTICE, MAX_BATCH_LIFE, MAX_BATCH_LIFE):
        protocol.advance(waiting)
        sequence = protocol.evm.now
        assert protocol.settle(protocol.row(protocol.patient, sequence)).value[0] == 1
        assert limits(protocol, protocol.evm.now) == (FIRST, 0)
    protocol.assert_solvent()


# ---- settling under a limit for one day -------------------------------------------------------------------


def visits(protocol: Protocol, *sequences: int) -> Receipt:
    return protocol.settle(*(protocol.row(protocol.patient, sequence) for sequence in sequences))


@pytest.fixture
def daily(protocol: Protocol) -> Protocol:
    """The patient pays two visits a day; it is evening, and the limit has long held."""
    set_limits(protocol, 0, FIRST + SECOND)
    protocol.advance(NOTICE + MAX_BATCH_LIFE)
    return protocol


def test_settle__several_events_of_one_day__until_the_limit(daily: Protocol) -> None:
    receipt = visits(daily, 1, 2, 3)
    assert endings(receipt) == [(3, Outcome.PENDED, Reason.OVER_DAY_LIMIT)]
    assert spent_today(daily) == FIRST + SECOND
    assert daily.balance(daily.patient) == PATIENT_FUNDS - FIRST - SECOND
    assert endings(visits(daily, 3)) == [(3, Outcome.PENDED, Reason.OVER_DAY_LIMIT)]
    daily.assert_solvent()


def test_settle__several_batches_and_providers_of_one_day__share_the_limit(daily: Protocol) -> None:
    other = daily.register_provider(daily.stranger)
    daily.accept_provider(other)
    daily.grant(daily.patient, provider_id=other)
    assert visits(daily, 1).value[0] == 1
    daily.advance(HOUR)
    receipt = daily.settle(daily.row(daily.patient, 1), daily.row(daily.patient, 2), provider_id=other)
    assert endings(receipt) == [(2, Outcome.PENDED, Reason.OVER_DAY_LIMIT)]
    assert spent_today(daily) == FIRST + SECOND


def test_settle__several_sections_of_one_batch__share_the_limit(daily: Protocol) -> None:
    sections = [daily.section(daily.row(daily.patient, sequence)) for sequence in (1, 2, 3)]
    receipt = daily.submit(daily.batch(sections))
    assert endings(receipt) == [(3, Outcome.PENDED, Reason.OVER_DAY_LIMIT)]
    assert spent_today(daily) == FIRST + SECOND


@pytest.mark.parametrize("late, settles", [(-1, False), (0, True), (1, True)])
def test_settle__around_midnight__counts_from_nothing_again(
    daily: Protocol, late: int, settles: bool
) -> None:
    visits(daily, 1, 2)
    daily.evm.now = MIDNIGHT + late
    assert spent_today(daily) == (0 if settles else FIRST + SECOND)
    receipt = visits(daily, 3)
    assert receipt.value[0] == settles
    assert spent_today(daily) == (THIRD if settles else FIRST + SECOND)


def test_settle__day_of_the_block_not_of_the_signing__counts(daily: Protocol) -> None:
    visits(daily, 1, 2)
    signed_at = MIDNIGHT - 10
    daily.evm.now = MIDNIGHT + 10
    assert daily.settle(daily.row(daily.patient, 3), signed_at=signed_at).value[0] == 1
    assert spent_today(daily) == THIRD


@pytest.mark.parametrize("daily_limit", [FIRST + SECOND, FIRST + SECOND + CENT])
def test_settle__spent_earlier_on_the_day_a_limit_begins__counts(
    protocol: Protocol, daily_limit: int
) -> None:
    """A limit is counted from when it was announced: a whole notice is more than what is left of any day."""
    set_limits(protocol, 0, daily_limit)
    protocol.evm.now = NOW + NOTICE - 60
    assert visits(protocol, 1).value[0] == 1  # no limit yet
    protocol.evm.now = NOW + NOTICE
    assert spent_today(protocol) == FIRST
    assert endings(visits(protocol, 2, 3)) == [(3, Outcome.PENDED, Reason.OVER_DAY_LIMIT)]


def test_settle__without_a_limit_for_a_day__counts_nothing(protocol: Protocol) -> None:
    set_limits(protocol, FIRST, 0)
    visits(protocol, 1)
    protocol.advance(NOTICE)
    visits(protocol, 2)
    assert spent_today(protocol) == 0


def test_settle__limit_for_a_day_taken_away__counts_nothing(daily: Protocol) -> None:
    visits(daily, 1)
    set_limits(daily, 0, 0)
    assert spent_today(daily) == 0
    assert visits(daily, 2, 3, 4).value[0] == 3


def test_settle__raised_during_the_day__what_was_spent_stays_spent(daily: Protocol) -> None:
    visits(daily, 1, 2)
    set_limits(daily, 0, LARGEST)
    assert spent_today(daily) == FIRST + SECOND
    visits(daily, 3)
    assert spent_today(daily) == FIRST + SECOND + THIRD


def test_settle__lowered_below_what_was_spent__lets_nothing_through(daily: Protocol) -> None:
    set_limits(daily, 0, FIRST)
    at = daily.evm.now + NOTICE
    daily.evm.now = at - 1
    visits(daily, 1, 2)
    daily.evm.now = at
    assert spent_today(daily) == FIRST + SECOND
    assert endings(visits(daily, 3)) == [(3, Outcome.PENDED, Reason.OVER_DAY_LIMIT)]
