"""What a session's chain, vault and address book tell each party of its charges."""

from __future__ import annotations

from collections.abc import Sequence

from chainbill.chain.node.connection import time_of_block
from chainbill.chain.node.finality import DEVNET_FINALITY, final_block
from chainbill.chain.node.json_rpc import JsonRpc
from chainbill.ledger.indexer import decode_ledger, fetch_ledger
from chainbill.operations.actor import Actor
from chainbill.oracle.store import OracleStore
from chainbill.records.refusals import Refusals
from chainbill.state.address_book import AddressBook
from chainbill.state.session import Session
from chainbill.statements.asked_for import whole_numbers
from chainbill.statements.facts import Names
from chainbill.statements.from_ledger import LedgerHistory, Reader
from chainbill.statements.insurer import InsurerStatement
from chainbill.statements.insurer import insurer_statement as of_insurer
from chainbill.statements.patient import patient_statement as of_patient
from chainbill.statements.patient_model import PatientStatement
from chainbill.statements.patient_period import only_charges, only_period
from chainbill.statements.period import Period
from chainbill.statements.provider import ProviderStatement, only_lines
from chainbill.statements.provider import provider_statement as of_provider


def read_history(session: Session) -> LedgerHistory:
    """Fetch every log of the session's deployment, and replay what is final.

    Which block of a network is final its settings say. On a chain that only its node's URL names it is what
    the node calls final, or one 64 blocks deep; on a devnet the newest.

    Raises:
        ChainError: the node does not answer.
        LedgerError: the logs do not replay.
    """
    deployment, w3 = session.protocol.deployment, session.protocol.w3
    final = None if session.finality == DEVNET_FINALITY else final_block(w3, session.finality)
    with JsonRpc(session.rpc_url) as node:
        ledger = fetch_ledger(node, deployment)
    recorded, last = decode_ledger(ledger), ledger.header.to_block
    if final is None or final >= last:
        return LedgerHistory(recorded, deployment, as_of=ledger.header.to_block_time)
    return LedgerHistory(
        [each for each in recorded if each.block <= final],
        deployment,
        as_of=time_of_block(w3, final),
        not_final=[each for each in recorded if each.block > final],
    )


def patient_statement(
    patient: Actor, *, period: Period | None = None, charges: Sequence[str] = ()
) -> PatientStatement:
    """The Explanation of Benefits: what was charged, who paid how much of it, and why. Where the account's
    key is elsewhere it is the same without the details that are sealed, and each charge says so.

    Args:
        period: only charges of these days or this benefit year, by date of service.
        charges: only these: numbers (``2:7``), commitments or claim ids.

    Raises:
        ChainError: the node does not answer.
        LedgerError: the logs do not replay, or one of ``charges`` names none.
        StateError: the passphrase is missing or wrong, or a number is not whole.
    """
    history = read_history(patient.session)
    facts = history.patient(patient.address, reader(patient))
    told = of_patient(patient.address, facts, names(patient.session.book))
    listed = [(event.number, event.reference) for event in told.events]
    numbers = whole_numbers(charges, listed, history.numbers_of)
    told = only_period(told, period) if period else told
    return only_charges(told, numbers) if numbers else told


def provider_statement(
    provider: Actor, provider_id: int, *, period: Period | None = None, charges: Sequence[str] = ()
) -> ProviderStatement:
    """The remittance advice: what was paid for which event, by whom, and what is still waiting; otherwise as
    ``patient_statement``."""
    history = read_history(provider.session)
    facts = history.provider(provider_id, reader(provider))
    told = of_provider(provider_id, facts, names(provider.session.book), period)
    listed = [(line.number, line.reference) for line in told.lines]
    numbers = whole_numbers(charges, listed, history.numbers_of)
    return only_lines(told, numbers) if numbers else told


def insurer_statement(session: Session, payer_id: int, *, period: Period | None = None) -> InsurerStatement:
    """What a payer's plans paid: by provider, benefit year and service, and what the pool holds.

    Args:
        period: only charges that were decided on these days (UTC), or of this benefit year.

    Raises:
        ChainError: the node does not answer.
        LedgerError: the logs do not replay.
        StateError: the payer's schedule, which names services, cannot be read.
    """
    services = session.schedules.load(payer_id).names() if payer_id in session.schedules else None
    facts = read_history(session).insurer(payer_id)
    return of_insurer(payer_id, facts, names(session.book), services, period)


def reader(actor: Actor) -> Reader | None:
    """An account as a reader of the vault; None where its key is elsewhere, so that it opens nothing.

    Raises:
        StateError: the passphrase is missing or wrong.
    """
    key = actor.vault_key_at_hand()
    if key is None:
        return None
    state = actor.session.state
    taken = OracleStore(state.oracle_database).waiting() if state.oracle_database.exists() else []
    return Reader(actor.session.vault, key, Refusals(state.refusals_database), taken)


def names(book: AddressBook) -> Names:
    """What the address book calls providers, insurers and accounts."""
    entries = book.entries().items()
    return Names(
        providers={entry.provider_id: name for name, entry in entries if entry.provider_id is not None},
        payers={entry.payer_id: name for name, entry in entries if entry.payer_id is not None},
        accounts={entry.address: name for name, entry in entries},
    )
