"""The audit itself: everything that can be checked about a deployment from outside, in one pass.

1. The copy, where one is given, is the chain's: every log, in its place, unaltered.
2. The logs replay: no event that does not follow from those before it.
3. Each row ended as the terms in force when it was signed say, claims add up, and each batch fits its log
   and its root.
4. No contract ever held less than it owed, and no token left one that nobody was owed.
5. Contract state at the ledger's last block is what the logs say.
6. No two claims stand under one commitment; and where the auditor was given an oracle's store or a vault,
   each claim that stands has an attestation of its provider, or a record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chainbill.audit.claim_check import check_claim
from chainbill.audit.copy_check import check_places, compare_copy
from chainbill.audit.discrepancy import Discrepancy, Kind
from chainbill.audit.evidence import Evidence, repeated_commitments, unsupported_claims
from chainbill.audit.state import compare_state
from chainbill.audit.transactions import check_transactions
from chainbill.billing.outcomes import Outcome
from chainbill.chain.deployments import Deployment
from chainbill.chain.format.events import RecordedEvent
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import ChainError, LedgerError, NodeRefused, StateForgotten
from chainbill.ledger.accounts import Ledger
from chainbill.ledger.claim_records import ClaimRecord, Totals, walk
from chainbill.ledger.indexer import check_unchanged, decode_ledger, describe, fetch_ledger
from chainbill.ledger.raw_logs import Header, RawLedger, RawLog
from chainbill.ledger.replay import where

Progress = Callable[[str, int, int], None]
"""Hears what is being done, how much of it is done, and how much there is (0: unknown)."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked and what was found."""

    header: Header
    """Names the block whose contract state was compared."""
    continued_from: int | None
    """A copy's own last block, where the node had forgotten that block's state and the copy was therefore
    continued with the chain's own logs up to the newest block; else None."""
    counts: dict[str, int]
    """How many of each kind of thing were checked."""
    totals: Totals
    discrepancies: tuple[Discrepancy, ...]
    donations: dict[str, int]
    """By contract: tokens beyond what it owes, sent by somebody without a deposit. Nobody's, and no fault."""

    @property
    def adds_up(self) -> bool:
        """Was nothing found?"""
        return not self.discrepancies


@dataclass(frozen=True, slots=True)
class Audit:
    """The part of the audit that needs logs alone."""

    ledger: Ledger
    records: list[ClaimRecord]
    discrepancies: list[Discrepancy]
    attesters: dict[bytes, dict[str, bool]]
    """By claim id: every key that its provider had when it was settled; False: revoked by then."""


def verify(
    node: JsonRpc,
    deployment: Deployment,
    *,
    copy: RawLedger | None = None,
    to_block: int | None = None,
    evidence: Evidence | None = None,
    on_progress: Progress = lambda *_: None,
) -> Verification:
    """Audit a deployment up to ``to_block`` (the newest by default), or a copy of its ledger, and where there
    is ``evidence`` ask of each claim that stands whether it has any.

    Raises:
        StateForgotten: the node no longer has the state of ``to_block``; says what its logs alone say.
        ChainError: the node does not answer, or the deployment was not complete by ``to_block``, or the chain
            was reorganised while it was read.
        LedgerError: the copy is of another deployment or another chain.
    """
    on_progress("reading logs", 0, 0)
    raw = fetched = fetch_ledger(node, deployment, to_block=copy.header.to_block if copy else to_block)
    found: list[Discrepancy] = []
    if copy is not None:
        _check_origin(copy.header, fetched.header)
        found += [*check_places(copy), *compare_copy(copy, fetched)]
        raw = copy
    if not _has_state(node, fetched.header):
        if copy is None:
            raise _logs_alone(fetched)
        raw = fetched = _continued(copy, fetch_ledger(node, deployment))
    on_progress("pricing claims again", 0, 0)
    audit = audit_logs(raw)
    found += audit.discrepancies
    if evidence is not None:
        found += unsupported_claims(audit.records, audit.ledger, audit.attesters, evidence)

    checked, different = compare_state(
        node,
        audit.ledger,
        block=fetched.header.to_block,
        block_time=fetched.header.to_block_time,
        sequences={(record.provider_id, record.sequence) for record in audit.records},
        on_progress=lambda done, total: on_progress("comparing contract state", done, total),
    )
    found += different
    check_unchanged(node, fetched.header)
    totals = Totals.of(audit.records)
    surpluses = audit.ledger.surpluses().items()
    return Verification(
        header=fetched.header,
        continued_from=copy.header.to_block if copy and copy.header != raw.header else None,
        counts=_counts(raw, audit.ledger, totals, audit.records) | checked,
        totals=totals,
        discrepancies=tuple(found),
        donations={address: surplus for address, surplus in surpluses if surplus > 0},
    )


