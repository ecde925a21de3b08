"""What is done and shown to nobody is told by the next run: an errand is over once somebody was told."""

from __future__ import annotations

import threading

import pytest
from tests.support.testbed import Testbed

from chainbill.money import DOLLAR
from chainbill.operations.patient import wallet
from chainbill.state.session import Session
from chainbill.state.untold import Untold


@pytest.fixture
def telling(session: Session, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session of a program that shows what was done."""
    monkeypatch.setattr(session, "untold", Untold())
    return session


def untold_of(session: Session) -> Untold:
    """What the program has not shown yet."""
    assert session.untold is not None
    return session.untold


def test_untold__program_ends_before_it_could_tell__the_next_does(testbed: Testbed, telling: Session) -> None:
    patient = testbed.account(100)
    assert wallet.deposit_with_permit(patient, DOLLAR).resumed is False
    untold_of(telling).never_told()
    again = wallet.deposit_with_permit(patient, DOLLAR)
    assert (again.resumed, again.balance) == (True, DOLLAR)


def test_untold__told__is_over(testbed: Testbed, telling: Session) -> None:
    patient = testbed.account(100)
    wallet.deposit_with_permit(patient, DOLLAR)
    untold_of(telling).told()
    again = wallet.deposit_with_permit(patient, DOLLAR)
    assert (again.resumed, again.balance) == (False, 2 * DOLLAR)


def test_untold__ends_after_it_was_shown__is_over_at_its_end(testbed: Testbed, telling: Session) -> None:
    patient = testbed.account(100)
    untold_of(telling).told()
    wallet.deposit_with_permit(patient, DOLLAR)
    assert wallet.deposit_with_permit(patient, DOLLAR).resumed is False


def test_untold__until_it_is_told__keeps_others_from_the_same_errand(
    testbed: Testbed, telling: Session
) -> None:
    patient, done = testbed.account(100), []
    wallet.deposit_with_permit(patient, DOLLAR)
    other = threading.Thread(target=lambda: done.append(wallet.deposit_with_permit(patient, DOLLAR)))
    other.start()
    other.join(0.5)
    assert done == [], "it may be taken for what the first did"
    untold_of(telling).told()
    other.join(30)
    assert [each.resumed for each in done] == [False]


def test_untold__refused__is_over_at_once(testbed: Testbed, telling: Session) -> None:
    patient = testbed.account()
    with pytest.raises(Exception, match="holds"):
        wallet.deposit_with_permit(patient, DOLLAR)
    untold_of(telling).never_told()
