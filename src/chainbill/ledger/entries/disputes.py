"""Disputes, reversals and receivables, and the refunds that follow from them."""

from __future__ import annotations

from chainbill.chain.contracts.settlement import DisputeStatus
from chainbill.chain.format import events
from chainbill.chain.format.events import DisputeParty, Event
from chainbill.errors import LedgerError
from chainbill.ledger.accounts import Ledger
from chainbill.ledger.credit import has_matured
from chainbill.ledger.entries import Entry
from chainbill.ledger.entries.postings import Posting, post
from chainbill.ledger.live_claims import Dispute, LiveClaim
from chainbill.protocol_constants import ANSWER_TIME_SECONDS, DISPUTE_WINDOW_SECONDS, RULING_TIME_SECONDS

_OPENABLE = (DisputeStatus.NONE, DisputeStatus.UPHELD)

# ---- disputes -------------------------------------------------------------------------------------------


def _claim_disputed(ledger: Ledger, event: events.ClaimDisputed, now: int) -> None:
    live = ledger.claim(event.claim_id)
    dispute = ledger.disputes.get(event.claim_id) or Dispute(live.claim.provider_id)
    bit = 1 << event.party
    if now >= live.settled_at + DISPUTE_WINDOW_SECONDS:
        raise LedgerError(f"claim 0x{event.claim_id.hex()} was disputed after its window")
    if dispute.parties & bit or not (dispute.pending or dispute.status in _OPENABLE):
        raise LedgerError(f"claim 0x{event.claim_id.hex()} was disputed again by the {event.party.label}")
    deadline = dispute.deadline if dispute.pending else now + ANSWER_TIME_SECONDS
    if (event.provider_id, event.answer_by) != (live.claim.provider_id, deadline):
        raise LedgerError(f"a dispute is to be answered by {event.answer_by}, not by {deadline}")
    if not dispute.pending:
        _hold(ledger, live, dispute)
        dispute.status, dispute.deadline = DisputeStatus.OPEN, deadline
    dispute.parties |= bit
    ledger.disputes[event.claim_id] = dispute
    if event.party is DisputeParty.PATIENT:
        ledger.patients[live.patient].dispute_nonce += 1


def _hold(ledger: Ledger, live: LiveClaim, dispute: Dispute) -> None:
    credit, fee = live.claim.allowed - live.claim.fee, live.claim.fee
    ledger.provider(dispute.provider_id).credit.hold(live.day, credit)
    if fee:
        ledger.operators[live.operator].hold(live.day, fee)
    dispute.held, dispute.fee_held = credit, fee


def _dispute_answered(ledger: Ledger, event: events.DisputeAnswered, now: int) -> None:
    dispute = _pending(ledger, event.claim_id)
    if dispute.status is not DisputeStatus.OPEN or now >= dispute.deadline:
        raise LedgerError(f"the dispute of claim 0x{event.claim_id.hex()} was answered twice or too late")
    if event.rule_by != now + RULING_TIME_SECONDS:
        raise LedgerError(f"a dispute answered at {now} is to be ruled on by {event.rule_by}")
    dispute.status, dispute.deadline = DisputeStatus.ANSWERED, event.rule_by


def _dispute_upheld(ledger: Ledger, event: events.DisputeUpheld, now: int) -> None:
    dispute = _pending(ledger, event.claim_id)
    if dispute.status is not DisputeStatus.ANSWERED:
        raise LedgerError(f"claim 0x{event.claim_id.hex()} was upheld without an answer")
    _unhold(ledger, ledger.claim(event.claim_id), dispute, lost=0, fee_lost=0, now=now)
    dispute.end(DisputeStatus.UPHELD)


def _unhold(ledger: Ledger, live: LiveClaim, dispute: Dispute, *, lost: int, fee_lost: int, now: int) -> None:
    if fee_lost > dispute.fee_held:
        raise LedgerError(f"an operator's fee of {fee_lost} was taken back, when {dispute.fee_held} was held")
    ledger.provider(dispute.provider_id).credit.unhold(live.day, dispute.held, lost, now=now)
    if dispute.fee_held:
        ledger.operators[live.operator].unhold(live.day, dispute.fee_held, fee_lost, now=now)


def _pending(ledger: Ledger, claim_id: bytes) -> Dispute:
    dispute = ledger.disputes.get(claim_id)
    if dispute is None or not dispute.pending:
        raise LedgerError(f"claim 0x{claim_id.hex()} has no open dispute")
    return dispute


def _claim_corrected(ledger: Ledger, event: events.ClaimCorrected, _: int) -> None:
    dispute = ledger.disputes.get(event.claim_id)
    paired = ledger.batch.last(event.commitment)
    if paired is None:
        raise LedgerError(f"a correction of claim 0x{event.claim_id.hex()} does not follow its own claim")
    if dispute is None or dispute.status is not DisputeStatus.REVERSED:
        raise LedgerError(f"claim 0x{event.claim_id.hex()} was corrected without having been reversed")
    if dispute.provider_id != paired.row.claim.provider_id:
        raise LedgerError(f"claim 0x{event.claim_id.hex()} was corrected by another provider")
    dispute.status = DisputeStatus.CORRECTED
    ledger.batch.logged.append(event)


# ---- reversals ------------------------------------------------------------------------------------------


