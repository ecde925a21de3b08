"""Whether a step of a dispute was taken before: what the contract stores, and the log that tells when.

It is the outcome that counts. A claim of which nothing is left was conceded, given back, ruled on or closed,
and whoever asks for that once more has it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from web3.types import LogReceipt

from chainbill.chain.contracts.settlement import DisputeStatus, Ruling
from chainbill.chain.format.events import ClaimReversed, DisputeAnswered, DisputeParty
from chainbill.chain.format.logs import decode_log
from chainbill.chain.protocol import Protocol
from chainbill.ledger.proofs import ProvenClaim
from chainbill.operations.claims.rulings import upheld

_REVERSED = (DisputeStatus.REVERSED, DisputeStatus.CORRECTED)

_AMOUNTS = (
    *("allowed", "deductible", "copay", "coinsurance", "outside_plan"),
    *("plan_paid", "secondary_paid", "fee"),
)
"""What a ruling can take of a claim."""

_ALONE = ("deductible", "out_of_pocket", "plan_paid")
"""And of what the secondary payer would have paid alone."""


def disputed(protocol: Protocol, proven: ProvenClaim, party: DisputeParty) -> LogReceipt | None:
    """By which log a party has disputed a claim; None: it has not."""
    if party not in protocol.settlement.dispute_of(proven.claim_id).parties:
        return None
    return _newest(protocol, "ClaimDisputed", proven, party=party)


def answered(protocol: Protocol, proven: ProvenClaim, statement_hash: bytes) -> LogReceipt | None:
    """By which log a claim's dispute was answered with this hash; None: it waits for an answer, or has
    another."""
    status = protocol.settlement.dispute_of(proven.claim_id).status
    if status in (DisputeStatus.NONE, DisputeStatus.OPEN):
        return None
    log = _newest(protocol, "DisputeAnswered", proven)
    event = None if log is None else decode_log(log)
    said = isinstance(event, DisputeAnswered) and event.statement_hash == statement_hash
    return log if said else None


def reversed_in_full(protocol: Protocol, proven: ProvenClaim) -> LogReceipt | None:
    """By which log a claim came to have nothing left of it; None: it stands, if only in part."""
    log = _reversal_log(protocol, proven, protocol.settlement.dispute_of(proven.claim_id).status)
    taken = None if log is None else _taken(log).claim
    return log if taken is not None and taken.allowed == proven.settled.claim.allowed else None


def ruled(protocol: Protocol, proven: ProvenClaim, ruling: Ruling) -> LogReceipt | None:
    """By which log a claim came to be as a ruling wants it; None: it is otherwise, or not ended."""
    settled, status = proven.settled, protocol.settlement.dispute_of(proven.claim_id).status
    if status is DisputeStatus.UPHELD and ruling == upheld(settled):
        return _newest(protocol, "DisputeUpheld", proven)
    log = _reversal_log(protocol, proven, status)
    if log is None:
        return None
    taken = _taken(log)
    left = Ruling(
        replace(settled.claim, **_less(settled.claim, taken.claim, _AMOUNTS)),
        replace(settled.secondary, **_less(settled.secondary, taken.secondary, _ALONE)),
    )
    return log if left == ruling else None


def ended(protocol: Protocol, proven: ProvenClaim) -> LogReceipt | None:
    """By which log a claim's dispute has ended; None: it goes on, or never was."""
    standing = protocol.settlement.dispute_of(proven.claim_id)
    if not standing.parties:
        return None
    if standing.status is DisputeStatus.UPHELD:
        return _newest(protocol, "DisputeUpheld", proven)
    return _reversal_log(protocol, proven, standing.status)


def reversal(protocol: Protocol, proven: ProvenClaim, status: DisputeStatus) -> ClaimReversed | None:
    """What was taken back of a claim that stands so; None: nothing was."""
    log = _reversal_log(protocol, proven, status)
    return None if log is None else _taken(log)


def _reversal_log(protocol: Protocol, proven: ProvenClaim, status: DisputeStatus) -> LogReceipt | None:
    return _newest(protocol, "ClaimReversed", proven) if status in _REVERSED else None


def _taken(log: LogReceipt) -> ClaimReversed:
    return cast("ClaimReversed", decode_log(log))  # It was asked for by its topic.


def _newest(protocol: Protocol, event: str, proven: ProvenClaim, **indexed: int) -> LogReceipt | None:
    block = protocol.deployment.block
    return protocol.settlement.newest_log(event, from_block=block, claimId=proven.claim_id, **indexed)


def _less(before: object, taken: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(before, name) - getattr(taken, name) for name in names}
