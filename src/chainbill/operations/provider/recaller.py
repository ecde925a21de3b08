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
from chainbill.oracle.api import FINAL, OPEN, RECALL_LIFE_SECONDS, OracleApi, RecallEnd, Receipt, Status
from chainbill.records.commitment import Opening
from chainbill.records.vault import Vault, VaultKey


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something a provider attested, as far as it can be told."""

    receipt: Receipt
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
class AttestationRecaller:
    """Brings one provider's events back from the oracle to its worklist."""

    protocol: Protocol
    provider_id: int
    key: Signer
    vault_key: VaultKey
    worklist: Worklist
    oracle: OracleApi
    vault: Vault

    def everything(self, *, only_held: bool = False) -> list[Candidate]:
        """Whatever of the provider's waits to be settled, is held, or is recalled and not given back yet."""
        listed = {each.commitment: each for each in self.worklist.attested()}
        return [
            self._candidate(receipt, listed)
            for receipt in self.oracle.attestations(self.provider_id)
            if receipt.status is Status.HELD
            or (receipt.status is Status.RECALLED and receipt.attestation.commitment in listed)
            or (receipt.status in OPEN and not only_held)
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
        receipt = candidate.receipt
        if receipt.status is Status.RECALLED and candidate.listed is None:
            return Recalled(candidate, RecallEnd.RECALLED_BEFORE)
        if candidate.opening is None and not drop and receipt.status not in FINAL:
            return Recalled(candidate, RecallEnd.NO_RECORD)
        end, receipt = self._ask(receipt, dry_run=dry_run)
        if end is RecallEnd.RECALLED and not dry_run:
            self._give_back(candidate, drop=drop)
        until = receipt.signed_until if end is RecallEnd.IN_SIGNED_BATCH else 0
        return Recalled(replace(candidate, receipt=receipt), end, until)

    def _ask(self, receipt: Receipt, *, dry_run: bool) -> tuple[RecallEnd, Receipt]:
        domain = self.protocol.domain
        digest = receipt.attestation.digest(domain)
        if dry_run:
            return self.oracle.foresee_recall(self.provider_id, digest)
        deadline = self.protocol.now() + RECALL_LIFE_SECONDS
        request = RecallAttestation(provider_id=self.provider_id, attestation=digest, deadline=deadline)
        return self.oracle.recall(request, self.key.sign(request.digest(domain)))

    def _give_back(self, candidate: Candidate, *, drop: bool) -> None:
        if candidate.listed is not None and drop:
            self.worklist.drop(candidate.listed)
        elif candidate.opening is not None and not drop:
            event, salt = candidate.opening.event, candidate.opening.salt
            if candidate.listed is not None:
                self.worklist.put_back(candidate.listed, event, salt)
            else:
                attestation = candidate.receipt.attestation
                self.worklist.restore_waiting(
                    attestation.patient,
                    event,
                    salt,
                    sequence=attestation.sequence,
                    self_pay=attestation.payer_id == 0,
                    corrects=candidate.receipt.corrects,
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
        """By the worklist, and by what the oracle remembers of the record."""
        sequences = {
            receipt.attestation.sequence for receipt in self.oracle.find_all(self.provider_id, identity)
        }
        return [
            self._candidate(receipt, listed, identity)
            for receipt in self.oracle.attestations(self.provider_id)
            if receipt.attestation.sequence in sequences
            or self._is_listed(receipt.attestation.commitment, listed, identity)
        ]

    @staticmethod
    def _is_listed(commitment: bytes, listed: dict[bytes, AttestedRecord], identity: str) -> bool:
        return commitment in listed and listed[commitment].record_identity == identity

    def _candidate(
        self, receipt: Receipt, listed: dict[bytes, AttestedRecord], identity: str = ""
    ) -> Candidate:
        commitment = receipt.attestation.commitment
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
        return Candidate(receipt, record, opening, identity)
