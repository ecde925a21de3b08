"""What the oracle does with what was attested, and what its operators earn."""

from __future__ import annotations

import os
from pathlib import Path

from chainbill.client.arguments import checked
from chainbill.operations.actor import Actor
from chainbill.operations.oracle import fees, settle
from chainbill.operations.oracle.fees import FeesWithdrawn, OperatorFees
from chainbill.operations.oracle.objections import AnnouncementCalledOff, object_to_sections
from chainbill.operations.oracle.settle import OracleStanding, Settlement, StoreRebuilt
from chainbill.operations.oracle.take import TakenEvents, take_events
from chainbill.operations.parties import provider_of
from chainbill.state.private_files import write_private


@checked
class Oracle:
    """The oracle of the state directory, and the account that sends for it."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    @property
    def address(self) -> str:
        """The account's checksummed address."""
        return self._actor.address

    def settle(self, *, operator: str | None = None) -> Settlement:
        """Settle what is attested; see ``operations.oracle.settle.settle``.

        Args:
            operator: who gets the operator's fee, by name or address; None: nobody, and no fee is taken.
        """
        earner = None if operator is None else self._address_of(operator)
        return settle.settle(self._actor, operator=earner)

    def take(
        self,
        file: str | os.PathLike[str],
        *,
        receipts: str | os.PathLike[str] | None = None,
        replace: bool = False,
    ) -> TakenEvents:
        """Take in what a provider of another machine has exported; see ``operations.oracle.take``.

        Args:
            receipts: a file to write for the provider, which says what became of each event; None: none.
            replace: a file that is there.
        """
        if receipts is None:
            return take_events(self._actor.session, Path(file))
        path = Path(receipts).absolute()
        return take_events(
            self._actor.session,
            Path(file),
            receipts=lambda content: write_private(path, content, replace=replace),
        )

    def object_to_sections(self, provider: str) -> AnnouncementCalledOff:
        """Call off what a provider, by name, address or id, has announced to settle without the oracle; see
        ``operations.oracle.objections.object_to_sections``."""
        _, provider_id = provider_of(self._actor.session, provider)
        return object_to_sections(self._actor, provider_id)

    def status(self) -> OracleStanding:
        """What was attested, by where it stands; see ``operations.oracle.settle.status``."""
        return settle.status(self._actor.session)

    def rebuild(self, *, without_records: bool = False) -> StoreRebuilt:
        """The store again, from the chain; see ``operations.oracle.settle.rebuild``."""
        return settle.rebuild(self._actor.session, without_records=without_records)

    def fees(self, operator: str | None = None) -> OperatorFees:
        """What an operator has earned, by name or address; None: this account."""
        return fees.fees(self._actor.session, self._address_of(operator))

    def withdraw_fees(self, operator: str | None = None) -> FeesWithdrawn:
        """Pay an operator's matured fees out to it, by name or address; None: to this account. See
        ``operations.oracle.fees.withdraw_fees``."""
        return fees.withdraw_fees(self._actor, self._address_of(operator))

    def _address_of(self, operator: str | None) -> str:
        return self.address if operator is None else self._actor.session.book.address_of(operator)
