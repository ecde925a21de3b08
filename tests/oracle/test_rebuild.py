"""The oracle's store or the worklist is lost: what is known again, and that nothing is ever paid twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn, cast

import pytest
from tests.oracle.workplace import FIRST, SECOND, THIRD, UNPAID, Crash, Workplace, begun_again, open_workplace

from chainbill.errors import IntakeRefused
from chainbill.operations.checkup import _worklist
from chainbill.operations.provider.sequences import Block
from chainbill.operations.provider.worklist import Worklist
from chainbill.operations.provider.worklist_rebuild import RebuiltWorklist, rebuild_worklist
from chainbill.oracle.rebuild import RebuiltStore, rebuild_store
from chainbill.oracle.settling import BATCH_LIFE_SECONDS
from chainbill.oracle.store import OracleStore
from chainbill.records.vault import Vault
from chainbill.state.directory import StateDirectory


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    with open_workplace(tmp_path_factory.mktemp("workplace")) as opened:
        yield opened


@pytest.fixture
def place(opened: Workplace, tmp_path: Path) -> Iterator[Workplace]:
    with begun_again(opened, tmp_path) as place:
        yield place


def store_again(place: Workplace) -> RebuiltStore:
    return rebuild_store(place.stage.protocol, place.store)


def worklist_again(place: Workplace, *, with_unsent: bool = False) -> RebuiltWorklist:
    return rebuild_worklist(
        place.stage.protocol,
        place.oracle,
        place.worklist,
        place.stage.vault,
        place.vault_key,
        place.provider_id,
        with_unsent=with_unsent,
    )


def both_again(place: Workplace) -> None:
    store_again(place)
    worklist_again(place)


def refusal(place: Workplace) -> str:
    """Why the first event that waits is not accepted."""
    with pytest.raises(IntakeRefused) as refused:
        place.attest_waiting()
    return refused.value.reason


# ---- the oracle's store -------------------------------------------------------------------------------


def test_store_lost__nothing_more_is_accepted_until_it_is_rebuilt(place: Workplace) -> None:
    place.attest(FIRST)
    place.settle()
    place.lose("oracle")
    place.enlist(SECOND)

    assert refusal(place) == "store_behind"
    store_again(place)
    # The same patient and year: as long as nobody has said which record was paid, it may be this one.
    assert refusal(place) == "records_unknown"
    assert worklist_again(place).named_to_oracle == 1
    assert [done.attestation.sequence for done in place.attest_waiting()] == [2]
    assert place.outcomes() == [(2, "settled")]


def test_rebuild_store__settled_and_denied_claims__are_as_they_were(place: Workplace) -> None:
    place.attest(FIRST, UNPAID, SECOND)
    place.settle()
    before = {sequence: place.one(sequence) for sequence in (1, 3)}
    place.lose("oracle")

    done = store_again(place)

    provider = place.provider_id
    assert done.restored == [(provider, 1), (provider, 3)]
    assert done.to_attest_again == [(provider, 2)]
    for sequence, stored in before.items():
        again = place.one(sequence)
        assert (again.attestation, again.status) == (stored.attestation, stored.status)
        assert again.claim_id == stored.claim_id != b""
        assert again.signature == b""
    assert len(place.store.batches()) == 1


def test_rebuild_store__repeated__changes_nothing(place: Workplace) -> None:
    place.attest(FIRST, SECOND)
    place.settle()
    place.lose("oracle")
    store_again(place)

    assert store_again(place) == RebuiltStore(records_unknown=2)


def test_rebuild_store__older_copy_put_back__is_brought_up_to_date(place: Workplace) -> None:
    place.attest(FIRST, SECOND)
    old = (place.folder / "oracle.sqlite").read_bytes()
    place.settle()
    place.lose("oracle")
    (place.folder / "oracle.sqlite").write_bytes(old)
    place.reopen()

    done = store_again(place)

    assert len(done.corrected) + len(done.restored) == 2
    assert {place.one(sequence).status.value for sequence in (1, 2)} == {"settled"}
    assert place.settle() == []


def test_rebuild_store__same_record_again__is_refused_as_a_duplicate(place: Workplace) -> None:
    place.attest(FIRST)
    place.settle()
    paid = place.paid()
    place.lose("oracle", "worklist")
    store_again(place)
    worklist_again(place)

    # The same record read again from its file: known, and not put on the list.
    assert place.enlist(FIRST) == [False]
    place.lose("worklist")
    place.enlist(FIRST)
    (done,) = place.attest_waiting()

    assert (done.repeated, done.attestation.sequence) == (True, 1)
    assert place.settle() == []
    assert place.paid() == paid


def test_rebuild_store__records_that_nobody_can_tell__are_given_up_when_asked(place: Workplace) -> None:
    place.attest(FIRST)
    place.settle()
    place.lose("oracle", "worklist")
    for sealed in place.stage.vault.directory.iterdir():
        sealed.unlink()
    store_again(place)
    rebuilt = worklist_again(place)
    assert (rebuilt.without_record, rebuilt.block) == ([(place.provider_id, 1)], Block(0, 255, unused=254))
    place.enlist(SECOND)
    assert refusal(place) == "records_unknown"

    assert place.store.give_up_records() == 1

    assert [done.attestation.sequence for done in place.attest_waiting()] == [2]


def test_rebuild_store__block_with_a_rebuilt_claim_dropped__holds_it_for_want_of_a_signature(
    place: Workplace,
) -> None:
    place.attest(FIRST)
    place.settle()
    place.lose("oracle")
    store_again(place)

    place.stage.devnet.anvil.call("anvil_reorg", 1, [])

    assert place.settle() == []
    assert place.standing() == {1: "held: not_signed"}


# ---- the worklist -------------------------------------------------------------------------------------


def test_rebuild_worklist__lost_with_all_kinds__knows_them_again(place: Workplace) -> None:
    place.attest(FIRST)
    place.settle()
    place.attest(SECOND)
    place.lose("worklist")

    done = worklist_again(place)

    assert sorted(done.attested) == [FIRST.record_identity, SECOND.record_identity]
    assert done.block == Block(0, 255, unused=253)
    attested = {each.record_identity: (each.sequence, each.commitment) for each in place.worklist.attested()}
    assert attested == {
        FIRST.record_identity: (1, place.one(1).attestation.commitment),
        SECOND.record_identity: (2, place.one(2).attestation.commitment),
    }
    assert place.enlist(FIRST, SECOND, THIRD) == [False, False, True]
    assert [done.attestation.sequence for done in place.attest_waiting()] == [3]
    assert worklist_again(place).attested == []


def test_rebuild_worklist__records_gone_too__gives_no_number_that_the_chain_knows(
    place: Workplace, tmp_path: Path
) -> None:
    place.attest(FIRST)
    place.settle()
    place.lose("worklist")
    no_records = Vault(tmp_path / "empty")

    done = rebuild_worklist(
        place.stage.protocol, place.oracle, place.worklist, no_records, place.vault_key, place.provider_id
    )

    assert (done.attested, done.block) == ([], Block(0, 255, unused=254))
    assert place.worklist.may_reserve([1, 2]) == {2}


def test_checkup__older_worklist_that_could_give_a_number_again__is_no_warning_but_a_failure(
    place: Workplace,
) -> None:
    place.attest(FIRST)
    place.settle()
    older = place.folder / "older"
    with closing(sqlite3.connect(place.folder / "worklist.sqlite")) as database:
        database.execute("VACUUM INTO ?", (str(older),))
    place.attest(SECOND)
    place.settle()
    rows = place.stage.protocol.rows.rows(place.provider_id)
    state = cast(StateDirectory, SimpleNamespace(provider_database=lambda _: older))

    assert _worklist(state, "clinic", rows).verdict == "fail"
    Worklist(older).take_sequences([2])
    assert _worklist(state, "clinic", rows).verdict == "warn"


def test_rebuild_worklist__read_again_under_numbers_that_are_spent__gives_them_others(
    place: Workplace,
) -> None:
    place.attest(FIRST, SECOND)
    place.settle()
    paid = place.paid()
    place.lose("worklist", "oracle")
    # Read and attested anew before anybody noticed: the list counts from 1 again.
    place.enlist(THIRD, FIRST)
    for waiting in place.worklist.waiting():
        place.worklist.reserve_sequence(waiting)
    store_again(place)

    worklist_again(place)

    (waiting,) = place.worklist.waiting()
    assert (waiting.event, waiting.sequence) == (THIRD, None)
    assert place.attest_waiting()[0].attestation.sequence == 3
    assert place.outcomes() == [(3, "settled")]
    assert place.paid() > paid
    assert len(place.stage.protocol.rows.rows(place.provider_id)) == 3


def test_rebuild__attested_and_not_sent_and_both_lost__is_attested_again_and_paid_once(
    place: Workplace,
) -> None:
    place.attest(FIRST)
    place.settle()
    place.attest(SECOND)
    place.lose("oracle", "worklist")
    store_again(place)

    done = worklist_again(place)

    # Nobody can tell that it was attested, or whether it was removed on purpose: it is named.
    assert [lost.opening.event for lost in done.unsent] == [SECOND]
    assert place.worklist.waiting() == []
    assert worklist_again(place, with_unsent=True).unsent == []
    assert [again.attestation.sequence for again in place.attest_waiting()] == [2]
    assert place.outcomes() == [(2, "settled")]
    assert place.enlist(SECOND) == [False]


def test_rebuild_worklist__attestations_lost_with_the_store__wait_under_their_own_numbers(
    place: Workplace,
) -> None:
    sent = place.attest(FIRST, SECOND)
    place.lose("oracle")

    done = worklist_again(place)

    assert done.to_attest_again == [FIRST.record_identity, SECOND.record_identity]
    again = place.attest_waiting()
    assert [each.attestation for each in again] == [each.attestation for each in sent]
    assert worklist_again(place).to_attest_again == []
    assert place.outcomes() == [(1, "settled"), (2, "settled")]


def test_rebuild_worklist__put_back_by_the_chain_and_both_lost__has_the_chains_number(
    place: Workplace,
) -> None:
    place.attest(FIRST, UNPAID)
    assert place.outcomes() == [(1, "settled"), (2, "pended")]
    place.lose("oracle", "worklist")
    store_again(place)

    done = worklist_again(place)

    assert done.to_attest_again == [UNPAID.record_identity]
    (waiting,) = place.worklist.waiting()
    assert (waiting.event, waiting.sequence) == (UNPAID, 2)
    place.attest_waiting()
    assert place.outcomes() == [(2, "pended")]


def test_rebuild_worklist__attestation_and_record_gone__comes_off_the_list(place: Workplace) -> None:
    (done,) = place.attest(FIRST)
    (place.stage.vault.directory / f"{done.attestation.commitment.hex()}.sealed").unlink()
    place.lose("oracle")

    assert worklist_again(place).to_ingest_again == [FIRST.record_identity]

    assert place.enlist(FIRST) == [True]


def test_rebuild_worklist__recalled_before__does_not_come_back_by_itself(place: Workplace) -> None:
    place.attest(FIRST)
    recaller = place.recaller()
    for candidate in recaller.everything():
        recaller.take_back(candidate, drop=True, dry_run=False)
    place.lose("worklist")

    done = worklist_again(place, with_unsent=True)

    assert (done.recalled, place.worklist.waiting()) == ([FIRST.record_identity], [])
    # Read again it gets a new number, and the oracle lets it take the recalled one's place.
    place.stage.devnet.advance(BATCH_LIFE_SECONDS)
    assert [again.attestation.sequence for again in place.attest(FIRST)] == [2]


def test_rebuild_worklist__another_providers_records__are_left_alone(place: Workplace) -> None:
    from chainbill.records.commitment import Opening
    from chainbill.records.vault import VaultKey

    place.attest(FIRST)
    place.stage.vault.seal(Opening(THIRD, b"t" * 16), [VaultKey.generate().public])
    place.lose("worklist")

    done = worklist_again(place, with_unsent=True)

    assert (done.attested, done.unsent) == ([FIRST.record_identity], [])


def test_worklist_lost__read_and_attested_anew__knows_the_numbers(place: Workplace) -> None:
    place.attest(FIRST, SECOND)
    place.settle()
    place.lose("worklist")

    # Read in another order: FIRST waits under the number that SECOND was attested under.
    place.enlist(FIRST, SECOND)
    waiting, _ = place.worklist.waiting()
    place.worklist.take_sequences({1})
    assert place.worklist.reserve_sequence(waiting) == 2
    done = place.attest_waiting()

    assert [(each.repeated, each.attestation.sequence) for each in done] == [(True, 1), (True, 2)]
    assert [each.sequence for each in place.worklist.attested()] == [1, 2]


def test_rebuild_worklist__attested_under_numbers_that_nobody_wrote_down__learns_them(
    place: Workplace,
) -> None:
    place.attest(FIRST, SECOND)
    place.settle()
    place.attest(THIRD)
    with closing(sqlite3.connect(place.folder / "worklist.sqlite")) as database, database:
        database.execute("UPDATE event SET sequence = NULL")
    assert [each.sequence for each in place.worklist.attested()] == [None, None, None]

    done = worklist_again(place)

    assert done.attested == [FIRST.record_identity, SECOND.record_identity, THIRD.record_identity]
    assert [each.sequence for each in place.worklist.attested()] == [1, 2, 3]
    assert worklist_again(place).attested == []


# ---- cut off ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    [
        (OracleStore, "restore"),
        (OracleStore, "name_record"),
        (Worklist, "restore_attested"),
        (Worklist, "restore_waiting"),
        (Worklist, "take_sequences"),
    ],
    ids=lambda step: step[1],
)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_rebuild__cut_off_at_any_step__is_finished_by_repeating_it(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, step: tuple[type, str], after: bool
) -> None:
    place.attest(FIRST, SECOND, UNPAID)
    place.settle()
    paid = place.paid()
    place.lose("oracle", "worklist")
    owner, name = step
    real = getattr(owner, name)

    def crash(*arguments: object, **named: object) -> NoReturn:
        if after:
            real(*arguments, **named)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, crash)
        with pytest.raises(Crash):
            both_again(place)
    place.reopen()

    both_again(place)

    assert place.standing() == {1: "settled", 2: "settled"}
    assert place.store.unknown_records() == []
    assert [each.sequence for each in place.worklist.attested()] == [1, 2]
    assert [(item.event, item.sequence) for item in place.worklist.waiting()] == [(UNPAID, 3)]
    assert place.worklist.block() == Block(0, 255, unused=252)
    place.attest_waiting()
    assert place.outcomes() == [(3, "pended")]
    assert place.paid() == paid
