"""A payer whose tokens cannot move pends the sections that name it, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contracts.situations import endings
from tests.support.deployment import MAX_BATCH_LIFE, NOTICE, SHARED, UNLISTED, YEAR, Protocol, account
from tests.support.evm import reverts

from chainbill.billing.accumulators import Accumulators
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.billing.terms import FeeTerms
from chainbill.chain.format.batch_codec import BatchSection
from chainbill.chain.format.events import ClaimSettled, PayerFailed
from chainbill.chain.node.reverts import decode_revert
from chainbill.errors import ChainError, ContractReverted
from chainbill.money import DOLLAR
from chainbill.protocol_constants import MAX_YEARLY_AMOUNT

GAS_AT_HAND = 308_261
"""What must be there before a payer's transfer, so that 300,000 is left to it."""


@pytest.fixture(autouse=True)
def second(unruly: Protocol) -> int:
    """A second payer, with a patient of its own."""
    return unruly.second_payer(unruly.late)


def block(protocol: Protocol, payer_id: int, blocked: bool = True) -> None:
    """Put a payer on the token's block list, or take it off."""
    payer = protocol.payer_contracts[payer_id].address
    protocol.token.send(protocol.stranger, "setBlocked", payer, blocked)


def both_payers(protocol: Protocol) -> list[BatchSection]:
    """Two sections of the first payer and one of the second."""
    return [
        protocol.section(protocol.row(protocol.patient, 1), protocol.row(protocol.neighbour, 2)),
        protocol.section(protocol.row(protocol.patient, 3)),
        protocol.section(protocol.row(protocol.late, 4), payer_id=2),
    ]


@pytest.mark.parametrize("failing", [1, 2])
def test_settle__one_payers_tokens_blocked__only_its_sections_pend(unruly: Protocol, failing: int) -> None:
    block(unruly, failing)
    before = unruly.state(1, 2, 3, 4)
    receipt = unruly.submit(unruly.batch(both_payers(unruly)))
    pended = [1, 2, 3] if failing == 1 else [4]
    settled = [4] if failing == 1 else [1, 2, 3]
    assert [event.claim.sequence for event in receipt.of(ClaimSettled)] == settled
    assert endings(receipt) == [(n, Outcome.PENDED, Reason.PAYER_FAILED) for n in pended]
    after = unruly.state(1, 2, 3, 4)
    assert after.pools[failing - 1] == before.pools[failing - 1]
    assert [n for n in (1, 2, 3, 4) if unruly.is_spent(n)] == settled
    assert unruly.credit() == 150 * DOLLAR * len(settled)
    unruly.assert_solvent()


def test_settle__payer_blocked__writes_nothing_for_it(unruly: Protocol) -> None:
    block(unruly, 1)
    before = unruly.state(1, 2, 3)
    receipt = unruly.submit(unruly.batch(both_payers(unruly)[:2]))
    assert unruly.state(1, 2, 3) == before
    assert receipt.value == (0, 0, 3, 0)


def test_settle__payer_blocked__logs_the_tokens_own_error(unruly: Protocol) -> None:
    block(unruly, 1)
    (failed,) = unruly.submit(unruly.batch(both_payers(unruly))).of(PayerFailed)
    assert failed.payer_id == 1
    error = decode_revert(failed.failure)
    assert isinstance(error, ContractReverted)
    assert (error.name, error.fields["payerId"]) == ("PayerCannotPay", 1)
    tokens_own = decode_revert(bytes.fromhex(error.fields["failure"][2:]))
    assert isinstance(tokens_own, ContractReverted)
    assert tokens_own.name == "ERC20InvalidSender"
    assert tokens_own.fields == {"sender": unruly.payer.address.lower()}


def test_settle__payer_can_pay_again__the_same_rows_settle(unruly: Protocol) -> None:
    block(unruly, 1)
    batch = unruly.batch(both_payers(unruly))
    unruly.submit(batch)
    block(unruly, 1, False)
    receipt = unruly.submit(batch)
    assert [event.claim.sequence for event in receipt.of(ClaimSettled)] == [1, 2, 3]
    assert receipt.value == (3, 0, 0, 1)
    unruly.assert_solvent()


def test_settle__failed_run_with_spent_sequences__they_stay_spent_and_are_skipped(unruly: Protocol) -> None:
    unruly.settle(unruly.row(unruly.patient, 1), unruly.row(unruly.patient, 3, UNLISTED))
    block(unruly, 1)
    before = unruly.state(1, 2, 3)
    rows = [unruly.row(unruly.patient, n) for n in (1, 2, 3)]
    receipt = unruly.settle(*rows)
    assert endings(receipt) == [
        (1, Outcome.SKIPPED, Reason.SEQUENCE_SPENT),
        (2, Outcome.PENDED, Reason.PAYER_FAILED),
        (3, Outcome.SKIPPED, Reason.SEQUENCE_SPENT),
    ]
    assert unruly.state(1, 2, 3) == before


