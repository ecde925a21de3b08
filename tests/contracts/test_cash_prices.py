"""`publishCashPrices`: what a provider charges without a plan; the version in force at a time counts."""

from __future__ import annotations

import pytest
from tests.support.deployment import (
    DAY,
    HOUR,
    MAX_BATCH_LIFE,
    NOTICE,
    NOW,
    REFILL,
    VISIT,
    ZERO_ADDRESS,
    Protocol,
)
from tests.support.evm import reverts

from chainbill.chain.format.events import CashPricePublished
from chainbill.money import DOLLAR, MAX_AMOUNT

LATEST = 2**40 - 1
"""The last time that fits."""


def price_at(protocol: Protocol, time: int, service: bytes = VISIT) -> tuple[int, int]:
    amount, version = protocol.registry.read("cashPriceAt", protocol.provider_id, service, time)
    return amount, version


@pytest.mark.parametrize("late, expected", [(-1, (0, 0)), (0, (90 * DOLLAR, 1)), (1, (90 * DOLLAR, 1))])
def test_publish__first_price__holds_from_that_second(
    protocol: Protocol, late: int, expected: tuple[int, int]
) -> None:
    receipt = protocol.publish_cash_prices({VISIT: 90 * DOLLAR})
    assert receipt.events == (CashPricePublished(protocol.provider_id, VISIT, 90 * DOLLAR, NOW, 1),)
    assert price_at(protocol, NOW + late) == expected


@pytest.mark.parametrize("late, expected", [(-1, (90 * DOLLAR, 1)), (0, (DOLLAR, 2)), (1, (DOLLAR, 2))])
def test_publish__later_price__holds_after_notice(
    protocol: Protocol, late: int, expected: tuple[int, int]
) -> None:
    protocol.publish_cash_prices({VISIT: 90 * DOLLAR})
    protocol.evm.now += HOUR
    holds_at = NOW + HOUR + NOTICE
    receipt = protocol.publish_cash_prices({VISIT: DOLLAR})
    assert receipt.events == (CashPricePublished(protocol.provider_id, VISIT, DOLLAR, holds_at, 2),)
    assert price_at(protocol, holds_at + late) == expected
    # Whatever the clock says, the time asked for decides.
    protocol.evm.now = holds_at + 10 * DAY
    assert price_at(protocol, holds_at + late) == expected


def test_publish__a_version_after_the_other__each_stays_readable(protocol: Protocol) -> None:
    expected = {NOW - 1: (0, 0)}
    for version in range(1, 5):
        protocol.publish_cash_prices({VISIT: version * DOLLAR})
        holds_at = protocol.evm.now if version == 1 else protocol.evm.now + NOTICE
        expected |= {holds_at: (version * DOLLAR, version)}
        protocol.evm.now = holds_at
    for time, price in expected.items():
        assert price_at(protocol, time) == price
    assert price_at(protocol, LATEST) == (4 * DOLLAR, 4)
    assert price_at(protocol, 0) == (0, 0)


def test_publish__two_versions_after_a_batch_was_signed__its_own_is_still_found(protocol: Protocol) -> None:
    """A batch signed a second before version 2 begins still lives when version 3 is announced."""
    protocol.publish_cash_prices({VISIT: 1})
    protocol.publish_cash_prices({VISIT: 2})
    protocol.evm.now += NOTICE
    protocol.publish_cash_prices({VISIT: 3})
    signed_at = protocol.evm.now - 1
    protocol.evm.now = signed_at + MAX_BATCH_LIFE
    assert price_at(protocol, signed_at) == (1, 1)


@pytest.mark.parametrize("early", [1, 0])
def test_publish__while_another_is_announced__waits_for_it(protocol: Protocol, early: int) -> None:
    protocol.publish_cash_prices({VISIT: 90 * DOLLAR})
    protocol.publish_cash_prices({VISIT: 80 * DOLLAR})
    holds_at = NOW + NOTICE
    protocol.evm.now = holds_at - early
    if early:
        with reverts("VersionStillAnnounced", effectiveAt=holds_at):
            protocol.publish_cash_prices({VISIT: 70 * DOLLAR})
        assert price_at(protocol, LATEST) == (80 * DOLLAR, 2)
    else:
        protocol.publish_cash_prices({VISIT: 70 * DOLLAR})
        assert price_at(protocol, LATEST) == (70 * DOLLAR, 3)


def test_publish__zero__takes_the_service_off_after_notice(protocol: Protocol) -> None:
    protocol.publish_cash_prices({VISIT: 90 * DOLLAR})
    protocol.publish_cash_prices({VISIT: 0})
    assert price_at(protocol, NOW + NOTICE - 1) == (90 * DOLLAR, 1)
    assert price_at(protocol, NOW + NOTICE) == (0, 2)


def test_publish__several_services__each_has_its_own_versions(protocol: Protocol) -> None:
    protocol.publish_cash_prices({VISIT: MAX_AMOUNT, REFILL: 1})
    protocol.publish_cash_prices({REFILL: 2})
    assert price_at(protocol, LATEST) == (MAX_AMOUNT, 1)
    assert price_at(protocol, LATEST, REFILL) == (2, 2)
    assert price_at(protocol, LATEST, b"unlisted") == (0, 0)


def test_publish__one_service_twice_in_a_call__is_two_versions(protocol: Protocol) -> None:
    protocol.registry.send(
        protocol.provider, "publishCashPrices", protocol.provider_id, [VISIT, VISIT], [1, 2]
    )
    assert (price_at(protocol, NOW), price_at(protocol, NOW + NOTICE)) == ((1, 1), (2, 2))


def test_publish__of_another_provider__is_not_this_one_s(protocol: Protocol) -> None:
    other = protocol.register_provider(protocol.late)
    protocol.publish_cash_prices({VISIT: 1}, provider_id=other, caller=protocol.late)
    assert price_at(protocol, NOW) == (0, 0)


def test_publish__malformed__reverts(protocol: Protocol) -> None:
    with reverts("InvalidServiceId"):
        protocol.publish_cash_prices({VISIT: 1, b"\0" * 8: 1})
    for services, amounts in (([VISIT], []), ([], [1])):
        with reverts("LengthMismatch", left=len(services), right=len(amounts)):
            protocol.registry.send(
                protocol.provider, "publishCashPrices", protocol.provider_id, services, amounts
            )
    assert price_at(protocol, LATEST) == (0, 0)


def test_publish__by_anybody_but_the_payout_address__reverts(protocol: Protocol) -> None:
    protocol.registry.send(protocol.provider, "addAttester", protocol.provider_id, protocol.late)
    for caller in (protocol.governor, protocol.late, protocol.insurer, protocol.stranger):
        with reverts("NotThePayoutAddress", caller=caller, payoutAddress=protocol.provider):
            protocol.publish_cash_prices({VISIT: 1}, caller=caller)


def test_publish__by_an_unknown_provider__reverts(protocol: Protocol) -> None:
    with reverts("UnknownProvider", providerId=2):
        protocol.publish_cash_prices({VISIT: 1}, provider_id=2, caller=ZERO_ADDRESS)
