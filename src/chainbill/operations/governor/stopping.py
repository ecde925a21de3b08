"""Stopping what goes wrong, and letting it go on: one provider, or all new settlement. A withdrawal, a payout
or a dispute is never stopped."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.governor.calls import settlement_call


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
    """Stop new settlement for a provider, at once. Its credit stays its own.

    Raises:
        ChainError: the account is no guardian.
        ContractReverted: there is no such provider, or it is suspended already.
        StateError: the key is not at hand.
    """
    made = settlement_call(guardian, "suspend", provider_id)
    return ProviderStopped(**made, provider_id=provider_id, suspended=True)


def reinstate(registrar: Actor, provider_id: int) -> ProviderStopped:
    """Let a suspended provider's events settle again.

    Raises:
        CallDelayed: the call is announced, and must wait.
        ChainError: the account is no registrar.
        ContractReverted: there is no such provider, or it is not suspended.
        StateError: the key is not at hand.
    """
    made = settlement_call(registrar, "reinstate", provider_id)
    return ProviderStopped(**made, provider_id=provider_id, suspended=False)


def pause(guardian: Actor) -> SettlementPaused:
    """Stop all new settlement, at once, and nothing else: withdrawals and disputes go on.

    Raises:
        ChainError: the account is no guardian.
        ContractReverted: it is paused already.
        StateError: the key is not at hand.
    """
    return SettlementPaused(**settlement_call(guardian, "pause"), paused=True)


def unpause(registrar: Actor) -> SettlementPaused:
    """Resume settlement.

    Raises:
        CallDelayed: the call is announced, and must wait.
        ChainError: the account is no registrar.
        ContractReverted: it is not paused.
        StateError: the key is not at hand.
    """
    return SettlementPaused(**settlement_call(registrar, "unpause"), paused=False)
