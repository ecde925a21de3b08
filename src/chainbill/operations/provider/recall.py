"""A provider takes back what it attested and is not settled yet: its own part, beside the oracle's.

Each step may be the last before a crash. The oracle's store is told first: an attestation that is recalled
there and attested on the worklist is one whose recall is to be finished by doing it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chainbill.attestation.signing import Signer
from chainbill.attestation.typed_data import RecallAttestation
from chainbill.chain.protocol import Protocol
from chainbill.errors import ChainbillError, StateError
from chainbill.operations.provider.worklist import AttestedRecord, Worklist
from chainbill.oracle.recall import REQUEST_LIFE_SECONDS, RecallEnd, foresee, take_back
from chainbill.oracle.store import FINAL, OPEN, OracleStore, Status, StoredAttestation
from chainbill.records.commitment import Opening
from chainbill.records.vault import Vault, VaultKey


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something a provider attested, as far as it can be told."""

    stored: StoredAttestation
    listed: AttestedRecord | None
    """Where the worklist has it as attested; None: it waits there again, or the worklist does not know it."""
    opening: Opening | None
    """Its record; None: it is not in the vault."""
    identity: str = ""
    """Of its record; empty: nobody knows."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """How the recall of one attestation ended."""

    candidate: Candidate
    end: RecallEnd
    until: int = 0
    """Of ``IN_SIGNED_BATCH``: until when, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class RecallDesk:
    """One provider's place of work, for taking back."""

    protocol: Protocol
    provider_id: int
    key: Signer
    vault_key: VaultKey
    worklist: Worklist
    store: OracleStore
    vault: Vault

    def everything(self, *, only_held: bool = False) -> list[Candidate]:
        """Whatever of the provider's waits to be settled, is held, or is recalled and not given back yet."""
        listed = {each.commitment: each for each in self.worklist.attested()}
        return [
            self._candidate(stored, listed)
            for stored in self.store.waiting(provider_id=self.provider_id)
            if stored.status is Status.HELD
            or (stored.status is Status.RECALLED and stored.attestation.commitment in listed)
            or (stored.status in OPEN and not only_held)
        ]

    def named(self, identities: Sequence[str]) -> list[Candidate]:
        """What was attested of these records, in their order.

        Raises:
            StateError: one of them was not attested.
        """
        listed = {each.commitment: each for each in self.worklist.attested()}
        found: list[Candidate] = []
        for identity in dict.fromkeys(identities):
            candidates = self._of_record(identity, listed)
            if not candidates:
                raise self._unknown(identity, listed)
            found += candidates
        return found

    def take_back(self, candidate: Candidate, *, drop: bool, dry_run: bool) -> Recalled:
        """Recall one attestation, and put its event on the worklist again or drop it.

        Raises:
            AttestationError: the key may not recall it.
            ChainError: the node could not be reached or refused.
        """
        stored = candidate.stored
        if stored.status is Status.RECALLED and candidate.listed is None:
            return Recalled(candidate, RecallEnd.RECALLED_BEFORE)
        if candidate.opening is None and not drop and stored.status not in FINAL:
            return Recalled(candidate, RecallEnd.NO_RECORD)
        if dry_run:
            end, _ = foresee(self.protocol, stored)
        else:
            end, stored = self._ask(stored)
        if end is RecallEnd.RECALLED and not dry_run:
            self._give_back(candidate, drop=drop)
        until = stored.signed_until if end is RecallEnd.IN_SIGNED_BATCH else 0
        return Recalled(replace(candidate, stored=stored), end, until)

    def _ask(self, stored: StoredAttestation) -> tuple[RecallEnd, StoredAttestation]:
        domain = self.protocol.domain
        request = RecallAttestation(
            provider_id=self.provider_id,
            attestation=stored.attestation.digest(domain),
            deadline=self.protocol.now() + REQUEST_LIFE_SECONDS,
        )
        return take_back(self.protocol, self.store, request, self.key.sign(request.digest(domain)))

    def _give_back(self, candidate: Candidate, *, drop: bool) -> None:
        if candidate.listed is not None and drop:
            self.worklist.drop(candidate.listed)
        elif candidate.opening is not None and not drop:
            event, salt = candidate.opening.event, candidate.opening.salt
            if candidate.listed is not None:
                self.worklist.put_back(candidate.listed, event, salt)
            else:
                attestation = candidate.stored.attestation
                self.worklist.restore_waiting(
                    attestation.patient,
                    event,
                    salt,
                    sequence=attestation.sequence,
                    self_pay=attestation.payer_id == 0,
                    corrects=candidate.stored.routing.corrects,
                )

    def _unknown(self, identity: str, listed: dict[bytes, AttestedRecord]) -> StateError:
        if any(each.record_identity == identity for each in listed.values()):
            return StateError(
                f"{identity} was attested, and the oracle's store knows nothing of it",
                hint="chainbill provider rebuild",
            )
        if self.worklist.knows(identity):
            return StateError(
                f"{identity} was not attested: it waits on the worklist",
                hint=f"take it off: chainbill provider remove {identity}",
            )
        return StateError(f"{identity} was not attested", hint="see what was: chainbill provider worklist")

    def _of_record(self, identity: str, listed: dict[bytes, AttestedRecord]) -> list[Candidate]:
        """By the worklist, and by what the oracle's store remembers of the record."""
        key = self.store.record_key(self.provider_id, identity)
        rows = {stored.row: stored for stored in self.store.find_records(self.provider_id, key)}
        for record in listed.values():
            if record.record_identity == identity:
                rows |= {stored.row: stored for stored in self.store.find_commitment(record.commitment)}
        return [self._candidate(rows[row], listed, identity) for row in sorted(rows)]

    def _candidate(
        self, stored: StoredAttestation, listed: dict[bytes, AttestedRecord], identity: str = ""
    ) -> Candidate:
        commitment = stored.attestation.commitment
        record = listed.get(commitment)
        opening: Opening | None = None
        try:
            opening = self.vault.open(commitment, self.vault_key)
        except ChainbillError:
            opening = None
        if not identity and record is not None:
            identity = record.record_identity
        if not identity and opening is not None:
            identity = opening.event.record_identity
        return Candidate(stored, record, opening, identity)
