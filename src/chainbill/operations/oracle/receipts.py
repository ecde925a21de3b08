"""What an oracle tells the provider of a file of what became of its events."""

from __future__ import annotations

from chainbill.attestation.attested import AttestedEvent
from chainbill.attestation.file_header import INTAKE_RECEIPTS
from chainbill.attestation.intake_receipts import (
    REFUSED,
    IntakeReceipt,
    IntakeReceipts,
    SignedReceipts,
    event_id,
)
from chainbill.attestation.signing import Signer
from chainbill.errors import IntakeRefused, StateError
from chainbill.operations.oracle.at_hand import nodes_here
from chainbill.operations.parties import provider_of
from chainbill.operations.sealed_files import header_for
from chainbill.oracle.api import Receipt
from chainbill.oracle.store import OracleStore
from chainbill.records.vault import seal_to
from chainbill.state.session import Session


class ReceiptIssuer:
    """Collects what becomes of one provider's events, and signs and seals it."""

    def __init__(self, session: Session, store: OracleStore) -> None:
        """Raises StateError: the key of no node of the quorum is here."""
        self._session = session
        self._store = store
        self._signer = _member_here(session)
        self._provider_id = 0
        self._vault_key = b""
        self._receipts: dict[bytes, IntakeReceipt] = {}

    def foresee(self, attested: AttestedEvent) -> None:
        """Look, before an event is taken, whether its provider can be told of it.

        Raises:
            StateError: its provider's vault key is not known here, or it is of another provider than the
                events before.
        """
        provider_id = attested.attestation.provider_id
        if not self._vault_key:
            provider, _ = provider_of(self._session, str(provider_id))
            self._vault_key = self._session.book.vault_key_of(provider.address)
            self._provider_id = provider_id
        if provider_id != self._provider_id:
            raise StateError(
                f"the file has events of providers {self._provider_id} and {provider_id}, "
                "and receipts are one provider's",
                hint="take it without receipts: leave out `receipts=`",
            )

    def add(self, attested: AttestedEvent, outcome: Receipt | IntakeRefused) -> None:
        """Note what became of an event."""
        digest = attested.attestation.digest(self._session.protocol.domain)
        event = event_id(digest, attested.signature)
        if isinstance(outcome, IntakeRefused):
            told = IntakeReceipt(event, REFUSED, str(outcome.reason), str(outcome))
        else:
            told = IntakeReceipt(event, outcome.status.value, outcome.standing_reason, "")
        self._receipts[event] = told

    @property
    def count(self) -> int:
        """Of how many events something was noted."""
        return len(self._receipts)

    def content(self) -> bytes:
        """The file, where there was an event."""
        session = self._session
        issued_at = self._store.receipts_issued(session.now())
        told = IntakeReceipts(self._provider_id, issued_at, tuple(self._receipts.values()))
        signature = self._signer.sign(told.digest(session.protocol.domain))
        line = SignedReceipts(told, signature).to_line(lambda plain: seal_to(self._vault_key, plain))
        return header_for(session, INTAKE_RECEIPTS, self._vault_key).to_line() + line


def _member_here(session: Session) -> Signer:
    members = session.protocol.settlement.signing_members(session.now())
    for name, node in nodes_here(session).items():
        if node.address in members:
            return Signer(session.account(name))
    raise StateError(
        "receipts are signed by a node of the quorum, and the key of none is here",
        hint="bring its keystore here: chainbill accounts import FILE; or leave out `receipts=`",
    )
