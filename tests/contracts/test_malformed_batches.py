"""Signed nonsense: whatever bytes a quorum signs, a batch reverts or ends cleanly, and no token is lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support.deployment import YEAR, Protocol
from tests.support.evm import reverts
from tests.support.sampling import quick_first

from chainbill.chain.format.batch_codec import decode_sections
from chainbill.errors import AttestationError, ContractReverted

LAYOUT_ERRORS = {"MalformedBatch", "SectionsUnsorted", "PatientsUnsorted", "SequenceOverflow"}
SECTION, SECONDARY, GROUP, ROW, ATTESTATION = 28, 8, 21, 54, 66
FLAGS = 24
"""The byte of a section's header that holds its flags."""


def good(protocol: Protocol) -> bytes:
    """Two sections: two patients with two and one rows, then one."""
    patient, neighbour = protocol.patient, protocol.neighbour
    return protocol.packed(
        protocol.section(protocol.row(patient, 1), protocol.row(patient, 2), protocol.row(neighbour, 3)),
        protocol.section(protocol.row(patient, 4)),
    )


@pytest.fixture
def packed(protocol: Protocol) -> bytes:
    return good(protocol)


def total(protocol: Protocol) -> int:
    return sum(protocol.state().tokens)


def with_header(packed: bytes, groups: int, rows: int) -> bytes:
    """The first section's counts changed."""
    return packed[:20] + groups.to_bytes(2, "big") + rows.to_bytes(2, "big") + packed[FLAGS:]


def one_section(protocol: Protocol) -> bytes:
    return protocol.packed(protocol.section(protocol.row(protocol.patient, 1)))


def test_settle__batch_cut_short_anywhere__reverts_or_ends_at_a_sections_end(
    protocol: Protocol, packed: bytes
) -> None:
    first_end = SECTION + 2 * GROUP + 3 * ROW + ATTESTATION
    for length in range(1, len(packed)):
        with protocol.rolled_back():
            if length == first_end:
                assert protocol.submit(protocol.batch(packed[:length])).value == (3, 0, 0, 0)
            else:
                with reverts("MalformedBatch"):
                    protocol.submit(protocol.batch(packed[:length]))


@pytest.mark.parametrize("extra", [1, SECTION - 1, SECTION, SECTION + GROUP, 200])
@pytest.mark.parametrize("fill", [0, 255])
def test_settle__bytes_after_the_last_section__reverts(
    protocol: Protocol, packed: bytes, extra: int, fill: int
) -> None:
    with pytest.raises(ContractReverted) as refused:
        protocol.submit(protocol.batch(packed + bytes([fill]) * extra))
    assert refused.value.name in LAYOUT_ERRORS


COUNTS: dict[str, tuple[int, int]] = {
    "no groups": (0, 0),
    "no groups but rows": (0, 3),
    "more groups than rows": (4, 3),
    "a row less than the groups hold": (2, 2),
    "a row more": (2, 4),
    "a group less": (1, 3),
    "a group more": (3, 3),
    "most of both": (2**16 - 1, 2**16 - 1),
    "most rows": (2, 2**16 - 1),
}


@pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS)
def test_settle__counts_that_do_not_fit__reverts(
    protocol: Protocol, packed: bytes, counts: tuple[int, int]
) -> None:
    before = protocol.state(1, 2, 3, 4)
    with pytest.raises(ContractReverted) as refused:
        protocol.submit(protocol.batch(with_header(packed, *counts)))
    assert refused.value.name in LAYOUT_ERRORS
    assert protocol.state(1, 2, 3, 4) == before


@pytest.mark.parametrize("count", [0, 2, 255])
def test_settle__group_count_that_does_not_fit__reverts(protocol: Protocol, count: int) -> None:
    changed = bytearray(one_section(protocol))
    changed[SECTION + 20] = count
    with reverts("MalformedBatch", offset=SECTION):
        protocol.submit(protocol.batch(bytes(changed)))


def test_settle__group_that_hides_rows__reverts(protocol: Protocol) -> None:
    """The header counts two rows, the only group holds one: the other would be read by nobody."""
    packed = one_section(protocol)
    hidden = with_header(packed, 1, 2) + bytes(ROW)
    with reverts("MalformedBatch"):
        protocol.submit(protocol.batch(hidden))


# ---- flags ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [4, 5, 8, 128, 255])
def test_settle__unknown_flag__reverts(protocol: Protocol, flags: int) -> None:
    """Nobody may sign today what a later layout would read differently."""
    changed = bytearray(one_section(protocol))
    changed[FLAGS] = flags
    with reverts("MalformedBatch", offset=0):
        protocol.submit(protocol.batch(bytes(changed)))


@pytest.mark.parametrize("flags", [1, 2, 3])
def test_settle__flag_without_its_fields__reverts(protocol: Protocol, flags: int) -> None:
    changed = bytearray(one_section(protocol))
    changed[FLAGS] = flags
    with reverts("MalformedBatch"):
        protocol.submit(protocol.batch(bytes(changed)))


