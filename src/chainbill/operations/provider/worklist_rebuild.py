"""A worklist that was lost, from the chain, the oracle's store and the vault.

The chain says which sequences are spent and under which commitments. Which record a commitment is of, only
its opening in the vault says, or a worklist that is still there; the oracle is told by the provider. Nothing
that is spent can be attested again, and nothing that was never paid is lost: it is named, so that it can be.

Every step leaves both files whole; a run that is cut off is finished by running it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chainbill.chain.protocol import Protocol
from chainbill.chain.row_index import Place
from chainbill.errors import AttestationError, MalformedRecord, StateError
from chainbill.operations.provider.sequences import FIRST_BLOCK, Block, used_elsewhere
from chainbill.operations.provider.worklist import AttestedRecord, Worklist
from chainbill.oracle.api import OracleApi, Receipt, Status
from chainbill.records.commitment import Opening
from chainbill.records.vault import Vault, VaultKey


@dataclass(frozen=True, slots=True)
class LostRecord:
    """A record in the vault that neither the chain nor the oracle knows, and the worklist does not either."""

    commitment: bytes
    opening: Opening
    patient: str | None
    """Checksum address of its patient's account, where another claim of that patient tells it."""


@dataclass(frozen=True, slots=True)
class RebuiltWorklist:
    """What a worklist did not know, and what nobody could tell it."""

    attested: list[str] = field(default_factory=list)
    """Identities of records that it knows again as attested, or under which number they were."""
    to_attest_again: list[str] = field(default_factory=list)
    """Identities of records that wait again: they were attested, and their attestations are gone."""
    to_ingest_again: list[str] = field(default_factory=list)
    """Identities of records that were attested and are nowhere any more: neither their attestations nor the
    records. They are off the list, so that they can be ingested anew."""
    unsent: list[LostRecord] = field(default_factory=list)
    """Sealed, and perhaps never attested; put on the list only where that is asked for."""
    without_record: list[Place] = field(default_factory=list)
    """Claims settled or denied in the provider's name whose records are not in the vault."""
    recalled: list[str] = field(default_factory=list)
    """Identities of records that were taken back before: they are ingested anew, or not at all."""
    oracle_behind: int = 0
    """Claims of the provider that the oracle's store lacks: it is rebuilt first, then this again."""
    named_to_oracle: int = 0
    """Claims of which the oracle has learnt the record."""
    block: Block = FIRST_BLOCK
    """From where its next sequence is drawn."""


def rebuild_worklist(
    protocol: Protocol,
    oracle: OracleApi,
    worklist: Worklist,
    vault: Vault,
    key: VaultKey,
    provider_id: int,
    *,
    with_unsent: bool = False,
) -> RebuiltWorklist:
    """Let a worklist know again what was attested, and which sequences are used; and the oracle of which
    records the provider's claims are. Repeated, it changes nothing.

    Args:
        key: the provider's, which opens its copies in the vault.
        with_unsent: put records that nobody knows of onto the list as well, under the salts they were sealed
            with.

    Raises:
        ChainError: the node could not be reached or refused.
        LedgerError: settlement logged what cannot be decoded.
    """
    work = _WorklistRebuild(protocol, oracle, worklist, provider_id, _openings(vault, key))
    return work.run(with_unsent=with_unsent)


