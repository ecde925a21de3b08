"""Sections under a provider's signatures of any spans, and a slow model of which rows they let settle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from chainbill.attestation.address import checksum_address
from chainbill.attestation.signing import Signer, recover
from chainbill.attestation.typed_data import Domain, ServiceAttestation, ServiceBundle
from chainbill.chain.format.batch_codec import (
    BatchRow,
    BatchSection,
    RowsAttestation,
    encode_groups,
    in_packed_order,
    sequence_base,
)
from chainbill.chain.format.section_signing import attestation_of
from chainbill.errors import AttestationError


def words_under(
    section: BatchSection, spans: Iterable[int]
) -> Iterator[tuple[list[BatchRow], ServiceAttestation | ServiceBundle]]:
    """The rows that attestations of these spans are under in turn, and what is signed for them. A span is so
    many whole groups, or 0: one row."""
    rows = in_packed_order(section.rows)
    base = sequence_base(rows)
    for span in spans:
        patients = sorted({row.patient for row in rows})[:span]
        under = [row for row in rows if row.patient in patients] if span else rows[:1]
        rows = rows[len(under) :]
        if span:
            groups = encode_groups(under, base)
            yield under, ServiceBundle(section.provider_id, section.payer_id, base, groups)
        else:
            yield under, attestation_of(section, under[0])


def sign_spans(section: BatchSection, spans: Iterable[int], key: Signer, domain: Domain) -> BatchSection:
    """The section under one key's signatures of these spans."""
    spans = list(spans)
    signed = (
        RowsAttestation(span, key.sign(words.digest(domain)))
        for span, (_, words) in zip(spans, words_under(section, spans), strict=True)
    )
    return replace(section, attestations=tuple(signed))


def all_spans(counts: list[int]) -> Iterator[list[int]]:
    """Every way to put groups of so many rows each under attestations."""
    if not counts:
        yield []
        return
    for rest in all_spans(counts[1:]):
        yield [0] * counts[0] + rest
    for span in range(1, len(counts) + 1):
        for rest in all_spans(counts[span:]):
            yield [span, *rest]


@dataclass
class AttestationModel:
    """Who attests for whom, and which rows of a section count: what ``AttestationCheck`` says, at length."""

    domain: Domain
    since: dict[tuple[int, str], int] = field(default_factory=dict)
    """By provider and checksum address, of those that are attesters now."""
    answer: Callable[[str, bytes, bytes], bool] = lambda attester, digest, signature: False
    """What a contract says of a digest and a signature."""

    def counting(self, section: BatchSection, signed_at: int) -> list[BatchRow]:
        """The rows, in packed order, that stand under a signature of a standing attester's."""
        spans = [attestation.groups for attestation in section.attestations]
        counting: list[BatchRow] = []
        for attestation, (under, words) in zip(
            section.attestations, words_under(section, spans), strict=True
        ):
            if self._counts(section.provider_id, attestation, words.digest(self.domain), signed_at):
                counting += under
        return counting

    def _counts(self, provider_id: int, attestation: RowsAttestation, digest: bytes, signed_at: int) -> bool:
        attester = checksum_address("0x" + attestation.contract.hex()) if attestation.contract else ""
        if not attester:
            try:
                attester = recover(digest, attestation.signature)
            except AttestationError:
                return False
        since = self.since.get((provider_id, attester), 0)
        if not 0 < since <= signed_at:
            return False
        return not attestation.contract or self.answer(attester, digest, attestation.signature)