def coordinated(protocol: Protocol, primary: int, secondary: int) -> bytes:
    """A section whose header names any two payers, as no encoder of ours writes it."""
    packed = protocol.packed(protocol.coordinated(protocol.row(protocol.patient, 1), secondary=9))
    return (
        packed[:4]
        + primary.to_bytes(4, "big")
        + packed[8:SECTION]
        + secondary.to_bytes(4, "big")
        + packed[SECTION + 4 :]
    )


@pytest.mark.parametrize(
    "primary, secondary", [(1, 0), (0, 1), (0, 0), (1, 1)], ids=["no secondary", "no primary", "none", "one"]
)
def test_settle__two_payers_that_are_not_two__reverts(
    protocol: Protocol, primary: int, secondary: int
) -> None:
    with reverts("MalformedBatch", offset=0):
        protocol.submit(protocol.batch(coordinated(protocol, primary, secondary)))


def test_settle__corrections_cut_short_anywhere__reverts(protocol: Protocol) -> None:
    row = protocol.row(protocol.patient, 1, corrects=b"\7" * 32)
    packed = protocol.packed(protocol.coordinated(row, secondary=9, corrections=True))
    assert len(packed) == SECTION + SECONDARY + GROUP + ROW + 8 + 32 + ATTESTATION
    for length in range(1, len(packed)):
        with reverts("MalformedBatch"):
            protocol.submit(protocol.batch(packed[:length]))
    assert protocol.submit(protocol.batch(packed)).value == (0, 0, 1, 0)


# ---- anything at all --------------------------------------------------------------------------------------


def mutate(draw: random.Random, packed: bytes) -> bytes:
    """A few random edits: bits, cuts, repeats, moves, noise."""
    mutated = bytearray(packed)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(mutated) + 1)
        kind = draw.randrange(6)
        if kind <= 1 and mutated:
            mutated[at % len(mutated)] ^= 1 << draw.randrange(8)
        elif kind == 2 and mutated:
            mutated[at % len(mutated)] = draw.choice((0, 1, 2, 255))
        elif kind == 3:
            del mutated[at : at + draw.choice((1, GROUP, ROW, SECTION))]
        elif kind == 4:
            mutated[at:at] = mutated[: draw.choice((GROUP, ROW, SECTION, len(mutated)))]
        else:
            mutated[at:at] = draw.randbytes(draw.choice((1, GROUP, ROW, SECTION)))
    return bytes(mutated)


def noise(draw: random.Random, packed: bytes) -> bytes:
    return draw.randbytes(draw.choice((1, SECTION, len(packed), draw.randrange(1_000) + 1)))


def of_every_kind(protocol: Protocol) -> bytes:
    """Self-pay, one payer, two payers, and corrections."""
    patient, neighbour = protocol.patient, protocol.neighbour
    correction = protocol.row(neighbour, 6, corrects=b"\7" * 32)
    return protocol.packed(
        protocol.self_pay(protocol.row(patient, 5)),
        protocol.section(protocol.row(patient, 1), protocol.row(neighbour, 2)),
        protocol.corrections(correction),
        protocol.coordinated(protocol.row(patient, 3), protocol.row(neighbour, 4), secondary=2),
    )


def signed_again(protocol: Protocol, packed: bytes) -> bytes:
    """Sections as they are, each under its provider's signature of what it says now; the same bytes where
    they cannot be read."""
    try:
        sections = [replace(section, attestations=()) for section in decode_sections(packed)]
        return protocol.packed(*sections)
    except AttestationError:
        return packed


@pytest.mark.parametrize("make, again", quick_first([(mutate, True), (mutate, False), (noise, False)]))
@pytest.mark.parametrize("start", [good, of_every_kind])
def test_settle__random_bytes__reverts_by_name_or_keeps_every_token(
    protocol: Protocol,
    start: Callable[[Protocol], bytes],
    make: Callable[[random.Random, bytes], bytes],
    again: bool,
) -> None:
    """Whether the provider has signed what was there before, or what is there now."""
    packed = start(protocol)
    draw = random.Random(make.__name__)
    settled = refused = 0
    supply = total(protocol)
    for _ in range(500):
        sections = make(draw, packed) or b"\0"
        if again:
            sections = signed_again(protocol, sections)
        with protocol.rolled_back():
            try:
                assert sum(protocol.submit(protocol.batch(sections)).value) > 0
                settled += 1
            except ContractReverted as refusal:
                if refusal.name not in LAYOUT_ERRORS:
                    raise
                refused += 1
            protocol.assert_solvent()
            assert total(protocol) == supply
    assert refused > 60
    assert settled > 60 or make is noise


@pytest.mark.parametrize("year", [0, 1, YEAR - 2, YEAR + 1, 2**16 - 2, 2**16 - 1])
def test_settle__any_benefit_year__does_not_block_the_batch(protocol: Protocol, year: int) -> None:
    rows = [protocol.row(protocol.patient, 1, benefit_year=year), protocol.row(protocol.neighbour, 2)]
    assert protocol.settle(*rows).value[0] == 1
