"""Sections that providers have announced to settle without the oracle's quorum, as the chain tells them."""

from __future__ import annotations

from dataclasses import dataclass

from chainbill.attestation.typed_data import SectionsObjection
from chainbill.chain.format.batch_codec import decode_sections
from chainbill.chain.format.events import SectionsAnnounced
from chainbill.chain.format.logs import decode_log
from chainbill.errors import AttestationError
from chainbill.protocol_constants import (
    KEPT_HASH_BYTES,
    QUORUM_SILENCE_SECONDS,
    UNANSWERED_LIFE_SECONDS,
)
from chainbill.state.session import Session


@dataclass(frozen=True, slots=True)
class StandingAnnouncement:
    """What stands announced: nobody has objected, and it has not settled."""

    provider_id: int
    sections: bytes
    """Packed, as they are to settle."""
    objection: SectionsObjection
    """What the quorum signs to call them off."""

    @property
    def announced_at(self) -> int:
        """Seconds since 1970."""
        return self.objection.announced_at

    @property
    def settles_from(self) -> int:
        """From when on they may settle, in seconds since 1970."""
        return self.announced_at + QUORUM_SILENCE_SECONDS

    @property
    def lapses_at(self) -> int:
        """From when on they no longer may, in seconds since 1970."""
        return self.settles_from + UNANSWERED_LIFE_SECONDS

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """Provider and sequence of each row; none where the bytes are no sections."""
        try:
            sections = decode_sections(self.sections)
        except AttestationError:
            return ()
        return tuple((section.provider_id, row.sequence) for section in sections for row in section.rows)


def announcements(session: Session) -> list[StandingAnnouncement]:
    """All that has been announced and has not lapsed, the oldest first.

    Raises:
        ChainError: the node could not be reached or refused.
        LedgerError: settlement logged what cannot be decoded.
    """
    return _standing(session)


def announcement(session: Session, provider_id: int) -> StandingAnnouncement | None:
    """What a provider has announced; None: nothing that has not lapsed. Errors as ``announcements``."""
    return next(iter(_standing(session, providerId=provider_id)), None)


def _standing(session: Session, **indexed: int) -> list[StandingAnnouncement]:
    settlement, now = session.protocol.settlement, session.now()
    logs = settlement.raw_logs("SectionsAnnounced", from_block=session.protocol.deployment.block, **indexed)
    newest: dict[int, SectionsAnnounced] = {}
    for log in logs:
        event = decode_log(log, settlement.artifact)
        if isinstance(event, SectionsAnnounced):
            newest[event.provider_id] = event
    found = []
    for provider_id, event in newest.items():
        noted = settlement.announcement_of(provider_id)
        if (event.sections_hash[:KEPT_HASH_BYTES], event.announced_at) == (
            noted.sections_hash,
            noted.announced_at,
        ):
            objection = SectionsObjection(provider_id, event.sections_hash, event.announced_at)
            found.append(StandingAnnouncement(provider_id, event.sections, objection))
    return sorted((each for each in found if now < each.lapses_at), key=lambda each: each.announced_at)
