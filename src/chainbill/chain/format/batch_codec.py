"""The packed sections of a batch: the twin of ``contracts/codec/BatchCodec.sol``.

Big-endian. Section: 25-byte header (providerId u32, payerId u32, planId u16, termsVersion u16,
sequenceBase u64, groupCount u16, rowCount u16, flags u8), with flag 1 the secondary payer (payerId u32,
planId u16, termsVersion u16), then groups: patient (20 bytes), count u8, and ``count`` rows of 54 bytes
(commitment 32, serviceId 8, units u16, billed u64, benefitYear u16, sequence offset u16), with flag 1 the
secondary payer's service id (8), with flag 2 the id of the claim that the row corrects (32).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from chainbill.errors import AttestationError

_SECTION = struct.Struct(">IIHHQHHB")
_SECONDARY = struct.Struct(">IHH")
_GROUP = struct.Struct(">20sB")
_ROW = struct.Struct(">32s8sHQHH")

_HAS_SECONDARY = 1
_IS_CORRECTION = 2

SERVICE_ID_BYTES = 8
CLAIM_ID_BYTES = 32

MAX_ROWS_PER_PATIENT = 255
"""Rows one patient may have in one section (the group's ``count`` byte)."""

MAX_SEQUENCE_SPAN = 2**16 - 1
"""How far a row's sequence may lie above its section's base."""

MAX_ROWS_PER_SECTION = 2**16 - 1


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
    base = min(row.sequence for row in section.rows)
    groups = [
        (patient, list(rows))
        for patient, rows in groupby(
            sorted(section.rows, key=lambda row: row.patient), key=lambda row: row.patient
        )
    ]
    try:
        header = _SECTION.pack(
            section.provider_id,
            section.payer_id,
            section.plan_id,
            section.terms_version,
            base,
            len(groups),
            len(section.rows),
            flags,
        )
        if flags & _HAS_SECONDARY:
            header += _SECONDARY.pack(
                section.secondary_payer_id, section.secondary_plan_id, section.secondary_terms_version
            )
        return header + b"".join(_encode_group(patient, rows, base, flags) for patient, rows in groups)
    except struct.error as error:
        raise AttestationError(f"a row or section does not fit the batch layout: {error}") from None


def _encode_group(patient: bytes, rows: Sequence[BatchRow], base: int, flags: int) -> bytes:
    if len(patient) != 20:
        raise AttestationError("a row's patient has the wrong length")
    return _GROUP.pack(patient, len(rows)) + b"".join(_encode_row(row, base, flags) for row in rows)


def _encode_row(row: BatchRow, base: int, flags: int) -> bytes:
    lengths = (len(row.commitment), len(row.service_id), len(row.secondary_service_id), len(row.corrects))
    if lengths != (32, SERVICE_ID_BYTES, *_tail_lengths(flags)):
        raise AttestationError(
            "a row's commitment, service ids or corrected claim have lengths that its section does not"
        )
    fixed = _ROW.pack(
        row.commitment, row.service_id, row.units, row.billed, row.benefit_year, row.sequence - base
    )
    return fixed + row.secondary_service_id + row.corrects


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
        provider, payer, plan, version, base, groups, row_count, flags = _SECTION.unpack_from(packed, offset)
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
        row_layout = struct.Struct(f"{_ROW.format}{service_bytes}s{claim_bytes}s")
        rows: list[BatchRow] = []
        for _ in range(groups):
            patient, count = _GROUP.unpack_from(packed, offset)
            offset += _GROUP.size
            for _ in range(count):
                commitment, service, units, billed, year, step, second, corrects = row_layout.unpack_from(
                    packed, offset
                )
                rows.append(
                    BatchRow(patient, commitment, service, units, billed, year, base + step, second, corrects)
                )
                offset += row_layout.size
        if len(rows) != row_count or not rows:
            raise AttestationError(f"a section names {row_count} rows and holds {len(rows)}")
        yield BatchSection(
            provider, payer, plan, version, tuple(rows), *secondary, corrections=bool(flags & _IS_CORRECTION)
        )
