"""`suspend` stops new settlement for a provider, and never its credit; `reinstate` undoes it."""

from __future__ import annotations

import pytest
from tests.support.deployment import Protocol
from tests.support.evm import Receipt, reverts

from chainbill.chain.format.events import ProviderReinstated, ProviderSuspended


def reinstate(protocol: Protocol) -> Receipt:
    return protocol.settlement.send(protocol.governor, "reinstate", protocol.provider_id)


def test_suspend__and_reinstate__stop_and_resume_settlement(protocol: Protocol) -> None:
    assert protocol.suspend().events == (ProviderSuspended(protocol.provider_id),)
    assert protocol.credit_of().suspended
    assert protocol.settle(protocol.row(protocol.patient, 1)).value == (0, 0, 1, 0)

    assert reinstate(protocol).events == (ProviderReinstated(protocol.provider_id),)
    assert not protocol.credit_of().suspended
    assert protocol.settle(protocol.row(protocol.patient, 1)).value == (1, 0, 0, 0)


def test_suspend__provider_with_credit_and_bond__leaves_them_as_they_are(protocol: Protocol) -> None:
    protocol.deposit_bond(10)
    protocol.settle(protocol.row(protocol.patient, 1))
    before = protocol.credit_of()
    protocol.suspend()
    assert protocol.credit_of() == before._replace(suspended=True)
    protocol.settlement.send(protocol.provider, "drawAdvance", protocol.provider_id, 10)
    protocol.mature()
    protocol.withdraw()
    protocol.settlement.send(protocol.provider, "withdrawBond", protocol.provider_id)
    assert protocol.tokens(protocol.provider) == before.maturing + 10
    reinstate(protocol)
    assert not protocol.credit_of().suspended


def test_suspend__twice__reverts(protocol: Protocol) -> None:
    protocol.suspend()
    with reverts("AlreadySuspended", providerId=protocol.provider_id):
        protocol.suspend()


def test_reinstate__not_suspended__reverts(protocol: Protocol) -> None:
    with reverts("NotSuspended", providerId=protocol.provider_id):
        reinstate(protocol)


@pytest.mark.parametrize("provider_id", [0, 2])
def test_suspend__unknown_provider__reverts(protocol: Protocol, provider_id: int) -> None:
    with reverts("UnknownProvider", providerId=provider_id):
        protocol.settlement.send(protocol.governor, "suspend", provider_id)


@pytest.mark.parametrize("verb", ["suspend", "reinstate"])
def test_suspension__by_anybody_but_the_governor__reverts(protocol: Protocol, verb: str) -> None:
    if verb == "reinstate":
        protocol.suspend()
    for caller in (protocol.provider, protocol.insurer, protocol.patient, protocol.arbiter):
        with reverts("AccessManagedUnauthorized", caller=caller):
            protocol.settlement.send(caller, verb, protocol.provider_id)


def test_suspend__one_provider__leaves_another_active(protocol: Protocol) -> None:
    other = protocol.register_provider(protocol.late)
    protocol.suspend()
    assert protocol.credit_of().suspended
    assert not protocol.credit_of(other).suspended
