"""Rows, batches, payouts, bonds, quorum and pause: what ``ClaimSettlement`` logs apart from disputes."""

from __future__ import annotations

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.attestation.typed_data import Domain, SectionsObjection
from chainbill.chain.contracts.settlement import SettledClaim
from chainbill.chain.format import events
from chainbill.chain.format.claim_tree import claim_id, claim_prefix
from chainbill.chain.format.events import Claim, Event
from chainbill.chain.format.packed_claim import NO_SECONDARY
from chainbill.errors import LedgerError
from chainbill.ledger.accounts import Announcement, Ledger, OracleEpoch, PayerAccount
from chainbill.ledger.credit import day_of
from chainbill.ledger.entries import Entry
from chainbill.ledger.entries.postings import Posting, post
from chainbill.ledger.live_claims import LiveClaim
from chainbill.protocol_constants import (
    DISPUTE_WINDOW_SECONDS,
    KEPT_HASH_BYTES,
    QUORUM_SILENCE_SECONDS,
    UNANSWERED_LIFE_SECONDS,
)
from chainbill.records.hashing import keccak256

# ---- rows -----------------------------------------------------------------------------------------------


def _claim_settled(ledger: Ledger, event: events.ClaimSettled, now: int) -> None:
    claim = event.claim
    provider, patient = ledger.provider(claim.provider_id), ledger.patients[event.patient]
    charge = claim.patient_responsibility
    payments = _payments(ledger, claim)
    if claim.sequence in provider.spent:
        raise LedgerError(f"sequence {claim.sequence} of provider {claim.provider_id} settled twice")
    if not 0 <= charge <= patient.balance:
        raise LedgerError(f"{event.patient} was charged {charge} on a balance of {patient.balance}")
    if claim.fee > claim.allowed:
        raise LedgerError(f"an operator's fee of {claim.fee} was taken of a claim of {claim.allowed}")
    if claim.payer_id:
        post(ledger, Posting.primary(event.patient, claim, units=claim.units_counted))
    if claim.secondary_units_counted:  # what else the secondary counts is in a log of its own
        post(ledger, Posting.secondary(event.patient, claim, NO_SECONDARY, units=True))
    for payer, amount in payments:
        payer.pool -= amount
    provider.spent.add(claim.sequence)
    provider.credit.credit(claim.allowed - claim.fee, now=now)
    ledger.settlement_owes += claim.allowed
    patient.balance -= charge
    ledger.escrow_owes -= charge
    if charge:
        patient.catch_up(now)
        patient.limits.spend(charge, now=now)
    ledger.batch.logged.append(event)


def _payments(ledger: Ledger, claim: Claim) -> list[tuple[PayerAccount, int]]:
    """Who pays how much of a claim besides the patient."""
    payments = []
    for payer_id, amount in (
        (claim.payer_id, claim.plan_paid),
        (claim.secondary_payer_id, claim.secondary_paid),
    ):
        if payer_id == 0:
            continue
        payer = ledger.payer(payer_id)
        if amount > payer.pool:
            raise LedgerError(f"payer {payer_id} paid {amount} from a pool of {payer.pool}")
        payments.append((payer, amount))
    return payments


def _secondary_determined(ledger: Ledger, event: events.SecondaryDetermined, _: int) -> None:
    paired = ledger.batch.last(event.commitment)
    if paired is None or paired.row.patient != event.patient:
        raise LedgerError(f"a log about claim 0x{event.commitment.hex()} does not follow it")
    claim = paired.row.claim
    if not claim.secondary_payer_id or paired.secondary != NO_SECONDARY:
        raise LedgerError(f"claim 0x{event.commitment.hex()} has no secondary payer, or no other one")
    post(ledger, Posting.secondary(event.patient, claim, event.shares, units=False))
    ledger.batch.logged.append(event)


def _claim_denied(ledger: Ledger, event: events.ClaimDenied, _: int) -> None:
    claim = event.claim
    spent = ledger.provider(claim.provider_id).spent
    if claim.sequence in spent:
        raise LedgerError(f"sequence {claim.sequence} of provider {claim.provider_id} was denied when spent")
    spent.add(claim.sequence)