def test_settle__failed_run__a_denial_in_it_is_taken_back_too(unruly: Protocol) -> None:
    """The run is undone as a whole: what was denied in it pends and may come again."""
    block(unruly, 1)
    rows = [unruly.row(unruly.patient, 1), unruly.row(unruly.patient, 2, UNLISTED)]
    assert unruly.settle(*rows).value == (0, 0, 2, 0)
    assert not unruly.is_spent(2)


def test_settle__failed_run__its_own_reasons_give_way_to_the_failure(unruly: Protocol) -> None:
    block(unruly, 1)
    early = unruly.row(unruly.neighbour, 2, benefit_year=YEAR + 1)
    receipt = unruly.settle(unruly.row(unruly.patient, 1), early)
    assert {ending[2] for ending in endings(receipt)} == {Reason.PAYER_FAILED}


def test_settle__sequence_in_a_failed_and_a_good_run__settles_in_the_good_one(unruly: Protocol) -> None:
    block(unruly, 1)
    sections = [
        unruly.section(unruly.row(unruly.patient, 1)),
        unruly.section(unruly.row(unruly.late, 1), payer_id=2),
    ]
    receipt = unruly.submit(unruly.batch(sections))
    assert receipt.value == (1, 0, 1, 0)
    assert unruly.is_spent(1)
    unruly.assert_solvent()


def test_settle__blocked_payer_owes_nothing__settles(unruly: Protocol) -> None:
    """No token has to move: the patient pays all of it."""
    block(unruly, 1)
    row = replace(unruly.row(unruly.patient, 1), billed=100 * DOLLAR)
    assert unruly.settle(row).value == (1, 0, 0, 0)
    unruly.assert_solvent()


@pytest.mark.parametrize("failing", ["primary", "secondary"])
def test_settle__one_of_two_payers_blocked__its_coordinated_sections_pend(
    unruly: Protocol, second: int, failing: str
) -> None:
    """Neither payer writes or pays where one of the two cannot; the other's own sections settle."""
    insured_twice = account("insured twice").address
    unruly.welcome(insured_twice, payers=(unruly.payer_id, second))
    block(unruly, unruly.payer_id if failing == "primary" else second)
    sections = [
        *both_payers(unruly)[:2],
        unruly.coordinated(unruly.row(insured_twice, 5), secondary=second),
        both_payers(unruly)[2],
    ]
    before = unruly.member(insured_twice), unruly.member(insured_twice, payer_id=second)
    receipt = unruly.submit(unruly.batch(sections))
    settled = [4] if failing == "primary" else [1, 2, 3]
    assert [event.claim.sequence for event in receipt.of(ClaimSettled)] == settled
    assert {ending[1:] for ending in endings(receipt)} == {(Outcome.PENDED, Reason.PAYER_FAILED)}
    assert (unruly.member(insured_twice), unruly.member(insured_twice, payer_id=second)) == before
    unruly.assert_solvent()


def test_settle__self_pay_and_every_payer_blocked__settles(unruly: Protocol) -> None:
    unruly.publish_cash_prices()
    unruly.grant(unruly.patient, self_pay=True)
    for payer_id in (1, 2):
        block(unruly, payer_id)
    sections = [unruly.self_pay(unruly.row(unruly.patient, 9)), *both_payers(unruly)]
    receipt = unruly.submit(unruly.batch(sections))
    assert [event.claim.sequence for event in receipt.of(ClaimSettled)] == [9]
    unruly.assert_solvent()


@pytest.mark.parametrize("coordinated", [False, True])
def test_settle__what_a_plan_has_paid_would_pass_64_bits__pends_that_members_rows_alone(
    protocol: Protocol, coordinated: bool
) -> None:
    """Only claims of the member's own can come so far: of eighteen trillion dollars, all of them paid."""
    most = 2**64 - 1
    first, second = 2**63, 2**63 - MAX_YEARLY_AMOUNT // 2
    protocol.publish_fees(
        {
            b"enormous": FeeTerms(amount=first, category=SHARED),
            b"as large": FeeTerms(amount=second, category=SHARED),
        }
    )
    protocol.fund_payer(protocol.payer_id, most - protocol.pool())
    opening = Accumulators(plan_paid=MAX_YEARLY_AMOUNT)
    protocol.enrol(protocol.patient, YEAR - 1, met=opening)
    rows = [
        protocol.row(protocol.patient, n, service, benefit_year=YEAR - 1, billed=0)
        for n, service in ((1, b"enormous"), (2, b"as large"))
    ]
    if coordinated:
        other = protocol.second_payer()
        protocol.evm.now += MAX_BATCH_LIFE  # since its first payer was accepted
        protocol.escrow.send(protocol.patient, "acceptPayer", protocol.payer_id, other)
        protocol.evm.now += NOTICE
        protocol.enrol(protocol.patient, YEAR - 1, payer_id=other)
        receipt = protocol.submit(protocol.batch([protocol.coordinated(*rows, secondary=other)]))
    else:
        receipt = protocol.settle(*rows, protocol.row(protocol.neighbour, 3))
    assert endings(receipt) == [(2, Outcome.PENDED, Reason.PAYER_FAILED)]
    assert [event.claim.sequence for event in receipt.of(ClaimSettled)] == [1] if coordinated else [1, 3]
    assert protocol.pool() > second
    protocol.assert_solvent()


