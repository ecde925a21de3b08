"""The steps of a dispute as operations: what each tells, who may, and that none is taken twice."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from tests.support.roles import Town

from chainbill.chain.contracts.settlement import DisputeStatus
from chainbill.chain.roles import GovernorRole
from chainbill.errors import CallDelayed, ChainError, StateError
from chainbill.operations.actor import Actor
from chainbill.operations.claims import disputes
from chainbill.operations.claims.corrections import correct
from chainbill.operations.claims.description import describe_claim, would_reverse
from chainbill.operations.claims.facts import Reversal
from chainbill.operations.claims.lookup import PartyTo, disputed_claims, find_claim
from chainbill.operations.claims.receivables import collect
from chainbill.operations.governor.calls import governor_account
from chainbill.operations.governor.roles import grant_role, revoke_role
from chainbill.state.session import Session

DOLLARS = 1_000_000

WHOLE = Reversal(100 * DOLLARS, 25 * DOLLARS, 75 * DOLLARS, 0, 0)
"""Of a claim that the town settles."""


class Settled:
    """A claim that has settled, and its parties."""

    def __init__(self, town: Town, clinic: str) -> None:
        self.session: Session = town.session()
        name = town.patient(f"of-{clinic}", clinic)
        town.attest(clinic, name, f"{clinic}-a")
        town.settle(clinic)
        book = self.session.book
        self.provider_id = book.get(clinic).provider_id or 0
        self.number = f"{self.provider_id}:1"
        self.patient = Actor.holding(self.session, name)
        self.provider = Actor.holding(self.session, clinic)
        self.insurer = Actor.holding(self.session, "insurer")
        self.payer_id = book.get("insurer").payer_id or 0
        self.arbiter = governor_account(self.session)


@pytest.fixture
def settled(town: Town, clinic: str) -> Settled:
    return Settled(town, clinic)


def test_dispute__by_its_patient__tells_what_is_held_and_until_when(settled: Settled) -> None:
    step = disputes.dispute_as_patient(settled.patient, settled.number)
    block = settled.session.protocol.w3.eth.get_block(step.block or 0)
    assert (step.changed, step.resumed, step.status) == (True, False, DisputeStatus.OPEN)
    assert (step.number, step.patient, step.held) == (settled.number, settled.patient.address, 100 * DOLLARS)
    assert step.effective_at == block["timestamp"]
    assert step.deadline == block["timestamp"] + 3 * 86_400
    assert step.transaction is not None
    assert len(step.transaction) == 66
    assert (step.reversed, step.reversed_in_full, dict(step.receivables)) == (None, False, {})
    with pytest.raises(FrozenInstanceError):
        step.held = 0  # type: ignore[misc]


def test_dispute__found_before__is_not_looked_up_again(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven = find_claim(settled.session, settled.number)
    monkeypatch.setattr("chainbill.operations.claims.lookup.Claims", None)
    assert disputes.dispute_as_insurer(settled.insurer, settled.payer_id, proven).claim_id == proven.claim_id


def test_dispute__anothers_claim__is_none_of_theirs(settled: Settled) -> None:
    with pytest.raises(StateError, match="is none of insurer's"):
        disputes.dispute_as_patient(settled.insurer, settled.number)
    with pytest.raises(StateError, match="is none of insurer's"):
        disputes.dispute_as_insurer(settled.insurer, settled.payer_id + 1000, settled.number)
    with pytest.raises(StateError, match="is none of provider 1000's"):
        disputes.void(settled.provider, 1000, settled.number)


def test_dispute__read_only__says_that_the_key_is_missing(settled: Settled) -> None:
    reading = Actor.reading(settled.session, settled.patient.address)
    with pytest.raises(StateError, match="it can be read, and nothing be sent for it"):
        disputes.dispute_as_patient(reading, settled.number)


def test_concede__disputed__takes_all_of_it_back(settled: Settled) -> None:
    disputes.dispute_as_insurer(settled.insurer, settled.payer_id, settled.number)
    step = disputes.concede(settled.provider, settled.provider_id, settled.number)
    assert (step.status, step.reversed, step.reversed_in_full) == (DisputeStatus.REVERSED, WHOLE, True)
    assert (step.deadline, step.held) == (None, 0)


def test_void__undisputed__takes_all_of_it_back_and_can_be_corrected_once(settled: Settled) -> None:
    proven = find_claim(settled.session, settled.number)
    assert would_reverse(proven) == WHOLE
    waiting = settled.session.vault.open(proven.settled.claim.commitment, settled.provider.vault_key()).event
    with pytest.raises(StateError, match="is not reversed: it stands as none"):
        correct(settled.provider, settled.provider_id, settled.number, waiting)
    assert disputes.void(settled.provider, settled.provider_id, settled.number).reversed == WHOLE
    queued = correct(settled.provider, settled.provider_id, settled.number, waiting)
    assert (queued.added, queued.claim_id, queued.patient) == (
        True,
        proven.claim_id,
        settled.patient.address,
    )
    assert correct(settled.provider, settled.provider_id, settled.number, waiting).added is False


def test_resolve__after_an_answer__takes_back_what_is_ruled(settled: Settled) -> None:
    disputes.dispute_as_patient(settled.patient, settled.number)
    answered = disputes.answer(settled.provider, settled.provider_id, settled.number, "It took place.")
    assert answered.status is DisputeStatus.ANSWERED
    assert answered.statement_file is not None
    assert "It took place." in answered.statement_file.read_text(encoding="utf-8")
    step = disputes.resolve(
        settled.arbiter, settled.number, {"copay": 5 * DOLLARS, "plan_paid": 60 * DOLLARS}
    )
    assert step.reversed == Reversal(35 * DOLLARS, 20 * DOLLARS, 15 * DOLLARS, 0, 0)
    assert (step.status, step.reversed_in_full) == (DisputeStatus.REVERSED, False)
    (listed,) = disputed_claims(settled.session, PartyTo(patient=settled.patient.address))
    assert (listed.status, listed.reversed, listed.reversed_in_full) == (step.status, step.reversed, False)


def test_resolve__arbiter_must_announce__the_announcement_is_not_taken_for_the_ruling(
    town: Town, settled: Settled
) -> None:
    disputes.dispute_as_patient(settled.patient, settled.number)
    disputes.answer(settled.provider, settled.provider_id, settled.number, "It took place.")
    town.ok("patient", "create", "slow-arbiter")
    arbiter = Actor.holding(settled.session, "slow-arbiter")
    grant_role(settled.arbiter, GovernorRole.ARBITER, arbiter.address, delay_seconds=3_600)
    for new in (True, False):
        with pytest.raises(CallDelayed) as delayed:
            disputes.resolve(arbiter, settled.number, "uphold")
        assert delayed.value.new is new
    town.ok("devnet", "advance", "1h")
    step = disputes.resolve(arbiter, settled.number, "uphold")
    assert (step.status, step.resumed) == (DisputeStatus.UPHELD, False)
    revoke_role(settled.arbiter, GovernorRole.ARBITER, arbiter.address)


def test_close__deadline_not_over__says_until_when(settled: Settled) -> None:
    step = disputes.dispute_as_patient(settled.patient, settled.number)
    with pytest.raises(ChainError, match="is not over: the deadline is 2024-"):
        disputes.close(settled.insurer, settled.number)
    assert step.status is DisputeStatus.OPEN


def test_collect__nothing_owed__sends_nothing(settled: Settled) -> None:
    found = collect(settled.insurer, settled.payer_id)
    assert (found.changed, found.transaction, found.paid, found.refund) == (False, None, {}, 0)


def test_describe__by_who_may_read__has_the_service_and_the_day(town: Town, settled: Settled) -> None:
    proven = find_claim(settled.session, settled.number)
    by_patient = describe_claim(settled.session, proven, [settled.patient.name])
    assert (by_patient.number, by_patient.day) == (settled.number, "2024-03-05")
    assert by_patient.service
    town.ok("patient", "create", "curious")
    by_stranger = describe_claim(settled.session, proven, ["curious"])
    assert by_stranger.day is None
    assert describe_claim(settled.session, proven, []).read_by is None


def test_void__after_somebody_had_the_credit_paid_out__takes_the_patients_part_of_the_provider(
    town: Town, settled: Settled
) -> None:
    """Nothing need be known beforehand: whoever pays the credit out meanwhile cannot stand in the way."""
    protocol, address = settled.session.protocol, settled.provider.address
    town.ok("devnet", "advance", "10d")
    protocol.settlement.withdraw(settled.insurer.sender(), settled.provider_id)
    held = protocol.token.balance_of(address)
    step = disputes.void(settled.provider, settled.provider_id, settled.number)
    assert step.reversed == WHOLE
    assert step.receivables == {settled.payer_id: 75 * DOLLARS}
    assert protocol.token.balance_of(address) == held - 25 * DOLLARS
