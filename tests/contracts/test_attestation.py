"""A row settles only under a signature of a key that was its provider's attester when the batch was signed,
and still is, over exactly what the row says. A signature that does not count pends its own rows alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.contracts.situations import endings
from tests.support.attesting import sign_spans, words_under
from tests.support.deployment import (
    DAY,
    HOUR,
    MAX_BATCH_LIFE,
    NOW,
    REFILL,
    THERAPY,
    UNLISTED,
    VISIT,
    YEAR,
    Protocol,
    account,
)
from tests.support.evm import Receipt

from chainbill.attestation.signing import CURVE_ORDER, HALF_ORDER, Signer, recover
from chainbill.attestation.typed_data import Domain
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.batch_codec import BatchRow, BatchSection, RowsAttestation, encode_sections
from chainbill.chain.format.events import ClaimPended, ClaimSettled, TokensMoved
from chainbill.errors import ContractReverted
from chainbill.money import CENT

NOT_ATTESTED = (Outcome.PENDED, Reason.NOT_ATTESTED)
SKIPPED = (Outcome.SKIPPED, Reason.SEQUENCE_SPENT)

PROVIDER = Signer(account("provider"))
STRANGER = Signer(account("stranger"))


def submit(protocol: Protocol, *sections: BatchSection, signed_at: int | None = None) -> Receipt:
    at = protocol.evm.now if signed_at is None else signed_at
    return protocol.submit(protocol.batch(sections, signed_at=at, deadline=at + MAX_BATCH_LIFE))


def settled_by(receipt: Receipt) -> list[int]:
    """The sequences that settled."""
    return [event.claim.sequence for event in receipt.of(ClaimSettled)]


def signed_by(protocol: Protocol, key: Signer, section: BatchSection, span: int = 1) -> BatchSection:
    """A section of one patient or one row under this key's signature."""
    return sign_spans(section, [span], key, protocol.domain)


def attests(
    protocol: Protocol, key: Signer, *, signed_at: int | None = None, section: BatchSection | None = None
) -> bool:
    """Does a visit settle under this key's signature? Nothing is left behind."""
    section = section or protocol.section(protocol.row(protocol.patient, 1))
    found = []
    for span in (0, 1):
        with protocol.rolled_back():
            before = protocol.state(1)
            receipt = submit(protocol, signed_by(protocol, key, section, span), signed_at=signed_at)
            if settled_by(receipt) == [1]:
                found.append(True)
            else:
                assert endings(receipt) == [(1, *NOT_ATTESTED)]
                assert protocol.state(1) == before
                assert receipt.of(TokensMoved) == []
                found.append(False)
    assert found[0] == found[1]
    return found[0]


def add(protocol: Protocol, key: Signer, provider_id: int | None = None) -> None:
    protocol.registry.send(protocol.provider, "addAttester", provider_id or protocol.provider_id, key.address)


def revoke(protocol: Protocol, key: Signer) -> None:
    protocol.registry.send(protocol.provider, "revokeAttester", protocol.provider_id, key.address)


# ---- whose signature --------------------------------------------------------------------------------------


def test_settle__attesters_signature__settles(protocol: Protocol) -> None:
    assert attests(protocol, PROVIDER)


@pytest.mark.parametrize("name", ["stranger", "oracle-1", "oracle-2", "insurer", "patient", "governor"])
def test_settle__signed_by_anybody_else__pends(protocol: Protocol, name: str) -> None:
    """A quorum that invents rows, an insurer that bills its members: nobody gives care but providers."""
    assert not attests(protocol, Signer(account(name)))


def other_provider(protocol: Protocol, *attesters: str) -> int:
    """Another provider whose rows could settle, with these attesters."""
    payout = account("other provider").address
    other = int(protocol.registry.send(protocol.governor, "register", payout, list(attesters)).value)
    protocol.accept_provider(other)
    protocol.grant(protocol.patient, provider_id=other)
    return other


