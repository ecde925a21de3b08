"""One signature of a provider's under many of its attestations: who may give it, and when it is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from tests.oracle.conftest import DOMAIN, NOW, MemoryChain, attested_event, service_event
from tests.oracle.workplace import FIRST, SECOND, THIRD, Workplace, open_workplace

from chainbill.attestation.address import checksum_address
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import ServiceAttestation
from chainbill.chain.format.batch_codec import RowsAttestation
from chainbill.chain.format.section_signing import bundle_attestations
from chainbill.errors import AttestationError
from chainbill.oracle.batching import plan_batches
from chainbill.oracle.bundling import take_bundle, unbundled
from chainbill.oracle.intake import Intake
from chainbill.oracle.store import OracleStore, StoredAttestation

OTHER = "0x1111111111111111111111111111111111111111"


def accept(
    chain: MemoryChain, store: OracleStore, attester: Signer, *sequences: int, **changes: object
) -> list[ServiceAttestation]:
    """Let the oracle take events, one for each sequence."""
    taken = []
    for number in sequences:
        event = attested_event(
            attester,
            service_event(f"Encounter/{number}"),
            sequence=number,
            **changes,  # type: ignore[arg-type]
        )
        taken.append(Intake(chain, store).accept(event).attestation)  # type: ignore[arg-type]
    return taken


def sign(attester: Signer, attestations: Sequence[ServiceAttestation]) -> bytes:
    return attester.sign(bundle_attestations(attestations).digest(DOMAIN))


def hand_over(
    chain: MemoryChain, store: OracleStore, attester: Signer, attestations: Sequence[ServiceAttestation]
) -> bytes:
    """Sign attestations together and give the oracle that."""
    signature = sign(attester, attestations)
    digests = [each.digest(DOMAIN) for each in attestations]
    take_bundle(chain, store, digests, signature)  # type: ignore[arg-type]
    return signature


def sequences_of(lists: Sequence[Sequence[StoredAttestation]]) -> list[list[int]]:
    return [[stored.attestation.sequence for stored in together] for together in lists]


def signatures(chain: MemoryChain, store: OracleStore) -> list[list[tuple[int, bytes]]]:
    """Of each section that would be settled now: how many groups each signature is under, and itself."""
    batches = plan_batches(chain, store.open_attestations(), NOW)  # type: ignore[arg-type]
    return [
        [(each.groups, each.signature) for each in section.attestations]
        for batch in batches
        for section in batch.sections
    ]


def test_plan__bundle_of_all_that_waits__is_a_section_under_its_signature(
    chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    chain.plan_ids[OTHER] = 7
    taken = accept(chain, store, attester, 1, 2) + accept(chain, store, attester, 3, patient=OTHER)

    signature = hand_over(chain, store, attester, taken)

    assert signatures(chain, store) == [[(2, signature)]]
    assert unbundled(chain, store, 1) == []  # type: ignore[arg-type]


def test_plan__part_of_a_bundle_is_final__the_rest_goes_by_the_signature_of_each(
    chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    taken = accept(chain, store, attester, 1, 2, 3)
    hand_over(chain, store, attester, taken)

    (first, *rest) = store.open_attestations()
    store.mark_spent(first.row)

    assert signatures(chain, store) == [[(0, stored.signature) for stored in rest]]
    assert sequences_of(unbundled(chain, store, 1)) == [[2, 3]]  # type: ignore[arg-type]


def test_plan__bundle_whose_patients_are_of_two_plans_by_now__goes_by_the_signature_of_each(
    chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    chain.plan_ids[OTHER] = 7
    taken = accept(chain, store, attester, 1, 2) + accept(chain, store, attester, 3, 4, patient=OTHER)
    hand_over(chain, store, attester, taken)

    chain.plan_ids[OTHER] = 8

    assert [[groups for groups, _ in section] for section in signatures(chain, store)] == [[0, 0], [0, 0]]


def test_plan__what_came_after_a_bundle__stands_in_a_section_of_its_own(
    chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    signature = hand_over(chain, store, attester, accept(chain, store, attester, 1, 2))
    accept(chain, store, attester, 3)
    (*_, third) = store.open_attestations()

    assert signatures(chain, store) == [[(1, signature)], [(0, third.signature)]]


def test_unbundled__one_by_itself_or_of_other_sections__are_not_put_together(
    chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    accept(chain, store, attester, 1, 2)
    accept(chain, store, attester, 3, patient=OTHER)  # not enrolled: a section of no plan

    assert sequences_of(unbundled(chain, store, 1)) == [[1, 2]]  # type: ignore[arg-type]
    assert unbundled(chain, store, 2) == []  # type: ignore[arg-type]


def test_unbundled__more_than_a_batch_holds__are_cut(
    chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    patients = [checksum_address(f"0x{n:040x}") for n in range(1, 200)]
    chain.plan_ids.update(dict.fromkeys(patients, 7))
    for number, patient in enumerate(patients, start=1):
        accept(chain, store, attester, number, patient=patient)

    lists = unbundled(chain, store, 1)  # type: ignore[arg-type]

    assert len(lists) > 1
    assert [number for together in sequences_of(lists) for number in together] == list(range(1, 200))
    for together in lists:
        hand_over(chain, store, attester, [stored.attestation for stored in together])
    assert [len(section) for section in signatures(chain, store)] == [1] * len(lists)


def test_take_bundle__signed_by_somebody_else__is_refused(
    chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    taken = accept(chain, store, attester, 1, 2)

    with pytest.raises(AttestationError, match="may not attest for provider 1"):
        hand_over(chain, store, Signer((8).to_bytes(32, "big")), taken)
    assert all(stored.bundle is None for stored in store.open_attestations())


def test_take_bundle__in_another_order_or_one_twice__is_refused(
    chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    first, second = accept(chain, store, attester, 1, 2)

    for wrong in ([second, first], [first, first]):
        with pytest.raises(AttestationError, match="another order"):
            hand_over(chain, store, attester, wrong)


def test_take_bundle__of_what_does_not_wait__is_refused(
    chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    first, second = accept(chain, store, attester, 1, 2)
    unknown = replace(second, sequence=9)
    store.recall(store.open_attestations()[0].row)

    with pytest.raises(AttestationError, match="2 attestations of the bundle do not wait here"):
        hand_over(chain, store, attester, [first, unknown])


def test_take_bundle__of_two_payers__is_refused(
    chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    chain.payer_ids = {1, 2}
    (first,) = accept(chain, store, attester, 1)
    (second,) = accept(chain, store, attester, 2, payer_id=2)
    signature = sign(attester, [first])

    with pytest.raises(AttestationError, match="one provider and one payer"):
        take_bundle(chain, store, [first.digest(DOMAIN), second.digest(DOMAIN)], signature)  # type: ignore[arg-type]


def test_accept_again__what_was_recalled_from_a_bundle__leaves_it(
    chain: MemoryChain, store: OracleStore, attester: Signer
) -> None:
    hand_over(chain, store, attester, accept(chain, store, attester, 1, 2))
    store.recall(store.open_attestations()[0].row)

    accept(chain, store, attester, 1)

    assert [[groups for groups, _ in section] for section in signatures(chain, store)] == [[0, 0]]


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    with open_workplace(tmp_path_factory.mktemp("bundling")) as place:
        yield place


def test_bundle__events_of_one_provider__settle_under_one_signature(place: Workplace) -> None:
    for event in (FIRST, SECOND, THIRD):
        place.attest(event)

    assert place.submitter().bundle() == 1
    (batch,) = plan_batches(place.stage.protocol, place.store.open_attestations(), place.stage.protocol.now())
    ((attestation,),) = [section.attestations for section in batch.sections]
    assert isinstance(attestation, RowsAttestation)
    assert attestation.groups == 1
    assert [outcome for _, outcome in place.outcomes()] == ["settled"] * 3


def test_bundle__one_of_them_signed_by_another_key__is_not_signed_for_it(place: Workplace) -> None:
    place.attest(FIRST, key=place.night)
    place.attest(SECOND)

    assert place.submitter().bundle() == 0
    assert [outcome for _, outcome in place.outcomes()] == ["settled"] * 2
