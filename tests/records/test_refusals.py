"""What the oracle would not take is kept for its patient alone, and no longer than it waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chainbill.records.commitment import Opening
from chainbill.records.refusals import Refusals, Refused
from chainbill.records.service_event import Party, PriceSource, ServiceEvent, ServiceKind
from chainbill.records.vault import VaultKey

MARIA, RUTH = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
KEY = VaultKey.generate()


def opening(salt: int = 1) -> Opening:
    event = ServiceEvent(
        kind=ServiceKind.TELEHEALTH_VISIT,
        record_identity=f"Encounter/{salt}",
        patient=Party(reference="Patient/1", name="Maria Alvarez"),
        provider=Party(reference="Organization/1"),
        service="video-visit",
        category=2,
        description="A visit by video",
        performed_at=datetime(2026, 2, 1, 12, tzinfo=UTC),
        billed_amount=90_000_000,
        price_source=PriceSource.CLAIM_ITEM,
    )
    return Opening(event, bytes([salt] * 16))


def refused(of: Opening, patient: str = MARIA) -> Refused:
    return Refused(
        commitment=of.commitment,
        provider_id=1,
        patient=patient,
        self_pay=False,
        reason="payer_not_accepted",
        refused_at=100,
    )


@pytest.fixture
def refusals(tmp_path: Path) -> Refusals:
    return Refusals(tmp_path / "refusals.sqlite")


def test_put__again__takes_the_place_of_the_earlier_word(refusals: Refusals) -> None:
    visit = opening()
    refusals.put(refused(visit), visit, KEY.public)
    later = replace(refused(visit), reason="unknown_service", refused_at=200)
    refusals.put(later, visit, KEY.public)
    assert refusals.of(MARIA, KEY) == [(later, visit.event)]


def test_of__another_key_or_patient__opens_nothing(refusals: Refusals) -> None:
    visit = opening()
    refusals.put(refused(visit), visit, KEY.public)
    assert refusals.of(MARIA, VaultKey.generate()) == []
    assert refusals.of(RUTH, KEY) == []


def test_of__record_of_another_commitment__is_left_out(refusals: Refusals) -> None:
    visit, other = opening(1), opening(2)
    refusals.put(refused(visit), other, KEY.public)
    assert refusals.of(MARIA, KEY) == []


def test_keep_only__what_waits_no_longer__is_forgotten_of_that_provider_alone(refusals: Refusals) -> None:
    first, second, elsewhere = opening(1), opening(2), opening(3)
    for each in (first, second):
        refusals.put(refused(each), each, KEY.public)
    refusals.put(replace(refused(elsewhere), provider_id=2), elsewhere, KEY.public)
    refusals.keep_only(1, {second.commitment})
    left = {told.commitment for told, _ in refusals.of(MARIA, KEY)}
    assert left == {second.commitment, elsewhere.commitment}


def test_file__names_no_person_and_no_service(refusals: Refusals, tmp_path: Path) -> None:
    visit = opening()
    refusals.put(refused(visit), visit, KEY.public)
    content = (tmp_path / "refusals.sqlite").read_bytes()
    assert b"Alvarez" not in content
    assert b"video" not in content
