"""The provider alone changes where it is paid, and not at once: `announcePayoutAddress` and its undoing."""

from __future__ import annotations

import pytest
from tests.support.deployment import DAY, NOW, PAYOUT_CHANGE_DELAY, ZERO_ADDRESS, Protocol
from tests.support.evm import Receipt, reverts

from chainbill.chain.format.events import PayoutAddressAnnounced, PayoutAddressCancelled

TAKES_OVER_AT = NOW + PAYOUT_CHANGE_DELAY


def announce(protocol: Protocol, payout: str, caller: str | None = None) -> Receipt:
    sender = caller or protocol.provider
    return protocol.registry.send(sender, "announcePayoutAddress", protocol.provider_id, payout)


def cancel(protocol: Protocol, caller: str | None = None) -> Receipt:
    return protocol.registry.send(caller or protocol.provider, "cancelPayoutAddress", protocol.provider_id)


def payout_address(protocol: Protocol) -> str:
    return str(protocol.registry.read("payoutAddress", protocol.provider_id))


def announced(protocol: Protocol) -> tuple[str, int]:
    payout, effective_at = protocol.registry.read("announcedPayoutAddress", protocol.provider_id)
    return payout, effective_at


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_announce__around_its_time__takes_over_in_that_second(protocol: Protocol, late: int) -> None:
    receipt = announce(protocol, protocol.late)
    assert receipt.events == (PayoutAddressAnnounced(protocol.provider_id, protocol.late, TAKES_OVER_AT),)
    assert payout_address(protocol) == protocol.provider.lower()
    assert announced(protocol) == (protocol.late.lower(), TAKES_OVER_AT)

    protocol.evm.now = TAKES_OVER_AT + late
    if late < 0:
        assert payout_address(protocol) == protocol.provider.lower()
        assert announced(protocol) == (protocol.late.lower(), TAKES_OVER_AT)
    else:
        assert payout_address(protocol) == protocol.late.lower()
        assert announced(protocol) == (ZERO_ADDRESS, 0)


@pytest.mark.parametrize("late", [-1, 0])
def test_announce__around_its_time__control_changes_hands(protocol: Protocol, late: int) -> None:
    announce(protocol, protocol.late)
    protocol.evm.now = TAKES_OVER_AT + late
    present, other = (protocol.provider, protocol.late) if late < 0 else (protocol.late, protocol.provider)
    with reverts("NotThePayoutAddress", caller=other, payoutAddress=present):
        protocol.registry.send(other, "addAttester", protocol.provider_id, protocol.stranger)
    protocol.registry.send(present, "addAttester", protocol.provider_id, protocol.stranger)


@pytest.mark.parametrize("late", [-1, 0])
def test_announce__around_its_time__credit_goes_where_it_says(protocol: Protocol, late: int) -> None:
    protocol.settle(protocol.row(protocol.patient, 1))
    protocol.mature()
    protocol.evm.now += DAY
    taken_over_at = protocol.evm.now + PAYOUT_CHANGE_DELAY
    announce(protocol, protocol.late)
    protocol.evm.now = taken_over_at + late
    credit = protocol.credit()
    protocol.withdraw()
    paid, other = (protocol.provider, protocol.late) if late < 0 else (protocol.late, protocol.provider)
    assert (protocol.tokens(paid), protocol.tokens(other)) == (credit, 0)


def test_announce__again_before_its_time__starts_anew(protocol: Protocol) -> None:
    announce(protocol, protocol.late)
    protocol.evm.now = TAKES_OVER_AT - 1
    announce(protocol, protocol.neighbour)
    protocol.evm.now = TAKES_OVER_AT
    assert payout_address(protocol) == protocol.provider.lower()
    protocol.evm.now = TAKES_OVER_AT - 1 + PAYOUT_CHANGE_DELAY
    assert payout_address(protocol) == protocol.neighbour.lower()


