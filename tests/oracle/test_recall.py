"""A provider takes back what it attested: who may, what waits again, and what a signed batch may settle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from eth_account import Account
from tests.oracle.workplace import FIRST, SECOND, UNPAID, Crash, Workplace, begun_again, open_workplace

from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import RecallAttestation, SettlementBatch
from chainbill.chain.contracts.settlement import ClaimSettlement
from chainbill.errors import AttestationError, IntakeRefused, StateError
from chainbill.operations.provider.recaller import Recalled
from chainbill.operations.provider.worklist import Worklist
from chainbill.oracle.api import Status
from chainbill.oracle.quorum import Quorum
from chainbill.oracle.settling import BATCH_LIFE_SECONDS
from chainbill.oracle.store import OracleStore


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    with open_workplace(tmp_path_factory.mktemp("workplace")) as opened:
        yield opened


@pytest.fixture
def place(opened: Workplace, tmp_path: Path) -> Iterator[Workplace]:
    with begun_again(opened, tmp_path) as place:
        yield place


def recall(
    place: Workplace, *identities: str, key: Signer | None = None, drop: bool = False, dry_run: bool = False
) -> list[Recalled]:
    """What a run of ``provider recall`` does; without identities everything."""
    recaller = place.recaller(key)
    candidates = recaller.named(identities) if identities else recaller.everything()
    return [recaller.take_back(each, drop=drop, dry_run=dry_run) for each in candidates]


def ends(done: list[Recalled]) -> list[str]:
    return [each.end.value for each in done]


# ---- what waits again ---------------------------------------------------------------------------------


def test_recall__everything__waits_again_and_settles_once(place: Workplace) -> None:
    place.attest(FIRST, SECOND)

    assert ends(recall(place)) == ["recalled", "recalled"]

    assert place.standing() == {1: "recalled", 2: "recalled"}
    assert place.settle() == []
    assert [(item.event, item.sequence) for item in place.worklist.waiting()] == [(FIRST, 1), (SECOND, 2)]
    place.attest_waiting()
    assert place.outcomes() == [(1, "settled"), (2, "settled")]


def test_recall__one_record__leaves_the_others(place: Workplace) -> None:
    place.attest(FIRST, SECOND)

    (done,) = recall(place, FIRST.record_identity)

    assert (done.end.value, done.candidate.identity) == ("recalled", FIRST.record_identity)
    assert place.outcomes() == [(2, "settled")]


def test_recall__repeated__changes_nothing(place: Workplace) -> None:
    place.attest(FIRST)
    recall(place, FIRST.record_identity)
    waiting = place.worklist.waiting()

    assert ends(recall(place, FIRST.record_identity)) == ["recalled_before"]
    assert ends(recall(place)) == []
    assert place.worklist.waiting() == waiting


def test_recall__dry_run__says_it_and_changes_nothing(place: Workplace) -> None:
    place.attest(FIRST)

    assert ends(recall(place, dry_run=True)) == ["recalled"]

    assert place.standing() == {1: "accepted"}
    assert place.worklist.counts() == {"waiting": 0, "attested": 1}


def test_recall__dropped__can_be_ingested_anew_with_another_price(place: Workplace) -> None:
    place.attest(FIRST)
    recall(place, drop=True)
    assert place.worklist.counts() == {"waiting": 0, "attested": 0}

    corrected = FIRST.model_copy(update={"billed_amount": 90_000_000})
    (again,) = place.attest(corrected)

    assert (again.attestation.sequence, again.attestation.billed_amount) == (2, 90_000_000)
    assert place.outcomes() == [(2, "settled")]
    assert place.standing() == {2: "settled"}


def test_recall__record_not_in_the_vault__is_not_taken_back_unless_dropped(place: Workplace) -> None:
    (done,) = place.attest(FIRST)
    (place.stage.vault.directory / f"{done.attestation.commitment.hex()}.sealed").unlink()

    assert ends(recall(place)) == ["no_record"]
    assert place.standing() == {1: "accepted"}
    assert ends(recall(place, drop=True)) == ["recalled"]
    assert place.settle() == []


@pytest.mark.parametrize(
    "identity, said, hint",
    [
        ("Encounter/none", "was not attested", "provider worklist"),
        (SECOND.record_identity, "it waits on the worklist", "provider remove"),
    ],
)
def test_recall__what_was_never_attested__says_so(
    place: Workplace, identity: str, said: str, hint: str
) -> None:
    place.enlist(SECOND)
    with pytest.raises(StateError, match=said) as refused:
        recall(place, identity)
    assert hint in (refused.value.hint or "")


# ---- who may ------------------------------------------------------------------------------------------


def test_recall__attester_key__takes_back_what_it_signed_and_nothing_else(place: Workplace) -> None:
    place.attest(FIRST)
    place.attest(SECOND, key=place.night)

    assert ends(recall(place, SECOND.record_identity, key=place.night)) == ["recalled"]
    with pytest.raises(AttestationError, match="may not recall sequence 1"):
        recall(place, FIRST.record_identity, key=place.night)
    assert place.standing() == {1: "accepted", 2: "recalled"}


def test_recall__key_revoked_meanwhile__may_take_back_nothing(place: Workplace) -> None:
    place.attest(FIRST, key=place.night)
    place.revoke(place.night)

    with pytest.raises(AttestationError, match="may not recall"):
        recall(place, key=place.night)
    assert ends(recall(place)) == ["recalled"]  # the payout address's key may


def test_recall__strangers_key__may_take_back_nothing(place: Workplace) -> None:
    place.attest(FIRST)
    with pytest.raises(AttestationError, match="may not recall"):
        recall(place, key=Signer(Account.create()))
    assert place.standing() == {1: "accepted"}


def test_take_back__request_of_long_ago_or_of_another_provider__is_refused(place: Workplace) -> None:
    place.attest(FIRST)
    protocol, domain = place.stage.protocol, place.stage.protocol.domain
    digest = place.one().attestation.digest(domain)
    old = RecallAttestation(place.provider_id, digest, protocol.now() - 1)
    with pytest.raises(AttestationError, match="too long ago"):
        place.oracle.recall(old, place.own.sign(old.digest(domain)))
    other = RecallAttestation(place.provider_id + 1, digest, protocol.now() + 60)
    with pytest.raises(AttestationError, match="no such attestation of this provider"):
        place.oracle.recall(other, place.own.sign(other.digest(domain)))
    assert place.standing() == {1: "accepted"}


# ---- the race with settling ---------------------------------------------------------------------------


def test_recall__settled__cannot_be(place: Workplace) -> None:
    place.attest(FIRST)
    place.settle()

    assert ends(recall(place, FIRST.record_identity)) == ["settled"]
    assert place.standing() == {1: "settled"}
    assert place.worklist.counts() == {"waiting": 0, "attested": 1}


def test_recall__settled_by_a_run_that_wrote_nothing_down__cannot_be(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> NoReturn:
        raise Crash

    place.attest(FIRST)
    with monkeypatch.context() as patch:
        patch.setattr(OracleStore, "finish", crash)
        with pytest.raises(Crash):
            place.settle()

    assert ends(recall(place)) == ["settled"]
    assert place.standing() == {1: "spent"}


def test_recall__in_a_batch_that_is_signed_and_not_mined__comes_back_after_its_deadline(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> NoReturn:
        raise Crash

    place.attest(FIRST)
    with monkeypatch.context() as patch:
        patch.setattr(ClaimSettlement, "settle", crash)
        with pytest.raises(Crash):
            place.settle()

    (done,) = recall(place)

    assert (done.end.value, done.until) == ("in_signed_batch", place.one().signed_until)
    assert place.worklist.counts() == {"waiting": 0, "attested": 1}
    assert place.settle() == []  # it goes into no other batch
    place.stage.devnet.advance(BATCH_LIFE_SECONDS + 60)
    assert ends(recall(place)) == ["recalled"]
    assert place.worklist.counts() == {"waiting": 1, "attested": 0}


def test_recall__pended_and_its_batch_settles_it_nevertheless__is_written_down(place: Workplace) -> None:
    place.attest(UNPAID)
    sent: list[tuple[SettlementBatch, list[bytes]]] = []
    sign = Quorum.sign

    def keep(quorum: Quorum, batch: SettlementBatch) -> list[bytes]:
        sent.append((batch, sign(quorum, batch)))
        return sent[-1][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Quorum, "sign", keep)
        assert place.outcomes() == [(1, "pended")]
    assert ends(recall(place)) == ["in_signed_batch"]
    protocol, patient = place.stage.protocol, place.stage.cast.patients["Patient/poor"].sender
    protocol.token.mint(place.stage.submitter, patient.address, 500_000_000)
    protocol.token.approve(patient, protocol.escrow.address, 500_000_000)
    protocol.escrow.deposit(patient, 500_000_000)

    # Anybody may send the signed batch again, until its deadline.
    protocol.settlement.settle(place.stage.submitter, *sent[0], root_slot=5)

    assert place.settle() == []
    assert place.standing() == {1: "spent"}
    assert ends(recall(place, UNPAID.record_identity)) == ["settled"]


def test_attest__corrected_record_of_a_recalled_one_in_a_signed_batch__waits_for_its_deadline(
    place: Workplace,
) -> None:
    place.attest(UNPAID)
    assert place.outcomes() == [(1, "pended")]
    recall(place, drop=True)
    (listed,) = place.worklist.attested()
    place.worklist.drop(listed)
    place.enlist(UNPAID.model_copy(update={"billed_amount": 1_000_000}))

    with pytest.raises(IntakeRefused, match="may settle until") as refused:
        place.attest_waiting()

    assert refused.value.reason == "duplicate_record"
    place.stage.devnet.advance(BATCH_LIFE_SECONDS + 60)
    (again,) = place.attest_waiting()
    assert again.attestation.sequence == 2


def test_settle__recalled_while_the_nodes_sign__is_not_sent(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.attest(FIRST, SECOND)
    sign = Quorum.sign

    def recall_first(quorum: Quorum, batch: SettlementBatch) -> list[bytes]:
        signed = sign(quorum, batch)
        if place.standing()[1] == "accepted":
            recall(place, FIRST.record_identity)
        return signed

    monkeypatch.setattr(Quorum, "sign", recall_first)

    assert place.outcomes() == [(2, "settled")]
    assert place.standing() == {1: "recalled", 2: "settled"}
    assert not place.stage.protocol.settlement.is_spent(place.provider_id, 1)


# ---- cut off ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [(OracleStore, "recall"), (Worklist, "put_back")])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_recall__cut_off_at_any_step__is_finished_by_repeating_it(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, step: tuple[type, str], after: bool
) -> None:
    place.attest(FIRST, SECOND)
    owner, name = step
    real = getattr(owner, name)

    def crash(*arguments: object) -> NoReturn:
        if after:
            real(*arguments)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, crash)
        with pytest.raises(Crash):
            recall(place)
    place.reopen()

    # Whatever was cut off: nothing recalled settles, and nothing is lost or doubled.
    recall(place)
    assert [item.sequence for item in place.worklist.waiting()] == [1, 2]
    assert place.worklist.attested() == []
    assert [stored.status for stored in place.store.waiting()] == [Status.RECALLED] * 2
    place.attest_waiting()
    assert place.outcomes() == [(1, "settled"), (2, "settled")]
