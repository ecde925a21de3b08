"""Stopping what goes wrong, and letting it go on: one provider, or all new settlement. A withdrawal, a payout
or a dispute is never stopped."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.effect import stood
from chainbill.operations.governor.calls import settlement_call
from chainbill.operations.repeats import unless_so


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStopped(Change):
    """Whether a provider's events settle."""

    provider_id: int
    suspended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementPaused(Change):
    """Whether anything settles."""

    paused: bool


def suspend(guardian: Actor, provider_id: int) -> ProviderStopped:
    """Stop new settlement for a provider, at once. Its credit stays its own. One that is suspended already is
    told with since when.

    Raises:
        ChainError: the account is no guardian.
        ContractReverted: there is no such provider.
        StateError: the key is not at hand.
    """
    return _stop(guardian, provider_id, suspended=True)


def reinstate(registrar: Actor, provider_id: int) -> ProviderStopped:
    """Let a suspended provider's events settle again. One that is not suspended is told so, with since when
    where it ever was.

    Raises:
        CallDelayed: the call is announced, and must wait.
        ChainError: the account is no registrar.
        ContractReverted: there is no such provider.
        StateError: the key is not at hand.
    """
    return _stop(registrar, provider_id, suspended=False)


def pause(guardian: Actor) -> SettlementPaused:
    """Stop all new settlement, at once, and nothing else: withdrawals and disputes go on. Where it is paused
    already that is told, with since when.

    Raises:
        ChainError: the account is no guardian.
        StateError: the key is not at hand.
    """
    return _pause(guardian, paused=True)


def unpause(registrar: Actor) -> SettlementPaused:
    """Resume settlement. Where it is not paused that is told, with since when where it ever was.

    Raises:
        CallDelayed: the call is announced, and must wait.
        ChainError: the account is no registrar.
        StateError: the key is not at hand.
    """
    return _pause(registrar, paused=False)


def _stop(governor: Actor, provider_id: int, *, suspended: bool) -> ProviderStopped:
    session, protocol = governor.session, governor.protocol

    def stands() -> ProviderStopped | None:
        registered = protocol.registry.payout_address(provider_id) != ZERO_ADDRESS
        if not registered or protocol.settlement.is_suspended(provider_id) is not suspended:
            return None
        event = "ProviderSuspended" if suspended else "ProviderReinstated"
        since = protocol.settlement.newest_log(
            event, from_block=protocol.deployment.block, providerId=provider_id
        )
        return ProviderStopped(**stood(session, since), provider_id=provider_id, suspended=suspended)

    def do() -> ProviderStopped:
        made = settlement_call(governor, "suspend" if suspended else "reinstate", provider_id)
        return ProviderStopped(**made, provider_id=provider_id, suspended=suspended)

    return unless_so(stands, do)


def _pause(governor: Actor, *, paused: bool) -> SettlementPaused:
    session, protocol = governor.session, governor.protocol

    def stands() -> SettlementPaused | None:
        if protocol.settlement.is_paused() is not paused:
            return None
        event = "Paused" if paused else "Unpaused"
        since = protocol.settlement.newest_log(event, from_block=protocol.deployment.block)
        return SettlementPaused(**stood(session, since), paused=paused)

    def do() -> SettlementPaused:
        return SettlementPaused(**settlement_call(governor, "pause" if paused else "unpause"), paused=paused)

    return unless_so(stands, do)
