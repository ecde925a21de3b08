"""Who may charge a patient's wallet, and what is announced of that."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.chain.contracts.escrow import Consent
from chainbill.operations.governor.registrations import provider_of
from chainbill.protocol_constants import END_OF_TIME
from chainbill.state.address_book import Role
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class ConsentStanding:
    """What a provider of the address book may charge; None where there is none."""

    provider: str
    present: Consent | None
    announced: Consent | None
    """Another consent, narrower, that is to hold later."""
    announced_at: int
    """From when that holds, in seconds since 1970; 0: nothing is announced."""


def standing_consents(session: Session, patient: str, *, only: str | None = None) -> list[ConsentStanding]:
    """Consents of a patient's address to the address book's providers, or to one of them.

    Raises:
        StateError: ``only`` is no provider, or not registered.
    """
    if only is None:
        book = session.book.entries(Role.PROVIDER)
        providers = {name: entry.provider_id for name, entry in book.items() if entry.provider_id}
    else:
        providers = {only: provider_of(session, only)[1]}
    found = (_standing(session, patient, name, provider_id) for name, provider_id in providers.items())
    return [each for each in found if each.present or each.announced]


def _standing(session: Session, patient: str, name: str, provider_id: int) -> ConsentStanding:
    escrow, now = session.protocol.escrow, session.now()
    present, last = (escrow.consent_of(patient, provider_id, time) for time in (now, END_OF_TIME))
    announced, since = None, 0
    if last != present and last.expires_at > now:
        block = session.protocol.deployment.block
        logs = escrow.logged("ConsentGranted", from_block=block, patient=patient, providerId=provider_id)
        announced, since = last, int(logs[-1]["effectiveAt"])
    return ConsentStanding(name, present if present.expires_at > now else None, announced, since)
