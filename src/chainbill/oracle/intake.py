"""What the oracle accepts: every check an attestation must pass before a node would sign it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from chainbill.attestation.attested import AttestedEvent
from chainbill.attestation.signing import canonical_signature, recover
from chainbill.attestation.typed_data import ServiceAttestation
from chainbill.billing.adjudication import whole_units
from chainbill.chain.contracts.settlement import DisputeStatus
from chainbill.chain.protocol import Protocol
from chainbill.errors import AmountError, AttestationError, ChainError, IntakeRefused, StateError
from chainbill.oracle.api import OPEN, REOPENABLE, Receipt, RefusalReason, Status
from chainbill.oracle.questions import asked_of
from chainbill.oracle.store import CoordinationOfBenefits, OracleStore, StoredAttestation
from chainbill.records.device_supply import DAYS_IN_30, most_days_in_30
from chainbill.records.reading import Readings
from chainbill.records.service_event import ServiceEvent
from chainbill.records.service_id import service_id


def no_schedule(payer_id: int) -> bytes:
    """The schedule key of a payer that has handed its schedule over to nobody.

    Raises:
        StateError: always.
    """
    raise StateError(f"the schedule of payer {payer_id} is not here")


class Intake:
    """Checks attestations against the chain and the store, and keeps those that pass.

    ``schedule_key`` gives an insurer's schedule key by payer id, or raises StateError: with it the oracle
    checks that an attestation names its record's service, and names the service to a patient's secondary
    payer, whom the attestation does not mention.
    """

    def __init__(
        self,
        protocol: Protocol,
        store: OracleStore,
        schedule_key: Callable[[int], bytes] = no_schedule,
    ) -> None:
        self._protocol = protocol
        self._store = store
        self._schedule_key = schedule_key
        self._active: dict[tuple[int, str], RefusalReason | None] = {}
        self._signers: dict[tuple[bytes, bytes], str] = {}
        self._complete: set[int] = set()
        """Providers of which the store knows every claim."""

    def accept(self, attested: AttestedEvent) -> Receipt:
        """Accept one attested event.

        Raises:
            IntakeRefused: with a ``RefusalReason`` as its ``reason``.
            ChainError: the node could not be reached or refused.
        """
        (outcome,) = self.accept_all([attested])
        if isinstance(outcome, IntakeRefused):
            raise outcome
        return outcome

    def _accept(self, attested: AttestedEvent) -> Receipt:
        attestation = attested.attestation
        digest = attestation.digest(self._protocol.domain)
        signature = self._check_attester(attestation, digest, attested.signature)
        self._check_record(attested)

        known = self._store.find(digest=digest)
        if known is not None:
            return self._accept_known(known, attested, signature)
        self._check_complete(attested)
        record_key = self._store.record_key(attestation.provider_id, attested.opening.event.record_identity)
        replaces = self._check_duplicate(attested, record_key)
        readings = self._check_readings(attested, replaces)
        self._check_commitment(attestation)
        self._check_correction(attested)
        self._check_service(attested)
        self._check_terms(attestation)
        coordination = self._coordination(attested)
        try:
            stored = self._store.accept(
                attestation,
                digest=digest,
                signature=signature,
                record_key=record_key,
                coordination=coordination,
                corrects=attested.corrects,
                replaces=None if replaces is None else replaces.row,
                readings=readings,
            )
        except StateError:
            # Another process was faster by a moment: now the store can say which rule it breaks.
            self._check_readings(attested, self._check_duplicate(attested, record_key))
            raise
        return stored.receipt()

    def accept_all(self, events: Sequence[AttestedEvent]) -> list[Receipt | IntakeRefused]:
        """Accept many, and say of each in their order what came of it: a refusal does not stop the rest.

        Raises:
            ChainError: the node could not be reached or refused.
        """
        with self._protocol.reads.held():
            self._learn(events)
            return [self._outcome(attested) for attested in events]

    def _learn(self, events: Sequence[AttestedEvent]) -> None:
        """Ask the chain at once what accepting these will ask."""
        signers = [self._signer_of(attested) for attested in events]
        for questions in asked_of(self._protocol, [each.attestation for each in events], signers):
            self._protocol.reads.learn(questions)

    def _signer_of(self, attested: AttestedEvent) -> str | None:
        """Who has signed; None: the signature is none."""
        digest = attested.attestation.digest(self._protocol.domain)
        with suppress(AttestationError):
            return self._signer(digest, canonical_signature(attested.signature))
        return None

    def _signer(self, digest: bytes, signature: bytes) -> str:
        if (digest, signature) not in self._signers:
            self._signers[digest, signature] = recover(digest, signature)
        return self._signers[digest, signature]

    def _outcome(self, attested: AttestedEvent) -> Receipt | IntakeRefused:
        try:
            return self._accept(attested)
        except IntakeRefused as refusal:
            return refusal

    def _accept_known(self, known: StoredAttestation, attested: AttestedEvent, signature: bytes) -> Receipt:
        """The very same attestation: one that still waits goes to the secondary payer its patient has now,
        one that was held or recalled waits again. It is of one sequence, and so settles once at most."""
        attestation = known.attestation
        if known.status in OPEN:
            self._store.coordinate(known.row, self._coordination(attested))
        if known.status not in REOPENABLE:
            return known.receipt(repeated=True)
        if self._protocol.rows.is_spent(attestation.provider_id, attestation.sequence):
            self._store.mark_spent(known.row)
            return replace(known, status=Status.SPENT).receipt(repeated=True)
        self._check_readings(attested, known)
        self._check_commitment(attestation)
        self._check_correction(attested)
        self._check_terms(attestation)
        coordination = self._coordination(attested)
        self._store.accept_again(known.row, signature=signature, coordination=coordination)
        return Receipt(attestation, Status.ACCEPTED, corrects=known.corrects, signature=signature)

    def _check_complete(self, attested: AttestedEvent) -> None:
        """A store that was lost, or a copy that is older than the chain, cannot tell what was paid before."""
        provider = attested.attestation.provider_id
        if provider not in self._complete:
            known = {stored.attestation.sequence for stored in self._store.of_provider(provider)}
            final = {row.claim.sequence for row in self._protocol.rows.rows(provider) if row.is_final}
            if final - known:
                raise IntakeRefused(
                    RefusalReason.STORE_BEHIND,
                    f"the oracle's store knows nothing of {len(final - known)} claims of provider {provider}"
                    " that the chain has settled or denied",
                    hint="chainbill oracle rebuild",
                )
            self._complete.add(provider)
        self._check_records_known(attested)

    def _check_records_known(self, attested: AttestedEvent) -> None:
        """Of a claim that was rebuilt from the chain alone nobody knows the record: it may be this one."""
        attestation = attested.attestation
        alike = [
            stored
            for stored in self._store.unknown_records(attestation.provider_id)
            if stored.attestation.patient == attestation.patient
            and stored.attestation.benefit_year == attestation.benefit_year
        ]
        if alike and not attested.corrects:
            raise IntakeRefused(
                RefusalReason.RECORDS_UNKNOWN,
                f"the oracle's store was rebuilt, and of {len(alike)} claims of this patient in"
                f" {attestation.benefit_year} it does not know the records: this may be one of them",
                hint="chainbill provider rebuild",
            )

    def _check_attester(self, attestation: ServiceAttestation, digest: bytes, signature: bytes) -> bytes:
        """The signature in the one form that is kept."""
        try:
            signature = canonical_signature(signature)
            signer = self._signer(digest, signature)
        except AttestationError as error:
            raise _refuse(RefusalReason.BAD_SIGNATURE, str(error)) from None
        key = (attestation.provider_id, signer)
        if key not in self._active:
            self._active[key] = self._standing(*key)
        refusal = self._active[key]
        if refusal is not None:
            raise _refuse(
                refusal, f"{signer} may not attest for provider {attestation.provider_id}: {refusal.value}"
            )
        return signature

    def _standing(self, provider_id: int, signer: str) -> RefusalReason | None:
        registry = self._protocol.registry
        if not registry.is_attester(provider_id, signer):
            return RefusalReason.NOT_AN_ATTESTER
        suspended = self._protocol.settlement.is_suspended(provider_id)
        return RefusalReason.PROVIDER_NOT_ACTIVE if suspended else None

    @staticmethod
    def _check_record(attested: AttestedEvent) -> None:
        attestation, event = attested.attestation, attested.opening.event
        if attested.opening.commitment != attestation.commitment:
            raise _refuse(
                RefusalReason.COMMITMENT_MISMATCH, "the record does not open the attestation's commitment"
            )
        stated = (attestation.units, attestation.billed_amount, attestation.benefit_year)
        recorded = (event.units, event.billed_amount, event.benefit_year)
        if stated != recorded:
            raise _refuse(
                RefusalReason.RECORD_MISMATCH,
                f"the attestation says units, billed amount and year {stated}, the record says {recorded}",
            )
        if event.readings is not None:
            _check_within(event, event.readings)
            _check_days(event, event.readings)

    def _check_duplicate(self, attested: AttestedEvent, record_key: bytes) -> StoredAttestation | None:
        """The held or recalled attestation of the same record whose place this one takes; None: there is
        none."""
        attestation, provider = attested.attestation, attested.attestation.provider_id
        earlier = self._store.find_record(provider, record_key, corrects=attested.corrects)
        if earlier is not None:
            self._check_replaceable(earlier)
        holder = self._store.find_sequence(provider, attestation.sequence)
        reused = holder is not None and (earlier is None or holder.row != earlier.row)
        if reused or self._protocol.rows.is_spent(provider, attestation.sequence):
            raise _refuse(
                RefusalReason.SEQUENCE_REUSED,
                f"sequence {attestation.sequence} of provider {provider} is taken",
            )
        return earlier

    def _check_readings(self, attested: AttestedEvent, own: StoredAttestation | None) -> tuple[bytes, ...]:
        """What of its readings is remembered: no reading counts for two claims of a patient. ``own`` is the
        attestation of this record that is known already."""
        readings = self._store.reading_keys(attested.attestation, attested.opening.event)
        if not readings:
            return ()
        exempt = self._store.corrected_by(attested.corrects) | ({own.row} if own else set())
        for other in self._store.counting(readings):
            if other.row not in exempt:
                provider, sequence = other.place
                ours = provider == attested.attestation.provider_id
                where = f"sequence {sequence}" if ours else "a claim of another provider"
                raise _refuse(
                    RefusalReason.READING_COUNTED, f"a reading of this record counts for {where} already"
                )
        return readings

    def _check_replaceable(self, earlier: StoredAttestation) -> None:
        """Only what is held or recalled, and no batch can settle any more, gives way to another."""
        provider, sequence = earlier.attestation.provider_id, earlier.attestation.sequence
        before = f"this record was attested before, as sequence {sequence} ({earlier.status})"
        if earlier.status not in REOPENABLE or self._protocol.rows.is_spent(provider, sequence):
            raise _refuse(RefusalReason.DUPLICATE_RECORD, before)
        if earlier.signed_until >= self._protocol.now():
            until = datetime.fromtimestamp(earlier.signed_until, UTC)
            raise _refuse(
                RefusalReason.DUPLICATE_RECORD,
                f"{before}, and a batch with it is signed that may settle until {until:%Y-%m-%d %H:%M:%S}"
                " UTC",
            )

    def _check_commitment(self, attestation: ServiceAttestation) -> None:
        """A commitment has a salt of its own: under two sequences it is one record charged twice."""
        place = (attestation.provider_id, attestation.sequence)
        stored = [each.attestation for each in self._store.find_commitment(attestation.commitment)]
        places = {(each.provider_id, each.sequence) for each in stored}
        elsewhere = (places | self._protocol.rows.places_of(attestation.commitment)) - {place}
        if elsewhere:
            provider, sequence = min(elsewhere)
            raise _refuse(
                RefusalReason.COMMITMENT_REUSED,
                f"commitment 0x{attestation.commitment.hex()} is under sequence {sequence} of provider"
                f" {provider} already",
            )

    def _check_correction(self, attested: AttestedEvent) -> None:
        """A correction takes the place of a reversed claim of the same provider and patient."""
        if not attested.corrects:
            return
        attestation, shown = attested.attestation, f"0x{attested.corrects.hex()}"
        claim = self._store.find_claim(attested.corrects)
        parties = (attestation.provider_id, attestation.patient)
        if claim is not None and (claim.attestation.provider_id, claim.attestation.patient) != parties:
            raise _refuse(
                RefusalReason.NOT_ITS_CLAIM, f"claim {shown} is of another provider or of another patient"
            )
        status = self._protocol.settlement.dispute_of(attested.corrects).status
        if status is not DisputeStatus.REVERSED:
            raise _refuse(
                RefusalReason.NOT_REVERSED,
                f"claim {shown} is not reversed, or a correction has named it already",
            )

    def _check_service(self, attested: AttestedEvent) -> None:
        """The id is the record's service's own under the payer's key, and none of its decoys': those have its
        fee, but units of the year are counted for each id."""
        attestation, event = attested.attestation, attested.opening.event
        if attestation.payer_id == 0:
            return
        try:
            key = self._schedule_key(attestation.payer_id)
        except StateError:
            return  # an oracle that was not handed the schedule cannot tell
        if service_id(key, event.service) != attestation.service_id:
            raise _refuse(
                RefusalReason.RECORD_MISMATCH,
                f"0x{attestation.service_id.hex()} is not the id that payer {attestation.payer_id} has for"
                " the record's service",
            )

    def _check_terms(self, attestation: ServiceAttestation) -> None:
        now = self._protocol.now()
        if attestation.payer_id == 0:
            self._check_cash_price(attestation, now)
            return
        try:
            payer = self._protocol.payer(attestation.payer_id)
        except ChainError as error:
            raise _refuse(RefusalReason.UNKNOWN_PAYER, str(error)) from None
        if payer.fee_at(attestation.service_id, now) is None:
            raise _refuse(
                RefusalReason.UNKNOWN_SERVICE,
                f"payer {attestation.payer_id} publishes no fee for service 0x{attestation.service_id.hex()}",
            )
        plan_id = payer.plan_at(attestation.patient, attestation.benefit_year, now)
        version = payer.plan_versions(plan_id) if plan_id else 0
        published = payer.plan_terms(plan_id, version) if version else None
        if published is None:
            return  # not enrolled yet: settlement will pend it until the insurer has
        try:
            whole_units(attestation.billed_amount, published[0])
        except AmountError as error:
            raise _refuse(RefusalReason.FRACTIONAL_AMOUNT, str(error)) from None

    def _check_cash_price(self, attestation: ServiceAttestation, now: int) -> None:
        provider, service = attestation.provider_id, attestation.service_id
        if self._protocol.registry.cash_price_at(provider, service, now).amount == 0:
            raise _refuse(
                RefusalReason.NO_CASH_PRICE,
                f"provider {provider} publishes no cash price for service 0x{service.hex()}",
            )

    def _coordination(self, attested: AttestedEvent) -> CoordinationOfBenefits:
        """The patient's secondary payer now, and the event's service under its key."""
        attestation = attested.attestation
        payers = self._protocol.escrow.payers_of(attestation.patient, self._protocol.now())
        if payers.secondary == 0 or payers.primary != attestation.payer_id:
            return CoordinationOfBenefits()
        try:
            key = self._schedule_key(payers.secondary)
        except StateError as error:
            raise IntakeRefused(
                RefusalReason.NO_SECONDARY_SCHEDULE,
                f"the patient's secondary payer {payers.secondary} must be told the service: {error}",
                hint=error.hint,
            ) from None
        service = service_id(key, attested.opening.event.service)
        return CoordinationOfBenefits(payers.secondary, service)


def _check_within(event: ServiceEvent, readings: Readings) -> None:
    """A month's readings are of its days and of its benefit year, and each is there once."""
    if not readings.first_day.year <= event.benefit_year <= readings.last_day.year:
        raise _refuse(
            RefusalReason.READING_OUTSIDE_PERIOD,
            f"the benefit year {event.benefit_year} is none of its readings' period,"
            f" {readings.first_day} to {readings.last_day}",
        )
    for outside in readings.outside_period():
        raise _refuse(
            RefusalReason.READING_OUTSIDE_PERIOD,
            f"a reading of {outside.day} is outside {readings.first_day} to {readings.last_day}",
        )
    for again in readings.repeated():
        raise _refuse(RefusalReason.READING_REPEATED, f"a reading of {again.day} is in the record twice")


def _check_days(event: ServiceEvent, readings: Readings) -> None:
    """A code for a device and its readings is billed once, for so many days of 30 as it says."""
    wanted = DAYS_IN_30.get(event.code)
    if wanted is None:
        return
    found = most_days_in_30(readings.days)
    if found not in wanted:
        raise _refuse(
            RefusalReason.READING_DAYS,
            f"its readings are of {found} days in 30, and {event.code} is for {wanted[0]} to {wanted[-1]}",
        )
    if event.units != 1:
        raise _refuse(
            RefusalReason.READING_DAYS,
            f"{event.code} is for 30 days once, and the record charges {event.units} units of it",
        )


def _refuse(reason: RefusalReason, message: str) -> IntakeRefused:
    return IntakeRefused(reason, message)
