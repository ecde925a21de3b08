"""Attestations that are settled already, as the chain's logs tell: a receipt was lost, or somebody else sent
their batch. Their claims are found again by what was attested, not by what this oracle remembers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from web3.types import TxReceipt

from chainbill.attestation.typed_data import ServiceAttestation
from chainbill.chain.format.events import ClaimDenied, ClaimSettled
from chainbill.chain.format.logs import ROW_ENDED_TOPICS, decode_all
from chainbill.chain.node.connection import find_receipt, json_rpc_of, newest_block
from chainbill.chain.node.log_queries import MAX_RANGE, fetch_logs
from chainbill.chain.protocol import Protocol
from chainbill.errors import LedgerError
from chainbill.oracle.receipts import SettledBatch, record_receipt
from chainbill.oracle.store import OracleStore, StoredAttestation


def record_settled_before(
    protocol: Protocol, store: OracleStore, skipped: Sequence[StoredAttestation]
) -> list[SettledBatch]:
    """Find the transactions in which attestations ended that a batch has skipped, and write down what these
    say. Where the sequence was spent by something else than what was attested, there is none.

    Raises:
        ChainError: the node could not be reached, or refused.
    """
    receipts: dict[bytes, TxReceipt] = {}
    members: dict[bytes, list[StoredAttestation]] = {}
    for stored in skipped:
        receipt = _ending(protocol, stored.attestation)
        if receipt is not None:
            transaction = bytes(receipt["transactionHash"])
            receipts[transaction] = receipt
            members.setdefault(transaction, []).append(stored)
    return [
        record_receipt(protocol, store, members[transaction], receipt, earlier=True)
        for transaction, receipt in receipts.items()
    ]


def _ending(protocol: Protocol, attestation: ServiceAttestation) -> TxReceipt | None:
    """The receipt of the transaction in which an attestation was settled or denied."""
    for transaction, event in _endings(protocol, attestation.patient):
        claim = event.claim
        place = claim.provider_id, claim.sequence, claim.commitment
        if place == (attestation.provider_id, attestation.sequence, attestation.commitment):
            return find_receipt(protocol.w3, transaction)
    return None


def _endings(protocol: Protocol, patient: str) -> Iterator[tuple[bytes, ClaimSettled | ClaimDenied]]:
    """How a patient's events ended, the newest blocks first, with their transactions."""
    word = "0x" + patient[2:].lower().rjust(64, "0")
    begin, last = protocol.deployment.block, newest_block(protocol.w3)
    while last >= begin:
        first = max(begin, last - MAX_RANGE + 1)
        # A plain claim's log has the patient as its first topic, all others as their second.
        for topics in ([word], [list(ROW_ENDED_TOPICS), word]):
            wanted = {"address": protocol.deployment.settlement, "topics": topics}
            for log in fetch_logs(json_rpc_of(protocol.w3), wanted, first, last):
                try:
                    events = decode_all(log)
                except LedgerError:
                    continue
                for event in events:
                    if isinstance(event, ClaimSettled | ClaimDenied):
                        yield bytes.fromhex(log["transactionHash"][2:]), event
        last = first - 1
