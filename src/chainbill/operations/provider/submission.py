"""From a provider's worklist to the oracle: attest, seal, hand over. Any step may be the last before a crash.

What a repeated attempt meets, and why it never attests twice:

- cut off before the record was sealed, or before the oracle took it: sequence and salt are on the worklist,
  so the attempt makes the same attestation and replaces the same sealed file;
- cut off after the oracle took it: the oracle has the record, and the worklist only needs to be told;
- the worklist itself was lost: the same, and new sequences begin after the highest the oracle knows;
- the oracle's store was lost: it takes nothing before it was rebuilt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chainbill.attestation.attested import Assignment, attest
from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import ServiceAttestation
from chainbill.chain.protocol import Protocol
from chainbill.errors import IntakeRefused, StateError
from chainbill.operations.provider.worklist import WaitingEvent, Worklist
from chainbill.oracle.intake import Intake, Refusal
from chainbill.oracle.refusals import Refusals, Refused
from chainbill.oracle.store import REOPENABLE, OracleStore, StoredAttestation
from chainbill.records.commitment import Opening
from chainbill.records.service_id import service_id
from chainbill.records.vault import Vault


class Obstacle(StrEnum):
    """Why an event cannot even be offered to the oracle, as a stable word."""

    PAYER_NOT_ACCEPTED = "payer_not_accepted"
    NO_SCHEDULE = "no_schedule"
    NO_CASH_SCHEDULE = "no_cash_schedule"
    UNKNOWN_PATIENT = "unknown_patient"


@dataclass(frozen=True, slots=True)
class Submitted:
    """The oracle has the event."""

    waiting: WaitingEvent
    attestation: ServiceAttestation
    repeated: bool
    """An earlier attempt, cut off, had brought it there."""


@dataclass(frozen=True, slots=True)
class Counterparties:
    """What a provider was told outside the chain. Each raises StateError where it was not."""

    schedule_key: Callable[[int], bytes]
    """An insurer's schedule key, by payer id."""
    vault_key: Callable[[str], bytes]
    """The public key records are sealed to, by patient's address."""


def _no_cash_key() -> bytes:
    raise StateError("the provider has no cash prices", hint="publish them first")


@dataclass(frozen=True, slots=True)
class Desk:
    """One provider's place of work."""

    protocol: Protocol
    provider_id: int
    attester: Signer
    own_vault_key: bytes
    worklist: Worklist
    store: OracleStore
    vault: Vault
    counterparties: Counterparties
    cash_key: Callable[[], bytes] = _no_cash_key
    """The key behind the service ids of the provider's own cash prices; StateError where it has none."""

    def submit(self, waiting: WaitingEvent, intake: Intake) -> Submitted:
        """Attest one event and hand it to the oracle.

        Raises:
            IntakeRefused: with a ``Refusal`` or an ``Obstacle`` as ``reason``. The event stays on the list.
        """
        known = self._known(waiting)
        if known is not None and known.status not in REOPENABLE:
            return self._done(waiting, known.attestation, repeated=True)
        patient_key = _told(Obstacle.UNKNOWN_PATIENT, lambda: self.counterparties.vault_key(waiting.patient))
        attested = attest(
            waiting.event, self._assignment(waiting), self.attester, self.protocol.domain, salt=waiting.salt
        )
        # Sealed before it is sent: a record that settles can always be opened by its patient.
        self.vault.seal(attested.opening, [patient_key, self.own_vault_key])
        try:
            receipt = intake.accept(attested)
        except IntakeRefused as refusal:
            known = self._known(waiting) if refusal.reason == Refusal.DUPLICATE_RECORD else None
            if known is None or known.status in REOPENABLE:
                raise
            return self._done(waiting, known.attestation, repeated=True)
        return self._done(waiting, receipt.attestation, repeated=receipt.repeated)

    def tell_patients(
        self, refusals: Refusals, refused: Sequence[tuple[WaitingEvent, IntakeRefused]]
    ) -> None:
        """Keep what was refused for the statements of its patients, and forget what no longer waits.

        A record that was attested before is not kept: it stands on the statement as what it became. Nor is
        one of a patient who has no vault key here, and so no statement.
        """
        waiting = {item.row: item for item in self.worklist.waiting()}
        refusals.keep_only(self.provider_id, commitments(waiting.values()))
        for item, refusal in refused:
            if item.row not in waiting or refusal.reason == Refusal.DUPLICATE_RECORD:
                continue
            try:
                patient_key = self.counterparties.vault_key(item.patient)
            except StateError:
                continue
            current = waiting[item.row]
            opening = Opening(current.event, current.salt)
            told = Refused(
                commitment=opening.commitment,
                provider_id=self.provider_id,
                patient=item.patient,
                self_pay=item.self_pay,
                reason=str(refusal.reason),
                refused_at=self.protocol.now(),
            )
            refusals.put(told, opening, patient_key)

    def _assignment(self, waiting: WaitingEvent) -> Assignment:
        payer_id, key = self._self_pay() if waiting.self_pay else self._insured(waiting.patient)
        at_least = self.store.next_sequence(self.provider_id)
        return Assignment(
            provider_id=self.provider_id,
            payer_id=payer_id,
            patient=waiting.patient,
            service_id=service_id(key, waiting.event.service),
            sequence=self.worklist.reserve_sequence(waiting, at_least=at_least),
            corrects=waiting.corrects,
        )

    def _insured(self, patient: str) -> tuple[int, bytes]:
        """The patient's primary payer and its schedule key."""
        payer_id = self.protocol.escrow.payers_of(patient, self.protocol.now()).primary
        if payer_id == 0:
            raise IntakeRefused(Obstacle.PAYER_NOT_ACCEPTED, "the patient has accepted no insurer")
        return payer_id, _told(Obstacle.NO_SCHEDULE, lambda: self.counterparties.schedule_key(payer_id))

    def _self_pay(self) -> tuple[int, bytes]:
        """No payer, and the provider's own key."""
        return 0, _told(Obstacle.NO_CASH_SCHEDULE, self.cash_key)

    def _known(self, waiting: WaitingEvent) -> StoredAttestation | None:
        key = self.store.record_key(self.provider_id, waiting.event.record_identity)
        return self.store.find_record(self.provider_id, key, corrects=waiting.corrects)

    def _done(self, waiting: WaitingEvent, attestation: ServiceAttestation, *, repeated: bool) -> Submitted:
        self.worklist.mark_attested(waiting, attestation.commitment, attestation.sequence)
        return Submitted(waiting, attestation, repeated)


def commitments(waiting: Iterable[WaitingEvent]) -> set[bytes]:
    """What the attestations of these events commit to, made or not."""
    return {Opening(item.event, item.salt).commitment for item in waiting}


def _told(obstacle: Obstacle, ask: Callable[[], bytes]) -> bytes:
    try:
        return ask()
    except StateError as error:
        raise IntakeRefused(obstacle, str(error), hint=error.hint) from None
