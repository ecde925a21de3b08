"""Attested events in a file, for an oracle of another machine.

The provider's own state directory keeps what it has attested, checked as an oracle checks it. A file has all
of that which has not ended on chain, and what the provider has taken back; made anew, it says the same anew,
and an oracle that has it already takes nothing twice. What became of each the chain says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chainbill.attestation.attested import AttestedEvent
from chainbill.attestation.attested_file import SignedRecall, write_lines
from chainbill.attestation.file_header import ATTESTED_EVENTS
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import RecallAttestation
from chainbill.errors import ChainbillError
from chainbill.operations.actor import Actor
from chainbill.operations.oracle.at_hand import oracle_at_hand
from chainbill.operations.provider.acting import Key, signing_account
from chainbill.operations.sealed_files import header_for
from chainbill.oracle.api import OPEN, Receipt, Status
from chainbill.records.vault import seal_to

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
    provider: Actor, provider_id: int, oracle: str, *, key: Key | None = None
) -> ExportedEvents:
    """Write what a provider has attested into a file that one oracle opens.

    Args:
        oracle: the oracle's node, by name or address; its vault key is on its card.
        key: attested, in place of the account's own.

    Raises:
        StateError: no vault key of the oracle is known, or a key is not at hand.
        ChainError: the node could not be reached or refused.
    """
    session, signer = provider.session, Signer(signing_account(provider, key))
    vault_key = provider.vault_key()
    sealed_to, domain = session.book.vault_key_of(session.address_of(oracle)), session.protocol.domain
    events: list[AttestedEvent] = []
    recalls: list[SignedRecall] = []
    unreadable: list[int] = []
    for receipt in _not_ended(provider, provider_id):
        attestation = receipt.attestation
        if receipt.status is Status.RECALLED:
            recalls.append(_recall(provider, receipt, signer))
            continue
        try:
            opening = session.vault.open(attestation.commitment, vault_key)
        except ChainbillError:
            unreadable.append(attestation.sequence)
            continue
        signature = receipt.signature or signer.sign(attestation.digest(domain))
        events.append(AttestedEvent(attestation, signature, opening, receipt.corrects))
    header = header_for(session, ATTESTED_EVENTS, sealed_to)
    lines = write_lines([*recalls, *events], domain, lambda plain: seal_to(sealed_to, plain))
    content = header.to_line() + b"".join(lines)
    return ExportedEvents(content, len(events), len(recalls), tuple(unreadable))


def _not_ended(provider: Actor, provider_id: int) -> Iterator[Receipt]:
    final = {row.claim.sequence for row in provider.protocol.rows.rows(provider_id) if row.is_final}
    for receipt in oracle_at_hand(provider.session).attestations(provider_id):
        if receipt.status in (*OPEN, Status.RECALLED) and receipt.attestation.sequence not in final:
            yield receipt


def _recall(provider: Actor, receipt: Receipt, signer: Signer) -> SignedRecall:
    domain = provider.protocol.domain
    request = RecallAttestation(
        provider_id=receipt.attestation.provider_id,
        attestation=receipt.attestation.digest(domain),
        deadline=provider.session.now() + RECALL_SECONDS,
    )
    return SignedRecall(request, signer.sign(request.digest(domain)))
