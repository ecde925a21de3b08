"""Every row of a section stands under one of its attestations, in order: of one row, or of whole groups.
However they are cut, those rows settle that a slow model counts; a section not covered exactly reverts."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from tests.contracts.situations import endings
from tests.contracts.test_attestation import NOT_ATTESTED, PROVIDER, STRANGER, settled_by, submit
from tests.contracts.test_corrections import reversed_claim
from tests.contracts.test_payer_failed import block
from tests.support.attesting import AttestationModel, all_spans, sign_spans, words_under
from tests.support.deployment import (
    HOUR,
    MAX_BATCH_LIFE,
    NOW,
    REFILL,
    THERAPY,
    UNLISTED,
    VISIT,
    Protocol,
    account,
)
from tests.support.evm import reverts

from chainbill.attestation.address import checksum_address
from chainbill.attestation.signing import Signer
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.batch_codec import (
    BatchRow,
    BatchSection,
    RowsAttestation,
    decode_sections,
    encode_sections,
    in_packed_order,
)
from chainbill.chain.format.events import ClaimDenied, ClaimSettled, PayerFailed
from chainbill.errors import ContractReverted
from chainbill.money import DOLLAR
from chainbill.records.hashing import keccak256

ATTESTATION = 66
"""Bytes of an attestation by a key."""

PATIENTS = sorted((account(f"patient {n}").address for n in range(4)), key=str.lower)


def denied_rows(protocol: Protocol, counts: list[int]) -> list[BatchRow]:
    """So many rows of each patient, numbered from 0; of a service without a fee, so that all that count are
    denied."""
    rows: list[BatchRow] = []
    for patient, count in zip(PATIENTS, counts, strict=False):
        rows += [protocol.row(patient, len(rows) + n, UNLISTED) for n in range(count)]
    return rows


@pytest.fixture
def ready(protocol: Protocol) -> Protocol:
    """All patients are insured with the payer."""
    for patient in PATIENTS:
        protocol.welcome(patient)
    return protocol


# ---- cut in every way -------------------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [[1], [3], [1, 1], [2, 1], [1, 2, 1], [2, 2, 2], [1, 1, 1, 1]])
def test_settle__cut_in_every_way_and_one_signature_bad__pends_the_rows_under_it(
    ready: Protocol, counts: list[int]
) -> None:
    section = ready.section(*denied_rows(ready, counts))
    for spans in all_spans(counts):
        good = sign_spans(section, spans, PROVIDER, ready.domain)
        bad = sign_spans(section, spans, STRANGER, ready.domain)
        under = [[row.sequence for row in rows] for rows, _ in words_under(section, spans)]
        for place in (None, *range(len(spans))):
            attestations = list(good.attestations)
            refused = [] if place is None else under[place]
            if place is not None:
                attestations[place] = bad.attestations[place]
            with ready.rolled_back():
                receipt = submit(ready, replace(section, attestations=tuple(attestations)))
                pended = [ending[0] for ending in endings(receipt) if ending[1:] == NOT_ATTESTED]
                assert pended == refused, (spans, place)
                assert receipt.value == (0, sum(counts) - len(refused), len(refused), 0)
                assert [n for n in range(sum(counts)) if not ready.is_spent(n)] == refused


def test_settle__300_rows_each_under_its_own_signature__pends_exactly_the_bad_ones(ready: Protocol) -> None:
    """More than one word of bits."""
    rows = denied_rows(ready, [150, 150])
    section = ready.section(*rows)
    spans = [0] * 300
    good, bad = (sign_spans(section, spans, key, ready.domain).attestations for key in (PROVIDER, STRANGER))
    draw = random.Random("300 rows")
    for refused in (
        *({0}, {255}, {256}, {255, 256}, {299}, set(range(256)), set(range(256, 300)), set(range(300))),
        set(draw.sample(range(300), 100)),
    ):
        mixed = tuple((bad if n in refused else good)[n] for n in range(300))
        with ready.rolled_back():
            receipt = submit(ready, replace(section, attestations=mixed))
            assert [ending[0] for ending in endings(receipt) if ending[1:] == NOT_ATTESTED] == sorted(refused)
            assert receipt.value == (0, 300 - len(refused), len(refused), 0)


def test_settle__bad_bundle_of_300_rows__pends_all_and_the_next_section_settles(ready: Protocol) -> None:
    section = ready.section(*denied_rows(ready, [200, 100]))
    good = ready.section(ready.row(ready.patient, 1_000))
    for spans in ([2], [1, 1]):
        with ready.rolled_back():
            receipt = submit(ready, sign_spans(section, spans, STRANGER, ready.domain), good)
            assert receipt.value == (1, 0, 300, 0)
            assert settled_by(receipt) == [1_000]


def test_settle__some_rows_spent_and_others_refused_in_300__each_its_own(ready: Protocol) -> None:
    rows = denied_rows(ready, [150, 150])
    spent = {*range(0, 300, 7), 255, 256}
    ready.settle(*(row for row in rows if row.sequence in spent))
    section = ready.section(*rows)
    good, bad = (
        sign_spans(section, [0] * 300, key, ready.domain).attestations for key in (PROVIDER, STRANGER)
    )
    refused = {*range(0, 300, 5), 254, 255}
    receipt = submit(
        ready, replace(section, attestations=tuple((bad if n in refused else good)[n] for n in range(300)))
    )
    ended = {sequence: (outcome, reason) for sequence, outcome, reason in endings(receipt)}
    for n in range(300):
        expected = (Outcome.DENIED, Reason.UNKNOWN_SERVICE)
        if n in refused:
            expected = NOT_ATTESTED
        if n in spent:
            expected = (Outcome.SKIPPED, Reason.SEQUENCE_SPENT)
        assert ended[n] == expected, n


# ---- not covered exactly ----------------------------------------------------------------------------------


def attested(ready: Protocol, spans: list[int], counts: list[int]) -> BatchSection:
    """Rows so many of each patient, and signatures of these spans, whatever they are good for."""
    section = ready.section(*denied_rows(ready, counts))
    (signature,) = sign_spans(section, [len(counts)], PROVIDER, ready.domain).attestations
    return replace(section, attestations=tuple(replace(signature, groups=span) for span in spans))


UNCOVERED: dict[str, tuple[list[int], list[int]]] = {
    "none at all": ([], [1]),
    "none for the last row": ([0], [2]),
    "none for the last group": ([1], [1, 1]),
    "none for the rest of a group": ([1, 0], [1, 2]),
    "one too many of a row": ([1, 0], [1]),
    "one too many of a group": ([1, 1], [1]),
    "one too many behind rows": ([0, 0, 0], [2]),
    "more groups than there are": ([2], [1]),
    "more groups than are left": ([1, 2], [1, 1]),
    "the most groups": ([2**15 - 1], [1, 1]),
    "a bundle that begins within a group": ([0, 1], [2]),
    "a bundle that begins within a group, before another": ([0, 2], [2, 1]),
    "a bundle of the next group while this one has a row left": ([0, 1, 0], [2, 1]),
}


@pytest.mark.parametrize("spans, counts", UNCOVERED.values(), ids=UNCOVERED)
def test_settle__rows_not_covered_exactly__reverts(
    ready: Protocol, spans: list[int], counts: list[int]
) -> None:
    before = ready.state(0, 1, 2, 3)
    with reverts("MalformedBatch"):
        ready.submit(ready.batch(encode_sections([attested(ready, spans, counts)])))
    assert ready.state(0, 1, 2, 3) == before


@pytest.mark.parametrize("spans, counts", UNCOVERED.values(), ids=UNCOVERED)
def test_settle__rows_not_covered_exactly_in_the_first_of_two_sections__reverts(
    ready: Protocol, spans: list[int], counts: list[int]
) -> None:
    """What follows is another section's: its bytes are not taken for attestations."""
    next_section = ready.attested(ready.section(ready.row(ready.patient, 1_000)))
    with reverts("MalformedBatch"):
        ready.submit(ready.batch(encode_sections([attested(ready, spans, counts), next_section])))


