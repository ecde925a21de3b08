"""`InsurerPayer.acceptProvider` and `endProviderAcceptance`."""

from __future__ import annotations

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import DAY, HOUR, MAX_BATCH_LIFE, NOTICE, NOW, Protocol
from tests.support.evm import reverts

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.events import ProviderAcceptanceEnded, ProviderAccepted


def accepts(protocol: Protocol, time: int, provider_id: int | None = None) -> bool:
    return bool(protocol.payer.read("acceptsProvider", provider_id or protocol.provider_id, time))


def accept(protocol: Protocol, provider_id: int | None = None) -> tuple[object, ...]:
    return protocol.accept_provider(provider_id).events


def end(protocol: Protocol) -> tuple[object, ...]:
    return protocol.payer.send(protocol.insurer, "endProviderAcceptance", protocol.provider_id).events


@pytest.fixture
def other(protocol: Protocol) -> int:
    """A registered provider whom the insurer has not accepted, but the patient has."""
    provider_id = protocol.register_provider(protocol.stranger)
    protocol.grant(protocol.patient, provider_id=provider_id)
    return provider_id


def test_accept_provider__registered__holds_at_once(protocol: Protocol, other: int) -> None:
    assert accept(protocol, other) == (ProviderAccepted(protocol.payer_id, other),)
    assert accepts(protocol, NOW, other)
    assert not accepts(protocol, NOW - 1, other)


@pytest.mark.parametrize("late, settles", [(-1, False), (0, True), (1, True)])
def test_settle__signed_around_the_acceptance__from_that_second_on(
    protocol: Protocol, other: int, late: int, settles: bool
) -> None:
    protocol.evm.now = NOW + DAY
    accept(protocol, other)
    protocol.evm.now += HOUR // 2
    receipt = protocol.settle(
        protocol.row(protocol.patient, 1), signed_at=NOW + DAY + late, provider_id=other
    )
    assert receipt.value[0] == settles
    assert settles or endings(receipt) == [(1, Outcome.PENDED, Reason.PROVIDER_NOT_ACCEPTED)]


def test_accept_provider__twice__reverts(protocol: Protocol) -> None:
    with reverts("ProviderAlreadyAccepted", providerId=protocol.provider_id):
        accept(protocol)


def test_accept_provider__never_registered__reverts(protocol: Protocol) -> None:
    for provider_id in (0, 2, 2**32 - 1):
        with reverts("UnknownProvider", providerId=provider_id):
            protocol.payer.send(protocol.insurer, "acceptProvider", provider_id)


def test_end_provider_acceptance__accepted__ends_after_notice(protocol: Protocol) -> None:
    assert end(protocol) == (ProviderAcceptanceEnded(protocol.payer_id, protocol.provider_id, NOW + NOTICE),)
    assert accepts(protocol, NOW + NOTICE - 1)
    assert not accepts(protocol, NOW + NOTICE)


@pytest.mark.parametrize("late, settles", [(-1, True), (0, False), (1, False)])
def test_settle__signed_around_the_end_of_acceptance__until_that_second(
    protocol: Protocol, late: int, settles: bool
) -> None:
    end(protocol)
    protocol.evm.now = NOW + NOTICE + HOUR // 2
    receipt = protocol.settle(protocol.row(protocol.patient, 1), signed_at=NOW + NOTICE + late)
    assert receipt.value[0] == settles
    assert settles or endings(receipt) == [(1, Outcome.PENDED, Reason.PROVIDER_NOT_ACCEPTED)]


def test_end_provider_acceptance__twice_or_never_accepted__reverts(protocol: Protocol, other: int) -> None:
    end(protocol)
    with reverts("ProviderNotAccepted", providerId=protocol.provider_id):
        end(protocol)
    with reverts("ProviderNotAccepted", providerId=other):
        protocol.payer.send(protocol.insurer, "endProviderAcceptance", other)


def test_accept_provider__before_the_end__goes_on_without_a_gap(protocol: Protocol) -> None:
    end(protocol)
    protocol.evm.now = NOW + NOTICE - 1
    accept(protocol)
    assert all(accepts(protocol, time) for time in (NOW, NOW + NOTICE - 1, NOW + NOTICE, NOW + 9 * DAY))


@pytest.mark.parametrize("late, gap", [(0, False), (MAX_BATCH_LIFE - 1, False), (MAX_BATCH_LIFE, True)])
def test_accept_provider__after_the_end__without_a_gap_as_long_as_a_batch_lives(
    protocol: Protocol, late: int, gap: bool
) -> None:
    end(protocol)
    protocol.evm.now = NOW + NOTICE + late
    accept(protocol)
    assert accepts(protocol, NOW + NOTICE + late)
    assert accepts(protocol, NOW + 90 * DAY)
    assert accepts(protocol, NOW + NOTICE - 1) == (not gap)


def test_accept_provider__just_after_the_end__outruns_no_signed_batch(protocol: Protocol) -> None:
    end(protocol)
    protocol.evm.now = NOW + NOTICE - 1
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    protocol.evm.now = NOW + NOTICE + 1
    accept(protocol)
    assert protocol.submit(batch).value == (1, 0, 0, 0)


@pytest.mark.parametrize("verb", ["acceptProvider", "endProviderAcceptance"])
def test_provider_acceptance__by_anybody_but_the_insurer__reverts(
    protocol: Protocol, other: int, verb: str
) -> None:
    provider_id = other if verb == "acceptProvider" else protocol.provider_id
    for caller in (protocol.governor, protocol.provider, protocol.patient, protocol.stranger):
        with reverts("OwnableUnauthorizedAccount", account=caller):
            protocol.payer.send(caller, verb, provider_id)
