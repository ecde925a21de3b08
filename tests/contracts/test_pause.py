"""`pause` stops new settlements and nothing else."""

from __future__ import annotations

import pytest
from tests.support.deployment import MAX_BATCH_LIFE, NOTICE, RULING_TIME, YEAR, Protocol
from tests.support.evm import reverts

from chainbill.chain.format.events import Paused, Unpaused
from chainbill.money import DOLLAR


def pause(protocol: Protocol) -> None:
    protocol.settlement.send(protocol.governor, "pause")


def unpause(protocol: Protocol) -> None:
    protocol.settlement.send(protocol.governor, "unpause")


def test_pause__and_unpause__stop_and_resume_settlement(protocol: Protocol) -> None:
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    assert protocol.settlement.send(protocol.governor, "pause").events == (Paused(protocol.governor),)
    with reverts("EnforcedPause"):
        protocol.submit(batch)
    assert not protocol.is_spent(1)
    assert protocol.settlement.send(protocol.governor, "unpause").events == (Unpaused(protocol.governor),)
    assert protocol.submit(batch).value == (1, 0, 0, 0)


def test_pause__quorums_old_and_new__are_all_stopped(protocol: Protocol) -> None:
    """Whether a quorum was opened before the pause or in it, and whatever else may be wrong with a batch."""
    sections = [protocol.section(protocol.row(protocol.patient, 1))]
    protocol.open_epoch()
    pause(protocol)
    protocol.open_epoch()
    for epoch in range(5):
        batch = protocol.batch(sections, epoch=epoch)
        for signatures in (protocol.sign(batch), []):
            with reverts("EnforcedPause"):
                protocol.submit(batch, signatures)
    unpause(protocol)
    for epoch in (1, 2, 3):
        with protocol.rolled_back():
            assert protocol.submit(protocol.batch(sections, epoch=epoch)).value == (1, 0, 0, 0)


def test_unpause__quorum_ended_in_the_pause__stays_ended(protocol: Protocol) -> None:
    batch = protocol.batch([protocol.section(protocol.row(protocol.patient, 1))])
    pause(protocol)
    protocol.settlement.send(protocol.governor, "endEpoch", 1)
    unpause(protocol)
    with reverts("EpochOver", epoch=1, endsAt=protocol.evm.now):
        protocol.submit(batch)


def test_unpause__quorum_followed_in_the_pause__ends_when_its_time_comes(protocol: Protocol) -> None:
    sections = [protocol.section(protocol.row(protocol.patient, 1))]
    pause(protocol)
    protocol.open_epoch()
    ends_at = protocol.evm.now + MAX_BATCH_LIFE
    unpause(protocol)
    protocol.evm.now = ends_at
    with reverts("EpochOver", epoch=1, endsAt=ends_at):
        protocol.submit(protocol.batch(sections, epoch=1))
    assert protocol.submit(protocol.batch(sections, epoch=2)).value == (1, 0, 0, 0)


def test_pause__every_other_verb__goes_on(protocol: Protocol) -> None:
    """Nobody's money is held: deposits, withdrawals, disputes and changes of mind work as ever."""
    protocol.set_operator_fee(DOLLAR, 0)
    protocol.evm.now += NOTICE
    rows = [protocol.row(protocol.patient, n) for n in range(1, 7)]
    receipt = protocol.settle(*rows, operator=protocol.operator)
    claims = [protocol.settled_claim(receipt, n) for n in range(6)]
    protocol.settlement.send(protocol.governor, "pause")

    protocol.fund_patient(protocol.patient, DOLLAR)
    protocol.fund_payer(protocol.payer_id, DOLLAR)
    protocol.escrow.send(protocol.patient, "requestWithdrawal", DOLLAR)
    protocol.escrow.send(protocol.patient, "setLimits", DOLLAR, DOLLAR)
    protocol.payer.send(protocol.insurer, "requestWithdrawal", DOLLAR)
    protocol.escrow.send(protocol.neighbour, "revokeConsent", protocol.provider_id)
    protocol.grant(protocol.late, 1)
    protocol.escrow.send(protocol.late, "acceptPayer", protocol.payer_id, 0)
    protocol.payer.send(protocol.insurer, "endCoverage", protocol.neighbour, YEAR)
    protocol.publish_cash_prices()
    protocol.deposit_bond(200 * DOLLAR)
    protocol.settlement.send(protocol.provider, "drawAdvance", protocol.provider_id, 50 * DOLLAR)

    conceded, answered, ruled, silent, voided = claims[:5]
    for claim in (conceded, answered, ruled, silent):
        protocol.dispute(claim)
    protocol.void(voided)
    protocol.concede(conceded)
    protocol.answer(answered)
    protocol.answer(ruled)
    protocol.resolve(ruled)
    protocol.evm.now += RULING_TIME + 1
    protocol.close(answered)
    protocol.close(silent)

    protocol.escrow.send(protocol.patient, "cancelWithdrawal")
    protocol.escrow.send(protocol.patient, "requestWithdrawal", DOLLAR)
    protocol.payer.send(protocol.insurer, "cancelWithdrawal")
    protocol.payer.send(protocol.insurer, "requestWithdrawal", DOLLAR)
    protocol.evm.now += NOTICE
    protocol.escrow.send(protocol.patient, "withdraw")
    protocol.payer.send(protocol.insurer, "withdraw")
    protocol.withdraw()
    protocol.settlement.send(protocol.operator, "withdrawFees", protocol.operator)
    protocol.settlement.send(protocol.provider, "withdrawBond", protocol.provider_id)
    protocol.assert_solvent()


def test_pause__twice__reverts(protocol: Protocol) -> None:
    pause(protocol)
    with reverts("EnforcedPause"):
        pause(protocol)


def test_unpause__not_paused__reverts(protocol: Protocol) -> None:
    with reverts("ExpectedPause"):
        protocol.settlement.send(protocol.governor, "unpause")


@pytest.mark.parametrize("verb", ["pause", "unpause"])
def test_pause__by_anybody_but_the_governor__reverts(protocol: Protocol, verb: str) -> None:
    if verb == "unpause":
        pause(protocol)
    for caller in (protocol.oracles[0].address, protocol.provider, protocol.insurer, protocol.stranger):
        with reverts("AccessManagedUnauthorized", caller=caller):
            protocol.settlement.send(caller, verb)