def test_announce__after_a_change__is_the_new_address_s_and_keeps_it_until_then(protocol: Protocol) -> None:
    announce(protocol, protocol.late)
    protocol.evm.now = TAKES_OVER_AT
    with reverts("NotThePayoutAddress", caller=protocol.provider):
        announce(protocol, protocol.stranger)
    announce(protocol, protocol.neighbour, protocol.late)
    protocol.evm.now = TAKES_OVER_AT + PAYOUT_CHANGE_DELAY - 1
    assert payout_address(protocol) == protocol.late.lower()
    protocol.evm.now += 1
    assert payout_address(protocol) == protocol.neighbour.lower()


def test_announce__back_to_the_first__is_a_change_like_any_other(protocol: Protocol) -> None:
    announce(protocol, protocol.late)
    protocol.evm.now = TAKES_OVER_AT
    announce(protocol, protocol.provider, protocol.late)
    protocol.evm.now = TAKES_OVER_AT + PAYOUT_CHANGE_DELAY
    assert payout_address(protocol) == protocol.provider.lower()


def test_announce__the_present_or_the_zero_address__reverts(protocol: Protocol) -> None:
    with reverts("PayoutAddressUnchanged", providerId=protocol.provider_id, payoutAddress=protocol.provider):
        announce(protocol, protocol.provider)
    with reverts("ZeroAddress"):
        announce(protocol, ZERO_ADDRESS)


def test_announce__by_anybody_but_the_present_one__reverts(protocol: Protocol) -> None:
    announce(protocol, protocol.late)
    # Not the governor, an attester, nor the address that is to come.
    protocol.registry.send(protocol.provider, "addAttester", protocol.provider_id, protocol.stranger)
    for caller in (protocol.governor, protocol.stranger, protocol.late):
        with reverts("NotThePayoutAddress", caller=caller):
            announce(protocol, protocol.neighbour, caller)
        with reverts("NotThePayoutAddress", caller=caller):
            cancel(protocol, caller)
    assert announced(protocol) == (protocol.late.lower(), TAKES_OVER_AT)


def test_cancel__before_its_time__leaves_the_present_one(protocol: Protocol) -> None:
    announce(protocol, protocol.late)
    protocol.evm.now = TAKES_OVER_AT - 1
    assert cancel(protocol).events == (PayoutAddressCancelled(protocol.provider_id),)
    assert announced(protocol) == (ZERO_ADDRESS, 0)
    protocol.evm.now = TAKES_OVER_AT + 1
    assert payout_address(protocol) == protocol.provider.lower()


def test_cancel__in_its_time_or_later__is_too_late(protocol: Protocol) -> None:
    announce(protocol, protocol.late)
    protocol.evm.now = TAKES_OVER_AT
    with reverts("NotThePayoutAddress", caller=protocol.provider):
        cancel(protocol)
    with reverts("NoPayoutAddressAnnounced", providerId=protocol.provider_id):
        cancel(protocol, protocol.late)
    assert payout_address(protocol) == protocol.late.lower()


def test_cancel__nothing_announced__reverts(protocol: Protocol) -> None:
    with reverts("NoPayoutAddressAnnounced", providerId=protocol.provider_id):
        cancel(protocol)
    announce(protocol, protocol.late)
    cancel(protocol)
    with reverts("NoPayoutAddressAnnounced", providerId=protocol.provider_id):
        cancel(protocol)


def test_payout_address__of_an_unknown_provider__reverts(protocol: Protocol) -> None:
    for verb, arguments in (("announcePayoutAddress", [protocol.late]), ("cancelPayoutAddress", [])):
        with reverts("UnknownProvider", providerId=2):
            protocol.registry.send(ZERO_ADDRESS, verb, 2, *arguments)


def test_announce__one_provider__leaves_another_alone(protocol: Protocol) -> None:
    other = protocol.register_provider(protocol.provider)
    announce(protocol, protocol.late)
    protocol.evm.now = TAKES_OVER_AT
    assert protocol.registry.read("payoutAddress", other) == protocol.provider.lower()
