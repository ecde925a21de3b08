"""What a provider does: attests what it performed, gets paid for it, and answers for it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from chainbill.client.amounts import Amount, micro_dollars
from chainbill.client.arguments import checked
from chainbill.client.parties import PatientName
from chainbill.errors import TermsError, without_keys
from chainbill.interop.fhir import MAX_BYTES
from chainbill.interop.patient_accounts import Mapped
from chainbill.operations import readings, statements
from chainbill.operations.actor import Actor
from chainbill.operations.announcements import StandingAnnouncement, announcement
from chainbill.operations.claims import corrections, disputes
from chainbill.operations.claims.corrections import Correction
from chainbill.operations.claims.disputes import DisputeStep
from chainbill.operations.claims.lookup import Claims, DisputedClaim, PartyTo
from chainbill.operations.parties import provider_of
from chainbill.operations.provider import (
    attest,
    attesters,
    cash_prices,
    check,
    credit,
    ingest,
    payout,
    rebuild,
    recall,
    unanswered,
    waiting,
)
from chainbill.operations.provider.acting import Key
from chainbill.operations.provider.attest import AttestedEvents
from chainbill.operations.provider.attesters import AttesterKey, KeyChange, KeyRotation
from chainbill.operations.provider.cash_prices import PricesPublished, PriceStanding
from chainbill.operations.provider.credit import (
    AdvanceDrawn,
    BondDeposited,
    BondReturned,
    CreditWithdrawn,
    ProviderStanding,
)
from chainbill.operations.provider.export import ExportedEvents, export_events
from chainbill.operations.provider.ingest import Ingested
from chainbill.operations.provider.own_claims import DoubtfulClaim
from chainbill.operations.provider.payout import (
    PayoutChangeAnnounced,
    PayoutChangeCalledOff,
    PayoutStanding,
)
from chainbill.operations.provider.recaller import Recalled
from chainbill.operations.provider.receipts import TakenReceipts, take_receipts
from chainbill.operations.provider.unanswered import EventsAnnounced, SettledUnanswered
from chainbill.operations.provider.waiting import EventsRemoved, WorklistStanding
from chainbill.operations.provider.worklist_rebuild import RebuiltWorklist
from chainbill.oracle.api import Receipt
from chainbill.records.catalogue import Catalogue
from chainbill.records.reading import Readings
from chainbill.records.reading_proof import ReadingsProof
from chainbill.records.service_event import ServiceEvent
from chainbill.statements.period import Period
from chainbill.statements.provider import ProviderStatement


@checked
class Provider:
    """A provider's account. Without its key it can be read, and nothing be signed or sent."""

    def __init__(self, actor: Actor, provider_id: int | None = None) -> None:
        """``provider_id``: which provider the account acts for; None: the one that it is registered as."""
        self._actor = actor
        self._provider_id = provider_id

    @property
    def address(self) -> str:
        """The account's checksummed address."""
        return self._actor.address

    @property
    def provider_id(self) -> int:
        """The provider's id.

        Raises:
            StateError: the account is registered as no provider, or as several.
        """
        if self._provider_id is None:
            _, self._provider_id = provider_of(self._actor.session, self._actor.name)
        return self._provider_id

    # ---- from records to attestations -------------------------------------------------------------------

    def attest(
        self,
        event: ServiceEvent,
        *,
        patient: PatientName | None = None,
        self_pay: bool = False,
        key: Key | None = None,
    ) -> Receipt:
        """Attest one event; what the oracle has then, and how it stands. See
        ``operations.provider.attest.attest_event``.

        Args:
            patient: the patient's account, by name or address; None: what was told of the record's patient
                when it was ingested, else the record's reference where that is a name or an address.
            self_pay: charge the patient the cash price, outside any plan.
            key: signs in place of the account's own: at hand, or the name of its keystore.
        """
        return attest.attest_event(
            self._actor, self.provider_id, event, patient=patient, self_pay=self_pay, key=key
        )

    def attest_waiting(
        self, records: Sequence[str] = (), *, self_pay: bool = False, key: Key | None = None
    ) -> AttestedEvents:
        """Attest what waits on the worklist, all or the records named; see
        ``operations.provider.attest.attest``."""
        return attest.attest(self._actor, self.provider_id, records, self_pay=self_pay, key=key)

    def export_events(self, oracle: str, *, key: Key | None = None) -> ExportedEvents:
        """What was attested and has not ended on chain, as a file for an oracle of another machine, by name
        or address; see ``operations.provider.export``."""
        return export_events(self._actor, self.provider_id, oracle, key=key)

    def take_receipts(self, file: str | os.PathLike[str]) -> TakenReceipts:
        """What an oracle of another machine has made of exported events, for the worklist to show; see
        ``operations.provider.receipts.take_receipts``."""
        return take_receipts(self._actor, self.provider_id, Path(file))

    def ingest(
        self,
        *files: str | os.PathLike[str],
        patients: Mapping[str, str] | str | None = None,
        patient_map: str | os.PathLike[str] | None = None,
        same_account: bool = False,
        performed_by: Sequence[str] = (),
        source: str | None = None,
        catalogue: Catalogue | None = None,
        in_person: bool = True,
        max_bytes: int = MAX_BYTES,
        dry_run: bool = False,
    ) -> Ingested:
        """Put the service events of a health record on the worklist; see
        ``operations.provider.ingest.ingest``.

        Args:
            patients: the account, by name or address, of the record's only patient; or of each by reference,
                identifier or MRN.
        """
        given = {"": patients} if isinstance(patients, str) else patients or {}
        return ingest.ingest(
            self._actor,
            tuple(map(Path, files)),
            patients=[Mapped(patient, account) for patient, account in given.items()],
            patient_map=None if patient_map is None else Path(patient_map),
            same_account=same_account,
            performed_by=performed_by,
            source=source,
            catalogue=catalogue,
            in_person=in_person,
            max_bytes=max_bytes,
            dry_run=dry_run,
        )

    def forget_records(self) -> int:
        """Forget what earlier parts of records said; see ``operations.provider.ingest.forget_records``."""
        return ingest.forget_records(self._actor)

    def worklist(self) -> WorklistStanding:
        """What waits to be attested, and what the oracle has and has not settled."""
        return waiting.worklist(self._actor, self.provider_id)

    def remove(self, *records: str) -> EventsRemoved:
        """Take events off the worklist that were not attested; see ``operations.provider.waiting.remove``."""
        return waiting.remove(self._actor, self.provider_id, records)

    def recall(
        self,
        records: Sequence[str] = (),
        *,
        only_held: bool = False,
        drop: bool = False,
        dry_run: bool = False,
        key: Key | None = None,
    ) -> tuple[Recalled, ...]:
        """Take back what was attested and is not settled; see ``operations.provider.recall.recall``."""
        return recall.recall(
            self._actor,
            self.provider_id,
            records,
            only_held=only_held,
            drop=drop,
            dry_run=dry_run,
            key=key,
        )

    def rebuild(self, *, with_unsent: bool = False) -> RebuiltWorklist:
        """The worklist again, where it or the oracle's store was lost; see
        ``operations.provider.rebuild.rebuild``."""
        return rebuild.rebuild(self._actor, self.provider_id, with_unsent=with_unsent)

    def check(self) -> tuple[DoubtfulClaim, ...]:
        """The claims settled in the provider's name that it did not attest so; see
        ``operations.provider.check.check``."""
        return check.check(self._actor, self.provider_id)

    # ---- without the oracle -----------------------------------------------------------------------------

    def announce_sections(self) -> EventsAnnounced:
        """Announce what was attested and has not ended, to settle it without the oracle; see
        ``operations.provider.unanswered.announce_sections``."""
        return unanswered.announce_sections(self._actor, self.provider_id)

    def announcement(self) -> StandingAnnouncement | None:
        """What is announced; None: nothing that stands."""
        return announcement(self._actor.session, self.provider_id)

    def settle_unanswered(self) -> SettledUnanswered:
        """Settle what was announced a week ago; see ``operations.provider.unanswered.settle_unanswered``."""
        return unanswered.settle_unanswered(self._actor, self.provider_id)

    # ---- keys and prices --------------------------------------------------------------------------------

    def keys(self) -> tuple[AttesterKey, ...]:
        """Every key the provider ever had."""
        return attesters.keys(self._actor.session, self.provider_id)

    def add_key(self, key: str, *, new: bool = False) -> KeyChange:
        """Let another key sign; see ``operations.provider.attesters.add_key``."""
        return attesters.add_key(self._actor, self.provider_id, key, new=new)

    def revoke_key(self, key: str) -> KeyChange:
        """Stop a key from signing; see ``operations.provider.attesters.revoke_key``."""
        return attesters.revoke_key(self._actor, self.provider_id, key)

    def rotate_key(self, retired: str, key: str, *, new: bool = False) -> KeyRotation:
        """Replace a key by another; see ``operations.provider.attesters.rotate_key``."""
        return attesters.rotate_key(self._actor, self.provider_id, retired, key, new=new)

    def prices(self) -> Mapping[str, PriceStanding]:
        """Every cash price of the schedule here, by service name."""
        return cash_prices.standing_prices(self._actor.session, self.provider_id)

    def publish_prices(
        self, prices: Mapping[str, Amount], *, catalogue: Catalogue | None = None
    ) -> PricesPublished:
        """Publish what changes of the cash prices; see ``operations.provider.cash_prices.publish_prices``.

        Args:
            prices: of a unit, by service name; 0 takes a service off.
            catalogue: the services that may be named; None: the packaged one.

        Raises:
            TermsError: the catalogue has no such service.
        """
        services = (catalogue or Catalogue.load()).entries
        for service in prices:
            if service not in services:
                raise TermsError(f"{without_keys(service)}: the catalogue has no such service")
        amounts = {service: micro_dollars(price) for service, price in prices.items()}
        return cash_prices.publish_prices(self._actor, self.provider_id, amounts)

    # ---- money ------------------------------------------------------------------------------------------

    def balance(self) -> ProviderStanding:
        """What may be withdrawn, what has to wait, and how many events are to be attested."""
        return credit.balance(self._actor, self.provider_id)

    def withdraw(self) -> CreditWithdrawn:
        """Pay the matured credit out; see ``operations.provider.credit.withdraw``."""
        return credit.withdraw(self._actor, self.provider_id)

    def deposit_bond(self, amount: Amount) -> BondDeposited:
        """Add to the bond; see ``operations.provider.credit.deposit_bond``."""
        return credit.deposit_bond(self._actor, self.provider_id, micro_dollars(amount))

    def withdraw_bond(self) -> BondReturned:
        """Take the whole bond back; see ``operations.provider.credit.withdraw_bond``."""
        return credit.withdraw_bond(self._actor, self.provider_id)

    def draw_advance(self, amount: Amount) -> AdvanceDrawn:
        """Be paid credit that has not matured yet; see ``operations.provider.credit.draw_advance``."""
        return credit.draw_advance(self._actor, self.provider_id, micro_dollars(amount))

    def payout_address(self) -> PayoutStanding:
        """Where the provider is paid, and an announced change."""
        return payout.payout_address(self._actor.session, self.provider_id)

    def announce_payout_address(self, account: str, *, new: bool = False) -> PayoutChangeAnnounced:
        """Announce another payout address; see ``operations.provider.payout.announce_payout_address``."""
        return payout.announce_payout_address(self._actor, self.provider_id, account, new=new)

    def cancel_payout_address(self) -> PayoutChangeCalledOff:
        """Call the announced change off; see ``operations.provider.payout.cancel_payout_address``."""
        return payout.cancel_payout_address(self._actor, self.provider_id)

    def statement(self, *charges: str, period: Period | None = None) -> ProviderStatement:
        """The remittance advice; see ``operations.statements.provider_statement``."""
        return statements.provider_statement(self._actor, self.provider_id, period=period, charges=charges)

    def readings(self, claim: str) -> Readings:
        """What a claim for a month of monitoring stands on; see ``operations.readings.show_readings``."""
        return readings.show_readings(self._actor, claim)

    def prove_readings(self, claim: str, *, reading: int | None = None) -> ReadingsProof:
        """A proof of one reading, whole, or of the days of all and no value; see
        ``operations.readings.prove_readings``."""
        return readings.prove_readings(self._actor, claim, reading=reading)

    # ---- disputes ---------------------------------------------------------------------------------------

    def disputes(self) -> list[DisputedClaim]:
        """The provider's claims that were disputed or given back, and how they stand."""
        party = PartyTo(self._actor.name, provider_id=self.provider_id)
        return Claims(self._actor.session).disputed(party)

    def concede(self, claim: str) -> DisputeStep:
        """Give a disputed claim back in full; see ``operations.claims.disputes.concede``."""
        return disputes.concede(self._payout(), self.provider_id, claim)

    def answer(self, claim: str, statement: str) -> DisputeStep:
        """Answer a dispute; see ``operations.claims.disputes.answer``."""
        return disputes.answer(self._payout(), self.provider_id, claim, statement)

    def void(self, claim: str) -> DisputeStep:
        """Give an undisputed claim back in full; see ``operations.claims.disputes.void``."""
        return disputes.void(self._payout(), self.provider_id, claim)

    def correct(self, claim: str, event: ServiceEvent, *, self_pay: bool = False) -> Correction:
        """Put the corrected record of a reversed claim on the worklist; see
        ``operations.claims.corrections.correct``."""
        return corrections.correct(self._actor, self.provider_id, claim, event, self_pay=self_pay)

    def _payout(self) -> Actor:
        return payout.payout_actor(self._actor, self.provider_id)