@pytest.mark.parametrize("sections", [1, 2])
@pytest.mark.parametrize("change", [-ATTESTATION, -65, -2, -1, 1, 2, 65, ATTESTATION, 2**23])
def test_settle__attestation_bytes_that_lie__reverts(ready: Protocol, change: int, sections: int) -> None:
    """Shorter or longer than what is there, or than the attestations are."""
    section = ready.attested(ready.section(*denied_rows(ready, [1, 2])))
    packed = bytearray(encode_sections([section] * sections))
    packed[25:28] = (ATTESTATION + change).to_bytes(3, "big")
    with pytest.raises(ContractReverted) as refused:
        ready.submit(ready.batch(bytes(packed)))
    assert refused.value.name in ("MalformedBatch", "SectionsUnsorted")


@pytest.mark.parametrize("extra", [1, 2, 64, 65, ATTESTATION])
def test_settle__bytes_behind_the_last_attestation__reverts(ready: Protocol, extra: int) -> None:
    section = ready.attested(ready.section(*denied_rows(ready, [1, 2])))
    packed = bytearray(encode_sections([section]))
    packed[25:28] = (ATTESTATION + extra).to_bytes(3, "big")
    with reverts("MalformedBatch", offset=len(packed)):
        ready.submit(ready.batch(bytes(packed) + bytes(extra)))


