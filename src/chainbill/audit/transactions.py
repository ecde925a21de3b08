"""What must hold for each transaction: batches fit their own logs and root, and no contract loses tokens it
owes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby

from chainbill.attestation.address import ZERO_ADDRESS
from chainbill.audit.discrepancy import Discrepancy, Kind
from chainbill.billing.outcomes import Outcome
from chainbill.chain.deployments import Deployment
from chainbill.chain.format.batch_rows import Row, is_row
from chainbill.chain.format.events import BatchSettled, ClaimPended, ClaimSkipped, RecordedEvent
from chainbill.errors import LedgerError
from chainbill.ledger.accounts import Ledger
from chainbill.ledger.claim_records import outcome_of
from chainbill.ledger.entries.settlement import batch_claim_ids
from chainbill.ledger.replay import apply, where
from chainbill.protocol_constants import MAX_BATCH_LIFE_SECONDS
from chainbill.records.merkle_tree import merkle_root


def check_transactions(recorded: Iterable[RecordedEvent], deployment: Deployment) -> Iterator[Discrepancy]:
    """Replay once more, a transaction at a time. What does not replay is passed over: ``walk`` names it."""
    ledger = Ledger(deployment)
    before: dict[str, int] = {}
    for _, together in groupby(recorded, key=lambda event: event.transaction):
        transaction = list(together)
        yield from _check_transaction(ledger, transaction)
        surpluses = ledger.surpluses()
        for address, surplus in surpluses.items():
            if surplus < before.get(address, 0):
                yield _lost(ledger, transaction[-1], address, before.get(address, 0) - surplus)
        before = surpluses


def _check_transaction(ledger: Ledger, transaction: Sequence[RecordedEvent]) -> Iterator[Discrepancy]:
    rows: list[Row] = []
    for recorded in transaction:
        if is_row(recorded.event):
            yield from _check_sequence(ledger, recorded, recorded.event, rows)
            rows.append(recorded.event)
        elif isinstance(recorded.event, BatchSettled):
            yield from _check_batch(ledger, recorded, recorded.event, rows)
            rows = []
        with suppress(LedgerError):
            apply(ledger, recorded)
    if rows:
        last = transaction[-1]
        yield Discrepancy(
            Kind.BATCH,
            where(last),
            "rows are not followed by the log of their batch",
            found=f"{len(rows)} rows",
        )


def _check_batch(
    ledger: Ledger, recorded: RecordedEvent, batch: BatchSettled, rows: Sequence[Row]
) -> Iterator[Discrepancy]:
    at, now = where(recorded), recorded.block_time
    counted = Counter(map(outcome_of, rows))
    stated = {
        Outcome.SETTLED: batch.settled,
        Outcome.DENIED: batch.denied,
        Outcome.PENDED: batch.pended,
        Outcome.SKIPPED: batch.skipped,
    }
    for outcome, number in stated.items():
        if counted[outcome] != number:
            message = f"the batch names another number of {outcome.name.lower()} rows than its logs"
            yield Discrepancy(Kind.BATCH, at, message, expected=str(counted[outcome]), found=str(number))
    root = merkle_root(batch_claim_ids(ledger, batch, now))
    if batch.root != root:
        message = "the batch's root is not that of its settled claims"
        yield Discrepancy(Kind.BATCH, at, message, expected="0x" + root.hex(), found="0x" + batch.root.hex())
    if not batch.signed_at <= now <= batch.signed_at + MAX_BATCH_LIFE_SECONDS:
        message = "the batch was not in its lifetime when it was submitted"
        yield Discrepancy(Kind.BATCH, at, message, f"signed at most 6 h before {now}", f"{batch.signed_at}")
    epoch = ledger.epochs.get(batch.epoch)
    if batch.unanswered:
        # No quorum signed it: that it was announced, and when, is held where it is replayed.
        if batch.signed_at != now or batch.operator != ZERO_ADDRESS:
            yield Discrepancy(Kind.BATCH, at, "a batch without a quorum has a time of its own or an operator")
    elif epoch is None or (epoch.ends_at and now >= epoch.ends_at):
        yield Discrepancy(Kind.BATCH, at, f"oracle epoch {batch.epoch} could not sign batches then")
    if ledger.paused:
        yield Discrepancy(Kind.BATCH, at, "settlement was paused when the batch was submitted")


def _check_sequence(
    ledger: Ledger, recorded: RecordedEvent, row: Row, earlier: Sequence[Row]
) -> Iterator[Discrepancy]:
    """A row is skipped if and only if its sequence was spent, or marked by an earlier row of its batch."""
    if not isinstance(row, ClaimPended | ClaimSkipped):
        return
    attested = (row.claim.provider_id, row.claim.sequence)
    provider = ledger.providers.get(row.claim.provider_id)
    spent = provider is not None and row.claim.sequence in provider.spent
    marked = any(
        isinstance(other, ClaimPended) and (other.claim.provider_id, other.claim.sequence) == attested
        for other in earlier
    )
    label = f"sequence {row.claim.sequence} of provider {row.claim.provider_id}"
    if isinstance(row, ClaimSkipped) and not (spent or marked):
        yield Discrepancy(Kind.BATCH, where(recorded), f"a row was skipped though {label} was unspent")
    if isinstance(row, ClaimPended) and spent:
        yield Discrepancy(Kind.BATCH, where(recorded), f"a row was pended though {label} was spent")


def _lost(ledger: Ledger, last: RecordedEvent, address: str, amount: int) -> Discrepancy:
    short = ledger.tokens[address] < ledger.owed()[address]
    return Discrepancy(
        Kind.SOLVENCY,
        f"contract {address}, transaction {last.transaction} in block {last.block}",
        "the contract holds less than it owes" if short else "tokens left the contract that nobody was owed",
        expected=f"{ledger.owed()[address]} owed",
        found=f"{ledger.tokens[address]} held, {amount} less than before the transaction accounts for",
    )