def test_settle__signed_by_another_providers_attester__pends(protocol: Protocol) -> None:
    other_key = Signer(account("other attester"))
    other = other_provider(protocol, other_key.address)
    ours, theirs = (
        protocol.section(protocol.row(protocol.patient, 1), provider_id=provider_id)
        for provider_id in (protocol.provider_id, other)
    )
    assert attests(protocol, PROVIDER, section=ours)
    assert attests(protocol, other_key, section=theirs)
    assert not attests(protocol, other_key, section=ours)
    assert not attests(protocol, PROVIDER, section=theirs)


def test_settle__key_that_attests_for_two_providers__signs_for_the_one_it_names(protocol: Protocol) -> None:
    other = other_provider(protocol, PROVIDER.address)
    ours = protocol.section(protocol.row(protocol.patient, 1))
    theirs = replace(ours, provider_id=other)
    assert attests(protocol, PROVIDER, section=theirs)
    moved = replace(theirs, attestations=signed_by(protocol, PROVIDER, ours).attestations)
    assert endings(submit(protocol, moved)) == [(1, *NOT_ATTESTED)]


def test_settle__payout_address_that_is_no_attester__pends(protocol: Protocol) -> None:
    add(protocol, STRANGER)
    revoke(protocol, PROVIDER)
    assert not attests(protocol, PROVIDER)
    assert attests(protocol, STRANGER)


# ---- when it was an attester ------------------------------------------------------------------------------


def test_settle__key_revoked_in_the_block_before__pends(protocol: Protocol) -> None:
    revoke(protocol, PROVIDER)
    assert not attests(protocol, PROVIDER)
    assert not attests(protocol, PROVIDER, signed_at=NOW - 1)