def test_settle__attestation_cut_short_anywhere__reverts(ready: Protocol) -> None:
    """Also where the section says so, and what is missing would be read from behind it."""
    section = ready.attested(ready.section(*denied_rows(ready, [1, 2])))
    packed = encode_sections([section])
    for size in range(ATTESTATION):
        cut = bytearray(packed[: len(packed) - ATTESTATION + size])
        cut[25:28] = size.to_bytes(3, "big")
        for behind in (b"", packed):
            with reverts("MalformedBatch"):
                ready.submit(ready.batch(bytes(cut) + behind))


# ---- sections of every kind -------------------------------------------------------------------------------


def plain(protocol: Protocol) -> list[BatchSection]:
    return [protocol.section(protocol.row(protocol.patient, 1), protocol.row(protocol.patient, 2, REFILL))]


def self_paid(protocol: Protocol) -> list[BatchSection]:
    protocol.publish_cash_prices()
    protocol.welcome(protocol.late, payers=(0, 0))
    protocol.grant(protocol.late, self_pay=True)
    return [protocol.self_pay(protocol.row(protocol.late, 1), protocol.row(protocol.late, 2, REFILL))]


def coordinated(protocol: Protocol) -> list[BatchSection]:
    second = protocol.second_payer()
    protocol.welcome(protocol.late, payers=(protocol.payer_id, second))
    rows = [protocol.row(protocol.late, 1), protocol.row(protocol.late, 2, REFILL)]
    return [protocol.coordinated(*rows, secondary=second)]


def corrections(protocol: Protocol) -> list[BatchSection]:
    claims = [reversed_claim(protocol, sequence).claim_id for sequence in (101, 102)]
    rows = [
        protocol.row(protocol.patient, n, corrects=claim_id, billed=120 * DOLLAR)
        for n, claim_id in zip((1, 2), claims, strict=True)
    ]
    return [protocol.corrections(*rows)]


def run(protocol: Protocol) -> list[BatchSection]:
    return [
        protocol.section(protocol.row(protocol.patient, 1), protocol.row(protocol.patient, 2, REFILL)),
        protocol.section(protocol.row(protocol.patient, 3, THERAPY)),
    ]


KINDS: dict[str, Callable[[Protocol], list[BatchSection]]] = {
    "one payer": plain,
    "self-pay": self_paid,
    "two payers": coordinated,
    "corrections": corrections,
    "a run of two": run,
}


@pytest.mark.parametrize("bad", [1, 2])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_settle__bad_signature_in_each_kind_of_section__pends_its_row_alone(
    protocol: Protocol, kind: Callable[[Protocol], list[BatchSection]], bad: int
) -> None:
    """The rows beside it settle as if it were not there."""
    sections = kind(protocol)
    first = sections[0]
    kept = tuple(row for row in first.rows if row.sequence != bad)
    with protocol.rolled_back():
        expected = settled_by(submit(protocol, replace(first, rows=kept), *sections[1:]))
        assert expected == [n for n in range(1, 3 + len(sections) - 1) if n != bad]
        without = protocol.state(1, 2, 3)
    good, forged = (
        sign_spans(first, [0, 0], key, protocol.domain).attestations for key in (PROVIDER, STRANGER)
    )
    signed = tuple((forged if row.sequence == bad else good)[n] for n, row in enumerate(first.rows))
    receipt = submit(protocol, replace(first, attestations=signed), *sections[1:])
    assert endings(receipt) == [(bad, *NOT_ATTESTED)]
    assert settled_by(receipt) == expected
    assert protocol.state(1, 2, 3) == without
    protocol.assert_solvent()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_settle__bad_bundle_in_each_kind_of_section__writes_nothing(
    protocol: Protocol, kind: Callable[[Protocol], list[BatchSection]]
) -> None:
    sections = kind(protocol)
    before = protocol.state(1, 2, 3)
    receipt = submit(protocol, *(sign_spans(each, [1], STRANGER, protocol.domain) for each in sections))
    assert {ending[1:] for ending in endings(receipt)} == {NOT_ATTESTED}
    assert receipt.value == (0, 0, sum(len(each.rows) for each in sections), 0)
    assert protocol.state(1, 2, 3) == before