def audit_logs(raw: RawLedger) -> Audit:
    """Replay the logs, price every claim again, and watch solvency; nothing is asked of a node."""
    found: list[Discrepancy] = []

    def unreadable(log: RawLog, error: LedgerError) -> None:
        found.append(Discrepancy(Kind.UNREADABLE_LOG, describe(log), str(error)))

    def refused(recorded: RecordedEvent, error: LedgerError) -> None:
        found.append(Discrepancy(Kind.REPLAY, where(recorded), str(error)))

    recorded = decode_ledger(raw, on_refusal=unreadable)
    ledger = Ledger(raw.header.deployment)
    records = []
    attesters: dict[bytes, dict[str, bool]] = {}
    for record in walk(recorded, ledger, on_error=refused):
        records.append(record)
        found += check_claim(record)
        if record.claim_id is not None:
            provider = ledger.providers.get(record.provider_id)
            attesters[record.claim_id] = dict(provider.attesters) if provider else {}
    found += check_transactions(recorded, raw.header.deployment)
    found += repeated_commitments(records, ledger)
    return Audit(ledger, records, found, attesters)


def _check_origin(copy: Header, chain: Header) -> None:
    if copy.deployment != chain.deployment:
        raise LedgerError(
            "the ledger is of another deployment than the one recorded for this chain",
            hint="verify it against the chain it was exported from",
        )
    if (copy.to_block_hash, copy.to_block_time) != (chain.to_block_hash, chain.to_block_time):
        raise LedgerError(
            f"block {copy.to_block} of the ledger is not block {chain.to_block} of this chain",
            hint="verify it against the chain it is from; after a reorganisation export it again",
        )


def _has_state(node: JsonRpc, header: Header) -> bool:
    """Can the node still read contract state at the ledger's last block?

    Raises:
        ChainError: the deployment was not complete by then: there is nothing to compare with.
    """
    settlement, block = header.deployment.settlement, header.to_block
    try:
        code = node.call("eth_getCode", settlement, hex(block))
    except NodeRefused:
        return False
    if code in ("0x", None):
        raise ChainError(
            f"there is no settlement contract at {settlement} in block {block}",
            hint="name a later block, or the chain that the deployment is on",
        )
    return True


def _logs_alone(raw: RawLedger) -> StateForgotten:
    """The error of a node without the state to compare with, and what the logs say without it."""
    audit = audit_logs(raw)
    first = f", the first: {audit.discrepancies[0]}" if audit.discrepancies else ""
    return StateForgotten(
        f"the node no longer has the state of block {raw.header.to_block}, so what the contracts hold cannot "
        f"be compared; its {len(raw.logs):,} logs alone were checked, with {len(audit.discrepancies):,} "
        f"discrepancies{first}",
        hint="audit up to the newest block, or ask an archive node: `rpc_url=URL`",
    )


def _continued(copy: RawLedger, chain: RawLedger) -> RawLedger:
    """The copy, and after it what the chain logged since."""
    since = tuple(log for log in chain.logs if log.block > copy.header.to_block)
    return RawLedger(chain.header, copy.logs + since)


def _counts(raw: RawLedger, ledger: Ledger, totals: Totals, records: Sequence[ClaimRecord]) -> dict[str, int]:
    return {
        "logs": len(raw.logs),
        "claims_repriced": sum(
            record.readjudication is not None and record.outcome in (Outcome.SETTLED, Outcome.DENIED)
            for record in records
        ),
        "reversed": sum(live.reversed_claim is not None for live in ledger.claims.values()),
        "settled": totals.settled,
        "denied": totals.denied,
        "pended": totals.pended,
        "skipped": totals.skipped,
    }