def _reversal_funded(ledger: Ledger, event: events.ReversalFunded, now: int) -> None:
    live = ledger.claim(event.claim_id)
    dispute = ledger.disputes.get(event.claim_id) or Dispute(live.claim.provider_id)
    if dispute.pending:
        if event.maturing or event.matured or event.bond:
            raise LedgerError("a disputed claim was reversed with more than what was held for it")
        _unhold(ledger, live, dispute, lost=event.held, fee_lost=event.operator_fee, now=now)
        dispute.end(DisputeStatus.REVERSED)
    elif dispute.status in _OPENABLE:
        _take_unheld(ledger, live, event, now)
        dispute.status = DisputeStatus.REVERSED
    else:
        raise LedgerError(f"claim 0x{event.claim_id.hex()} was reversed twice")
    ledger.disputes[event.claim_id] = dispute
    taken = event.held + event.maturing + event.matured + event.bond + event.operator_fee
    ledger.reversal.start(event.claim_id, taken)


def _take_unheld(ledger: Ledger, live: LiveClaim, event: events.ReversalFunded, now: int) -> None:
    """What a provider gives back by itself."""
    credit = ledger.provider(live.claim.provider_id).credit
    matured = has_matured(live.day, now)
    if event.held or (event.maturing + event.operator_fee if matured else event.matured + event.bond):
        raise LedgerError("a claim was given back with money of the wrong kind")
    if matured:
        credit.give_back(event.matured, event.bond, now=now)
        return
    credit.take_bucket(live.day, event.maturing)
    if event.operator_fee:
        ledger.operators[live.operator].take_bucket(live.day, event.operator_fee)


def _receivable_recorded(ledger: Ledger, event: events.ReceivableRecorded, _: int) -> None:
    if event.claim_id != ledger.reversal.claim_id:
        raise LedgerError("a receivable was recorded without a reversal")
    provider = ledger.provider(event.provider_id)
    provider.receivables[event.payer_id] += event.amount
    provider.credit.owed += event.amount
    ledger.reversal.missing[event.payer_id] += event.amount


def _claim_reversed(ledger: Ledger, event: events.ClaimReversed, _: int) -> None:
    live, taken, reversal = ledger.claim(event.claim_id), event.claim, ledger.reversal
    if event.claim_id != reversal.claim_id or live.reversed_claim is not None:
        raise LedgerError(f"claim 0x{event.claim_id.hex()} was reversed twice, or out of nobody's money")
    if reversal.taken + sum(reversal.missing.values()) != taken.allowed:
        raise LedgerError(f"a reversal of {taken.allowed} was paid with {reversal.taken}")
    whole = taken.allowed == live.claim.allowed
    if taken.payer_id:
        units = whole and live.claim.units_counted
        post(ledger, Posting.primary(live.patient, taken, units=units), back=True)
        due = taken.plan_paid - reversal.missing[taken.payer_id]
        reversal.payers[taken.payer_id] += due
    if live.has_secondary:
        units = whole and live.claim.secondary_units_counted
        post(ledger, Posting.secondary(live.patient, taken, event.secondary, units=units), back=True)
        due = taken.secondary_paid - reversal.missing[taken.secondary_payer_id]
        reversal.payers[taken.secondary_payer_id] += due
    reversal.patient = (live.patient, taken.patient_responsibility)
    reversal.claim_id = b""
    live.reversed_claim, live.reversed_secondary = taken, event.secondary


def _receivable_paid(ledger: Ledger, event: events.ReceivablePaid, now: int) -> None:
    provider = ledger.provider(event.provider_id)
    if event.amount > provider.receivables[event.payer_id]:
        raise LedgerError(f"provider {event.provider_id} paid payer {event.payer_id} more than it owed")
    provider.credit.repay(event.amount, now=now)
    provider.receivables[event.payer_id] -= event.amount
    ledger.reversal.payers[event.payer_id] += event.amount


# ---- refunds --------------------------------------------------------------------------------------------


def _refund_deferred(ledger: Ledger, event: events.RefundDeferred, _: int) -> None:
    if ledger.reversal.payers[event.payer_id] != event.amount:
        raise LedgerError(f"a refund of {event.amount} to payer {event.payer_id} waits that was not due")
    ledger.reversal.payers[event.payer_id] = 0
    ledger.payer(event.payer_id).waiting_refund += event.amount


def _patient_refunded(ledger: Ledger, event: events.PatientRefunded, _: int) -> None:
    if ledger.reversal.patient != (event.patient, event.amount):
        raise LedgerError(f"{event.patient} was refunded {event.amount} that was not due")
    account = ledger.patients[event.patient]
    account.balance += event.amount
    account.withdrawal.note_deposit(event.amount)
    ledger.reversal.patient = ("", 0)
    ledger.escrow_owes += event.amount
    ledger.settlement_owes -= event.amount


def _pool_refunded(ledger: Ledger, event: events.PoolRefunded, _: int) -> None:
    """A reversal's or a receivable's, or else one that had waited; the log itself does not say which."""
    payer = ledger.payer(event.payer_id)
    due = ledger.reversal.payers[event.payer_id]
    if event.amount != (due or payer.waiting_refund):
        raise LedgerError(f"payer {event.payer_id} was refunded {event.amount} that was not due")
    if due:
        ledger.reversal.payers[event.payer_id] = 0
    else:
        payer.waiting_refund = 0
    payer.pool += event.amount
    payer.withdrawal.note_deposit(event.amount)
    ledger.settlement_owes -= event.amount


ENTRIES: dict[type[Event], Entry] = {
    events.ClaimDisputed: _claim_disputed,
    events.DisputeAnswered: _dispute_answered,
    events.DisputeUpheld: _dispute_upheld,
    events.ClaimCorrected: _claim_corrected,
    events.ReversalFunded: _reversal_funded,
    events.ReceivableRecorded: _receivable_recorded,
    events.ClaimReversed: _claim_reversed,
    events.ReceivablePaid: _receivable_paid,
    events.RefundDeferred: _refund_deferred,
    events.PatientRefunded: _patient_refunded,
    events.PoolRefunded: _pool_refunded,
}
