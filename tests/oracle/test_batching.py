"""How attestations are put into batches."""

from __future__ import annotations

from tests.oracle.conftest import DOMAIN, NOW, PATIENT, MemoryChain, attested_event

from chainbill.attestation.signing import Signer
from chainbill.chain.contracts.escrow import Payers
from chainbill.chain.format.batch_codec import (
    MAX_ROWS_PER_PATIENT,
    MAX_SEQUENCE_SPAN,
    decode_sections,
    encode_sections,
)
from chainbill.oracle.api import Status
from chainbill.oracle.batching import (
    GAS_PER_BATCH,
    GAS_PER_BITMAP_WORD,
    GAS_PER_PATIENT,
    GAS_PER_ROW,
    GAS_PER_SECONDARY,
    GAS_PER_SECTION,
    GAS_PER_SERVICE,
    GAS_PER_SIGNATURE,
    plan_batches,
)
from chainbill.oracle.store import CoordinationOfBenefits, Reason, StoredAttestation
from chainbill.protocol_constants import GAS_CAP

OTHER = "0x1111111111111111111111111111111111111111"


TO_SECONDARY = CoordinationOfBenefits(secondary_payer_id=2, secondary_service_id=b"second!!")


def stored(
    attester: Signer,
    sequence: int,
    coordination: CoordinationOfBenefits | None = None,
    *,
    corrects: bytes = b"",
    **changes: object,
) -> StoredAttestation:
    attestation = attested_event(attester, sequence=sequence, **changes).attestation  # type: ignore[arg-type]
    return StoredAttestation(
        sequence,
        attestation,
        Status.ACCEPTED,
        Reason.NONE,
        coordination or CoordinationOfBenefits(),
        corrects=corrects,
        signature=attester.sign(attestation.digest(DOMAIN)),
    )


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

    assert [(section.plan_id, section.terms_version) for section in batch.sections] == [(7, 1), (0, 0)]


def test_plan__payers__ascend(chain: MemoryChain, attester: Signer) -> None:
    chain.payer_ids = {1, 2}
    rows = [stored(attester, 1, payer_id=2), stored(attester, 2, payer_id=1)]

    (batch,) = plan_batches(chain, rows, NOW)  # type: ignore[arg-type]

    assert [section.payer_id for section in batch.sections] == [1, 2]


def test_plan__many_rows__every_batch_fits_one_transaction(chain: MemoryChain, attester: Signer) -> None:
    patients = [f"0x{n:040x}" for n in range(1, 200)]
    rows = [stored(attester, n, patient=patients[n % 199]) for n in range(1, 900)]

    batches = plan_batches(chain, rows, NOW)  # type: ignore[arg-type]

    assert len(batches) > 1
    assert [member.row for batch in batches for member in batch.members] == list(range(1, 900))
    assert all(batch.gas <= GAS_CAP for batch in batches)
    assert batches[0].gas > GAS_CAP - (GAS_PER_PATIENT + GAS_PER_SERVICE + GAS_PER_BITMAP_WORD + GAS_PER_ROW)


def test_plan__gas__counts_each_place_once(chain: MemoryChain, attester: Signer) -> None:
    rows = [stored(attester, 1), stored(attester, 255), stored(attester, 256, service_id=b"another!")]

    (batch,) = plan_batches(chain, rows, NOW)  # type: ignore[arg-type]

    touched = GAS_PER_SECTION + GAS_PER_PATIENT + 2 * GAS_PER_SERVICE + 2 * GAS_PER_BITMAP_WORD
    assert batch.gas == GAS_PER_BATCH + touched + 3 * (GAS_PER_ROW + GAS_PER_SIGNATURE)


def test_plan__gas_of_a_row_with_two_payers__counts_both(chain: MemoryChain, attester: Signer) -> None:
    chain.payer_ids, chain.payers_of[PATIENT] = {1, 2}, Payers(1, 2)

    (batch,) = plan_batches(chain, [stored(attester, 1, TO_SECONDARY)], NOW)  # type: ignore[arg-type]

    touched = 2 * (GAS_PER_SECTION + GAS_PER_PATIENT + GAS_PER_SERVICE) + GAS_PER_BITMAP_WORD
    assert batch.gas == GAS_PER_BATCH + touched + GAS_PER_ROW + GAS_PER_SIGNATURE + GAS_PER_SECONDARY


def test_plan__more_rows_of_a_patient_than_a_section_holds__are_split(
    chain: MemoryChain, attester: Signer
) -> None:
    rows = [stored(attester, n) for n in range(1, MAX_ROWS_PER_PATIENT + 2)]

    batches = plan_batches(chain, rows, NOW)  # type: ignore[arg-type]

    assert [len(batch.members) for batch in batches] == [MAX_ROWS_PER_PATIENT, 1]


def test_plan__patient_with_a_secondary_payer__names_it_and_its_service(
    chain: MemoryChain, attester: Signer
) -> None:
    chain.payer_ids, chain.payers_of[PATIENT] = {1, 2}, Payers(1, 2)

    (batch,) = plan_batches(chain, [stored(attester, 1, TO_SECONDARY), stored(attester, 2)], NOW)  # type: ignore[arg-type]

    alone, coordinated = batch.sections
    assert (alone.payers, coordinated.payers) == ((1, 0), (1, 2))
    assert (coordinated.secondary_plan_id, coordinated.secondary_terms_version) == (7, 1)
    assert [row.secondary_service_id for row in coordinated.rows] == [b"second!!"]
    assert decode_sections(encode_sections(batch.sections)) == list(batch.sections)


def test_plan__secondary_payer_given_up_since__is_not_named(chain: MemoryChain, attester: Signer) -> None:
    chain.payer_ids = {1, 2}

    (batch,) = plan_batches(chain, [stored(attester, 1, TO_SECONDARY)], NOW)  # type: ignore[arg-type]

    assert batch.sections[0].payers == (1, 0)
    assert batch.sections[0].rows[0].secondary_service_id == b""


def test_plan__correction__stands_in_a_section_of_its_own(chain: MemoryChain, attester: Signer) -> None:
    rows = [stored(attester, 1), stored(attester, 2, corrects=b"r" * 32)]

    (batch,) = plan_batches(chain, rows, NOW)  # type: ignore[arg-type]

    assert [section.corrections for section in batch.sections] == [False, True]
    assert batch.sections[1].rows[0].corrects == b"r" * 32
    assert decode_sections(encode_sections(batch.sections)) == list(batch.sections)


def test_plan__self_pay__names_no_plan_and_stands_first(chain: MemoryChain, attester: Signer) -> None:
    rows = [stored(attester, 1), stored(attester, 2, payer_id=0)]

    (batch,) = plan_batches(chain, rows, NOW)  # type: ignore[arg-type]

    assert [(each.payer_id, each.plan_id, each.terms_version) for each in batch.sections] == [
        (0, 0, 0),
        (1, 7, 1),
    ]


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
