"""One oracle node: it looks at a proposed batch itself, and signs it with its key or says why not.

A node takes nobody's word. What a provider has attested, the node has from its store; whether that still
holds, it asks the chain. Also where all nodes are in one process, a coordinator hands over a batch and
nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainbill.attestation.signing import Signer, recover
from chainbill.attestation.typed_data import SectionsObjection, SettlementBatch
from chainbill.chain.format.batch_codec import BatchRow, BatchSection, decode_sections, encode_sections
from chainbill.chain.format.section_signing import signed_parts
from chainbill.chain.protocol import Protocol
from chainbill.chain.row_index import Place
from chainbill.errors import AttestationError, ChainbillError
from chainbill.oracle.api import Hold
from chainbill.oracle.examination import Examination
from chainbill.oracle.store import OracleStore, StoredAttestation


class SigningRefused(ChainbillError):
    """A node does not sign a batch; ``objections`` says of which attestations, and why not."""

    def __init__(self, objections: dict[Place, Hold]) -> None:
        reasons = ", ".join(sorted(set(objections.values())))
        super().__init__(f"an oracle node does not sign {len(objections)} events of the batch: {reasons}")
        self.objections = objections


class OracleNode:
    """A member of the quorum: a key, and what it knows of attestations and of the chain."""

    def __init__(self, protocol: Protocol, store: OracleStore, key: Signer) -> None:
        self._protocol = protocol
        self._store = store
        self._key = key

    @property
    def address(self) -> str:
        """The checksummed address of its key."""
        return self._key.address

    def sign(self, batch: SettlementBatch) -> bytes:
        """Check a batch, and sign it.

        Raises:
            AttestationError: a row of it has no attestation, says something else, or is under no signature of
                its provider's.
            SigningRefused: an attestation of it must not settle.
            ChainError: the node of the chain could not be reached or refused.
        """
        sections = decode_sections(batch.sections)
        if encode_sections(sections) != batch.sections:
            raise AttestationError("the batch is packed in another way than the one that nodes sign")
        attestations = self._attestations(sections)
        examination = Examination(self._protocol, self._store)
        objections = examination.objections(attestations)
        if objections:
            raise SigningRefused(objections)
        self._check_signatures(sections, examination)
        return self._key.sign(batch.digest(self._protocol.domain))

    def object(self, objection: SectionsObjection) -> bytes:
        """Sign against sections that a provider has announced. That needs no reason: what is right in them,
        the quorum can settle itself."""
        return self._key.sign(objection.digest(self._protocol.domain))

    def _check_signatures(self, sections: Sequence[BatchSection], examination: Examination) -> None:
        """That the rows will not pend for want of a signature that counts."""
        for section in sections:
            for part, attestation in signed_parts(section):
                signer = recover(part.digest(self._protocol.domain), attestation.signature)
                if not examination.may_sign(section.provider_id, signer):
                    raise AttestationError(
                        f"rows of provider {section.provider_id} are in the batch under a signature that is"
                        " not its own"
                    )

    def _attestations(self, sections: Sequence[BatchSection]) -> list[StoredAttestation]:
        """What the rows of a batch are of, each as its provider attested it."""
        rows = [(section, row) for section in sections for row in section.rows]
        places = [(section.provider_id, row.sequence) for section, row in rows]
        known = {stored.place: stored for stored in self._store.find_places(places)}
        for place, (section, row) in zip(places, rows, strict=True):
            stored = known.get(place)
            if stored is None or _attested(stored, section) != _proposed(section, row):
                raise AttestationError(
                    f"sequence {row.sequence} of provider {section.provider_id} is in the batch as its"
                    " provider has not attested it"
                )
        # In the order in which they were accepted: of two with one commitment the first is good.
        return sorted(known.values(), key=lambda stored: stored.row)


def _attested(stored: StoredAttestation, section: BatchSection) -> tuple[object, ...]:
    attestation, second = stored.attestation, stored.coordination
    return (
        attestation.payer_id,
        bytes.fromhex(attestation.patient[2:]),
        attestation.commitment,
        attestation.service_id,
        attestation.units,
        attestation.billed_amount,
        attestation.benefit_year,
        stored.corrects,
        # A batch may leave out a secondary payer whom the patient does not have any more, and name no other.
        (second.secondary_payer_id, second.secondary_service_id) if section.secondary_payer_id else (0, b""),
    )


def _proposed(section: BatchSection, row: BatchRow) -> tuple[object, ...]:
    return (
        section.payer_id,
        row.patient,
        row.commitment,
        row.service_id,
        row.units,
        row.billed,
        row.benefit_year,
        row.corrects,
        (section.secondary_payer_id, row.secondary_service_id),
    )
