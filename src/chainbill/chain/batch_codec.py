"""The packed sections of a batch: the twin of ``contracts/libraries/BatchCodec.sol``.

Big-endian. Section: 24-byte header (providerId u32, payerId u32, planId u16, termsVersion u16,
sequenceBase u64, groupCount u16, rowCount u16), then groups: patient (20 bytes), count u8, and
``count`` rows of 54 bytes (commitment 32, serviceId 8, units u16, billed u64, benefitYear u16,
sequence offset u16).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from chainbill.errors import AttestationError

_SECTION = struct.Struct(">IIHHQHH")
_GROUP = struct.Struct(">20sB")
_ROW = struct.Struct(">32s8sHQHH")

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


@dataclass(frozen=True, slots=True)
class BatchSection:
    """Rows of one provider and one payer under one version of one plan's terms."""

    provider_id: int
    payer_id: int
    plan_id: int
    terms_version: int
    rows: tuple[BatchRow, ...]


def encode_sections(sections: Iterable[BatchSection]) -> bytes:
    """Pack sections; payers must not descend. Rows are put in patient order, stable within a patient.

    Raises:
        AttestationError: an empty section, descending payers, or more than the layout can hold.
    """
    packed: list[bytes] = []
    previous_payer = 0
    for section in sections:
        if section.payer_id < previous_payer:
            raise AttestationError(f"payer {section.payer_id} stands after payer {previous_payer}")
        previous_payer = section.payer_id
        packed.append(_encode_section(section))
    return b"".join(packed)


def _encode_section(section: BatchSection) -> bytes:
    if not 1 <= len(section.rows) <= MAX_ROWS_PER_SECTION:
        raise AttestationError(f"a section of {len(section.rows)} rows cannot be packed")
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
        )
        return header + b"".join(_encode_group(patient, rows, base) for patient, rows in groups)
    except struct.error as error:
        raise AttestationError(f"a row or section does not fit the batch layout: {error}") from None


def _encode_group(patient: bytes, rows: Sequence[BatchRow], base: int) -> bytes:
    if len(patient) != 20 or any(len(row.commitment) != 32 or len(row.service_id) != 8 for row in rows):
        raise AttestationError("a row's patient, commitment or service id has the wrong length")
    return _GROUP.pack(patient, len(rows)) + b"".join(
        _ROW.pack(
            row.commitment, row.service_id, row.units, row.billed, row.benefit_year, row.sequence - base
        )
        for row in rows
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
        provider, payer, plan, version, base, groups, row_count = _SECTION.unpack_from(packed, offset)
        offset += _SECTION.size
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
        yield BatchSection(provider, payer, plan, version, tuple(rows))
