"""One signature of a provider's under many of its attestations, so that a batch pays for one.

Each attestation has a signature of its own, and settles by that where its bundle cannot be used. Which may be
signed together the oracle knows: those that would go into one section.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from chainbill.attestation.signing import canonical_signature, recover
from chainbill.chain.format.section_signing import bundle_attestations
from chainbill.chain.protocol import Protocol
from chainbill.errors import AttestationError
from chainbill.oracle.api import OPEN
from chainbill.oracle.batching import SectionKey, bundles_of, section_keys
from chainbill.oracle.store import OracleStore, StoredAttestation


def unbundled(protocol: Protocol, store: OracleStore, provider_id: int) -> list[list[StoredAttestation]]:
    """What of a provider's waits under a signature each and would go into one section, by twos and more; each
    list in the order in which it was accepted, and small enough for one batch.

    Raises:
        ChainError: the node could not be reached or refused.
    """
    waiting = store.open_attestations(provider_id)
    whole = _whole_bundles(waiting)
    loose = [each for each in waiting if each.bundle is None or each.bundle.row not in whole]
    sections: dict[SectionKey, list[StoredAttestation]] = {}
    with protocol.reads.held():
        for key, stored in section_keys(protocol, loose, protocol.now()):
            sections.setdefault(key, []).append(stored)
    parts = (part for key, members in sections.items() for part in bundles_of(key, members))
    return [part for part in parts if len(part) > 1]


def take_bundle(
    protocol: Protocol, store: OracleStore, digests: Sequence[bytes], signature: bytes
) -> list[StoredAttestation]:
    """Remember that a provider has signed these waiting attestations together.

    Args:
        digests: of the attestations, each once, in the order in which they were accepted.

    Raises:
        AttestationError: one of them is not waiting here, they are not one provider's and one payer's or in
            another order, or no attester of that provider signed them.
        ChainError: the node could not be reached or refused.
    """
    found = [store.find(digest=digest) for digest in digests]
    members = [each for each in found if each is not None and each.status in OPEN]
    if len(members) != len(digests):
        raise AttestationError(f"{len(digests) - len(members)} attestations of the bundle do not wait here")
    if any(later.row <= each.row for each, later in pairwise(members)):
        raise AttestationError("the attestations of a bundle stand in another order than they were accepted")
    bundle = bundle_attestations([each.attestation for each in members])
    signature = canonical_signature(signature)
    signer = recover(bundle.digest(protocol.domain), signature)
    if not protocol.registry.is_attester(bundle.provider_id, signer):
        raise AttestationError(f"{signer} may not attest for provider {bundle.provider_id}")
    store.bundle([each.row for each in members], signature)
    return members


def _whole_bundles(waiting: Sequence[StoredAttestation]) -> set[int]:
    counts: dict[int, int] = {}
    sizes: dict[int, int] = {}
    for each in waiting:
        if each.bundle is not None:
            counts[each.bundle.row] = counts.get(each.bundle.row, 0) + 1
            sizes[each.bundle.row] = each.bundle.size
    return {row for row, count in counts.items() if count == sizes[row]}