def test_settle__payer_burns_all_its_gas__pends_and_the_rest_settles(unruly: Protocol) -> None:
    unruly.token.send(unruly.stranger, "setBurnsGas", unruly.payer.address, True)
    receipt = unruly.submit(unruly.batch(both_payers(unruly)), gas=160_000_000)
    assert receipt.value == (1, 0, 3, 0)
    unruly.assert_solvent()


def test_settle__escrow_cannot_pay__reverts_whole(unruly: Protocol) -> None:
    """All patients share the escrow: there is no part of the batch to save."""
    unruly.token.send(unruly.stranger, "setBlocked", unruly.escrow.address, True)
    before = unruly.state(1, 2, 3, 4)
    with reverts("ERC20InvalidSender", sender=unruly.escrow.address):
        unruly.submit(unruly.batch(both_payers(unruly)))
    assert unruly.state(1, 2, 3, 4) == before


def test_withdraw__payout_address_blocked__stops_nobody_else(unruly: Protocol) -> None:
    other = unruly.register_provider(unruly.stranger)
    unruly.accept_provider(other)
    unruly.grant(unruly.patient, provider_id=other)
    unruly.settle(unruly.row(unruly.patient, 1))
    unruly.settle(unruly.row(unruly.patient, 1), provider_id=other)
    unruly.mature()
    unruly.token.send(unruly.stranger, "setBlocked", unruly.provider, True)
    with reverts("ERC20InvalidReceiver", receiver=unruly.provider):
        unruly.withdraw()
    unruly.withdraw(other)
    assert (unruly.credit(), unruly.credit(other)) == (150 * DOLLAR, 0)
    unruly.assert_solvent()


# ---- gas --------------------------------------------------------------------------------------------------


def sweep(protocol: Protocol, low: int, high: int, step: int) -> tuple[int, int]:
    """Settle both payers' rows with each gas limit; returns how many limits were enough, and too little.

    Each must end as with plenty of gas, or revert and leave nothing.
    """
    batch = protocol.batch(both_payers(protocol))
    signed = protocol.sign(batch)
    untouched = protocol.state(1, 2, 3, 4)
    with protocol.rolled_back():
        tally = protocol.submit(batch, signed).value
        wanted = protocol.state(1, 2, 3, 4)
    enough = too_little = 0
    for gas in range(low, high, step):
        with protocol.rolled_back():
            try:
                ended = protocol.submit(batch, signed, gas=gas).value
            except ChainError as refusal:
                refused_for_gas(refusal)
                too_little += 1
                ended = None
            assert (ended, protocol.state(1, 2, 3, 4)) in ((tally, wanted), (None, untouched)), gas
            enough += ended is not None
    return enough, too_little


def refused_for_gas(refusal: ChainError) -> None:
    """Out of gas shows as a halt, as a revert without a reason, or by its name; never as another error."""
    named = refusal.name if isinstance(refusal, ContractReverted) else "InsufficientGas"
    if named != "InsufficientGas":
        raise refusal


def test_settle__every_gas_limit__settles_equally_or_reverts(unruly: Protocol) -> None:
    """Gas can never turn into a pend: whoever submits chooses the gas, not the outcome."""
    enough, too_little = sweep(unruly, 60_000, 1_400_000, 3_989)
    assert min(enough, too_little) > 70


def test_settle__blocked_payer_and_every_gas_limit__ends_equally_or_reverts(unruly: Protocol) -> None:
    """Where a payer fails by itself, less gas changes nothing either."""
    block(unruly, 1)
    enough, too_little = sweep(unruly, 60_000, 1_400_000, 3_989)
    assert min(enough, too_little) > 70


def least_gas(protocol: Protocol) -> int:
    """The smallest limit with which both payers' rows end, by halving."""
    low, high = 60_000, 4_000_000
    while high - low > 1:
        middle = (low + high) // 2
        enough, _ = sweep(protocol, middle, middle + 1, 1)
        low, high = (low, middle) if enough else (middle, high)
    return high


@pytest.mark.parametrize("blocked", [False, True])
def test_settle__gas_limits_around_the_least__settle_equally_or_revert(
    unruly: Protocol, blocked: bool
) -> None:
    block(unruly, 1, blocked)
    least = least_gas(unruly)
    enough, too_little = sweep(unruly, least - 2_000, least + 2_000, 19)
    assert min(enough, too_little) > 70


def test_settle__a_little_less_than_the_least_gas__says_that_gas_is_missing(unruly: Protocol) -> None:
    """The check before tokens are asked of a payer is what a submitter with too little gas meets."""
    batch = unruly.batch(both_payers(unruly))
    with reverts("InsufficientGas", required=GAS_AT_HAND):
        unruly.submit(batch, gas=least_gas(unruly) - 100)
