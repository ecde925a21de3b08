"""`ProviderRegistry`: registered by the governor, attester keys kept by the provider."""

from __future__ import annotations

import pytest
from tests.support.deployment import NOW, ZERO_ADDRESS, Protocol, account
from tests.support.evm import reverts

from chainbill.chain.format.events import AttesterAdded, AttesterRevoked, ProviderRegistered


def is_attester(protocol: Protocol, attester: str, provider_id: int | None = None) -> bool:
    return bool(protocol.registry.read("isAttester", provider_id or protocol.provider_id, attester))


# ---- registering ------------------------------------------------------------------------------------------


def test_register__new_provider__has_its_payout_address_and_attesters(protocol: Protocol) -> None:
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
    assert is_attester(protocol, first, 2)
    assert is_attester(protocol, second, 2)
    assert not is_attester(protocol, payout, 2)


def test_register__unknown_ids__pay_nobody(protocol: Protocol) -> None:
    for provider_id in (0, 2, 2**32 - 1):
        assert protocol.registry.read("payoutAddress", provider_id) == ZERO_ADDRESS
        assert protocol.registry.read("announcedPayoutAddress", provider_id) == (ZERO_ADDRESS, 0)


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
    for caller in (protocol.provider, protocol.insurer, protocol.patient, protocol.arbiter):
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


def test_rotate_attester__one_key_for_another__in_one_step(protocol: Protocol) -> None:
    receipt = protocol.registry.send(
        protocol.provider, "rotateAttester", protocol.provider_id, protocol.provider, protocol.late
    )
    assert receipt.events == (
        AttesterAdded(protocol.provider_id, protocol.late),
        AttesterRevoked(protocol.provider_id, protocol.provider),
    )
    assert is_attester(protocol, protocol.late)
    assert not is_attester(protocol, protocol.provider)


def test_attester_since__added_revoked_and_added_again__is_the_time_of_the_last(protocol: Protocol) -> None:
    registry, settlement, provider = protocol.registry, protocol.settlement, protocol.provider_id
    assert settlement.read("attesterSince", provider, protocol.provider) == NOW
    assert settlement.read("attesterSince", provider, protocol.late) == 0
    protocol.advance(100)
    registry.send(protocol.provider, "addAttester", provider, protocol.late)
    assert settlement.read("attesterSince", provider, protocol.late) == NOW + 100
    registry.send(protocol.provider, "revokeAttester", provider, protocol.late)
    assert settlement.read("attesterSince", provider, protocol.late) == 0
    protocol.advance(1)
    registry.send(protocol.provider, "rotateAttester", provider, protocol.provider, protocol.late)
    assert settlement.read("attesterSince", provider, protocol.late) == NOW + 101
    assert settlement.read("attesterSince", provider, protocol.provider) == 0


def test_rotate_attester__to_itself_while_it_is_none__is_none_afterwards(protocol: Protocol) -> None:
    """Added and revoked in one step: nothing is gained, and no older time comes back."""
    protocol.registry.send(
        *(protocol.provider, "rotateAttester", protocol.provider_id, protocol.late, protocol.late)
    )
    assert not is_attester(protocol, protocol.late)


def test_rotate_attester__not_from_one_key_to_a_new_one__reverts(protocol: Protocol) -> None:
    for retired, attester, error in (
        (protocol.stranger, protocol.late, "NotAttester"),
        (protocol.provider, protocol.provider, "AlreadyAttester"),
        (protocol.provider, ZERO_ADDRESS, "ZeroAddress"),
    ):
        with reverts(error):
            protocol.registry.send(
                protocol.provider, "rotateAttester", protocol.provider_id, retired, attester
            )
    assert is_attester(protocol, protocol.provider)
    assert not is_attester(protocol, protocol.late)


def test_add_attester__known_or_zero__reverts(protocol: Protocol) -> None:
    with reverts("AlreadyAttester", providerId=protocol.provider_id, attester=protocol.provider):
        protocol.registry.send(protocol.provider, "addAttester", protocol.provider_id, protocol.provider)
    with reverts("ZeroAddress"):
        protocol.registry.send(protocol.provider, "addAttester", protocol.provider_id, ZERO_ADDRESS)


def test_revoke_attester__unknown__reverts(protocol: Protocol) -> None:
    with reverts("NotAttester", providerId=protocol.provider_id, attester=protocol.late):
        protocol.registry.send(protocol.provider, "revokeAttester", protocol.provider_id, protocol.late)


VERBS = {"addAttester": 1, "revokeAttester": 1, "rotateAttester": 2}
"""By verb: how many keys it takes."""


@pytest.mark.parametrize("verb", VERBS)
def test_attesters__changed_by_anybody_but_the_payout_address__reverts(protocol: Protocol, verb: str) -> None:
    protocol.registry.send(protocol.provider, "addAttester", protocol.provider_id, protocol.late)
    protocol.register_provider(protocol.neighbour)
    keys = [protocol.late, protocol.stranger][: VERBS[verb]]
    # Not even the governor, an attester itself, or another provider's payout address.
    for caller in (protocol.governor, protocol.late, protocol.neighbour, protocol.stranger):
        with reverts(
            "NotThePayoutAddress",
            providerId=protocol.provider_id,
            caller=caller,
            payoutAddress=protocol.provider,
        ):
            protocol.registry.send(caller, verb, protocol.provider_id, *keys)
    assert is_attester(protocol, protocol.late)
    assert not is_attester(protocol, protocol.stranger)


@pytest.mark.parametrize("verb", VERBS)
def test_attesters__of_an_unknown_provider__reverts(protocol: Protocol, verb: str) -> None:
    keys = [protocol.late, protocol.stranger][: VERBS[verb]]
    for provider_id in (0, 2):
        with reverts("UnknownProvider", providerId=provider_id):
            protocol.registry.send(ZERO_ADDRESS, verb, provider_id, *keys)


def test_attesters__of_one_provider__are_nobody_at_another(protocol: Protocol) -> None:
    other = protocol.register_provider(protocol.neighbour)
    protocol.registry.send(protocol.provider, "addAttester", protocol.provider_id, protocol.late)
    assert not is_attester(protocol, protocol.late, other)


@pytest.mark.parametrize("caller", ["provider", "governor", "stranger", "oracle-1"])
@pytest.mark.parametrize("stands", [False, True])
def test_note_attester__by_anybody_but_the_registry__reverts(
    protocol: Protocol, caller: str, stands: bool
) -> None:
    """Settlement believes what it is told of attesters: nobody else may tell it."""
    sender = account(caller).address
    for attester in (protocol.provider, protocol.stranger):
        with reverts("OnlyRegistry", caller=sender):
            protocol.settlement.send(sender, "noteAttester", protocol.provider_id, attester, stands)
    assert protocol.settlement.read("attesterSince", protocol.provider_id, protocol.provider) == NOW