def _patient_named(ledger: Ledger, event: events.ClaimPended | events.ClaimSkipped, _: int) -> None:
    """Nothing moves; but the patient was seen, and is compared with contract state as one who has nothing."""
    ledger.patients[event.patient]


def _batch_settled(ledger: Ledger, event: events.BatchSettled, now: int) -> None:
    settled, dated = ledger.batch.claims(event, now), event.claims_dated(now)
    kept_at = ledger.roots.get(event.root_slot, (b"", 0))[1]
    fees = sum(each.claim.fee for each in settled)
    if fees and event.operator == ZERO_ADDRESS:
        raise LedgerError(f"operator's fees of {fees} were taken for nobody")
    if settled and kept_at and now < kept_at + DISPUTE_WINDOW_SECONDS:
        raise LedgerError(f"root slot {event.root_slot} was taken while its claims could be disputed")
    if fees:
        ledger.operators[event.operator].credit(fees, now=now)
    if event.root != bytes(32):
        ledger.roots[event.root_slot] = (event.root, dated)
    for identity, each in zip(batch_claim_ids(ledger, event, now), settled, strict=True):
        ledger.claims[identity] = LiveClaim(
            each.patient, each.claim, each.secondary, dated, event.operator, event.root_slot
        )
    ledger.batch.logged.clear()
    if event.unanswered:
        _unanswered_settled(ledger, event, settled, now)


def _unanswered_settled(
    ledger: Ledger, event: events.BatchSettled, settled: list[SettledClaim], now: int
) -> None:
    """The batch was announced, by whom it credits; what it credits matures later."""
    objection = _use_announcement(ledger, event.digest)
    provider_id, from_ = objection.provider_id, objection.announced_at + QUORUM_SILENCE_SECONDS
    if not from_ <= now < from_ + UNANSWERED_LIFE_SECONDS:
        raise LedgerError(f"what provider {provider_id} had announced settled out of its time")
    if any(each.claim.provider_id != provider_id for each in settled):
        raise LedgerError(f"what provider {provider_id} had announced settled another's rows")
    amount = sum(each.claim.allowed for each in settled)
    ledger.provider(provider_id).credit.put_off(amount, day_of(event.claims_dated(now)), now=now)


def _use_announcement(ledger: Ledger, digest: bytes) -> SectionsObjection:
    """The objection of this digest, against what stands announced; it no longer does."""
    domain = Domain(ledger.deployment.chain_id, ledger.deployment.settlement)
    for provider in ledger.providers.values():
        announced = provider.announced
        if announced is not None and announced.objection.digest(domain) == digest:
            provider.announced = None
            return announced.objection
    raise LedgerError(f"batch 0x{digest.hex()} settled without a quorum, and nobody had announced it")


def _sections_announced(ledger: Ledger, event: events.SectionsAnnounced, now: int) -> None:
    if event.announced_at != now or keccak256(event.sections) != event.sections_hash:
        raise LedgerError(f"provider {event.provider_id} announced sections that are not what it says")
    objection = SectionsObjection(event.provider_id, event.sections_hash, event.announced_at)
    ledger.provider(event.provider_id).announced = Announcement(objection, event.sections)


def _sections_objected(ledger: Ledger, event: events.SectionsObjected, _: int) -> None:
    provider = ledger.provider(event.provider_id)
    objection = None if provider.announced is None else provider.announced.objection
    # The contract keeps, and compares, so much of the hash.
    if objection is None or (objection.sections_hash[:KEPT_HASH_BYTES], objection.announced_at) != (
        event.sections_hash[:KEPT_HASH_BYTES],
        event.announced_at,
    ):
        raise LedgerError(f"the quorum objected to what provider {event.provider_id} has not announced")
    provider.announced = None


def batch_claim_ids(ledger: Ledger, batch: events.BatchSettled, now: int) -> list[bytes]:
    """The ids of the rows that have settled since the batch before: the leaves of this batch's tree."""
    at, dated = ledger.deployment, batch.claims_dated(now)
    prefix = claim_prefix(at.chain_id, at.settlement, batch.digest, dated, batch.operator)
    settled = ledger.batch.claims(batch, now)
    return [claim_id(prefix, each.patient, each.claim, each.secondary) for each in settled]


