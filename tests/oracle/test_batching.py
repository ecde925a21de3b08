"""How attestations are put into batches."""

from __future__ import annotations

from tests.oracle.conftest import NOW, PATIENT, MemoryChain, attested_event

from chainbill.attestation.signing import Signer
from chainbill.chain.batch_codec import (
    MAX_ROWS_PER_PATIENT,
    MAX_SEQUENCE_SPAN,
    decode_sections,
    encode_sections,
)
from chainbill.chain.sender import GAS_CAP
from chainbill.oracle.batching import GAS_PER_BATCH, GAS_PER_ROW, GAS_PER_SECTION, plan_batches
from chainbill.oracle.store import Reason, Status, StoredAttestation

OTHER = "0x1111111111111111111111111111111111111111"


def stored(attester: Signer, sequence: int, **changes: object) -> StoredAttestation:
    attestation = attested_event(attester, sequence=sequence, **changes).attestation  # type: ignore[arg-type]
    return StoredAttestation(sequence, attestation, Status.ACCEPTED, Reason.NONE)


def test_plan__rows_of_one_provider_and_payer__share_a_section(chain: MemoryChain, attester: Signer) -> None:
    (batch,) = plan_batches(chain, [stored(attester, n) for n in (1, 2, 3)], NOW)  # type: ignore[arg-type]

    (section,) = batch.sections
    assert (section.provider_id, section.payer_id, section.plan_id, section.terms_version) == (1, 1, 7, 1)
    assert [row.sequence for row in section.rows] == [1, 2, 3]


def test_plan__version_in_force_at_signing__is_named(chain: MemoryChain, attester: Signer) -> None:
    chain.versions = [NOW - 10, NOW, NOW + 1]

    (batch,) = plan_batches(chain, [stored(attester, 1)], NOW)  # type: ignore[arg-type]

    assert batch.sections[0].terms_version == 2


def test_plan__member_not_enrolled__stands_in_a_section_of_no_plan(
    chain: MemoryChain, attester: Signer
) -> None:
    (batch,) = plan_batches(chain, [stored(attester, 1), stored(attester, 2, patient=OTHER)], NOW)  # type: ignore[arg-type]

    assert [(section.plan_id, section.terms_version) for section in batch.sections] == [(0, 0), (7, 1)]


def test_plan__payers__ascend(chain: MemoryChain, attester: Signer) -> None:
    chain.payer_ids = {1, 2}
    rows = [stored(attester, 1, payer_id=2), stored(attester, 2, payer_id=1)]

    (batch,) = plan_batches(chain, rows, NOW)  # type: ignore[arg-type]

    assert [section.payer_id for section in batch.sections] == [1, 2]


def test_plan__many_rows__every_batch_fits_one_transaction(chain: MemoryChain, attester: Signer) -> None:
    rows = [stored(attester, n) for n in range(1, 400)]

    batches = plan_batches(chain, rows, NOW)  # type: ignore[arg-type]

    assert len(batches) > 1
    assert [member.row for batch in batches for member in batch.members] == list(range(1, 400))
    for batch in batches:
        bound = GAS_PER_BATCH + GAS_PER_SECTION * len(batch.sections) + GAS_PER_ROW * len(batch.members)
        assert bound <= GAS_CAP
        assert all(len(section.rows) <= MAX_ROWS_PER_PATIENT for section in batch.sections)


def test_plan__sequences_too_far_apart_for_one_section__are_split(
    chain: MemoryChain, attester: Signer
) -> None:
    batches = plan_batches(chain, [stored(attester, 1), stored(attester, 2 + MAX_SEQUENCE_SPAN)], NOW)  # type: ignore[arg-type]

    assert len(batches) == 2


def test_plan__packed__reads_back(chain: MemoryChain, attester: Signer) -> None:
    rows = [stored(attester, 1), stored(attester, 2, patient=OTHER), stored(attester, 3)]
    chain.plan_ids[OTHER] = 7

    (batch,) = plan_batches(chain, rows, NOW)  # type: ignore[arg-type]
    (section,) = decode_sections(encode_sections(batch.sections))

    assert [(row.patient.hex(), row.sequence) for row in section.rows] == [
        (OTHER[2:], 2),
        (PATIENT[2:], 1),
        (PATIENT[2:], 3),
    ]
