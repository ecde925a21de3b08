"""The ledger rebuilt from logs equals contract state (invariant 7), and takes nothing impossible."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import astuple
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.disputed_history import FAMILY, YEAR
from tests.support.ledger_edits import add_to_claim, add_to_word, place_of, with_log, with_logs
from tests.support.settled_history import LAB, VISIT, Story

from chainbill.audit.state import compare_state
from chainbill.billing.outcomes import Outcome, Reason
from chainbill.chain.contracts.settlement import DisputeStatus
from chainbill.chain.format import events
from chainbill.chain.format.events import Event
from chainbill.chain.node.connection import chain_time
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import LedgerError
from chainbill.ledger.accounts import Ledger
from chainbill.ledger.claim_records import Totals, read_claims
from chainbill.ledger.indexer import decode_ledger
from chainbill.ledger.pricing.attested_row import year_of
from chainbill.ledger.raw_logs import RawLedger
from chainbill.ledger.replay import rebuild
from chainbill.money import DOLLAR

PATIENTS = (
    "patient",
    "second-patient",
    "unfunded-patient",
    "silent-patient",
    "coordinated-patient",
    "spouse",
    "child",
    "uninsured-patient",
    "careful-patient",
    "newcomer",
)


@pytest.fixture
def ledger(story: Story, ledger_copy: RawLedger) -> Ledger:
    return rebuild(decode_ledger(ledger_copy), story.deployment)


def test_rebuild__the_story__equals_what_the_clients_read(story: Story, ledger: Ledger) -> None:
    escrow, settlement = story.protocol.escrow, story.protocol.settlement
    now = chain_time(story.w3)
    ledger.mature(now)
    for role in PATIENTS:
        account, address = ledger.patients[story.address(role)], story.address(role)
        assert ledger.balance_of(address) == escrow.balance_of(address)
        assert account.payers.at(now) == astuple(escrow.payers_of(address, now))
        assert account.limits.at(now) == astuple(escrow.limits_of(address, now))
        assert account.nonce == escrow.nonce_of(address)
    for provider_id in (1, 2):
        ours, theirs = ledger.provider(provider_id).credit, settlement.credit_of(provider_id)
        assert (ours.matured, ours.maturing, ours.held) == (theirs.matured, theirs.maturing, theirs.held)
        assert (ours.bond, ours.advanced, ours.owed) == (theirs.bond, theirs.advanced, theirs.owed)
    fees = settlement.fees_of(story.address("operator"))
    assert ledger.operators[story.address("operator")].maturing == fees.maturing > 0
    for payer_id in (1, 2):
        assert ledger.payer(payer_id).pool == story.payer(payer_id).pool()
        for member, year in ledger.payer(payer_id).members:
            met = story.payer(payer_id).member_year(member, year).met
            assert ledger.accumulators(payer_id, member, year) == met
    family = story.payer(1).family_year(FAMILY, YEAR)
    assert ledger.payer(1).families[FAMILY, YEAR] == family
    for claim_id, dispute in ledger.disputes.items():
        assert dispute.status == settlement.dispute_of(claim_id).status
    fee = ledger.payer(1).fee_at(VISIT, 2**40 - 1)
    assert fee == story.payer(1).fee_at(VISIT, 2**40 - 1)
    assert fee is not None
    assert (fee.version, fee.terms.amount) == (2, 175 * DOLLAR)
    assert ledger.payer(1).fee_at(LAB, 2**40 - 1) is None
    assert ledger.payer(2).insurer == story.address("insurer")
    assert ledger.epochs[1].ends_at
    assert not ledger.paused


def test_rebuild__the_story__accounts_add_up(story: Story, ledger: Ledger) -> None:
    """Invariant 1, account by account, and invariant 6: accumulators are openings plus live claims."""
    waiting = sum(payer.waiting_refund for payer in ledger.payers.values())
    assert sum(account.tokens for account in ledger.credits()) + waiting == ledger.settlement_owes
    assert sum(account.balance for account in ledger.patients.values()) == ledger.escrow_owes
    met: dict[tuple[int, str, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for live in ledger.claims.values():
        for sign, claim, shares in (
            (1, live.claim, live.secondary),
            (-1, live.reversed_claim, live.reversed_secondary),
        ):
            if claim is None:
                continue
            own = (claim.deductible, claim.deductible + claim.copay + claim.coinsurance, claim.plan_paid)
            alone = (shares.deductible, shares.out_of_pocket, shares.plan_paid)
            for payer_id, amounts in ((claim.payer_id, own), (claim.secondary_payer_id, alone)):
                total = met[payer_id, live.patient, claim.benefit_year]
                met[payer_id, live.patient, claim.benefit_year] = [
                    before + sign * amount for before, amount in zip(total, amounts, strict=True)
                ]
    for payer_id, payer in ledger.payers.items():
        for (member, year), standing in payer.members.items():
            opening = astuple(standing.opening)
            claims = met[payer_id, member, year]
            assert astuple(standing.met) == tuple(map(sum, zip(opening, claims, strict=True)))


def test_rebuild__the_story__ids_are_the_contracts(story: Story, ledger: Ledger) -> None:
    for claim_id, live in ledger.claims.items():
        root = story.protocol.settlement.root_at(live.root_slot).root
        assert ledger.roots[live.root_slot][0][:27] == root
        assert len(claim_id) == 32
    assert {dispute.status for dispute in ledger.disputes.values()} == {
        DisputeStatus.REVERSED,
        DisputeStatus.UPHELD,
        DisputeStatus.CORRECTED,
    }


@pytest.mark.slow
def test_rebuild__after_every_block__equals_contract_state(
    story: Story, node: JsonRpc, ledger_copy: RawLedger
) -> None:
    recorded = decode_ledger(ledger_copy)
    # Before that block the contracts were still being deployed.
    complete = next(each.block for each in recorded if isinstance(each.event, events.EpochOpened))
    for block in range(complete, ledger_copy.header.to_block + 1):
        until = rebuild([each for each in recorded if each.block <= block], story.deployment)
        time = int(story.rpc("eth_getBlockByNumber", hex(block), False)["timestamp"], 16)
        counts, different = compare_state(node, until, block=block, block_time=time)
        assert [str(each) for each in different] == []
        assert sum(counts.values()) >= 7
        assert all(surplus in (0, 7) for surplus in until.surpluses().values())


def test_read_claims__the_story__ends_in_every_way(story: Story, ledger_copy: RawLedger) -> None:
    records = read_claims(decode_ledger(ledger_copy), story.deployment)
    assert {record.outcome for record in records} == set(Outcome)
    totals = Totals.of(records)
    assert (totals.settled, totals.denied, totals.pended, totals.skipped) == (45, 7, 21, 15)
    assert totals.plan_paid + totals.secondary_paid + totals.patient_responsibility == totals.allowed
    patients = totals.deductible + totals.copay + totals.coinsurance + totals.outside_plan
    assert patients == totals.patient_responsibility + totals.secondary_paid
    reasons = {record.reason for record in records}
    assert reasons >= {
        Reason.OVER_EVENT_LIMIT,
        Reason.OVER_DAY_LIMIT,
        Reason.NO_CASH_PRICE,
        Reason.ANNUAL_UNITS_EXCEEDED,
        Reason.NOT_REVERSED,
        Reason.PAYER_NOT_ACCEPTED,
    }
    for record in records:
        if record.outcome is Outcome.SETTLED:
            assert record.readjudication is not None
            assert record.readjudication.outcome is Outcome.SETTLED
            assert (record.readjudication.priced_by is None) == (record.claim.payer_id == 0)


def _twice(copy: RawLedger, kind: type[Event]) -> RawLedger:
    place = place_of(copy, kind)
    return with_logs(copy, [*copy.logs[: place + 1], copy.logs[place], *copy.logs[place + 1 :]])


@pytest.mark.parametrize(
    "kind, said",
    [
        (events.ClaimSettled, "settled twice"),
        (events.ClaimDenied, "denied when spent"),
        (events.ProviderPaid, "was paid of a matured credit of 0"),
        (events.PatientWithdrew, "when none was due"),
        (events.PoolWithdrawn, "when none was due"),
        (events.Enrolled, "enrolled twice"),
        (events.PlanPublished, "version 1 of plan 1 of payer 1 was published after version 1"),
        (events.FeePublished, "version 1 of the fee .* was published after version 1"),
        (events.ProviderRegistered, "provider 1 was registered after 1 others"),
        (events.PayerCreated, "payer 1 was created after 1 others"),
        (events.EpochOpened, "epoch 1 was opened after epoch 1"),
        (events.CoverageEnded, "ended without running"),
        (events.AttesterRevoked, "without attesting"),
        (events.SecondaryDetermined, "has no secondary payer, or no other one"),
        (events.CashPricePublished, "version 1 of the price .* was published after version 1"),
        (events.PayersAccepted, "takes no change"),
        (events.NonceUsed, "rose from 1 to 1"),
        (events.OperatorFeeAnnounced, "before that of"),
        (events.ClaimDisputed, "disputed again by the patient"),
        (events.DisputeAnswered, "answered twice"),
        (events.DisputeUpheld, "has no open dispute"),
        (events.ReversalFunded, "reversed twice"),
        (events.ClaimReversed, "reversed twice"),
        (events.ClaimCorrected, "without having been reversed"),
        (events.PatientRefunded, "that was not due"),
        (events.PoolRefunded, "that was not due"),
        (events.ReceivablePaid, "more than it owed"),
        (events.OperatorPaid, "was paid of a matured credit of 0"),
        (events.AdvancePaid, "was available"),
        (events.BondWithdrawn, "was paid back of a bond of 0"),
        (events.PayoutAddressCancelled, "when none was announced"),
        (events.PatientWithdrawalCancelled, "when none was announced"),
        (events.PoolWithdrawalCancelled, "when none was announced"),
    ],
)
def test_rebuild__an_event_twice__is_refused_by_its_log(
    story: Story, ledger_copy: RawLedger, kind: type[Event], said: str
) -> None:
    forged = _twice(ledger_copy, kind)
    with pytest.raises(LedgerError, match=said) as caught:
        rebuild(decode_ledger(forged), story.deployment)
    log = ledger_copy.logs[place_of(ledger_copy, kind)]
    assert f"block {log.block}, log {log.log_index}, transaction {log.transaction}" in str(caught.value)


@pytest.mark.parametrize(
    "kind, word, amount, said",
    [
        (events.PatientWithdrew, 0, 1, "was taken, when .* was due"),
        (events.PatientWithdrawalRequested, 0, 2**40, "on a balance of"),
        (events.PatientWithdrawalRequested, 1, -1, "made available at"),
        (events.PoolWithdrawalRequested, 1, 1, "made available at"),
        (events.ProviderPaid, 0, -1, "was paid"),
        (events.PayersAccepted, 0, 1, "were accepted from"),
        (events.ConsentGranted, 3, 1, "was granted from"),
        (events.LimitsSet, 2, 1, "hold from"),
        (events.ClaimDisputed, 0, 1, "is to be answered by"),
        (events.DisputeAnswered, 1, 1, "is to be ruled on by"),
        (events.ReversalFunded, 0, 1, "was taken of|was paid with"),
        (events.ReversalFunded, 4, 10**9, "was taken back, when"),
        (events.PatientRefunded, 0, 1, "that was not due"),
        (events.PoolRefunded, 0, -1, "that was not due"),
        (events.PayoutAddressAnnounced, 0, 1, "takes over at"),
        (events.CashPricePublished, 1, 1, "holds from"),
        (events.OperatorFeeAnnounced, 2, 1, "holds from"),
        (events.AdvancePaid, 0, 10**9, "was available"),
        (events.PlanChanged, 0, 1, "holds from"),
        (events.ConsentRevoked, 0, 1, "was revoked from"),
        (events.ProviderAcceptanceEnded, 0, -1, "an acceptance ended at"),
        (events.CoverageEnded, 0, 1, "the coverage of .* ended at"),
        (events.PlanPublished, 7, -1, "holds from"),
    ],
)
def test_rebuild__an_impossible_number__is_refused(
    story: Story, ledger_copy: RawLedger, kind: type[Event], word: int, amount: int, said: str
) -> None:
    forged = with_log(ledger_copy, place_of(ledger_copy, kind), lambda log: add_to_word(log, word, amount))
    with pytest.raises(LedgerError, match=said):
        rebuild(decode_ledger(forged), story.deployment)


@pytest.mark.parametrize(
    "amounts, said",
    [
        ({"payer_id": 7}, "there is no payer 8"),
        ({"provider_id": 7}, "there is no provider 8"),
        ({"benefit_year": -9}, "without being enrolled in 2014"),
        ({"allowed": 10**15}, "was charged"),
        ({"plan_paid": 10**15}, "was charged -|from a pool"),
        ({"allowed": 10**15, "plan_paid": 10**15}, "from a pool of"),
        ({"fee": 10**15}, "an operator's fee of"),
    ],
)
def test_rebuild__an_impossible_claim__is_refused(
    story: Story, ledger_copy: RawLedger, amounts: dict[str, int], said: str
) -> None:
    place = place_of(ledger_copy, events.ClaimSettled)
    forged = with_log(ledger_copy, place, lambda log: add_to_claim(log, **amounts))
    with pytest.raises(LedgerError, match=said):
        rebuild(decode_ledger(forged), story.deployment)


@given(st.integers(0, 253_402_300_799))
def test_year_of__any_time__equals_the_calendar(time: int) -> None:
    assert year_of(time) == datetime.fromtimestamp(time, UTC).year


def test_year_of__beyond_any_calendar__does_not_fail() -> None:
    assert year_of(2**64 - 1) > 9999
