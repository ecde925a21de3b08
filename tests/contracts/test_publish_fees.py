"""`InsurerPayer.publishFees`: one fee by opaque service id, in versions like a plan's."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import (
    FEES,
    HOUR,
    MAX_ANNOUNCEMENT,
    NOTICE,
    NOW,
    SHARED,
    UNLISTED,
    VISIT,
    Protocol,
)
from tests.support.evm import reverts

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import FeeTerms
from chainbill.chain.format.events import ClaimSettled, FeePublished
from chainbill.money import DOLLAR

DEARER = FeeTerms(amount=190 * DOLLAR, category=SHARED, annual_units=7)


def fee_at(protocol: Protocol, time: int, service: bytes = VISIT) -> tuple[int, int, int]:
    """Amount, time and version of the fee in force."""
    amount, _, _, _, effective_at, version = protocol.payer.read("feeAt", service, time)
    return amount, effective_at, version


def publish_words(protocol: Protocol, services: list[bytes], fees: list[tuple[int, ...]]) -> Any:
    """Publish raw words, which the package's own types would refuse."""
    return protocol.payer.send(protocol.insurer, "publishFees", services, fees)


def test_publish_fees__the_first__holds_at_once(protocol: Protocol) -> None:
    receipt = protocol.publish_fees({UNLISTED: DEARER})
    assert receipt.events == (FeePublished(protocol.payer_id, UNLISTED, DEARER, NOW, 1),)
    assert fee_at(protocol, NOW, UNLISTED) == (190 * DOLLAR, NOW, 1)
    assert fee_at(protocol, NOW - 1, UNLISTED) == (0, 0, 0)


def test_publish_fees__a_later_one__holds_after_notice(protocol: Protocol) -> None:
    receipt = protocol.publish_fees({VISIT: DEARER})
    assert receipt.events == (FeePublished(protocol.payer_id, VISIT, DEARER, NOW + NOTICE, 2),)
    assert fee_at(protocol, NOW + NOTICE - 1) == (150 * DOLLAR, NOW, 1)
    assert fee_at(protocol, NOW + NOTICE) == (190 * DOLLAR, NOW + NOTICE, 2)


@pytest.mark.parametrize("service, earliest", [(UNLISTED, NOW), (VISIT, NOW + NOTICE)])
@pytest.mark.parametrize("ahead, valid", [(-1, False), (0, True), (1, True)])
def test_publish_fees__with_a_time__not_before_it_may_hold(
    protocol: Protocol, service: bytes, earliest: int, ahead: int, valid: bool
) -> None:
    at = earliest + ahead
    if valid:
        protocol.publish_fees({service: DEARER}, effective_at=at)
        assert fee_at(protocol, at, service)[1] == at
    else:
        with reverts("EffectiveTooSoon", effectiveAt=at, earliest=earliest):
            protocol.publish_fees({service: DEARER}, effective_at=at)


@pytest.mark.parametrize("beyond, valid", [(-1, True), (0, True), (1, False)])
@pytest.mark.parametrize("service", [UNLISTED, VISIT], ids=["first", "later"])
def test_publish_fees__far_ahead__not_beyond_the_longest_announcement(
    protocol: Protocol, service: bytes, beyond: int, valid: bool
) -> None:
    latest = NOW + MAX_ANNOUNCEMENT
    if valid:
        protocol.publish_fees({service: DEARER}, effective_at=latest + beyond)
    else:
        with reverts("EffectiveTooLate", effectiveAt=latest + beyond, latest=latest):
            protocol.publish_fees({service: DEARER}, effective_at=latest + beyond)


@pytest.mark.parametrize("late, valid", [(-1, False), (0, True), (1, True)])
def test_publish_fees__while_one_is_announced__waits_until_it_holds(
    protocol: Protocol, late: int, valid: bool
) -> None:
    protocol.publish_fees({VISIT: DEARER})
    protocol.evm.now = NOW + NOTICE + late
    if valid:
        protocol.publish_fees(FEES)
        assert fee_at(protocol, NOW + 2 * NOTICE + late) == (150 * DOLLAR, NOW + 2 * NOTICE + late, 3)
    else:
        with reverts("VersionStillAnnounced", effectiveAt=NOW + NOTICE):
            protocol.publish_fees({VISIT: DEARER})


def test_publish_fees__many_versions__each_stays_readable_at_its_time(protocol: Protocol) -> None:
    for version in range(2, 8):
        protocol.publish_fees({VISIT: FeeTerms(amount=version, category=SHARED)})
        protocol.evm.now += NOTICE
    for version in range(2, 8):
        at = NOW + (version - 1) * NOTICE
        assert fee_at(protocol, at) == (version, at, version)
        assert fee_at(protocol, at + NOTICE - 1) == (version, at, version)
    assert fee_at(protocol, NOW - 1) == (0, 0, 0)


