"""`ProviderRegistry`: registered by the governor, attester keys kept by the provider."""

from __future__ import annotations

import pytest
from tests.contracts.evm import reverts
from tests.contracts.protocol import ZERO_ADDRESS, Protocol

from chainbill.chain.events import (
    AttesterAdded,
    AttesterRevoked,
    ProviderRegistered,
    ProviderReinstated,
    ProviderSuspended,
)


def is_attester(protocol: Protocol, attester: str, provider_id: int | None = None) -> bool:
    return bool(protocol.registry.read("isAttester", provider_id or protocol.provider_id, attester))


# ---- registering ------------------------------------------------------------------------------------------


def test_register__new_provider__is_active_with_its_attesters(protocol: Protocol) -> None:
    payout, first, second = protocol.late, protocol.stranger, protocol.neighbour
    receipt = protocol.registry.send(protocol.governor, "register", payout, [first, second])
    assert receipt.value == 2
    assert receipt.events == (
        ProviderRegistered(2, payout),
        AttesterAdded(2, first),
        AttesterAdded(2, second),
    )
    assert protocol.registry.read("providerCount") == 2
    assert protocol.registry.read("payoutAddress", 2) == payout.lower()
    assert protocol.registry.read("isActive", 2)
    assert is_attester(protocol, first, 2)
    assert is_attester(protocol, second, 2)
    assert not is_attester(protocol, payout, 2)


def test_register__unknown_ids__are_inactive_and_pay_nobody(protocol: Protocol) -> None:
    for provider_id in (0, 2, 2**32 - 1):
        assert not protocol.registry.read("isActive", provider_id)
        assert protocol.registry.read("payoutAddress", provider_id) == ZERO_ADDRESS


def test_register__one_payout_address_twice__is_two_providers(protocol: Protocol) -> None:
    first, second = (protocol.register_provider(protocol.provider) for _ in range(2))
    assert (first, second) == (2, 3)


INVALID = {
    "no payout address": (ZERO_ADDRESS, ["0x" + "01" * 20], "ZeroAddress"),
    "no attester": ("0x" + "01" * 20, [], "NoAttesters"),
    "zero attester": ("0x" + "01" * 20, [ZERO_ADDRESS], "ZeroAddress"),
    "one attester twice": ("0x" + "01" * 20, ["0x" + "02" * 20] * 2, "AlreadyAttester"),
}


@pytest.mark.parametrize("payout, attesters, error", INVALID.values(), ids=INVALID)
def test_register__invalid__reverts(
    protocol: Protocol, payout: str, attesters: list[str], error: str
) -> None:
    with reverts(error):
        protocol.registry.send(protocol.governor, "register", payout, attesters)
    assert protocol.registry.read("providerCount") == 1


def test_register__by_anybody_but_the_governor__reverts(protocol: Protocol) -> None:
    for caller in (protocol.provider, protocol.insurer, protocol.patient, protocol.stranger):
        with reverts("AccessManagedUnauthorized", caller=caller):
            protocol.registry.send(caller, "register", caller, [caller])


# ---- attesters --------------------------------------------------------------------------------------------


def test_add_attester__by_the_payout_address__may_attest(protocol: Protocol) -> None:
    receipt = protocol.registry.send(protocol.provider, "addAttester", protocol.provider_id, protocol.late)
    assert receipt.events == (AttesterAdded(protocol.provider_id, protocol.late),)
    assert is_attester(protocol, protocol.late)


def test_revoke_attester__by_the_payout_address__may_attest_no_more(protocol: Protocol) -> None:
    receipt = protocol.registry.send(
        protocol.provider, "revokeAttester", protocol.provider_id, protocol.provider
    )
    assert receipt.events == (AttesterRevoked(protocol.provider_id, protocol.provider),)
    assert not is_attester(protocol, protocol.provider)
    protocol.registry.send(protocol.provider, "addAttester", protocol.provider_id, protocol.provider)
    assert is_attester(protocol, protocol.provider)


