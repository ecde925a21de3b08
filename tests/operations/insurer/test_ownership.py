"""Whose a payer contract is."""

from __future__ import annotations

import pytest
from tests.support.testbed import Testbed

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.errors import AttestationError, ChainError, StateError
from chainbill.operations.actor import Actor
from chainbill.operations.insurer import account
from chainbill.operations.insurer.ownership import accept_ownership, cancel_transfer, transfer_ownership
from chainbill.operations.insurer.pool import balance
from chainbill.state.address_book import Role
from chainbill.state.session import Session


def test_transfer_ownership__taken__is_the_other_account_s(testbed: Testbed) -> None:
    (insurer, payer_id), other = testbed.insurer(), testbed.account()
    done = transfer_ownership(insurer, payer_id, other.address)
    assert (done.changed, done.payer_id, done.offered_to) == (True, payer_id, other.address)
    assert balance(insurer, payer_id).offered_to == other.address
    sent = testbed.sent_by(insurer)
    assert transfer_ownership(insurer, payer_id, other.address).changed is False
    assert testbed.sent_by(insurer) == sent

    taken = accept_ownership(other, payer_id)
    assert (taken.changed, taken.effective_at) == (True, testbed.session.now())
    assert accept_ownership(other, payer_id).changed is False
    assert account.payer_of(other) == payer_id
    with pytest.raises(StateError, match="has taken it over"):
        transfer_ownership(insurer, payer_id, testbed.account().address)


def test_accept_ownership__by_name__is_written_down(session: Session) -> None:
    made = account.create(session, "giver", mint=0)
    giver = Actor.named(session, "giver", Role.INSURER)
    offer = transfer_ownership(giver, made.payer_id, "taker", new=True)
    taker = Actor.named(session, "taker", Role.INSURER)
    assert offer.offered_to == taker.address
    # Cut off before it could write that down, it is completed by the next run.
    session.protocol.payer(made.payer_id).accept_ownership(taker.sender())
    assert accept_ownership(taker, made.payer_id).changed is False
    assert session.book.get("taker").payer_id == made.payer_id
    assert session.book.get("giver").payer_id is None
    with pytest.raises(StateError, match="is not giver's any more") as refused:
        cancel_transfer(giver, made.payer_id)
    assert refused.value.hint == "act as that account: `who=taker`"


def test_cancel_transfer__offered__cannot_be_taken(testbed: Testbed) -> None:
    (insurer, payer_id), other = testbed.insurer(), testbed.account()
    with pytest.raises(StateError, match="is offered to nobody"):
        cancel_transfer(insurer, payer_id)
    transfer_ownership(insurer, payer_id, other.address)
    off = cancel_transfer(insurer, payer_id)
    assert (off.changed, off.offered_to) == (True, None)
    with pytest.raises(StateError, match=f"payer {payer_id} is not offered to"):
        accept_ownership(other, payer_id)


def test_transfer_ownership__to_whom_it_cannot_be__is_refused(testbed: Testbed, session: Session) -> None:
    insurer, payer_id = testbed.insurer()
    has_one = account.create(session, "has-one", mint=0)
    for taker, error, said in (
        (ZERO_ADDRESS, StateError, "the zero address is nobody's"),
        ("0x12", AttestationError, "is not an address"),
        (insurer.address, StateError, "'s own already"),
        ("has-one", StateError, f"has-one has payer {has_one.payer_id} already"),
        ("patient", StateError, "no insurer named 'patient'"),
    ):
        with pytest.raises(error, match=said):
            transfer_ownership(insurer, payer_id, taker)
    assert testbed.sent_by(insurer) == 0


def test_accept_ownership__by_whom_it_cannot_be__is_refused(testbed: Testbed, session: Session) -> None:
    account.create(session, "has-another", mint=0)
    other = Actor.named(session, "has-another", Role.INSURER)
    with pytest.raises(StateError, match="and an account acts for one alone"):
        accept_ownership(other, testbed.insurer()[1])
    with pytest.raises(ChainError, match="there is no payer 999"):
        accept_ownership(other, 999)