# ---- payouts and bonds ----------------------------------------------------------------------------------


def _provider_paid(ledger: Ledger, event: events.ProviderPaid, now: int) -> None:
    _check_payout_address(ledger, event.provider_id, event.payout_address, now)
    ledger.provider(event.provider_id).credit.pay(event.amount, now=now)
    ledger.settlement_owes -= event.amount


def _operator_paid(ledger: Ledger, event: events.OperatorPaid, now: int) -> None:
    ledger.operators[event.operator].pay(event.amount, now=now)
    ledger.settlement_owes -= event.amount


def _advance_paid(ledger: Ledger, event: events.AdvancePaid, now: int) -> None:
    _check_payout_address(ledger, event.provider_id, event.payout_address, now)
    ledger.provider(event.provider_id).credit.advance(event.amount, now=now)
    ledger.settlement_owes -= event.amount


def _bond_deposited(ledger: Ledger, event: events.BondDeposited, _: int) -> None:
    ledger.provider(event.provider_id).credit.bond += event.amount
    ledger.settlement_owes += event.amount


def _bond_withdrawn(ledger: Ledger, event: events.BondWithdrawn, now: int) -> None:
    _check_payout_address(ledger, event.provider_id, event.payout_address, now)
    ledger.provider(event.provider_id).credit.take_bond_back(event.amount, now=now)
    ledger.settlement_owes -= event.amount


def _check_payout_address(ledger: Ledger, provider_id: int, address: str, now: int) -> None:
    if address != ledger.provider(provider_id).payout.at(now):
        raise LedgerError(f"provider {provider_id} was paid at {address}")


def _operator_fee_announced(ledger: Ledger, event: events.OperatorFeeAnnounced, now: int) -> None:
    ledger.operator_fee.announce(event.flat, event.bps, event.effective_at, now=now)


def _provider_suspended(ledger: Ledger, event: events.ProviderSuspended, _: int) -> None:
    ledger.provider(event.provider_id).credit.suspended = True


def _provider_reinstated(ledger: Ledger, event: events.ProviderReinstated, _: int) -> None:
    ledger.provider(event.provider_id).credit.suspended = False


# ---- quorum and pause -----------------------------------------------------------------------------------


def _epoch_opened(ledger: Ledger, event: events.EpochOpened, _: int) -> None:
    if event.epoch != len(ledger.epochs) + 1:
        raise LedgerError(f"epoch {event.epoch} was opened after epoch {len(ledger.epochs)}")
    if event.epoch > 1:
        ledger.epochs[event.epoch - 1].ends_at = event.previous_ends_at
    ledger.epochs[event.epoch] = OracleEpoch(event.threshold, event.members)


def _epoch_ended(ledger: Ledger, event: events.EpochEnded, now: int) -> None:
    if event.epoch not in ledger.epochs:
        raise LedgerError(f"epoch {event.epoch} ended without having been opened")
    ledger.epochs[event.epoch].ends_at = now


def _paused(ledger: Ledger, _event: events.Paused, _: int) -> None:
    ledger.paused = True


def _unpaused(ledger: Ledger, _event: events.Unpaused, _: int) -> None:
    ledger.paused = False


ENTRIES: dict[type[Event], Entry] = {
    events.ClaimSettled: _claim_settled,
    events.SecondaryDetermined: _secondary_determined,
    events.ClaimDenied: _claim_denied,
    events.ClaimPended: _patient_named,
    events.ClaimSkipped: _patient_named,
    events.BatchSettled: _batch_settled,
    events.SectionsAnnounced: _sections_announced,
    events.SectionsObjected: _sections_objected,
    events.ProviderPaid: _provider_paid,
    events.OperatorPaid: _operator_paid,
    events.AdvancePaid: _advance_paid,
    events.BondDeposited: _bond_deposited,
    events.BondWithdrawn: _bond_withdrawn,
    events.OperatorFeeAnnounced: _operator_fee_announced,
    events.ProviderSuspended: _provider_suspended,
    events.ProviderReinstated: _provider_reinstated,
    events.EpochOpened: _epoch_opened,
    events.EpochEnded: _epoch_ended,
    events.Paused: _paused,
    events.Unpaused: _unpaused,
}