def test_settle__bad_signature_under_a_correction__leaves_the_claim_to_be_corrected(
    protocol: Protocol,
) -> None:
    (section,) = corrections(protocol)
    forged = sign_spans(section, [1], STRANGER, protocol.domain)
    assert endings(submit(protocol, forged)) == [(1, *NOT_ATTESTED), (2, *NOT_ATTESTED)]
    assert settled_by(submit(protocol, section)) == [1, 2]


@pytest.mark.parametrize("of_a_run", [False, True])
def test_settle__payer_failed_and_bad_signatures__each_row_has_its_own_reason(
    unruly: Protocol, of_a_run: bool
) -> None:
    """A row that nobody attested was not the payer's to pay."""
    rows = [unruly.row(unruly.patient, n) for n in (1, 2, 3)]
    unruly.settle(rows[2])
    section = unruly.section(*rows)
    good, bad = (
        sign_spans(section, [0] * 3, key, unruly.domain).attestations for key in (PROVIDER, STRANGER)
    )
    mixed = replace(section, attestations=(good[0], bad[1], bad[2]))
    others = [unruly.section(unruly.row(unruly.neighbour, 4))] if of_a_run else []
    block(unruly, 1)
    before = unruly.state(1, 2, 3, 4)
    receipt = submit(unruly, mixed, *others)
    assert len(receipt.of(PayerFailed)) == 1
    failed = (Outcome.PENDED, Reason.PAYER_FAILED)
    assert endings(receipt) == [
        (1, *failed),
        (2, *NOT_ATTESTED),
        (3, Outcome.SKIPPED, Reason.SEQUENCE_SPENT),
        *((4, *failed) for _ in others),
    ]
    assert unruly.state(1, 2, 3, 4) == before


@pytest.mark.parametrize("of_a_run", [False, True])
def test_settle__payer_that_cannot_pay_and_only_bad_signatures__is_not_asked(
    unruly: Protocol, of_a_run: bool
) -> None:
    block(unruly, 1)
    sections = [unruly.section(unruly.row(unruly.patient, n)) for n in ((1, 2) if of_a_run else (1,))]
    receipt = submit(unruly, *(sign_spans(each, [1], STRANGER, unruly.domain) for each in sections))
    assert receipt.of(PayerFailed) == []
    assert {ending[1:] for ending in endings(receipt)} == {NOT_ATTESTED}


# ---- against the model ------------------------------------------------------------------------------------


KEYS = [Signer(account(f"attester {n}")) for n in range(5)]
STANDING, SECOND, REVOKED, LATE, NOBODYS = KEYS


@dataclass(frozen=True)
class Attesters:
    """Two providers with two standing keys each, one that is revoked, and one that came late. Contracts that
    always say yes or no, of which two attest for the first."""

    model: AttestationModel
    standing: dict[int, list[Signer]]
    contracts: list[str]


def open_attesters(protocol: Protocol) -> Attesters:
    says = {deploy_odd(protocol, says_yes): says_yes for says_yes in (True, False, True)}
    model = AttestationModel(protocol.domain, answer=lambda attester, _digest, _signature: says[attester])
    protocol.registry.send(protocol.governor, "register", account("other").address, [STANDING.address])
    protocol.accept_provider(2)
    payouts = {1: protocol.provider, 2: account("other").address}
    for patient in PATIENTS:
        protocol.grant(patient, provider_id=2)
    model.since = {(1, protocol.provider): NOW, (2, STANDING.address): NOW}

    def change(provider: int, verb: str, attester: str) -> None:
        protocol.registry.send(payouts[provider], verb, provider, attester)
        if verb == "addAttester":
            model.since[provider, attester] = protocol.evm.now
        else:
            del model.since[provider, attester]

    yes, no, _nobodys = says
    for provider, attester in ((1, STANDING.address), (2, SECOND.address), (1, yes), (1, no)):
        change(provider, "addAttester", attester)
    for provider in (1, 2):
        change(provider, "addAttester", REVOKED.address)
    protocol.advance(HOUR)
    for provider in (1, 2):
        change(provider, "revokeAttester", REVOKED.address)
    protocol.advance(HOUR)
    for provider in (1, 2):
        change(provider, "addAttester", LATE.address)
    return Attesters(model, {1: [PROVIDER, STANDING], 2: [STANDING, SECOND]}, list(says))


