"""The whole ledger as a session's statements read it, and the names its parties go by."""

from __future__ import annotations

from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.ledger.indexer import decode_ledger, fetch_ledger
from chainbill.oracle.store import OracleStore
from chainbill.records.refusals import Refusals
from chainbill.state.address_book import AddressBook
from chainbill.state.session import Session
from chainbill.statements.facts import Names
from chainbill.statements.from_ledger import LedgerHistory, Reader


def read_history(session: Session) -> LedgerHistory:
    """Fetch every log of the session's deployment and replay it.

    Raises:
        ChainError: the node does not answer.
        LedgerError: the logs do not replay.
    """
    deployment = session.protocol.deployment
    with JsonRpc(session.rpc_url) as node:
        ledger = fetch_ledger(node, deployment)
    return LedgerHistory(decode_ledger(ledger), deployment, as_of=ledger.header.to_block_time)


def reader(session: Session, name: str) -> Reader:
    """An account as a reader of the vault.

    Raises:
        StateError: no such account, or the passphrase is missing or wrong.
    """
    database = session.state.oracle_database
    taken = OracleStore(database).waiting() if database.exists() else []
    return Reader(session.vault, session.vault_key(name), Refusals(session.state.refusals_database), taken)


def names(book: AddressBook) -> Names:
    """What the address book calls providers, insurers and accounts."""
    entries = book.entries().items()
    return Names(
        providers={entry.provider_id: name for name, entry in entries if entry.provider_id is not None},
        payers={entry.payer_id: name for name, entry in entries if entry.payer_id is not None},
        accounts={entry.address: name for name, entry in entries},
    )
