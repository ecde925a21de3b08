"""The ledger rebuilt from logs equals contract state (invariant 7), and takes nothing impossible."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit.edits import add_to_claim, add_to_word, place_of, with_log, with_logs
from tests.audit.story import LAB, VISIT, Story

from chainbill.audit import JsonRpc, Ledger, RawLedger, Totals, read_claims, rebuild
from chainbill.audit.determination import year_of
from chainbill.audit.indexer import decode_ledger
from chainbill.audit.state import compare_state
from chainbill.billing.outcomes import Outcome
from chainbill.chain import events
from chainbill.chain.events import Event
from chainbill.errors import LedgerError
from chainbill.money import DOLLAR


@pytest.fixture(scope="session")
def ledger(story: Story, ledger_copy: RawLedger) -> Ledger:
    return rebuild(decode_ledger(ledger_copy), story.deployment)


def test_rebuild__the_story__equals_what_the_clients_read(story: Story, ledger: Ledger) -> None:
    protocol = story.protocol
    for role in ("patient", "second-patient", "unfunded-patient", "silent-patient"):
        assert ledger.balance_of(story.address(role)) == protocol.escrow.balance_of(story.address(role))
    for provider_id in (1, 2):
        assert ledger.provider(provider_id).credit == protocol.settlement.credit_of(provider_id)
    for payer_id in (1, 2):
        assert ledger.payer(payer_id).pool == protocol.payer(payer_id).pool()
    for role, payer_id, year in (("patient", 1, 2023), ("patient", 1, 2024), ("second-patient", 2, 2023)):
        met = protocol.payer(payer_id).member_year(story.address(role), year).met
        assert ledger.accumulators(payer_id, story.address(role), year) == met
    fee = ledger.payer(1).fee_at(VISIT, 2**40 - 1)
    assert fee == protocol.payer(1).fee_at(VISIT, 2**40 - 1)
    assert fee is not None
    assert (fee.version, fee.terms.amount) == (2, 175 * DOLLAR)
    assert ledger.payer(1).fee_at(LAB, 2**40 - 1) is None
    assert ledger.payer(2).insurer == story.address("insurer")
    assert ledger.epochs[1].ends_at
    assert not ledger.paused


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
    assert (totals.settled, totals.denied, totals.pended, totals.skipped) == (15, 4, 12, 15)
    assert totals.plan_paid + totals.patient_responsibility == totals.allowed
    assert totals.deductible + totals.copay + totals.coinsurance == totals.patient_responsibility
    for record in records:
        if record.outcome is Outcome.SETTLED:
            assert record.determination is not None
            assert record.determination.outcome is Outcome.SETTLED
            assert record.determination.priced_by is not None


def _twice(copy: RawLedger, kind: type[Event]) -> RawLedger:
    place = place_of(copy, kind)
    return with_logs(copy, [*copy.logs[: place + 1], copy.logs[place], *copy.logs[place + 1 :]])


@pytest.mark.parametrize(
    "kind, said",
    [
        (events.ClaimSettled, "settled twice"),
        (events.ClaimDenied, "denied when spent"),
        (events.ProviderPaid, "was paid .* of a credit of 0"),
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
        (events.PayerAccepted, 0, 1, "was accepted from"),
        (events.ConsentGranted, 2, 1, "was granted from"),
        (events.ConsentRevoked, 0, 1, "was revoked from"),
        (events.ProviderAcceptanceEnded, 0, -1, "an acceptance ended at"),
        (events.CoverageEnded, 0, 1, "the coverage of .* ended at"),
        (events.PlanPublished, 3, -1, "holds from"),
        (events.ClaimSettled, 2, 7, "there is no payer 8"),
        (events.ClaimSettled, 5, -9, "without being enrolled in 2014"),
        (events.ClaimSettled, 15, 10**15, "was charged -"),
        (events.ClaimSettled, 10, 10**15, "was charged"),
    ],
)
def test_rebuild__an_impossible_number__is_refused(
    story: Story, ledger_copy: RawLedger, kind: type[Event], word: int, amount: int, said: str
) -> None:
    forged = with_log(ledger_copy, place_of(ledger_copy, kind), lambda log: add_to_word(log, word, amount))
    with pytest.raises(LedgerError, match=said):
        rebuild(decode_ledger(forged), story.deployment)


def test_rebuild__plan_pays_more_than_its_pool__is_refused(story: Story, ledger_copy: RawLedger) -> None:
    forged = with_log(
        ledger_copy,
        place_of(ledger_copy, events.ClaimSettled),
        lambda log: add_to_claim(log, allowed=10**15, plan_paid=10**15),
    )
    with pytest.raises(LedgerError, match="from a pool of"):
        rebuild(decode_ledger(forged), story.deployment)


@given(st.integers(0, 253_402_300_799))
def test_year_of__any_time__equals_the_calendar(time: int) -> None:
    assert year_of(time) == datetime.fromtimestamp(time, UTC).year


def test_year_of__beyond_any_calendar__does_not_fail() -> None:
    assert year_of(2**64 - 1) > 9999
