"""Whose events an insurer pays."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.chain.reads import Question
from chainbill.operations.actor import Actor
from chainbill.operations.change import Change
from chainbill.operations.effect import made
from chainbill.protocol_constants import END_OF_TIME
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class Accepted:
    """A provider whose events are paid; ``ends_at`` in seconds since 1970, None: open-ended."""

    provider_id: int
    ends_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAcceptance(Change):
    """Whether a provider's events are paid."""

    provider_id: int
    accepted: bool
    """As it was asked for: open-ended, or ended."""
    in_force: bool
    """Are they paid now? Until the notice is over also those of one that is ended."""


def accepted_providers(session: Session, payer_id: int) -> tuple[Accepted, ...]:
    """Every provider whose events an insurer pays now, by id.

    Raises:
        ChainError: there is no such payer, or the node does not answer.
    """
    protocol, block = session.protocol, session.protocol.deployment.block
    with protocol.reads.held():
        payer, now = protocol.payer(payer_id), session.now()
        ids = sorted({log["providerId"] for log in payer.logged("ProviderAccepted", from_block=block)})
        ended = payer.logged("ProviderAcceptanceEnded", from_block=block)
        ends = {log["providerId"]: log["endsAt"] for log in ended}
        protocol.reads.learn(Question(payer, "acceptsProvider", (each, now)) for each in ids)
        return tuple(
            Accepted(each, None if payer.accepts_provider(each, END_OF_TIME) else ends.get(each))
            for each in ids
            if payer.accepts_provider(each, now)
        )


def accept_provider(insurer: Actor, payer_id: int, provider_id: int) -> ProviderAcceptance:
    """Pay a provider's events from now on; one that is accepted already is left alone.

    Raises:
        ChainError: the change before it took effect too lately, or the chain refused it.
    """
    payer = insurer.protocol.payer(payer_id)
    if payer.accepts_provider(provider_id, END_OF_TIME):
        in_force = payer.accepts_provider(provider_id, insurer.session.now())
        return ProviderAcceptance(changed=False, provider_id=provider_id, accepted=True, in_force=in_force)
    done = made(insurer.session, payer.accept_provider(insurer.sender(), provider_id))
    return ProviderAcceptance(**done, provider_id=provider_id, accepted=True, in_force=True)


def end_provider_acceptance(insurer: Actor, payer_id: int, provider_id: int) -> ProviderAcceptance:
    """Stop paying a provider's events, after the notice; what is ended, or never was, is left alone.

    Raises:
        ChainError: the chain refused it.
    """
    payer = insurer.protocol.payer(payer_id)
    if not payer.accepts_provider(provider_id, END_OF_TIME):
        in_force = payer.accepts_provider(provider_id, insurer.session.now())
        return ProviderAcceptance(changed=False, provider_id=provider_id, accepted=False, in_force=in_force)
    done = made(insurer.session, payer.end_provider_acceptance(insurer.sender(), provider_id))
    return ProviderAcceptance(**done, provider_id=provider_id, accepted=False, in_force=True)
