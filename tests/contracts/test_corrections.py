"""Corrections: a new claim that names a reversed one, once, by the provider whose it was."""

from __future__ import annotations

import pytest
from tests.contracts.claims import Settled
from tests.contracts.rulings import ruling
from tests.contracts.situations import endings
from tests.support.deployment import THERAPY, Credit, Protocol
from tests.support.evm import Receipt, reverts

from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.format.events import ClaimCorrected, ClaimSettled, DisputeParty
from chainbill.money import DOLLAR

REVERSED, CORRECTED = 4, 5
NOT_REVERSED = (Outcome.PENDED, Reason.NOT_REVERSED)


def reversed_claim(protocol: Protocol, sequence: int = 1) -> Settled:
    """A visit that was settled and given back."""
    settled = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, sequence)))
    protocol.void(settled)
    return settled


def correct(protocol: Protocol, claim_id: bytes, sequence: int = 2, **section: int) -> Receipt:
    """Settle a correction that names the claim."""
    row = protocol.row(protocol.patient, sequence, billed=120 * DOLLAR, corrects=claim_id)
    return protocol.submit(protocol.batch([protocol.corrections(row, **section)]))


def status(protocol: Protocol, settled: Settled) -> int:
    return int(protocol.settlement.read("disputeOf", settled.claim_id)[0])


def test_correction__of_a_reversed_claim__settles_and_names_it(protocol: Protocol) -> None:
    wrong = reversed_claim(protocol)
    receipt = correct(protocol, wrong.claim_id)
    (event,) = receipt.of(ClaimSettled)
    assert receipt.of(ClaimCorrected) == [ClaimCorrected(wrong.claim_id, event.claim.commitment)]
    assert receipt.events.index(receipt.of(ClaimCorrected)[0]) == receipt.events.index(event) + 1
    assert protocol.credit_of() == Credit(maturing=120 * DOLLAR)
    assert status(protocol, wrong) == CORRECTED
    protocol.assert_solvent()


def test_correction__of_a_claim_reversed_in_part__settles(protocol: Protocol) -> None:
    settled = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, 1)))
    protocol.dispute(settled)
    protocol.answer(settled)
    protocol.resolve(settled, ruling(settled, allowed=110 * DOLLAR, plan_paid=0))
    correct(protocol, settled.claim_id)
    assert status(protocol, settled) == CORRECTED


def test_correction__second_of_one_claim__is_pended(protocol: Protocol) -> None:
    wrong = reversed_claim(protocol)
    correct(protocol, wrong.claim_id)
    assert endings(correct(protocol, wrong.claim_id, sequence=3)) == [(3, *NOT_REVERSED)]
    assert not protocol.is_spent(3)


def test_correction__two_of_one_claim_in_one_batch__settles_the_first(protocol: Protocol) -> None:
    wrong = reversed_claim(protocol)
    rows = [protocol.row(protocol.patient, n, corrects=wrong.claim_id) for n in (2, 3)]
    receipt = protocol.submit(protocol.batch([protocol.corrections(*rows)]))
    assert [event.claim.sequence for event in receipt.of(ClaimSettled)] == [2]
    assert endings(receipt) == [(3, *NOT_REVERSED)]


def test_correction__of_a_claim_that_stands__is_pended(protocol: Protocol) -> None:
    settled = protocol.settled_claim(protocol.settle(protocol.row(protocol.patient, 1)))
    assert endings(correct(protocol, settled.claim_id)) == [(2, *NOT_REVERSED)]
    protocol.dispute(settled)
    assert endings(correct(protocol, settled.claim_id)) == [(2, *NOT_REVERSED)]
    protocol.answer(settled)
    assert endings(correct(protocol, settled.claim_id)) == [(2, *NOT_REVERSED)]
    protocol.resolve(settled, ruling(settled))
    assert endings(correct(protocol, settled.claim_id)) == [(2, *NOT_REVERSED)]
    protocol.void(settled)
    assert correct(protocol, settled.claim_id).of(ClaimCorrected)


@pytest.mark.parametrize("claim_id", [bytes(32), b"\x01" * 32])
def test_correction__of_no_claim__is_pended(protocol: Protocol, claim_id: bytes) -> None:
    assert endings(correct(protocol, claim_id)) == [(2, *NOT_REVERSED)]


def test_correction__by_another_provider__is_pended(protocol: Protocol) -> None:
    """Else anybody who can attest could use up a correction that is not theirs."""
    wrong = reversed_claim(protocol)
    other = protocol.register_provider(protocol.stranger)
    protocol.accept_provider(other)
    protocol.grant(protocol.patient, provider_id=other)
    assert endings(correct(protocol, wrong.claim_id, provider_id=other)) == [(2, *NOT_REVERSED)]
    assert correct(protocol, wrong.claim_id).of(ClaimCorrected)


def test_correction__pended_for_another_reason__may_come_again(protocol: Protocol) -> None:
    wrong = reversed_claim(protocol)
    protocol.grant(protocol.patient, 0)
    protocol.advance(86_400)
    receipt = correct(protocol, wrong.claim_id)
    assert endings(receipt) == [(2, Outcome.PENDED, Reason.OVER_CONSENT_LIMIT)]
    assert status(protocol, wrong) == REVERSED
    protocol.advance(86_400)
    protocol.grant(protocol.patient)
    assert correct(protocol, wrong.claim_id).of(ClaimCorrected)


def test_correction__denied__uses_nothing_up(protocol: Protocol) -> None:
    wrong = reversed_claim(protocol)
    row = protocol.row(protocol.patient, 2, THERAPY, units=5, corrects=wrong.claim_id)
    receipt = protocol.submit(protocol.batch([protocol.corrections(row)]))
    assert endings(receipt) == [(2, Outcome.DENIED, Reason.ANNUAL_UNITS_EXCEEDED)]
    assert not receipt.of(ClaimCorrected)
    assert status(protocol, wrong) == REVERSED
    assert correct(protocol, wrong.claim_id, sequence=3).of(ClaimCorrected)


def test_correction__payers_tokens_cannot_move__uses_nothing_up(unruly: Protocol) -> None:
    wrong = reversed_claim(unruly)
    unruly.token.send(unruly.stranger, "setBlocked", unruly.payer.address, True)
    assert endings(correct(unruly, wrong.claim_id)) == [(2, Outcome.PENDED, Reason.PAYER_FAILED)]
    assert status(unruly, wrong) == REVERSED
    unruly.token.send(unruly.stranger, "setBlocked", unruly.payer.address, False)
    assert correct(unruly, wrong.claim_id).of(ClaimCorrected)


def test_correction__is_a_claim_like_any_other__disputed_reversed_and_corrected(protocol: Protocol) -> None:
    wrong = reversed_claim(protocol)
    second = protocol.settled_claim(correct(protocol, wrong.claim_id))
    protocol.dispute(second, DisputeParty.PRIMARY)
    protocol.concede(second)
    assert correct(protocol, second.claim_id, sequence=3).of(ClaimCorrected)
    assert (status(protocol, wrong), status(protocol, second)) == (CORRECTED, CORRECTED)
    protocol.assert_solvent()


def test_corrected_claim__cannot_be_reversed_again(protocol: Protocol) -> None:
    wrong = reversed_claim(protocol)
    correct(protocol, wrong.claim_id)
    for verb in ("dispute", "void", "concede", "close"):
        with reverts("WrongStatus", status=CORRECTED):
            getattr(protocol, verb)(wrong)
