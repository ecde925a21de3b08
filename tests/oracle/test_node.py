"""A node checks a proposed batch itself: against what was attested, and against the chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.oracle.workplace import FIRST, SECOND, Workplace, open_workplace

from chainbill.attestation.signing import Signer, recover
from chainbill.attestation.typed_data import SettlementBatch
from chainbill.chain.format.batch_codec import BatchSection, decode_sections, encode_sections
from chainbill.chain.format.section_signing import sign_each
from chainbill.errors import AttestationError
from chainbill.oracle.api import Hold
from chainbill.oracle.batching import plan_batches
from chainbill.oracle.node import OracleNode, SigningRefused
from chainbill.oracle.store import OracleStore

OTHER_PATIENT = bytes.fromhex("70997970c51812dc3a010c7d01b50e0d17dc79c8")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    with open_workplace(tmp_path_factory.mktemp("node")) as place:
        place.attest(FIRST, key=place.night)
        place.attest(SECOND)
        yield place


def proposal(place: Workplace, *sections: BatchSection) -> SettlementBatch:
    now = place.stage.protocol.now()
    return SettlementBatch(place.quorum.epoch, now, now + 600, place.owner.address, encode_sections(sections))


def planned(place: Workplace) -> BatchSection:
    """What an honest coordinator proposes of all that is open."""
    protocol = place.stage.protocol
    (batch,) = plan_batches(protocol, place.store.open_attestations(), protocol.now())
    (section,) = batch.sections
    return section


def nodes(place: Workplace, store: OracleStore | None = None) -> list[OracleNode]:
    protocol, keys = place.stage.protocol, place.stage.node_keys
    return [OracleNode(protocol, store or place.store, key) for key in keys]


def test_sign__batch_as_attested__is_signed_by_every_node(place: Workplace) -> None:
    batch = proposal(place, planned(place))
    digest = batch.digest(place.stage.protocol.domain)

    assert [recover(digest, node.sign(batch)) for node in nodes(place)] == [
        node.address for node in nodes(place)
    ]


def with_row(section: BatchSection, **changes: object) -> BatchSection:
    """The section with its last row as it was not attested."""
    return replace(section, rows=(*section.rows[:-1], replace(section.rows[-1], **changes)))  # type: ignore[arg-type]


WRONG: dict[str, Callable[[BatchSection], BatchSection]] = {
    "billed": lambda section: with_row(section, billed=section.rows[-1].billed + 10_000),
    "units": lambda section: with_row(section, units=2),
    "patient": lambda section: with_row(section, patient=OTHER_PATIENT),
    "service": lambda section: with_row(section, service_id=b"another!"),
    "commitment": lambda section: with_row(section, commitment=bytes(32)),
    "benefit year": lambda section: with_row(section, benefit_year=2022),
    "sequence nobody attested": lambda section: with_row(section, sequence=9),
    "payer": lambda section: replace(section, payer_id=2),
    "secondary payer": lambda section: replace(
        section,
        secondary_payer_id=2,
        secondary_plan_id=1,
        secondary_terms_version=1,
        rows=tuple(replace(row, secondary_service_id=b"another!") for row in section.rows),
    ),
    "provider": lambda section: replace(section, provider_id=section.provider_id + 1),
    "correction": lambda section: replace(
        section, corrections=True, rows=tuple(replace(row, corrects=b"c" * 32) for row in section.rows)
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_sign__coordinator_proposes_a_wrong_row__no_node_signs(place: Workplace, what: str) -> None:
    batch = proposal(place, WRONG[what](planned(place)))

    for node in nodes(place):
        with pytest.raises(AttestationError, match="as its provider has not attested it"):
            node.sign(batch)


def rebased(packed: bytes) -> bytes:
    """One section packed otherwise: its sequences count from one more."""
    header, row = 28, 54
    base, groups = int.from_bytes(packed[12:20]), int.from_bytes(packed[20:22])
    other = bytearray(packed[:12] + (base + 1).to_bytes(8) + packed[20:])
    at = header
    for _ in range(groups):
        rows, at = packed[at + 20], at + 21
        for end in range(at + row, at + row * rows + 1, row):
            other[end - 2 : end] = (int.from_bytes(packed[end - 2 : end]) - 1).to_bytes(2)
        at += row * rows
    return bytes(other)


def test_sign__same_rows_packed_in_another_way__are_refused(place: Workplace) -> None:
    """Two batches of the same rows have two digests: nodes sign one."""
    batch = proposal(place, planned(place))
    other = replace(batch, sections=rebased(batch.sections))
    assert decode_sections(other.sections) == decode_sections(batch.sections)
    for node in nodes(place):
        with pytest.raises(AttestationError, match="packed in another way"):
            node.sign(other)


def test_sign__node_that_has_no_such_attestation__does_not_take_the_coordinators_word(
    place: Workplace, tmp_path: Path
) -> None:
    (node, *_) = nodes(place, OracleStore(tmp_path / "other.sqlite"))

    with pytest.raises(AttestationError, match=r"sequence 1 of provider .* has not attested it"):
        node.sign(proposal(place, planned(place)))


def test_sign__rows_under_somebody_elses_signature__are_refused(place: Workplace) -> None:
    """Settlement would pend them."""
    batch, stranger = proposal(place, planned(place)), Signer(b"s" * 32)
    sections = [
        sign_each(section, stranger, place.stage.protocol.domain)
        for section in decode_sections(batch.sections)
    ]

    with pytest.raises(AttestationError, match="under a signature that is not its own"):
        nodes(place)[0].sign(replace(batch, sections=encode_sections(sections)))


def test_sign__key_revoked_since_the_batch_was_planned__every_node_has_asked_the_chain(
    place: Workplace,
) -> None:
    batch = proposal(place, planned(place))
    place.revoke(place.night)

    for node in nodes(place):
        with pytest.raises(SigningRefused) as refused:
            node.sign(batch)
        assert refused.value.objections == {(place.provider_id, 1): Hold.ATTESTER_REVOKED}


def test_sign__attestation_whose_signature_is_not_the_providers__is_refused(
    place: Workplace, tmp_path: Path
) -> None:
    """A store that somebody has written into."""
    (first, second) = place.store.open_attestations()
    forged = OracleStore(tmp_path / "forged.sqlite")
    forger = Signer(b"f" * 32)
    for stored in (first, second):
        digest = stored.attestation.digest(place.stage.protocol.domain)
        forged.accept(
            stored.attestation,
            digest=digest,
            signature=forger.sign(digest),
            record_key=stored.attestation.commitment,
            coordination=stored.coordination,
        )

    with pytest.raises(SigningRefused) as refused:
        nodes(place, forged)[0].sign(proposal(place, planned(place)))

    assert set(refused.value.objections.values()) == {Hold.ATTESTER_REVOKED}
