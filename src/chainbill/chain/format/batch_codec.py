"""The packed sections of a batch: the twin of ``contracts/codec/BatchCodec.sol``.

Big-endian. Section: 28-byte header (providerId u32, payerId u32, planId u16, termsVersion u16,
sequenceBase u64, groupCount u16, rowCount u16, flags u8, attestationBytes u24), with flag 1 the secondary
payer (payerId u32, planId u16, termsVersion u16), then groups: patient (20 bytes), count u8, and ``count``
rows of 54 bytes (commitment 32, serviceId 8, units u16, billed u64, benefitYear u16, sequence offset u16).
Behind the groups, of every row in turn, with flag 1 the secondary payer's service id (8), then with flag 2
the id of the claim that the row corrects (32). Last the attestations: span u16 (how many groups, 0: one row;
0x8000 more: a contract answers), then a compact signature (64, EIP-2098), or the contract (20), a length u16
and its signature.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from chainbill.attestation.signing import COMPACT_BYTES, canonical_signature, compact_signature
from chainbill.errors import AttestationError

_SECTION = struct.Struct(">IIHHQHHB3s")
_SECONDARY = struct.Struct(">IHH")
_GROUP = struct.Struct(">20sB")
_ROW = struct.Struct(">32s8sHQHH")
_SPAN = struct.Struct(">H")
_CONTRACT = struct.Struct(">20sH")
_BY_CONTRACT = 1 << 15

_HAS_SECONDARY = 1
_IS_CORRECTION = 2

ADDRESS_BYTES = 20
SERVICE_ID_BYTES = 8
CLAIM_ID_BYTES = 32

MAX_ROWS_PER_PATIENT = 255
"""Rows one patient may have in one section (the group's ``count`` byte)."""

MAX_SEQUENCE_SPAN = 2**16 - 1
"""How far a row's sequence may lie above its section's base."""

MAX_ROWS_PER_SECTION = 2**16 - 1

MAX_GROUPS_PER_ATTESTATION = _BY_CONTRACT - 1


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One event of a batch. ``patient`` is 20 bytes; ``billed`` is micro-dollars for all units."""

    patient: bytes
    commitment: bytes
    service_id: bytes
    units: int
    billed: int
    benefit_year: int
    sequence: int
    secondary_service_id: bytes = b""
    """The service under the secondary payer's schedule key; empty where the section has no secondary."""
    corrects: bytes = b""
    """The id of the reversed claim that the row corrects; empty where the section has no corrections."""


@dataclass(frozen=True, slots=True)
class RowsAttestation:
    """A provider's signature under neighbouring rows of a section, as they stand when packed."""

    groups: int
    """How many whole groups it is under (``ServiceBundle``); 0: one row (``ServiceAttestation``)."""
    signature: bytes
    """Of a key: 65 bytes, r ‖ s ‖ v. Of a contract: as it wants it."""
    contract: bytes = b""
    """The 20 bytes of the contract that answers for it (ERC-1271); empty: a key has signed."""


@dataclass(frozen=True, slots=True)
class BatchSection:
    """Rows of one provider and one payer under one version of one plan's terms.

    With a secondary payer (``secondary_payer_id`` not 0) every row names its service id under that payer;
    in a section of corrections every row names the claim it corrects.
    """

    provider_id: int
    payer_id: int
    """0: the patients pay themselves."""
    plan_id: int
    terms_version: int
    rows: tuple[BatchRow, ...]
    secondary_payer_id: int = 0
    secondary_plan_id: int = 0
    secondary_terms_version: int = 0
    corrections: bool = False
    attestations: tuple[RowsAttestation, ...] = ()
    """Every row is under one, in order."""

    @property
    def payers(self) -> tuple[int, int]:
        """Primary and secondary payer: sections stand in this order."""
        return self.payer_id, self.secondary_payer_id


def encode_sections(sections: Iterable[BatchSection]) -> bytes:
    """Pack sections; payers must not descend. Rows are put in patient order, stable within a patient.

    Raises:
        AttestationError: an empty section, descending payers, a row without what its section asks for, or
            more than the layout can hold.
    """
    packed: list[bytes] = []
    previous = (0, 0)
    for section in sections:
        if section.payers < previous:
            raise AttestationError(f"payers {section.payers} stand after payers {previous}")
        previous = section.payers
        packed.append(_encode_section(section))
    return b"".join(packed)


def _encode_section(section: BatchSection) -> bytes:
    if not 1 <= len(section.rows) <= MAX_ROWS_PER_SECTION:
        raise AttestationError(f"a section of {len(section.rows)} rows cannot be packed")
    _check_payers(*section.payers)
    flags = (_HAS_SECONDARY if section.secondary_payer_id else 0) | (
        _IS_CORRECTION if section.corrections else 0
    )
    rows = in_packed_order(section.rows)
    for row in rows:
        _check_tails(row, flags)
    attestations = b"".join(map(_encode_attestation, section.attestations))
    base = sequence_base(rows)
    try:
        header = _SECTION.pack(
            section.provider_id,
            section.payer_id,
            section.plan_id,
            section.terms_version,
            base,
            len({row.patient for row in rows}),
            len(rows),
            flags,
            len(attestations).to_bytes(3, "big"),
        )
        if flags & _HAS_SECONDARY:
            header += _SECONDARY.pack(
                section.secondary_payer_id, section.secondary_plan_id, section.secondary_terms_version
            )
    except (struct.error, OverflowError) as error:
        raise AttestationError(f"a section does not fit the batch layout: {error}") from None
    tails = b"".join(row.secondary_service_id for row in rows) + b"".join(row.corrects for row in rows)
    return header + encode_groups(rows, base) + tails + attestations


def in_packed_order(rows: Iterable[BatchRow]) -> list[BatchRow]:
    """Rows as they stand in a section: by patient, and of each patient as they were given."""
    return sorted(rows, key=lambda row: row.patient)


def sequence_base(rows: Iterable[BatchRow]) -> int:
    """What the sequences of a section or a bundle count from: the last multiple of 2^16 that none is below,
    where that reaches, so that rows signed at different times have the same."""
    lowest, highest = min(row.sequence for row in rows), max(row.sequence for row in rows)
    canonical = lowest >> 16 << 16
    return canonical if highest - canonical <= MAX_SEQUENCE_SPAN else lowest


def encode_groups(rows: Iterable[BatchRow], base: int) -> bytes:
    """Pack rows that are in packed order: what stands between a section's header and its tails, and what a
    provider signs in a ``ServiceBundle``.

    Raises:
        AttestationError: a row does not fit the layout.
    """
    try:
        return b"".join(
            _encode_group(patient, list(group), base)
            for patient, group in groupby(rows, key=lambda row: row.patient)
        )
    except struct.error as error:
        raise AttestationError(f"a row does not fit the batch layout: {error}") from None


def _encode_group(patient: bytes, rows: Sequence[BatchRow], base: int) -> bytes:
    if len(patient) != ADDRESS_BYTES:
        raise AttestationError("a row's patient has the wrong length")
    return _GROUP.pack(patient, len(rows)) + b"".join(_encode_row(row, base) for row in rows)


def _encode_row(row: BatchRow, base: int) -> bytes:
    if (len(row.commitment), len(row.service_id)) != (32, SERVICE_ID_BYTES):
        raise AttestationError("a row's commitment or service id has another length than the layout")
    return _ROW.pack(
        row.commitment, row.service_id, row.units, row.billed, row.benefit_year, row.sequence - base
    )


def _check_tails(row: BatchRow, flags: int) -> None:
    if (len(row.secondary_service_id), len(row.corrects)) != _tail_lengths(flags):
        raise AttestationError(
            "a row's secondary service id or corrected claim has a length that its section has not"
        )


def _encode_attestation(attestation: RowsAttestation) -> bytes:
    if not 0 <= attestation.groups <= MAX_GROUPS_PER_ATTESTATION:
        raise AttestationError(f"an attestation of {attestation.groups} groups cannot be packed")
    if attestation.contract:
        if len(attestation.contract) != ADDRESS_BYTES:
            raise AttestationError("an attestation's contract has the wrong length")
        try:
            size = _CONTRACT.pack(attestation.contract, len(attestation.signature))
        except struct.error as error:
            raise AttestationError(f"a contract's signature does not fit the layout: {error}") from None
        return _SPAN.pack(attestation.groups | _BY_CONTRACT) + size + attestation.signature
    return _SPAN.pack(attestation.groups) + compact_signature(attestation.signature)


def _check_payers(primary: int, secondary: int) -> None:
    if secondary and primary in (0, secondary):
        raise AttestationError(f"payer {secondary} cannot be secondary to payer {primary}")


def _tail_lengths(flags: int) -> tuple[int, int]:
    """How long the secondary's service id and the corrected claim's id are in each row."""
    return (
        SERVICE_ID_BYTES if flags & _HAS_SECONDARY else 0,
        CLAIM_ID_BYTES if flags & _IS_CORRECTION else 0,
    )


def decode_sections(packed: bytes) -> list[BatchSection]:
    """Read packed sections back.

    Raises:
        AttestationError: the bytes do not follow the layout.
    """
    try:
        return list(_decode(packed))
    except struct.error:
        raise AttestationError("the packed sections are cut short") from None


def _decode(packed: bytes) -> Iterator[BatchSection]:
    offset = 0
    while offset < len(packed):
        (provider, payer, plan, version, base, groups, row_count, flags, size) = _SECTION.unpack_from(
            packed, offset
        )
        offset += _SECTION.size
        if flags & ~(_HAS_SECONDARY | _IS_CORRECTION):
            raise AttestationError(f"a section has unknown flags {flags}")
        secondary = (0, 0, 0)
        if flags & _HAS_SECONDARY:
            secondary = _SECONDARY.unpack_from(packed, offset)
            offset += _SECONDARY.size
            if secondary[0] == 0:
                raise AttestationError("a section names 0 as its secondary payer")
            _check_payers(payer, secondary[0])
        service_bytes, claim_bytes = _tail_lengths(flags)
        rows: list[BatchRow] = []
        for _ in range(groups):
            patient, count = _GROUP.unpack_from(packed, offset)
            offset += _GROUP.size
            for _ in range(count):
                commitment, service, units, billed, year, step = _ROW.unpack_from(packed, offset)
                rows.append(BatchRow(patient, commitment, service, units, billed, year, base + step))
                offset += _ROW.size
        if len(rows) != row_count or not rows:
            raise AttestationError(f"a section names {row_count} rows and holds {len(rows)}")
        service_bytes, claim_bytes = _tail_lengths(flags)
        services, offset = _tails(packed, offset, row_count, service_bytes)
        claims, offset = _tails(packed, offset, row_count, claim_bytes)
        end = offset + int.from_bytes(size, "big")
        if end > len(packed):
            raise AttestationError("the packed sections are cut short")
        yield BatchSection(
            provider,
            payer,
            plan,
            version,
            tuple(
                replace(row, secondary_service_id=second, corrects=corrects)
                for row, second, corrects in zip(rows, services, claims, strict=True)
            ),
            *secondary,
            corrections=bool(flags & _IS_CORRECTION),
            attestations=tuple(_decode_attestations(packed, offset, end)),
        )
        offset = end


def _tails(packed: bytes, offset: int, count: int, size: int) -> tuple[list[bytes], int]:
    """So many bytes of every row, and where they end."""
    end = offset + count * size
    if end > len(packed):
        raise AttestationError("the packed sections are cut short")
    return [packed[offset + row * size : offset + (row + 1) * size] for row in range(count)], end


def _decode_attestations(packed: bytes, offset: int, end: int) -> Iterator[RowsAttestation]:
    while offset < end:
        (span,) = _SPAN.unpack_from(packed, offset)
        offset += _SPAN.size
        contract, size = b"", COMPACT_BYTES
        if span & _BY_CONTRACT:
            contract, size = _CONTRACT.unpack_from(packed, offset)
            offset += _CONTRACT.size
        signature = packed[offset : offset + size]
        offset += size
        if offset > end:
            raise AttestationError("a section's attestations are longer than it says")
        groups = span & ~_BY_CONTRACT
        yield RowsAttestation(groups, signature if contract else canonical_signature(signature), contract)