def deploy_odd(protocol: Protocol, says_yes: bool) -> str:
    """A contract that answers every question about a signature so."""
    wallet = protocol.evm.deploy(protocol.stranger, "OddWallet")
    magic = keccak256(b"isValidSignature(bytes32,bytes)")[:4].ljust(32, b"\0")
    wallet.send(protocol.stranger, "answerWith", 0, magic if says_yes else bytes(32), 0, bytes(32))
    return checksum_address(wallet.address)


def random_section(protocol: Protocol, draw: random.Random, sequence: int) -> BatchSection:
    rows: list[BatchRow] = []
    for patient in draw.sample(PATIENTS, draw.randint(1, 4)):
        for _ in range(draw.randint(1, 3)):
            rows.append(
                protocol.row(
                    patient,
                    sequence + len(rows),
                    draw.choice((VISIT, REFILL, REFILL, UNLISTED)),
                    commitment=draw.randbytes(32),
                    billed=draw.choice((0, 50 * DOLLAR)),
                )
            )
    return protocol.section(*rows, provider_id=draw.choice((1, 1, 2)))


def random_spans(draw: random.Random, section: BatchSection) -> list[int]:
    patients = [row.patient for row in in_packed_order(section.rows)]
    spans: list[int] = []
    groups = list(dict.fromkeys(patients))
    while groups:
        span = draw.randint(0, len(groups))
        spans += [span] if span else [0] * patients.count(groups[0])
        del groups[: span or 1]
    return spans


def signed_at_random(
    protocol: Protocol, draw: random.Random, section: BatchSection, attesters: Attesters
) -> BatchSection:
    """Each attestation by a key that is right, wrong, or right for other words, or by a contract."""
    spans = random_spans(draw, section)
    attestations: list[RowsAttestation] = []
    for place in range(len(spans)):
        key = draw.choice((*attesters.standing[section.provider_id] * 4, *KEYS))
        words = section
        if draw.random() < 0.15:
            words = replace(section, payer_id=section.payer_id + 1)
        attestation = sign_spans(words, spans, key, protocol.domain).attestations[place]
        if draw.random() < 0.2:
            contract = bytes.fromhex(draw.choice(attesters.contracts)[2:])
            attestation = RowsAttestation(attestation.groups, draw.randbytes(draw.choice((0, 65))), contract)
        elif draw.random() < 0.1:
            broken = bytearray(attestation.signature)
            broken[draw.randrange(1, 32)] ^= 1 << draw.randrange(8)
            attestation = replace(attestation, signature=bytes(broken))
        attestations.append(attestation)
    return replace(section, attestations=tuple(attestations))


@pytest.mark.parametrize("seed", range(4))
def test_settle__random_sections__settles_what_the_model_counts_as_if_the_rest_were_not_there(
    ready: Protocol, seed: int
) -> None:
    attesters = open_attesters(ready)
    draw = random.Random(f"attestations {seed}")
    reached = {True: 0, False: 0}
    for number in range(60):
        signed_at = ready.evm.now - draw.choice((0, 1, HOUR))
        sections = [random_section(ready, draw, 1_000 * number + 100 * n) for n in range(draw.randint(1, 3))]
        sections = [signed_at_random(ready, draw, each, attesters) for each in sections]
        # Read back: the model and the contract are given the same bytes.
        packed = encode_sections(sections)
        counting = [attesters.model.counting(each, signed_at) for each in decode_sections(packed)]
        kept = [
            sign_spans(
                replace(each, rows=tuple(rows), attestations=()),
                [0] * len(rows),
                attesters.standing[each.provider_id][0],
                ready.domain,
            )
            for each, rows in zip(sections, counting, strict=True)
            if rows
        ]
        life = {"signed_at": signed_at, "deadline": signed_at + MAX_BATCH_LIFE}
        sequences = [row.sequence for each in sections for row in each.rows]
        written, without = [], ready.state(*sequences)
        with ready.rolled_back():
            if kept:
                receipt = ready.submit(ready.batch(kept, **life))
                written = [
                    event.claim for event in receipt.events if isinstance(event, ClaimSettled | ClaimDenied)
                ]
                without = ready.state(*sequences)
        with ready.rolled_back():
            receipt = ready.submit(ready.batch(packed, **life))
            refused = {ending[0] for ending in endings(receipt) if ending[1:] == NOT_ATTESTED}
            counted = {row.sequence for rows in counting for row in rows}
            assert refused == set(sequences) - counted
            assert written == [
                event.claim for event in receipt.events if isinstance(event, ClaimSettled | ClaimDenied)
            ]
            assert ready.state(*sequences) == without
        reached[True] += len(counted)
        reached[False] += len(refused)
    assert min(reached.values()) > 60
