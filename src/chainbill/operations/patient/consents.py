"""Who may charge a patient's wallet, and what is announced of that."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.chain.contracts.escrow import Consent
from chainbill.operations.governor.registrations import provider_of
from chainbill.protocol_constants import END_OF_TIME
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class ConsentStanding:
    """What a provider may charge; None where there is none."""

    provider: str
    """Its name in the address book, else ``provider`` and its id."""
    present: Consent | None
    announced: Consent | None
    """Another consent, narrower, that is to hold later."""
    announced_at: int
    """From when that holds, in seconds since 1970; 0: nothing is announced."""


def standing_consents(session: Session, patient: str, *, only: str | None = None) -> list[ConsentStanding]:
    """Consents of a patient's address that hold or will, to anybody or to one provider; by provider's id.

    Raises:
        StateError: ``only`` is no provider, or not registered.
    """
    if only is None:
        block = session.protocol.deployment.block
        logs = session.protocol.escrow.logged("ConsentGranted", from_block=block, patient=patient)
        ids = sorted({int(log["providerId"]) for log in logs})
    else:
        ids = [provider_of(session, only)[1]]
    found = (_standing(session, patient, each) for each in ids)
    return [each for each in found if each.present or each.announced]


def _standing(session: Session, patient: str, provider_id: int) -> ConsentStanding:
    escrow, now = session.protocol.escrow, session.now()
    present, last = (escrow.consent_of(patient, provider_id, time) for time in (now, END_OF_TIME))
    announced, since = None, 0
    if last != present and last.expires_at > now:
        block = session.protocol.deployment.block
        logs = escrow.logged("ConsentGranted", from_block=block, patient=patient, providerId=provider_id)
        announced, since = last, int(logs[-1]["effectiveAt"])
    provider_of(session, str(provider_id))  # an entry made before it was registered learns its id
    known = session.book.provider(provider_id)
    name = f"provider {provider_id}" if known is None else known[0]
    return ConsentStanding(name, present if present.expires_at > now else None, announced, since)
