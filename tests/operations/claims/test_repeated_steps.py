"""Steps of a dispute that were taken before: told as they stand, since when, and without a transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.operations.claims.test_disputes import WHOLE, Settled
from tests.support.roles import Town

from chainbill.chain.contracts.settlement import DisputeStatus
from chainbill.errors import ChainError
from chainbill.operations.actor import Actor
from chainbill.operations.claims import disputes, steps_taken
from chainbill.operations.claims.disputes import DisputeStep
from chainbill.operations.patient.intents import dispute_intent
from chainbill.operations.patient.signed_intents import sign
from chainbill.operations.relay import submit

STATEMENT = "It took place."


@pytest.fixture
def settled(town: Town, clinic: str) -> Settled:
    return Settled(town, clinic)


def answer(settled: Settled, statement: str = STATEMENT) -> DisputeStep:
    return disputes.answer(settled.provider, settled.provider_id, settled.number, statement)


def concede(settled: Settled) -> DisputeStep:
    return disputes.concede(settled.provider, settled.provider_id, settled.number)


def void(settled: Settled) -> DisputeStep:
    return disputes.void(settled.provider, settled.provider_id, settled.number)


def dispute(settled: Settled) -> DisputeStep:
    return disputes.dispute_as_patient(settled.patient, settled.number)


def told(settled: Settled, by: Actor, take: Callable[[], DisputeStep]) -> DisputeStep:
    """What is told of a step that sends nothing."""
    w3 = settled.session.protocol.w3
    before, block = w3.eth.get_transaction_count(by.address), w3.eth.block_number
    step = take()
    assert (w3.eth.get_transaction_count(by.address), w3.eth.block_number) == (before, block)
    assert step.changed is False
    return step


def test_dispute__by_the_same_party__is_told_as_it_stands(settled: Settled) -> None:
    done = dispute(settled)
    assert told(settled, settled.patient, lambda: dispute(settled)) == replace(done, changed=False)
    # Another party has not disputed it yet.
    joined = disputes.dispute_as_insurer(settled.insurer, settled.payer_id, settled.number)
    assert joined.changed is True
    conceded = concede(settled)
    again = told(settled, settled.patient, lambda: dispute(settled))
    assert (again.transaction, again.effective_at) == (done.transaction, done.effective_at)
    assert (again.status, again.reversed) == (DisputeStatus.REVERSED, conceded.reversed)


def test_dispute__reversed_without_one__is_refused(settled: Settled) -> None:
    void(settled)
    with pytest.raises(ChainError, match="is reversed already"):
        dispute(settled)


def test_concede__nothing_left_of_it__is_told_by_whichever_step(settled: Settled) -> None:
    dispute(settled)
    done = concede(settled)
    for again in (concede, void):
        assert told(settled, settled.provider, lambda again=again: again(settled)) == replace(  # type: ignore[misc]
            done, changed=False
        )


def test_concede__not_disputed__is_refused(settled: Settled) -> None:
    with pytest.raises(ChainError, match="is not disputed"):
        concede(settled)


def test_void__twice__is_told_as_it_stands(settled: Settled) -> None:
    done = void(settled)
    assert told(settled, settled.provider, lambda: void(settled)) == replace(done, changed=False)
    assert done.reversed == WHOLE


def test_answer__in_the_same_words__is_told_with_its_file(settled: Settled) -> None:
    dispute(settled)
    done = answer(settled)
    assert told(settled, settled.provider, lambda: answer(settled)) == replace(done, changed=False)
    disputes.resolve(settled.arbiter, settled.number, "uphold")
    again = told(settled, settled.provider, lambda: answer(settled))
    assert (again.status, again.transaction) == (DisputeStatus.UPHELD, done.transaction)


def test_answer__in_other_words__is_refused_and_leaves_no_file(settled: Settled) -> None:
    with pytest.raises(ChainError, match="is not disputed"):
        answer(settled)
    dispute(settled)
    answer(settled)
    answers = settled.session.state.answers
    before = {path: path.read_bytes() for path in answers.iterdir()}
    with pytest.raises(ChainError, match="is answered already, and no answer in these words is kept here"):
        answer(settled, "Another.")
    assert {path: path.read_bytes() for path in answers.iterdir()} == before
    disputes.resolve(settled.arbiter, settled.number, "reverse")
    with pytest.raises(ChainError, match="is reversed already"):
        answer(settled, "Another.")


def test_answer__refused_and_said_otherwise__keeps_both(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispute(settled)
    with monkeypatch.context() as patch:
        patch.setattr(type(settled.provider.protocol.settlement), "answer", late)
        with pytest.raises(ChainError, match="the node is gone"):
            answer(settled)
    done = answer(settled, "In other words.")
    kept = settled.session.state.answers.glob(f"{done.claim_id.hex()}*.json")
    assert done.statement_file in kept
    # What was kept and is not on chain is no answer.
    with pytest.raises(ChainError, match="is answered already"):
        answer(settled)


def late(*_: object) -> None:
    raise ChainError("the node is gone")


def test_resolve__the_same_ruling__is_told_another_is_refused(settled: Settled) -> None:
    dispute(settled)
    answer(settled)
    part = {"copay": 5_000_000, "plan_paid": 60_000_000}
    done = disputes.resolve(settled.arbiter, settled.number, part)  # type: ignore[arg-type]
    again = told(
        settled,
        settled.arbiter,
        lambda: disputes.resolve(settled.arbiter, settled.number, part),  # type: ignore[arg-type]
    )
    assert again == replace(done, changed=False)
    for other in ("reverse", "uphold", {"copay": 5_000_000}):
        with pytest.raises(ChainError, match="is reversed already"):
            disputes.resolve(settled.arbiter, settled.number, other)  # type: ignore[arg-type]
    # Something is left of it.
    with pytest.raises(ChainError, match="is reversed already"):
        void(settled)


def test_resolve__upheld__is_told_and_cannot_be_reversed(settled: Settled) -> None:
    dispute(settled)
    answer(settled)
    done = disputes.resolve(settled.arbiter, settled.number, "uphold")
    again = told(
        settled, settled.arbiter, lambda: disputes.resolve(settled.arbiter, settled.number, "uphold")
    )
    assert again == replace(done, changed=False)
    with pytest.raises(ChainError, match="is upheld already"):
        disputes.resolve(settled.arbiter, settled.number, "reverse")


@pytest.mark.parametrize("answered", [False, True])
def test_close__ended__is_told_as_it_stands(town: Town, settled: Settled, answered: bool) -> None:
    with pytest.raises(ChainError, match="is not disputed"):
        disputes.close(settled.insurer, settled.number)
    dispute(settled)
    if answered:
        answer(settled)
    town.ok("devnet", "advance", "15d" if answered else "4d")
    done = disputes.close(settled.insurer, settled.number)
    assert done.status is (DisputeStatus.UPHELD if answered else DisputeStatus.REVERSED)
    again = told(settled, settled.insurer, lambda: disputes.close(settled.insurer, settled.number))
    assert again == replace(done, changed=False)


def test_relayed_dispute__disputed_by_the_patient_already__is_told_by_whichever(settled: Settled) -> None:
    signed = sign(settled.patient, dispute_intent(settled.patient, settled.number))
    done = submit(settled.insurer, signed)
    w3 = settled.session.protocol.w3
    block = w3.eth.block_number
    assert submit(settled.insurer, signed) == replace(done, changed=False)
    by_itself = dispute(settled)
    assert (by_itself.changed, by_itself.transaction) == (False, done.transaction)
    assert w3.eth.block_number == block


def test_step__somebody_else_is_faster__is_told_as_it_stands(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispute(settled)
    done = concede(settled)
    looked = iter([False, True])  # It was not yet so when it was looked at.
    really = steps_taken.reversed_in_full
    monkeypatch.setattr(
        steps_taken, "reversed_in_full", lambda *given: really(*given) if next(looked) else None
    )
    assert concede(settled) == replace(done, changed=False)
