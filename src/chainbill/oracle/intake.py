"""What the oracle accepts: every check an attestation must pass before a node would sign it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from chainbill.attestation.attested import AttestedEvent
from chainbill.attestation.signing import recover
from chainbill.attestation.typed_data import ServiceAttestation
from chainbill.billing.adjudication import whole_units
from chainbill.chain.protocol import Protocol
from chainbill.errors import AmountError, AttestationError, ChainError, IntakeRefused, StateError
from chainbill.oracle.store import OracleStore, StoredAttestation


class Refusal(StrEnum):
    """Why intake refuses, as a stable word."""

    BAD_SIGNATURE = "bad_signature"
    NOT_AN_ATTESTER = "not_an_attester"
    PROVIDER_NOT_ACTIVE = "provider_not_active"
    COMMITMENT_MISMATCH = "commitment_mismatch"
    RECORD_MISMATCH = "record_mismatch"
    DUPLICATE_RECORD = "duplicate_record"
    SEQUENCE_REUSED = "sequence_reused"
    UNKNOWN_PAYER = "unknown_payer"
    UNKNOWN_SERVICE = "unknown_service"
    FRACTIONAL_AMOUNT = "fractional_amount"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The oracle has the attestation. Sending the same one again gives the same receipt."""

    attestation: ServiceAttestation
    status: str
    repeated: bool
    """True where this very attestation was accepted before."""


class Intake:
    """Checks attestations against the chain and the store, and keeps those that pass."""

    def __init__(self, protocol: Protocol, store: OracleStore) -> None:
        self._protocol = protocol
        self._store = store
        self._active: dict[tuple[int, str], Refusal | None] = {}

    def accept(self, attested: AttestedEvent) -> Receipt:
        """Accept one attested event.

        Raises:
            IntakeRefused: with a ``Refusal`` as its ``reason``.
        """
        attestation = attested.attestation
        digest = attestation.digest(self._protocol.domain)
        self._check_attester(attestation, digest, attested.signature)
        self._check_record(attested)

        known = self._store.find(digest=digest)
        if known is not None:
            return Receipt(attestation, known.status, repeated=True)
        record_key = self._store.record_key(attestation.provider_id, attested.opening.event.record_identity)
        self._check_duplicate(attestation, record_key)
        self._check_terms(attestation)
        try:
            stored = self._store.accept(
                attestation, digest=digest, signature=attested.signature, record_key=record_key
            )
        except StateError:
            # Another process was faster by a moment: now the store can say which rule it breaks.
            self._check_duplicate(attestation, record_key)
            raise
        return Receipt(attestation, stored.status, repeated=False)

    def _check_attester(self, attestation: ServiceAttestation, digest: bytes, signature: bytes) -> None:
        try:
            signer = recover(digest, signature)
        except AttestationError as error:
            raise _refuse(Refusal.BAD_SIGNATURE, str(error)) from None
        key = (attestation.provider_id, signer)
        if key not in self._active:
            self._active[key] = self._standing(*key)
        refusal = self._active[key]
        if refusal is not None:
            raise _refuse(
                refusal, f"{signer} may not attest for provider {attestation.provider_id}: {refusal.value}"
            )

    def _standing(self, provider_id: int, signer: str) -> Refusal | None:
        registry = self._protocol.registry
        if not registry.is_attester(provider_id, signer):
            return Refusal.NOT_AN_ATTESTER
        return None if registry.is_active(provider_id) else Refusal.PROVIDER_NOT_ACTIVE

    @staticmethod
    def _check_record(attested: AttestedEvent) -> None:
        attestation, event = attested.attestation, attested.opening.event
        if attested.opening.commitment != attestation.commitment:
            raise _refuse(
                Refusal.COMMITMENT_MISMATCH, "the record does not open the attestation's commitment"
            )
        stated = (attestation.units, attestation.billed_amount, attestation.benefit_year)
        recorded = (event.units, event.billed_amount, event.benefit_year)
        if stated != recorded:
            raise _refuse(
                Refusal.RECORD_MISMATCH,
                f"the attestation says units, billed amount and year {stated}, the record says {recorded}",
            )

    def _check_duplicate(self, attestation: ServiceAttestation, record_key: bytes) -> None:
        provider = attestation.provider_id
        earlier = self._store.find_record(provider, record_key)
        if earlier is not None:
            raise _refuse(
                Refusal.DUPLICATE_RECORD,
                "this record was attested before,"
                f" as sequence {earlier.attestation.sequence} ({earlier.status})",
            )
        reused = self._store.find_sequence(provider, attestation.sequence) is not None
        if reused or self._protocol.settlement.is_spent(provider, attestation.sequence):
            raise _refuse(
                Refusal.SEQUENCE_REUSED, f"sequence {attestation.sequence} of provider {provider} is taken"
            )

    def _check_terms(self, attestation: ServiceAttestation) -> None:
        try:
            payer = self._protocol.payer(attestation.payer_id)
        except ChainError as error:
            raise _refuse(Refusal.UNKNOWN_PAYER, str(error)) from None
        now = self._protocol.now()
        if payer.fee_at(attestation.service_id, now) is None:
            raise _refuse(
                Refusal.UNKNOWN_SERVICE,
                f"payer {attestation.payer_id} publishes no fee for service 0x{attestation.service_id.hex()}",
            )
        standing = payer.member_year(attestation.patient, attestation.benefit_year)
        version = payer.plan_versions(standing.plan_id) if standing.plan_id else 0
        published = payer.plan_terms(standing.plan_id, version) if version else None
        if published is None:
            return  # not enrolled yet: settlement will pend it until the insurer has
        try:
            whole_units(attestation.billed_amount, published[0])
        except AmountError as error:
            raise _refuse(Refusal.FRACTIONAL_AMOUNT, str(error)) from None


def accept_all(
    intake: Intake, events: Iterable[AttestedEvent]
) -> tuple[list[Receipt], list[tuple[AttestedEvent, IntakeRefused]]]:
    """Offer many events; what is refused does not stop the rest."""
    receipts: list[Receipt] = []
    refused: list[tuple[AttestedEvent, IntakeRefused]] = []
    for attested in events:
        try:
            receipts.append(intake.accept(attested))
        except IntakeRefused as refusal:
            refused.append((attested, refusal))
    return receipts, refused


def _refuse(refusal: Refusal, message: str) -> IntakeRefused:
    return IntakeRefused(refusal.value, message)


__all__ = ["Intake", "Receipt", "Refusal", "StoredAttestation", "accept_all"]
