"""What follows from what is known of a transaction on its way: a clock made up, and no node."""

from __future__ import annotations

import pytest

from chainbill.chain.node.send_state import Patience, SendState, Step

PATIENCE = Patience(receipt=120, renewal=15, second_look=3)


def state() -> SendState:
    return SendState(PATIENCE, now=1_000.0)


@pytest.mark.parametrize(
    "seconds, step",
    [(0, Step.WAIT), (14.9, Step.WAIT), (15, Step.RENEW), (119.9, Step.RENEW), (120, Step.GIVE_UP)],
)
def test_step__nothing_happened__is_looked_after_and_then_given_up(seconds: float, step: Step) -> None:
    assert state().step(1_000 + seconds) is step


def test_step__renewed__waits_as_long_again_and_is_given_up_no_later() -> None:
    sent = state()
    sent.note_renewed(1_015, is_used=False)
    assert sent.step(1_029.9) is Step.WAIT
    assert sent.step(1_030) is Step.RENEW
    sent.note_renewed(1_119, is_used=False)
    assert sent.step(1_120) is Step.GIVE_UP


def test_step__nonce_used_by_another__is_displaced_after_a_second_look() -> None:
    sent = state()
    sent.note_renewed(1_015, is_used=True)
    assert sent.step(1_016.4) is Step.WAIT
    assert sent.step(1_016.5) is Step.RENEW
    sent.note_renewed(1_016.5, is_used=True)
    assert sent.step(1_018) is Step.DISPLACED


def test_step__nonce_free_again__is_not_displaced() -> None:
    """A reorganisation has dropped the block in which another used it."""
    sent = state()
    sent.note_renewed(1_015, is_used=True)
    sent.note_renewed(1_017, is_used=False)
    assert sent.step(1_020) is Step.WAIT


def test_note_progress__others_before_it_mined__waits_anew() -> None:
    sent = state()
    sent.note_progress(1_100)
    assert sent.step(1_114.9) is Step.WAIT
    assert sent.step(1_219) is Step.RENEW
    assert sent.step(1_220) is Step.GIVE_UP


def test_note_progress__the_used_nonce_was_told_of__the_next_one_is_not_displaced_by_it() -> None:
    sent = state()
    sent.note_renewed(1_015, is_used=True)
    sent.note_progress(1_016)
    assert sent.step(1_030) is Step.WAIT
    assert sent.step(1_031) is Step.RENEW


@pytest.mark.parametrize("seconds, pause", [(0, 0.05), (0.2, 0.05), (5, 0.5), (10, 1), (100, 1)])
def test_pause__the_longer_it_takes__the_longer_it_is(seconds: float, pause: float) -> None:
    assert state().pause(1_000 + seconds) == pytest.approx(pause)


def test_patience__as_it_comes__is_well_over_ten_seconds() -> None:
    """A network that has lost a validator made its next block after 9.6 s."""
    assert Patience().renewal > 10
    assert Patience().receipt > 60
