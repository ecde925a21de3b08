"""Attested events in a file, for an oracle of another machine.

The provider's own state directory keeps what it has attested, checked as an oracle checks it. A file has all
of that which has not ended on chain, and what the provider has taken back; made anew, it says the same anew,
and an oracle that has it already takes nothing twice. What became of each the chain says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chainbill.attestation.attested import AttestedEvent
from chainbill.attestation.attested_file import Header, SignedRecall, write_lines
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import RecallAttestation
from chainbill.errors import ChainbillError
from chainbill.oracle.store import OPEN, OracleStore, Status, StoredAttestation
from chainbill.records.vault import VaultKey, seal_to
from chainbill.state.session import Session

RECALL_SECONDS = 24 * 3600
"""How long a recall in a file is good: a file travels longer than a request."""


@dataclass(frozen=True, slots=True)
class ExportedEvents:
    """What a file has."""

    content: bytes
    events: int
    recalls: int
    unreadable: tuple[int, ...]
    """Sequences whose records the vault does not open: they cannot be handed over."""


def export_events(
    session: Session, provider_id: int, oracle: str, *, signer: Signer, vault_key: VaultKey
) -> ExportedEvents:
    """Write what a provider has attested into a file that one oracle opens.

    Args:
        oracle: the oracle's node, by name or address; its vault key is on its card.
        signer: the key that attested.
        vault_key: opens the provider's own copies of the records.

    Raises:
        StateError: no vault key of the oracle is known.
        ChainError: the node could not be reached or refused.
    """
    sealed_to, domain = session.book.vault_key_of(session.address_of(oracle)), session.protocol.domain
    events: list[AttestedEvent] = []
    recalls: list[SignedRecall] = []
    unreadable: list[int] = []
    for stored in _not_ended(session, provider_id):
        if stored.status is Status.RECALLED:
            recalls.append(_recall(session, stored, signer))
            continue
        try:
            opening = session.vault.open(stored.attestation.commitment, vault_key)
        except ChainbillError:
            unreadable.append(stored.attestation.sequence)
            continue
        signature = stored.signature or signer.sign(stored.attestation.digest(domain))
        events.append(AttestedEvent(stored.attestation, signature, opening, stored.routing.corrects))
    header = Header(domain.chain_id, domain.verifying_contract, sealed_to)
    lines = write_lines([*recalls, *events], domain, lambda plain: seal_to(sealed_to, plain))
    content = header.to_line() + b"".join(lines)
    return ExportedEvents(content, len(events), len(recalls), tuple(unreadable))


def _not_ended(session: Session, provider_id: int) -> Iterator[StoredAttestation]:
    final = {row.claim.sequence for row in session.protocol.rows.rows(provider_id) if row.is_final}
    for stored in OracleStore(session.state.oracle_database).of_provider(provider_id):
        if stored.status in (*OPEN, Status.RECALLED) and stored.attestation.sequence not in final:
            yield stored


def _recall(session: Session, stored: StoredAttestation, signer: Signer) -> SignedRecall:
    domain = session.protocol.domain
    request = RecallAttestation(
        provider_id=stored.attestation.provider_id,
        attestation=stored.attestation.digest(domain),
        deadline=session.now() + RECALL_SECONDS,
    )
    return SignedRecall(request, signer.sign(request.digest(domain)))