def test_publish_fees__one_service_twice__is_two_versions(protocol: Protocol) -> None:
    """The second is a change of the first and waits like one."""
    words = (DOLLAR, SHARED, 1, 0, 0, 0)
    publish_words(protocol, [UNLISTED, UNLISTED], [words, (2 * DOLLAR, *words[1:])])
    assert fee_at(protocol, NOW, UNLISTED) == (DOLLAR, NOW, 1)
    assert fee_at(protocol, NOW + NOTICE, UNLISTED) == (2 * DOLLAR, NOW + NOTICE, 2)


def test_publish_fees__named_version__is_ignored(protocol: Protocol) -> None:
    publish_words(protocol, [UNLISTED], [(DOLLAR, SHARED, 1, 0, 0, 77)])
    assert fee_at(protocol, NOW, UNLISTED)[2] == 1


def test_publish_fees__one_of_several_invalid__publishes_none(protocol: Protocol) -> None:
    with reverts("InvalidTerms"):
        publish_words(protocol, [UNLISTED, b"another\0"], [(1, 1, 1, 0, 0, 0), (1, 0, 1, 0, 0, 0)])
    assert fee_at(protocol, NOW, UNLISTED) == (0, 0, 0)


# ---- settling by them -------------------------------------------------------------------------------------


@pytest.mark.parametrize("late, allowed", [(-1, 150 * DOLLAR), (0, 190 * DOLLAR), (1, 190 * DOLLAR)])
def test_settle__signed_around_a_new_fee__by_the_one_in_force(
    protocol: Protocol, late: int, allowed: int
) -> None:
    protocol.publish_fees({VISIT: DEARER})
    protocol.evm.now = NOW + NOTICE + HOUR // 2
    receipt = protocol.settle(protocol.row(protocol.patient, 1), signed_at=NOW + NOTICE + late)
    (settled,) = receipt.of(ClaimSettled)
    assert settled.claim.allowed == allowed


def test_settle__signed_before_the_first_fee__pends(protocol: Protocol) -> None:
    """Published between signing and settling: not unknown, not yet in force."""
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1, UNLISTED))])
    protocol.evm.now += 1
    protocol.publish_fees({UNLISTED: DEARER})
    assert endings(protocol.submit(batch)) == [(1, Outcome.PENDED, Reason.NO_TERMS_IN_FORCE)]


# ---- who and what -----------------------------------------------------------------------------------------


def test_publish_fees__by_anybody_but_the_insurer__reverts(protocol: Protocol) -> None:
    for caller in (protocol.governor, protocol.provider, protocol.patient, protocol.stranger):
        with reverts("OwnableUnauthorizedAccount", account=caller):
            protocol.publish_fees(FEES, insurer=caller)


def test_publish_fees__service_0__reverts(protocol: Protocol) -> None:
    with reverts("InvalidServiceId"):
        publish_words(protocol, [bytes(8)], [(DOLLAR, 1, 1, 0, 0, 0)])


INVALID = {
    "category 0": ((DOLLAR, 0, 1, 0, 0, 0), "fee category is 0"),
    "no units": ((DOLLAR, 1, 0, 0, 0, 0), "fee maxUnits is 0"),
    "product of 64 bits and one": ((2**63, 1, 2, 0, 0, 0), "fee amount * maxUnits"),
    "largest of both": ((2**64 - 1, 1, 2**16 - 1, 0, 0, 0), "fee amount * maxUnits"),
}


@pytest.mark.parametrize("fee, what", INVALID.values(), ids=INVALID)
def test_publish_fees__invalid__reverts(protocol: Protocol, fee: tuple[int, ...], what: str) -> None:
    with reverts("InvalidTerms", what=what):
        publish_words(protocol, [UNLISTED], [fee])


@pytest.mark.parametrize(
    "amount, units", [(2**64 - 1, 1), (2**63 - 1, 2), (0, 2**16 - 1), (2**48, 2**16 - 1)]
)
def test_publish_fees__at_its_edges__is_kept(protocol: Protocol, amount: int, units: int) -> None:
    publish_words(protocol, [UNLISTED], [(amount, 255, units, 2**16 - 1, 0, 0)])
    assert protocol.payer.read("feeAt", UNLISTED, NOW) == (amount, 255, units, 2**16 - 1, NOW, 1)


def test_publish_fees__services_and_fees_of_different_number__reverts(protocol: Protocol) -> None:
    fee = (DOLLAR, 1, 1, 0, 0, 0)
    for services, fees in (([UNLISTED], []), ([], [fee])):
        with reverts("LengthMismatch", left=len(services), right=len(fees)):
            publish_words(protocol, services, fees)
