"""What anybody finds out with a node alone: what happened, what a claim came to, whether it adds up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chainbill.audit.account import ClaimAccount, find_claims
from chainbill.audit.discrepancy import Discrepancy
from chainbill.audit.evidence import Evidence, Missing, missing_of
from chainbill.audit.verification import Verification
from chainbill.audit.verification import verify as verify_deployment
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.errors import StateError, without_keys
from chainbill.ledger.claim_records import replay_claims
from chainbill.ledger.history import MONEY_AND_CLAIMS, Filter, HistoryEntry, HistoryKind
from chainbill.ledger.history import read_history as entries_of
from chainbill.ledger.indexer import fetch_ledger, index
from chainbill.ledger.raw_logs import RawLedger
from chainbill.oracle.store import OracleStore
from chainbill.records.vault import Vault, VaultKey
from chainbill.state.session import Session

__all__ = [
    "MONEY_AND_CLAIMS",
    "ClaimAccount",
    "Discrepancy",
    "Evidence",
    "Filter",
    "HistoryEntry",
    "HistoryKind",
    "RawLedger",
    "ShownClaim",
    "Verification",
    "export_ledger",
    "given_evidence",
    "read_history",
    "show_claims",
    "verify",
]


@dataclass(frozen=True, slots=True)
class ShownClaim:
    """A claim in full, and what cannot be shown for it."""

    account: ClaimAccount
    not_shown: tuple[Missing, ...] | None
    """None: nothing was given beside the chain, so nothing was asked."""

    @property
    def holds(self) -> bool:
        """Is it what the published terms say, with everything shown that was asked for?"""
        return not self.account.differences and not self.not_shown


def read_history(session: Session, wanted: Filter | None = None) -> tuple[HistoryEntry, ...]:
    """What happened, the oldest first; by default claims, disputes and money.

    Raises:
        ChainError: the node does not answer.
        LedgerError: a log cannot be read.
    """
    with JsonRpc(session.rpc_url) as node:
        recorded = index(node, session.protocol.deployment)
    return tuple(entries_of(recorded, wanted or Filter()))


def export_ledger(session: Session) -> RawLedger:
    """Every log of the deployment up to the newest block; ``RawLedger.to_bytes`` is its file.

    Raises:
        ChainError: the node does not answer.
    """
    with JsonRpc(session.rpc_url) as node:
        return fetch_ledger(node, session.protocol.deployment)


def show_claims(
    session: Session, claims: Sequence[str], evidence: Evidence | None = None
) -> tuple[ShownClaim, ...]:
    """Claims in full: every component, the terms that priced them, and the price worked out again.

    Args:
        claims: numbers (``2:7``; ``7`` alone is every provider's seventh), commitments or claim ids.

    Raises:
        ChainError: the node does not answer.
        LedgerError: there is no such claim, or the logs do not replay.
    """
    deployment, domain = session.protocol.deployment, session.protocol.domain
    with JsonRpc(session.rpc_url) as node:
        recorded = index(node, deployment)
    records, ledger = replay_claims(recorded, deployment)
    accounts = [account for wanted in claims for account in find_claims(records, ledger, wanted)]
    return tuple(
        ShownClaim(
            account,
            None if evidence is None else tuple(missing_of(account.decisive, recorded, domain, evidence)),
        )
        for account in accounts
    )


def verify(
    session: Session,
    *,
    copy: RawLedger | None = None,
    to_block: int | None = None,
    evidence: Evidence | None = None,
    on_progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Verification:
    """Rebuild every balance from logs alone, price every claim again, and compare with contract state.

    Args:
        copy: check this copy of the ledger against the chain; it is verified at its own last block.
        to_block: audit up to this block; None: the newest.
        evidence: what is asked of every claim that stands, beside the chain's word.
        on_progress: told what is compared, how much of it is done, and of how much.

    Raises:
        ChainError: the node does not answer.
        LedgerError: the copy is of another chain or deployment.
    """
    with JsonRpc(session.rpc_url) as node:
        return verify_deployment(
            node,
            session.protocol.deployment,
            copy=copy,
            to_block=to_block,
            evidence=evidence,
            on_progress=on_progress,
        )


def given_evidence(
    attestations: Path | None = None, vault: Path | None = None, key: VaultKey | None = None
) -> Evidence | None:
    """What an auditor was given beside the chain; None: nothing.

    Args:
        attestations: an oracle's store.
        vault: a folder of sealed records.
        key: must open them; None: that a record is there is enough.

    Raises:
        StateError: the store is none, or one of them is not there.
    """
    if attestations is None and vault is None:
        return None
    if attestations is not None and not attestations.is_file():
        raise StateError(
            f"there is no store {without_keys(str(attestations))}",
            hint="name an oracle's file, oracle.sqlite",
        )
    if vault is not None and not vault.is_dir():
        raise StateError(
            f"there is no folder {without_keys(str(vault))}", hint="name the folder of sealed records"
        )
    return Evidence(
        store=None if attestations is None else OracleStore(attestations),
        vault=None if vault is None else Vault(vault),
        key=key,
    )