class _WorklistRebuild:
    """One run."""

    def __init__(
        self,
        protocol: Protocol,
        oracle: OracleApi,
        worklist: Worklist,
        provider_id: int,
        openings: Mapping[bytes, Opening],
    ) -> None:
        self._oracle, self._worklist, self._provider_id = oracle, worklist, provider_id
        self._openings = openings
        rows = protocol.rows.rows(provider_id)
        self._pended = {row.claim.commitment: row for row in rows}
        self._final = {row.claim.commitment: row for row in rows if row.is_final}
        self._accepted: dict[bytes, Receipt] = {
            receipt.attestation.commitment: receipt for receipt in oracle.attestations(provider_id)
        }
        self._listed: dict[bytes, AttestedRecord] = {each.commitment: each for each in worklist.attested()}
        self._sequences: dict[bytes, int] = {
            commitment: each.sequence
            for commitment, each in self._listed.items()
            if each.sequence is not None
        }
        self._sequences |= {known: each.attestation.sequence for known, each in self._accepted.items()}
        self._sequences |= {row.claim.commitment: row.claim.sequence for row in rows}
        self._used = used_elsewhere(protocol, oracle, provider_id) | {*self._sequences.values()}
        """Every sequence that the chain, the oracle or the list knows of."""
        self._done = RebuiltWorklist()

    def run(self, *, with_unsent: bool) -> RebuiltWorklist:
        # First what is spent: it takes its sequence from whatever waits and has reserved it since.
        for commitment in sorted(self._openings, key=self._order):
            self._restore(commitment, self._openings[commitment])
        self._number_the_attested()
        self._look_after_the_rest()
        self._worklist.take_sequences(self._used)
        for lost in self._done.unsent if with_unsent else ():
            if lost.patient is not None:
                self._worklist.restore_waiting(lost.patient, lost.opening.event, lost.opening.salt)
        known: dict[bytes, Opening | str] = {
            each.commitment: each.record_identity for each in self._worklist.attested()
        }
        known |= self._openings
        accepted = {each.attestation.sequence for each in self._oracle.attestations(self._provider_id)}
        return replace(
            self._done,
            unsent=[lost for lost in self._done.unsent if lost.patient is None or not with_unsent],
            named_to_oracle=self._oracle.name_records(self._provider_id, known),
            oracle_behind=sum(row.claim.sequence not in accepted for row in self._final.values()),
            without_record=sorted(
                row.place for commitment, row in self._final.items() if commitment not in known
            ),
            block=self._worklist.block(),
        )

    def _order(self, commitment: bytes) -> tuple[bool, int, int, bytes]:
        """Then by sequence, where anybody knows it, and by service date: so they are attested again."""
        performed = self._openings[commitment].event.performed_timestamp
        sequence = self._sequences.get(commitment, 2**64)
        return commitment not in self._final, sequence, performed, commitment

    def _restore(self, commitment: bytes, opening: Opening) -> None:
        final, accepted = self._final.get(commitment), self._accepted.get(commitment)
        identity = opening.event.record_identity
        if final is not None:
            self._attested(
                identity, final.patient, final.claim.payer_id, final.place[1], commitment, final.corrects
            )
        elif accepted is not None and accepted.status is Status.RECALLED:
            if commitment not in self._listed and not self._waits(commitment):
                self._done.recalled.append(identity)
        elif accepted is not None:
            said = accepted.attestation
            self._attested(
                identity, said.patient, said.payer_id, said.sequence, commitment, accepted.corrects
            )
        else:
            self._attestation_gone(commitment, opening)

    def _attested(
        self, identity: str, patient: str, payer_id: int, sequence: int, commitment: bytes, corrects: bytes
    ) -> None:
        restored = commitment not in self._listed and self._worklist.restore_attested(
            identity,
            patient,
            sequence=sequence,
            commitment=commitment,
            self_pay=payer_id == 0,
            corrects=corrects,
        )
        if restored:
            self._done.attested.append(identity)

    def _attestation_gone(self, commitment: bytes, opening: Opening) -> None:
        """Neither settled nor known to the oracle: it may be attested again, and under its own sequence where
        anybody knows that."""
        event, salt = opening.event, opening.salt
        listed, pended = self._listed.get(commitment), self._pended.get(commitment)
        restored = False
        if listed is not None:
            self._worklist.put_back(listed, event, salt)
            restored = True
        elif pended is not None:
            restored = self._worklist.restore_waiting(
                pended.patient,
                event,
                salt,
                sequence=pended.claim.sequence,
                self_pay=pended.claim.payer_id == 0,
            )
        elif not self._worklist.knows(event.record_identity):
            self._done.unsent.append(LostRecord(commitment, opening, self._account(event.patient.reference)))
        if restored:
            self._done.to_attest_again.append(event.record_identity)

    def _number_the_attested(self) -> None:
        """Events that the list knows as attested and not under which number."""
        for listed in self._worklist.attested():
            sequence = self._sequences.get(listed.commitment)
            if listed.sequence is None and sequence is not None and self._worklist.number(listed, sequence):
                self._done.attested.append(listed.record_identity)

    def _look_after_the_rest(self) -> None:
        """What the vault says nothing of: attestations that are nowhere, and sequences that are taken."""
        for commitment, listed in self._listed.items():
            if not any(commitment in known for known in (self._openings, self._accepted, self._final)):
                self._worklist.drop(listed)
                self._done.to_ingest_again.append(listed.record_identity)
        spent = {row.claim.sequence: commitment for commitment, row in self._final.items()}
        for waiting in self._worklist.waiting():
            if waiting.sequence in spent:
                commitment = Opening(waiting.event, waiting.salt).commitment
                if spent[waiting.sequence] == commitment:
                    self._worklist.mark_attested(waiting, commitment, waiting.sequence)
                    self._done.attested.append(waiting.event.record_identity)
                else:
                    self._worklist.free_sequence(waiting.sequence)

    def _account(self, reference: str) -> str | None:
        """The account of the patient of a reference, where all of its other claims are of one."""
        accounts = {
            row.patient
            for commitment, row in self._pended.items()
            if commitment in self._openings
            and self._openings[commitment].event.patient.reference == reference
        }
        return accounts.pop() if len(accounts) == 1 else None

    def _waits(self, commitment: bytes) -> bool:
        return any(
            Opening(item.event, item.salt).commitment == commitment for item in self._worklist.waiting()
        )


def _openings(vault: Vault, key: VaultKey) -> dict[bytes, Opening]:
    """What a key opens, by commitment."""
    found: dict[bytes, Opening] = {}
    for commitment in vault:
        try:
            found[commitment] = vault.open(commitment, key)
        except (AttestationError, MalformedRecord, StateError):
            continue  # somebody else's, or damaged: then it is a claim without a record
    return found