def test_add_attester__known_or_zero__reverts(protocol: Protocol) -> None:
    with reverts("AlreadyAttester", providerId=protocol.provider_id, attester=protocol.provider):
        protocol.registry.send(protocol.provider, "addAttester", protocol.provider_id, protocol.provider)
    with reverts("ZeroAddress"):
        protocol.registry.send(protocol.provider, "addAttester", protocol.provider_id, ZERO_ADDRESS)


def test_revoke_attester__unknown__reverts(protocol: Protocol) -> None:
    with reverts("NotAttester", providerId=protocol.provider_id, attester=protocol.late):
        protocol.registry.send(protocol.provider, "revokeAttester", protocol.provider_id, protocol.late)


@pytest.mark.parametrize("verb", ["addAttester", "revokeAttester"])
def test_attesters__changed_by_anybody_but_the_payout_address__reverts(protocol: Protocol, verb: str) -> None:
    protocol.registry.send(protocol.provider, "addAttester", protocol.provider_id, protocol.late)
    other = protocol.register_provider(protocol.neighbour)
    # Not even the governor, an attester itself, or another provider's payout address.
    for caller in (protocol.governor, protocol.late, protocol.neighbour, protocol.stranger):
        with reverts(
            "NotThePayoutAddress",
            providerId=protocol.provider_id,
            caller=caller,
            payoutAddress=protocol.provider,
        ):
            protocol.registry.send(caller, verb, protocol.provider_id, protocol.late)
    assert not is_attester(protocol, protocol.late, other)


@pytest.mark.parametrize("verb", ["addAttester", "revokeAttester"])
def test_attesters__of_an_unknown_provider__reverts(protocol: Protocol, verb: str) -> None:
    for provider_id in (0, 2):
        with reverts("UnknownProvider", providerId=provider_id):
            protocol.registry.send(ZERO_ADDRESS, verb, provider_id, protocol.late)


# ---- suspending -------------------------------------------------------------------------------------------


def test_suspend__and_reinstate__stop_and_resume_settlement(protocol: Protocol) -> None:
    receipt = protocol.registry.send(protocol.governor, "suspend", protocol.provider_id)
    assert receipt.events == (ProviderSuspended(protocol.provider_id),)
    assert not protocol.registry.read("isActive", protocol.provider_id)
    assert protocol.settle(protocol.row(protocol.patient, 1)).value == (0, 0, 1, 0)

    receipt = protocol.registry.send(protocol.governor, "reinstate", protocol.provider_id)
    assert receipt.events == (ProviderReinstated(protocol.provider_id),)
    assert protocol.registry.read("isActive", protocol.provider_id)
    assert protocol.settle(protocol.row(protocol.patient, 1)).value == (1, 0, 0, 0)


def test_suspend__twice__reverts(protocol: Protocol) -> None:
    protocol.registry.send(protocol.governor, "suspend", protocol.provider_id)
    with reverts("AlreadySuspended", providerId=protocol.provider_id):
        protocol.registry.send(protocol.governor, "suspend", protocol.provider_id)


def test_reinstate__not_suspended__reverts(protocol: Protocol) -> None:
    with reverts("NotSuspended", providerId=protocol.provider_id):
        protocol.registry.send(protocol.governor, "reinstate", protocol.provider_id)


@pytest.mark.parametrize("verb", ["suspend", "reinstate"])
def test_suspension__of_an_unknown_provider__reverts(protocol: Protocol, verb: str) -> None:
    for provider_id in (0, 2):
        with reverts("UnknownProvider", providerId=provider_id):
            protocol.registry.send(protocol.governor, verb, provider_id)


@pytest.mark.parametrize("verb", ["suspend", "reinstate"])
def test_suspension__by_anybody_but_the_governor__reverts(protocol: Protocol, verb: str) -> None:
    if verb == "reinstate":
        protocol.registry.send(protocol.governor, "suspend", protocol.provider_id)
    for caller in (protocol.provider, protocol.insurer, protocol.patient, protocol.stranger):
        with reverts("AccessManagedUnauthorized", caller=caller):
            protocol.registry.send(caller, verb, protocol.provider_id)


def test_suspend__one_provider__leaves_another_active(protocol: Protocol) -> None:
    other = protocol.register_provider(protocol.late)
    protocol.registry.send(protocol.governor, "suspend", protocol.provider_id)
    assert protocol.registry.read("isActive", other)
