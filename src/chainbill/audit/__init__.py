"""The audit: rebuilds the ledger from logs alone, prices every claim again, and compares with contract state.

An auditor needs a node and the addresses of a deployment; no key and no record.
"""

from chainbill.audit.claims import ClaimRecord, Totals, read_claims, replay_claims
from chainbill.audit.discrepancy import Discrepancy, Kind
from chainbill.audit.evidence import Evidence
from chainbill.audit.indexer import fetch_ledger, index
from chainbill.audit.ledger import Ledger
from chainbill.audit.raw_ledger import RawLedger, RawLog
from chainbill.audit.replay import rebuild
from chainbill.audit.rpc import JsonRpc
from chainbill.audit.verification import Verification, verify

__all__ = [
    "ClaimRecord",
    "Discrepancy",
    "Evidence",
    "JsonRpc",
    "Kind",
    "Ledger",
    "RawLedger",
    "RawLog",
    "Totals",
    "Verification",
    "fetch_ledger",
    "index",
    "read_claims",
    "rebuild",
    "replay_claims",
    "verify",
]