def test_settle__key_revoked_after_the_batch_was_signed__pends(protocol: Protocol) -> None:
    """A stolen key's rows stop at the revocation, whenever they were signed."""
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    signed = protocol.sign(batch)
    protocol.advance(HOUR // 2)
    revoke(protocol, PROVIDER)
    assert endings(protocol.submit(batch, signed)) == [(1, *NOT_ATTESTED)]


@pytest.mark.parametrize("late, counts", [(-HOUR, True), (0, True), (1, False), (HOUR, False)])
def test_settle__key_added_around_the_signing__counts_from_that_second_on(
    protocol: Protocol, late: int, counts: bool
) -> None:
    """``late``: how long after the quorum's signature the provider added the key."""
    signed_at = NOW + MAX_BATCH_LIFE - HOUR
    protocol.evm.now = signed_at + late
    add(protocol, STRANGER)
    protocol.evm.now = signed_at + HOUR
    assert attests(protocol, STRANGER, signed_at=signed_at) is counts


def test_settle__key_added_again__counts_from_then_on_alone(protocol: Protocol) -> None:
    """What it signed before stays lost: a provider that revoked a key for good reason need not fear it."""
    revoke(protocol, PROVIDER)
    protocol.advance(HOUR)
    add(protocol, PROVIDER)
    again = protocol.evm.now
    protocol.advance(HOUR)
    assert not attests(protocol, PROVIDER, signed_at=NOW)
    assert not attests(protocol, PROVIDER, signed_at=again - 1)
    assert attests(protocol, PROVIDER, signed_at=again)
    assert attests(protocol, PROVIDER)


def test_settle__key_rotated__the_new_one_counts_from_then_on(protocol: Protocol) -> None:
    protocol.advance(HOUR)
    protocol.registry.send(
        protocol.provider, "rotateAttester", protocol.provider_id, PROVIDER.address, STRANGER.address
    )
    rotated = protocol.evm.now
    protocol.advance(HOUR)
    assert not attests(protocol, PROVIDER, signed_at=rotated - 1)
    assert not attests(protocol, PROVIDER)
    assert not attests(protocol, STRANGER, signed_at=rotated - 1)
    assert attests(protocol, STRANGER, signed_at=rotated)


def test_settle__pended_for_a_key_too_new__settles_in_a_batch_signed_later(protocol: Protocol) -> None:
    protocol.advance(HOUR)
    add(protocol, STRANGER)
    section = signed_by(protocol, STRANGER, protocol.section(protocol.row(protocol.patient, 1)))
    assert endings(submit(protocol, section, signed_at=NOW)) == [(1, *NOT_ATTESTED)]
    assert settled_by(submit(protocol, section)) == [1]


# ---- exactly these words ----------------------------------------------------------------------------------


@dataclass
class Town:
    """Three patients by address, and one whose address lies between the first and the third."""

    protocol: Protocol
    patients: list[str]
    between: str

    @classmethod
    def of(cls, protocol: Protocol) -> Town:
        names = sorted((account(f"patient {n}").address for n in range(20)), key=str.lower)
        patients = [names[0], names[8], names[19]]
        for patient in (*patients, names[9]):
            protocol.welcome(patient)
        return cls(protocol, patients, names[9])

    def section(self, **changes: Any) -> BatchSection:
        """Two rows of each of the three; sequences 11, 12, 21, 22, 31, 32."""
        rows = [
            self.protocol.row(patient, 10 * place + n)
            for place, patient in enumerate(self.patients, 1)
            for n in (1, 2)
        ]
        return self.protocol.section(*rows, **changes)

    def state(self) -> Any:
        return self.protocol.state(11, 12, 13, 21, 22, 23, 31, 32, 33)


@pytest.fixture
def town(protocol: Protocol) -> Town:
    return Town.of(protocol)


ROW_FIELDS: dict[str, Callable[[Town, BatchRow], BatchRow]] = {
    "patient": lambda town, row: replace(row, patient=bytes.fromhex(town.between[2:])),
    "commitment": lambda town, row: replace(row, commitment=bytes(31) + b"\1"),
    "service id": lambda town, row: replace(row, service_id=REFILL),
    "units": lambda town, row: replace(row, units=2),
    "billed": lambda town, row: replace(row, billed=row.billed - CENT),
    "benefit year": lambda town, row: replace(row, benefit_year=YEAR - 1),
    "sequence": lambda town, row: replace(row, sequence=row.sequence + 1),
}
SPANS = {"of rows": [0] * 6, "of groups": [1, 1, 1]}
each_form = pytest.mark.parametrize("spans", SPANS.values(), ids=SPANS)


@each_form
@pytest.mark.parametrize("field", ROW_FIELDS)
def test_settle__field_of_a_row_changed__pends_what_was_signed_with_it(
    town: Town, field: str, spans: list[int]
) -> None:
    """All else settles, to the same state as without those rows."""
    protocol = town.protocol
    # A patient is of a group: both rows become another's.
    changed = {21, 22} if field == "patient" else {22}
    lost = {21, 22} if spans[0] else changed
    signed = sign_spans(town.section(), spans, PROVIDER, protocol.domain)
    rows = [ROW_FIELDS[field](town, row) if row.sequence in changed else row for row in signed.rows]
    kept = [row for row in signed.rows if row.sequence not in lost]
    with protocol.rolled_back():
        submit(protocol, protocol.section(*kept))
        without = town.state()
    receipt = submit(protocol, replace(signed, rows=tuple(rows)))
    refused = [new.sequence for new, old in zip(rows, signed.rows, strict=True) if old.sequence in lost]
    assert endings(receipt) == [(sequence, *NOT_ATTESTED) for sequence in refused]
    assert settled_by(receipt) == [row.sequence for row in kept]
    assert town.state() == without
    protocol.assert_solvent()


def test_settle__bad_bundle__leaves_other_sections_of_every_payer_alone(town: Town) -> None:
    protocol = town.protocol
    second = protocol.second_payer(protocol.late)
    good = [
        protocol.section(protocol.row(protocol.patient, 1)),
        protocol.section(protocol.row(protocol.neighbour, 2)),
        protocol.section(protocol.row(protocol.late, 3), payer_id=second),
    ]
    with protocol.rolled_back():
        submit(protocol, *good)
        without = protocol.state(1, 2, 3), town.state()
    bad = sign_spans(town.section(), [3], STRANGER, protocol.domain)
    receipt = submit(protocol, good[0], bad, *good[1:])
    assert (settled_by(receipt), receipt.value) == ([1, 2, 3], (3, 0, 6, 0))
    assert (protocol.state(1, 2, 3), town.state()) == without


SECTION_FIELDS = ["provider_id", "payer_id"]


@pytest.mark.parametrize("span", [0, 1])
@pytest.mark.parametrize("field", SECTION_FIELDS)
def test_settle__provider_or_payer_changed__pends_that_section_alone(
    protocol: Protocol, field: str, span: int
) -> None:
    """The other provider and payer would settle such a row."""
    other = other_provider(protocol, PROVIDER.address)
    second = protocol.second_payer()
    protocol.welcome(protocol.late, payers=(0, 0))
    protocol.escrow.send(protocol.late, "acceptPayer", second, 0)
    protocol.enrol(protocol.late, payer_id=second)
    patient, moved = (protocol.patient, other) if field == "provider_id" else (protocol.late, second)
    signed = signed_by(protocol, PROVIDER, protocol.section(protocol.row(patient, 1)), span)
    right = signed_by(protocol, PROVIDER, replace(signed, attestations=(), **{field: moved}), span)
    with protocol.rolled_back():
        assert settled_by(submit(protocol, right)) == [1]
    good = protocol.section(protocol.row(protocol.neighbour, 2))
    sections = sorted([replace(signed, **{field: moved}), good], key=lambda section: section.payers)
    receipt = submit(protocol, *sections)
    assert endings(receipt) == [(1, *NOT_ATTESTED)]
    assert settled_by(receipt) == [2]


@pytest.mark.parametrize("span", [0, 1])
def test_settle__sequence_base_changed__pends(protocol: Protocol, span: int) -> None:
    """All rows would have other sequences, that are not spent."""
    section = protocol.section(protocol.row(protocol.patient, 1))
    packed = bytearray(encode_sections([signed_by(protocol, PROVIDER, section, span)]))
    packed[19] += 7
    before = protocol.state(1, 8)
    assert endings(protocol.submit(protocol.batch(bytes(packed)))) == [(8, *NOT_ATTESTED)]
    assert protocol.state(1, 8) == before


def test_settle__any_bit_of_what_is_signed_flipped__never_settles(protocol: Protocol) -> None:
    """Each bit of the rows, and of the header but for plan and version, which the provider does not sign."""
    good = protocol.section(protocol.row(protocol.patient, 1))
    for span in (0, 1):
        packed = encode_sections([signed_by(protocol, PROVIDER, good, span)])
        before = protocol.state(*range(1, 9))
        for byte in (*range(8), *range(12, 20), *range(28, len(packed) - 64)):
            flipped = bytearray(packed)
            flipped[byte] ^= 1 << byte % 8
            with protocol.rolled_back():
                try:
                    receipt = protocol.submit(protocol.batch(bytes(flipped)))
                except ContractReverted as refusal:
                    assert refusal.name == "MalformedBatch", byte  # noqa: PT017
                    continue
                assert {ending[1:] for ending in endings(receipt)} == {NOT_ATTESTED}, byte
                assert protocol.state(*range(1, 9)) == before


def test_settle__plan_version_and_section__are_not_the_providers_to_sign(protocol: Protocol) -> None:
    """Under which terms a row is priced is the oracle's to say and the payer's to have published."""
    signed = signed_by(protocol, PROVIDER, protocol.section(protocol.row(protocol.patient, 1)))
    for changes in ({"plan_id": 2}, {"terms_version": 2}):
        assert endings(submit(protocol, replace(signed, **changes))) == [
            (1, Outcome.PENDED, Reason.NO_TERMS_IN_FORCE)
        ]
    coordinated = replace(
        signed,
        rows=(replace(signed.rows[0], secondary_service_id=VISIT),),
        secondary_payer_id=77,
    )
    assert endings(submit(protocol, coordinated)) == [(1, Outcome.PENDED, Reason.UNKNOWN_PAYER)]
    correction = replace(signed, rows=(replace(signed.rows[0], corrects=b"\7" * 32),), corrections=True)
    assert endings(submit(protocol, correction)) == [(1, Outcome.PENDED, Reason.NOT_REVERSED)]
    assert settled_by(submit(protocol, signed)) == [1]


def test_settle__refused_row__is_logged_with_all_it_says(protocol: Protocol) -> None:
    row = protocol.row(protocol.patient, 7, THERAPY, units=2, billed=90 * CENT)
    (event,) = submit(protocol, signed_by(protocol, STRANGER, protocol.section(row))).of(ClaimPended)
    claim = event.claim
    assert (event.patient, claim.commitment, claim.sequence) == (protocol.patient, row.commitment, 7)
    assert (claim.provider_id, claim.payer_id, claim.plan_id, claim.terms_version) == (1, 1, 1, 1)
    assert (claim.service_id, claim.units, claim.benefit_year) == (THERAPY, 2, YEAR)
    assert (claim.billed, claim.billed_as_fee) == (90 * CENT, False)
    assert (claim.allowed, claim.deductible, claim.plan_paid) == (0, 0, 0)


# ---- used elsewhere ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("span", [0, 1])
@pytest.mark.parametrize("place", ["chain", "contract", "name", "version"])
def test_settle__signed_for_elsewhere__pends(protocol: Protocol, place: str, span: int) -> None:
    here = protocol.domain
    elsewhere = {
        "chain": Domain(here.chain_id + 1, here.verifying_contract),
        "contract": Domain(here.chain_id, protocol.escrow.address),
        "name": replace(here, name="Dev USD"),
        "version": replace(here, version="2"),
    }[place]
    section = protocol.section(protocol.row(protocol.patient, 1))
    assert endings(submit(protocol, sign_spans(section, [span], PROVIDER, elsewhere))) == [(1, *NOT_ATTESTED)]
    assert settled_by(submit(protocol, sign_spans(section, [span], PROVIDER, here))) == [1]


@pytest.mark.parametrize("span", [0, 1])
def test_settle__attestation_used_again__is_skipped(protocol: Protocol, span: int) -> None:
    """In another batch, in another section of one batch, under other terms."""
    signed = signed_by(protocol, PROVIDER, protocol.section(protocol.row(protocol.patient, 1)), span)
    receipt = submit(protocol, signed, signed, replace(signed, plan_id=2))
    assert (settled_by(receipt), endings(receipt)) == ([1], [(1, *SKIPPED)] * 2)
    before = protocol.state(1)
    protocol.advance(HOUR)
    assert endings(submit(protocol, signed)) == [(1, *SKIPPED)]
    assert protocol.state(1) == before


def test_settle__refused_first_and_good_in_a_later_section__settles(protocol: Protocol) -> None:
    """The refused row leaves the sequence free within the batch, too."""
    section = protocol.section(protocol.row(protocol.patient, 1))
    bad, good = (signed_by(protocol, key, section) for key in (STRANGER, PROVIDER))
    receipt = submit(protocol, bad, good, bad)
    assert settled_by(receipt) == [1]
    assert endings(receipt) == [(1, *NOT_ATTESTED), (1, *SKIPPED)]


def test_settle__bundle_under_another_sequence_base__pends(protocol: Protocol) -> None:
    """Its rows' sequences are the same numbers, written as other offsets: other bytes than were signed."""
    low, high = protocol.row(protocol.patient, 2**16 - 1), protocol.row(protocol.neighbour, 2**16)
    alone = protocol.section(low)
    both = protocol.section(low, high)
    assert encode_sections([alone])[12:20] == bytes(8)
    assert encode_sections([both])[12:20] == (2**16 - 1).to_bytes(8, "big")
    spans = [1, 1]
    signed = sign_spans(both, spans, PROVIDER, protocol.domain)
    (attestation,) = sign_spans(alone, [1], PROVIDER, protocol.domain).attestations
    first = min(both.rows, key=lambda row: row.patient)
    place = 0 if first == low else 1
    moved = list(signed.attestations)
    moved[place] = attestation
    receipt = submit(protocol, replace(signed, attestations=tuple(moved)))
    assert endings(receipt) == [(low.sequence, *NOT_ATTESTED)]
    assert settled_by(receipt) == [high.sequence]


def test_settle__row_attestation_under_another_sequence_base__settles(protocol: Protocol) -> None:
    """One row's attestation names the sequence itself."""
    low, high = protocol.row(protocol.patient, 2**16 - 1), protocol.row(protocol.neighbour, 2**16)
    alone = {
        row.patient: sign_spans(protocol.section(row), [0], PROVIDER, protocol.domain).attestations[0]
        for row in (low, high)
    }
    both = protocol.section(low, high, attestations=tuple(alone[patient] for patient in sorted(alone)))
    assert sorted(settled_by(submit(protocol, both))) == [low.sequence, high.sequence]


def test_settle__signature_of_other_rows_of_the_section__pends(town: Town) -> None:
    """Signatures swapped among the bundles they are not of."""
    protocol = town.protocol
    signed = sign_spans(town.section(), [1, 1, 1], PROVIDER, protocol.domain)
    first, second, third = signed.attestations
    receipt = submit(protocol, replace(signed, attestations=(second, first, third)))
    assert endings(receipt) == [(sequence, *NOT_ATTESTED) for sequence in (11, 12, 21, 22)]
    assert settled_by(receipt) == [31, 32]


@pytest.mark.parametrize(
    "signed_spans, used", [([3], [1, 2]), ([3], [2, 1]), ([1, 2], [3]), ([1, 2], [2, 1]), ([2, 1], [1, 2])]
)
def test_settle__bundles_cut_otherwise_than_signed__pend(
    town: Town, signed_spans: list[int], used: list[int]
) -> None:
    """The oracle cannot take a bundle apart, nor put two together."""
    protocol = town.protocol
    signatures = [
        each.signature
        for each in sign_spans(town.section(), signed_spans, PROVIDER, protocol.domain).attestations
    ]
    attestations = tuple(
        RowsAttestation(span, signatures[min(place, len(signatures) - 1)]) for place, span in enumerate(used)
    )
    before = town.state()
    receipt = submit(protocol, town.section(attestations=attestations))
    assert {ending[1:] for ending in endings(receipt)} == {NOT_ATTESTED}
    assert receipt.value == (0, 0, 6, 0)
    assert town.state() == before


@pytest.mark.parametrize("span", [0, 1])
def test_settle__row_attestation_and_bundle_of_one_row__do_not_stand_for_each_other(
    protocol: Protocol, span: int
) -> None:
    section = protocol.section(protocol.row(protocol.patient, 1))
    (attestation,) = sign_spans(section, [span], PROVIDER, protocol.domain).attestations
    other = replace(section, attestations=(replace(attestation, groups=1 - span),))
    assert endings(submit(protocol, other)) == [(1, *NOT_ATTESTED)]


# ---- broken signatures ------------------------------------------------------------------------------------


def with_compact(protocol: Protocol, section: BatchSection, compact: bytes) -> Receipt:
    """Submit a section of one patient with these 64 bytes for its signature, whatever they are."""
    packed = encode_sections([signed_by(protocol, PROVIDER, section)])
    return protocol.submit(protocol.batch(packed[:-64] + compact))


def number(value: int) -> bytes:
    return value.to_bytes(32, "big")


BROKEN: dict[str, Callable[[bytes, bytes], bytes]] = {
    "all zero": lambda r, s: bytes(64),
    "all ones": lambda r, s: b"\xff" * 64,
    "r of 0": lambda r, s: bytes(32) + s,
    "s of 0": lambda r, s: r + bytes(32),
    "s of 0 and parity 1": lambda r, s: r + b"\x80" + bytes(31),
    "the wrong parity": lambda r, s: r + bytes((s[0] ^ 0x80,)) + s[1:],
    "r of the curve's order": lambda r, s: number(CURVE_ORDER) + s,
    "r beyond the curve": lambda r, s: b"\xff" * 32 + s,
    "r of no point": lambda r, s: number(5) + s,
    "the least high s": lambda r, s: r + number(HALF_ORDER + 1),
    "the highest s there is room for": lambda r, s: r + b"\x7f" + b"\xff" * 31,
    "r and s swapped": lambda r, s: s + r,
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_settle__broken_signature__pends(protocol: Protocol, broken: Callable[[bytes, bytes], bytes]) -> None:
    section = protocol.section(protocol.row(protocol.patient, 1))
    compact = encode_sections([signed_by(protocol, PROVIDER, section)])[-64:]
    before = protocol.state(1)
    receipt = with_compact(protocol, section, broken(compact[:32], compact[32:]))
    assert endings(receipt) == [(1, *NOT_ATTESTED)]
    assert protocol.state(1) == before
    assert settled_by(with_compact(protocol, section, compact)) == [1]


def test_settle__any_bit_of_a_signature_flipped__pends(protocol: Protocol) -> None:
    section = protocol.section(protocol.row(protocol.patient, 1))
    compact = encode_sections([signed_by(protocol, PROVIDER, section)])[-64:]
    for bit in range(0, 512, 5):
        flipped = bytearray(compact)
        flipped[bit // 8] ^= 1 << bit % 8
        assert endings(with_compact(protocol, section, bytes(flipped))) == [(1, *NOT_ATTESTED)], bit
    assert settled_by(with_compact(protocol, section, compact)) == [1]


@pytest.mark.parametrize("parity", [0, 1])
def test_settle__mirrored_signature__pends(protocol: Protocol, parity: int) -> None:
    """A key is chosen for the signature, with the largest low s: only so has its mirror image, which is the
    same key's, room in the compact form."""
    section = protocol.section(protocol.row(protocol.patient, 1))
    ((_, words),) = words_under(section, [1])
    r = PROVIDER.sign(words.digest(protocol.domain))[:32]
    whole = r + number(HALF_ORDER) + bytes((27 + parity,))
    protocol.registry.send(
        protocol.provider,
        *("addAttester", protocol.provider_id, recover(words.digest(protocol.domain), whole)),
    )
    mirrored = number(CURVE_ORDER - HALF_ORDER | (1 - parity) << 255)
    assert endings(with_compact(protocol, section, r + mirrored)) == [(1, *NOT_ATTESTED)]
    low = number(HALF_ORDER | parity << 255)
    assert settled_by(with_compact(protocol, section, r + low)) == [1]


# ---- before and after other reasons -----------------------------------------------------------------------


def test_settle__spent_sequence_under_a_bad_signature__is_skipped(protocol: Protocol) -> None:
    """Whatever is signed: what was final stays so."""
    row, denied = protocol.row(protocol.patient, 1), protocol.row(protocol.patient, 2, UNLISTED)
    protocol.settle(row, denied)
    section = protocol.section(row, denied, protocol.row(protocol.patient, 3))
    before = protocol.state(1, 2, 3)
    receipt = submit(protocol, signed_by(protocol, STRANGER, section))
    assert endings(receipt) == [(1, *SKIPPED), (2, *SKIPPED), (3, *NOT_ATTESTED)]
    assert protocol.state(1, 2, 3) == before


OTHER_REASONS: dict[str, tuple[Callable[[Protocol], object], dict[str, Any], dict[str, Any]]] = {
    "suspended provider": (lambda protocol: protocol.suspend(), {}, {}),
    "unknown payer": (id, {}, {"payer_id": 77}),
    "unknown plan": (id, {}, {"plan_id": 7}),
    "service without a fee": (id, {"service_id": UNLISTED}, {}),
    "year to come": (id, {"benefit_year": YEAR + 1}, {}),
    "revoked consent": (
        lambda protocol: (
            protocol.escrow.send(protocol.patient, "revokeConsent", protocol.provider_id),
            protocol.advance(DAY),
        ),
        {},
        {},
    ),
    "self-pay": (id, {}, {"payer_id": 0, "plan_id": 0, "terms_version": 0}),
}


@pytest.mark.parametrize("prepare, row, section", OTHER_REASONS.values(), ids=OTHER_REASONS)
def test_settle__bad_signature_and_another_reason__names_the_signature(
    protocol: Protocol,
    prepare: Callable[[Protocol], object],
    row: dict[str, Any],
    section: dict[str, Any],
) -> None:
    """Nobody has said that there was such care: it is not worth another word, and not denied for good."""
    prepare(protocol)
    before = protocol.state(1)
    rows = replace(protocol.row(protocol.patient, 1), **row)
    signed = signed_by(protocol, STRANGER, protocol.section(rows, **section))
    assert endings(submit(protocol, signed)) == [(1, *NOT_ATTESTED)]
    assert protocol.state(1) == before
