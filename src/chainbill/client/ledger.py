"""The claims that the chain's logs tell of, for anybody to read."""

from __future__ import annotations

from collections.abc import Iterator

from chainbill.client import parties
from chainbill.client.arguments import checked
from chainbill.client.parties import PartyName, PatientName
from chainbill.operations.claims.facts import LedgerClaim
from chainbill.operations.claims.lookup import Claims, PartyTo
from chainbill.state.session import Session


@checked
class Ledger:
    """Every claim of a deployment. Each reading begins with the newest block."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def claims(
        self,
        *,
        patient: PatientName | None = None,
        provider: PartyName | None = None,
        payer: PartyName | None = None,
    ) -> Iterator[LedgerClaim]:
        """Claims in the order in which they were first decided; of nobody in particular: all.

        Args:
            patient: only this patient's: an address, or a name in the address book.
            provider: only this provider's.
            payer: only those that this insurer pays or shares in.

        Raises:
            ChainError: the node does not answer.
            LedgerError: the logs do not replay.
            StateError: one of them is nobody.
        """
        session = self._session
        party = PartyTo(
            patient=None if patient is None else parties.patient(session, patient),
            provider_id=None if provider is None else parties.provider_id(session, provider),
            payer_id=None if payer is None else parties.payer_id(session, payer),
        )
        yield from Claims(session).of(party)
