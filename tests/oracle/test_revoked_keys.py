"""A key revoked between attesting and settling: what it signed is held, and can be attested again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.oracle.workplace import FIRST, SECOND, THIRD, Workplace, begun_again, open_workplace

from chainbill.attestation.typed_data import SettlementBatch
from chainbill.chain.format.batch_codec import encode_sections
from chainbill.oracle.api import Hold, Status
from chainbill.oracle.batching import plan_batches
from chainbill.oracle.node import SigningRefused
from chainbill.oracle.quorum import Quorum


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    with open_workplace(tmp_path_factory.mktemp("workplace")) as opened:
        yield opened


@pytest.fixture
def place(opened: Workplace, tmp_path: Path) -> Iterator[Workplace]:
    with begun_again(opened, tmp_path) as place:
        yield place


def batch_of(place: Workplace) -> SettlementBatch:
    """What the oracle would sign of all that is open."""
    now = place.stage.protocol.now()
    (planned,) = plan_batches(place.stage.protocol, place.store.open_attestations(), now)
    return SettlementBatch(
        place.stage.quorum.epoch, now, now + 600, place.owner.address, encode_sections(planned.sections)
    )


def test_settle__key_revoked_since__holds_what_it_signed_and_settles_the_rest(place: Workplace) -> None:
    place.attest(FIRST, key=place.night)
    place.attest(SECOND)
    place.revoke(place.night)

    assert place.outcomes() == [(2, "settled")]

    assert place.standing() == {1: "held: attester_revoked", 2: "settled"}
    assert not place.stage.protocol.settlement.is_spent(place.provider_id, 1)
    assert place.settle() == []


def test_attest__held_event_recalled_and_signed_by_a_good_key__settles_under_its_own_sequence(
    place: Workplace,
) -> None:
    place.attest(FIRST, key=place.night)
    place.revoke(place.night)
    place.settle()
    recaller = place.recaller()
    (candidate,) = recaller.named([FIRST.record_identity])
    recaller.take_back(candidate, drop=False, dry_run=False)

    (again,) = place.attest_waiting()

    assert (again.repeated, again.attestation.sequence) == (False, 1)
    assert place.outcomes() == [(1, "settled")]
    assert place.standing() == {1: "settled"}


def test_settle__key_revoked_after_the_batch_was_planned__no_node_signs_it(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.attest(FIRST, key=place.night)
    place.attest(SECOND)
    sign = Quorum.sign

    def revoke_first(quorum: Quorum, batch: SettlementBatch) -> list[bytes]:
        if place.stage.protocol.registry.is_attester(place.provider_id, place.night.address):
            place.revoke(place.night)
        return sign(quorum, batch)

    monkeypatch.setattr(Quorum, "sign", revoke_first)

    assert place.outcomes() == [(2, "settled")]
    assert place.standing() == {1: "held: attester_revoked", 2: "settled"}


def test_sign__every_node__asks_the_chain_itself(place: Workplace) -> None:
    place.attest(FIRST, key=place.night)
    place.attest(SECOND)
    batch = batch_of(place)
    assert len(place.quorum.sign(batch)) == 2
    place.revoke(place.night)

    with pytest.raises(SigningRefused) as refused:
        place.quorum.sign(batch)

    assert refused.value.objections == {(place.provider_id, 1): Hold.ATTESTER_REVOKED}


def test_settle__all_that_waits_is_held__sends_nothing(place: Workplace) -> None:
    place.attest(FIRST, THIRD, key=place.night)
    place.revoke(place.night)
    before = place.stage.protocol.w3.eth.get_transaction_count(place.stage.submitter.address)

    assert place.settle() == []

    assert place.stage.protocol.w3.eth.get_transaction_count(place.stage.submitter.address) == before
    assert [stored.hold for stored in place.store.attestations(Status.HELD)] == [Hold.ATTESTER_REVOKED] * 2
    assert [stored.attestation.sequence for stored in place.store.waiting()] == [1, 2]
