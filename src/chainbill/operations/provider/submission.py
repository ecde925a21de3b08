"""From a provider's worklist to the oracle: attest, seal, hand over. Any step may be the last before a crash.

What a repeated attempt meets, and why it never attests twice:

- cut off before the record was sealed, or before the oracle took it: sequence and salt are on the worklist,
  so the attempt makes the same attestation and replaces the same sealed file;
- cut off after the oracle took it: the oracle has the record, and the worklist only needs to be told;
- the worklist itself was lost: the same, and new sequences are none that the oracle or the chain knows;
- the oracle's store was lost: it takes nothing before it was rebuilt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from chainbill.attestation.attested import Assignment, AttestedEvent, attest
from chainbill.attestation.claim_number import claim_number
from chainbill.attestation.signing import Signer, recover
from chainbill.attestation.typed_data import ServiceAttestation
from chainbill.chain.format.section_signing import bundle_attestations
from chainbill.chain.protocol import Protocol
from chainbill.chain.reads import Question
from chainbill.errors import AttestationError, IntakeRefused, StateError
from chainbill.operations.provider.sequences import used_elsewhere
from chainbill.operations.provider.worklist import WaitingEvent, Worklist
from chainbill.oracle.api import REOPENABLE, OracleApi, Receipt, RefusalReason
from chainbill.records.commitment import Opening
from chainbill.records.refusals import Refusals, Refused
from chainbill.records.service_id import service_id
from chainbill.records.vault import Vault

EVENTS_AT_ONCE = 100
"""Events that are handed to the oracle together."""


@dataclass(frozen=True, slots=True)
class SubmittedEvent:
    """The oracle has the event."""

    waiting: WaitingEvent
    receipt: Receipt
    repeated: bool
    """An earlier attempt, cut off, had brought it there."""

    @property
    def attestation(self) -> ServiceAttestation:
        """What was signed."""
        return self.receipt.attestation

    @property
    def number(self) -> str:
        """What the claim will be called, ``2:7``."""
        return claim_number(self.attestation.provider_id, self.attestation.sequence)


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """The event stays on the worklist."""

    waiting: WaitingEvent
    refusal: IntakeRefused
    """Its ``reason`` is a ``RefusalReason``."""


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
class AttestationSubmitter:
    """Brings one provider's events from its worklist to the oracle."""

    protocol: Protocol
    provider_id: int
    attester: Signer
    own_vault_key: bytes
    worklist: Worklist
    oracle: OracleApi
    vault: Vault
    counterparties: Counterparties
    cash_key: Callable[[], bytes] = _no_cash_key
    """The key behind the service ids of the provider's own cash prices; StateError where it has none."""

    def submit(self, waiting: WaitingEvent) -> SubmittedEvent:
        """Attest one event and hand it to the oracle.

        Raises:
            IntakeRefused: with a ``RefusalReason`` as ``reason``. The event stays on the list.
        """
        (done,) = self.submit_all([waiting])
        if isinstance(done, RefusedEvent):
            raise done.refusal
        return done

    def submit_all(self, waiting: Sequence[WaitingEvent]) -> Iterator[SubmittedEvent | RefusedEvent]:
        """Attest events and hand them to the oracle, many at once; what became of each, in their order."""
        for start in range(0, len(waiting), EVENTS_AT_ONCE):
            together = waiting[start : start + EVENTS_AT_ONCE]
            with self.protocol.reads.held():
                escrow, now = self.protocol.escrow, self.protocol.now()
                patients = {item.patient for item in together if not item.self_pay}
                self.protocol.reads.learn(Question(escrow, "payersOf", (each, now)) for each in patients)
                done = self._submit_together(together)
            yield from done

    def _submit_together(self, waiting: Sequence[WaitingEvent]) -> list[SubmittedEvent | RefusedEvent]:
        done: dict[int, SubmittedEvent | RefusedEvent] = {}
        signed: list[tuple[WaitingEvent, AttestedEvent]] = []
        if any(item.sequence is None for item in waiting):
            self.worklist.take_sequences(used_elsewhere(self.protocol, self.oracle, self.provider_id))
        for item in waiting:
            known = self._known(item)
            if known is not None and known.status not in REOPENABLE:
                done[item.row] = self._done(item, known, repeated=True)
                continue
            try:
                signed.append((item, self._sign(item)))
            except IntakeRefused as refusal:
                done[item.row] = RefusedEvent(item, refusal)
        outcomes = self.oracle.submit_all([attested for _, attested in signed])
        for (item, _), outcome in zip(signed, outcomes, strict=True):
            done[item.row] = self._take_down(item, outcome)
        return [done[item.row] for item in waiting]

    def _sign(self, waiting: WaitingEvent) -> AttestedEvent:
        patient_key = _told(
            RefusalReason.UNKNOWN_PATIENT, lambda: self.counterparties.vault_key(waiting.patient)
        )
        attested = attest(
            waiting.event, self._assignment(waiting), self.attester, self.protocol.domain, salt=waiting.salt
        )
        # Sealed before it is sent: a record that settles can always be opened by its patient.
        self.vault.seal(attested.opening, [patient_key, self.own_vault_key])
        return attested

    def _take_down(
        self, waiting: WaitingEvent, outcome: Receipt | IntakeRefused
    ) -> SubmittedEvent | RefusedEvent:
        if not isinstance(outcome, IntakeRefused):
            return self._done(waiting, outcome, repeated=outcome.repeated)
        known = self._known(waiting) if outcome.reason == RefusalReason.DUPLICATE_RECORD else None
        if known is None or known.status in REOPENABLE:
            return RefusedEvent(waiting, outcome)
        return self._done(waiting, known, repeated=True)

    def bundle(self) -> int:
        """Sign together what waits at the oracle under a signature each; returns how many lists that were.
        Only what this key has signed itself is signed again."""
        bundles = 0
        for receipts in self.oracle.unbundled(self.provider_id):
            if not all(self._is_own(receipt) for receipt in receipts):
                continue
            attestations = [receipt.attestation for receipt in receipts]
            signature = self.attester.sign(bundle_attestations(attestations).digest(self.protocol.domain))
            self.oracle.bundle([each.digest(self.protocol.domain) for each in attestations], signature)
            bundles += 1
        return bundles

    def _is_own(self, receipt: Receipt) -> bool:
        try:
            signer = recover(receipt.attestation.digest(self.protocol.domain), receipt.signature)
        except AttestationError:
            return False
        return signer == self.attester.address

    def tell_patients(self, refusals: Refusals, refused: Sequence[RefusedEvent]) -> None:
        """Keep what was refused for the statements of its patients, and forget what no longer waits.

        A record that was attested before is not kept: it stands on the statement as what it became. Nor is
        one of a patient who has no vault key here, and so no statement.
        """
        waiting, now = {item.row: item for item in self.worklist.waiting()}, self.protocol.now()
        refusals.keep_only(self.provider_id, commitments(waiting.values()))
        for each in refused:
            item, reason = each.waiting, each.refusal.reason
            if item.row not in waiting or reason == RefusalReason.DUPLICATE_RECORD:
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
                reason=str(reason),
                refused_at=now,
            )
            refusals.put(told, opening, patient_key)

    def _assignment(self, waiting: WaitingEvent) -> Assignment:
        payer_id, key = self._self_pay() if waiting.self_pay else self._insured(waiting.patient)
        return Assignment(
            provider_id=self.provider_id,
            payer_id=payer_id,
            patient=waiting.patient,
            service_id=service_id(key, waiting.event.service),
            sequence=self.worklist.reserve_sequence(waiting),
            corrects=waiting.corrects,
        )

    def _insured(self, patient: str) -> tuple[int, bytes]:
        """The patient's primary payer and its schedule key."""
        payer_id = self.protocol.escrow.payers_of(patient, self.protocol.now()).primary
        if payer_id == 0:
            raise IntakeRefused(RefusalReason.PAYER_NOT_ACCEPTED, "the patient has accepted no insurer")
        return payer_id, _told(RefusalReason.NO_SCHEDULE, lambda: self.counterparties.schedule_key(payer_id))

    def _self_pay(self) -> tuple[int, bytes]:
        """No payer, and the provider's own key."""
        return 0, _told(RefusalReason.NO_CASH_SCHEDULE, self.cash_key)

    def _known(self, waiting: WaitingEvent) -> Receipt | None:
        return self.oracle.find(self.provider_id, waiting.event.record_identity, corrects=waiting.corrects)

    def _done(self, waiting: WaitingEvent, receipt: Receipt, *, repeated: bool) -> SubmittedEvent:
        attestation = receipt.attestation
        self.worklist.mark_attested(waiting, attestation.commitment, attestation.sequence)
        return SubmittedEvent(waiting, receipt, repeated)


def commitments(waiting: Iterable[WaitingEvent]) -> set[bytes]:
    """What the attestations of these events commit to, made or not."""
    return {Opening(item.event, item.salt).commitment for item in waiting}


def _told(reason: RefusalReason, ask: Callable[[], bytes]) -> bytes:
    try:
        return ask()
    except StateError as error:
        raise IntakeRefused(reason, str(error), hint=error.hint) from None
